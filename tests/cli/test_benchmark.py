"""`policy-service benchmark` makes a set that `check`, `decide` and `run` take."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.cli.command import call
from tests.population.files import RFM, write_csv

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
