"""`policy-service benchmark` makes a set that `check`, `decide` and `run` take."""

from __future__ import annotations

import json
from contextlib import closing
from pathlib import Path

import pytest

from policy_service.clock import SystemClock
from policy_service.database import Database
from policy_service.decisions.master_keys import open_or_create
from policy_service.decisions.request import DecisionRequest
from policy_service.decisions.service import open_decision_service
from policy_service.decisions.subjects import FactCipher
from tests.cli.command import call
from tests.databases import file_with_tables
from tests.decisions.desks import ZONE
from tests.decisions.setting import MACHINE, put_in_force
from tests.population.files import RFM, write_csv
from tests.shipped import NEWEST

HEADINGS = ("subject", "amount_12m", "orders_12m", "recency_days", "industry")
ROWS = [(f"C{number}", f"{number}00.00", "2", "10", "it") for number in range(1, 6)]


def make(capsys: pytest.CaptureFixture[str], folder: Path, *options: str) -> tuple[Path, str]:
    path = folder / "benchmarks" / "customers" / "2026.7.0.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    population = write_csv(folder / "p.csv", [*ROWS, ("C6", "much", "2", "10", "it")], HEADINGS)
    arguments = ("--population", population, "--name", "benchmarks/customers", "--version", "2026.7.0")
    ended = call(capsys, "benchmark", *arguments, "--output", path, "--as-of", "2026-06-30", *options)
    assert ended.status == 0, ended.out
    return path, ended.out


def test_a_set_is_made_checked_and_used(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path, told = make(capsys, tmp_path, "--json")
    document = json.loads(told)
    assert document["figures"][0]["groups"] == [{"of": ["it"], "subjects": 5, "value": "300.00"}]
    assert (document["subjects"], document["refused"], document["as_of"]) == (5, 1, "2026-06-30")
    assert "much" in path.with_name(f"{path.name}.rejects.csv").read_text()
    checked = json.loads(call(capsys, "check", path, "--json").out)["files"][0]
    assert (checked["valid"], checked["benchmark_set"], checked["policy"]) == (True, "benchmarks/customers", None)
    assert checked["digest"] == document["digest"]
    facts = b'{"amount_12m": 500, "orders_12m": 3, "recency_days": 10, "industry": "it"}'
    question = ("decide", "--facts", "-", "--policy", RFM, "--benchmark-set", path)
    answer = json.loads(call(capsys, *question, "--json", stdin=facts).out)
    assert answer["outcomes"][RFM]["outcome"] == {"tier": "S"}
    assert answer["benchmark_set"] == document["digest"]
    assert f"benchmark set: {document['digest']}" in call(capsys, *question, stdin=facts).out
    refused = call(capsys, *question, stdin=facts.replace(b"}", b', "industry_mean_amount": 1}'))
    assert refused.status == 1
    assert "the benchmark set in force says" in refused.out
    output = tmp_path / "o.csv"
    ran = call(capsys, "run", "--population", tmp_path / "p.csv", "--output", output, "--benchmark-set", path, "--json")
    assert json.loads(ran.out)["benchmark_set"]["digest"] == document["digest"]


def test_records_do_without_the_facts_that_a_set_gives(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    path, _ = make(capsys, tmp_path)
    keys, clock, url = open_or_create(tmp_path / "keys"), SystemClock(), file_with_tables(tmp_path / "test.db")
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("POLICY_SERVICE_KEYS", str(tmp_path / "keys"))
    policy = next(each for each in NEWEST if each.id == RFM)
    facts = {"amount_12m": "500", "orders_12m": 3, "recency_days": 10, "industry": "it"}
    facts |= {"industry_mean_amount": "1", "industry_mean_orders": "1"}
    with closing(Database(url)) as database:
        put_in_force(database, clock, policy)
        with closing(open_decision_service(database, clock, ZONE, FactCipher(keys), engine="python")) as service:
            service.decide_in_thread(DecisionRequest("C1", facts), MACHINE)
    run = ("run", "--population", "records", "--policy", RFM, "--output", tmp_path / "o.csv", "--json")
    assert json.loads(call(capsys, *run).out)["statuses"] == {RFM: {"decided": 1}}
    ran = json.loads(call(capsys, *run, "--benchmark-set", path).out)
    assert (ran["statuses"], ran["refused"]) == ({RFM: {"decided": 1}}, 0)


def test_people_read_a_table(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, told = make(capsys, tmp_path, "--smallest-group", "6")
    for text in ("mean(amount_12m) by industry", "too few", "5 subjects, 1 row refused", "left out: sum(amount_1m)"):
        assert text in told


def test_what_is_wrong_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    population = write_csv(tmp_path / "p.csv", ROWS, HEADINGS)
    arguments = ["--population", population, "--version", "1.0.0", "--output", tmp_path / "o.yaml"]
    assert "--name customers: expected" in call(capsys, "benchmark", *arguments, "--name", "customers").err
    arguments += ["--name", "benchmarks/customers", "--policy", "tiering/abc_class"]
    refused = call(capsys, "benchmark", *arguments)
    assert refused.status == 1
    assert "needs the columns `channel`" in refused.out
    faulty = tmp_path / "set.yaml"
    faulty.write_text("benchmark_set: x\n")
    assert call(capsys, "check", faulty).status == 1
    assert "missing-key" in call(capsys, "decide", "--facts", "-", "--benchmark-set", faulty, stdin=b"{}").out
