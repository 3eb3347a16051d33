"""`population`: a file is kept under a name, which `run`, `benchmark` and `simulate` take; erasures reach it."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from policy_service.database import Database
from policy_service.decisions.master_keys import open_or_create
from tests.cli.command import call
from tests.databases import file_with_tables
from tests.decisions.desks import tier
from tests.identity.people import event_names
from tests.population.files import read_result

CSV = "客户,amount\nC1,900\nC2,1.50\nC3,x\n"


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    url = file_with_tables(tmp_path / "test.db")
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("POLICY_SERVICE_KEYS", str(tmp_path))
    open_or_create(tmp_path)
    (tmp_path / "p.csv").write_text(CSV, encoding="utf-8")
    (tmp_path / "m.yaml").write_text("subject: 客户\n", encoding="utf-8")
    for version, least in (("1.0.0", 100), ("1.1.0", 1)):
        path = tmp_path / ("policies" if version == "1.0.0" else "drafts") / "tiering" / "one" / f"{version}.yaml"
        path.parent.mkdir(parents=True)
        path.write_text(tier(version, least).text, encoding="utf-8")
    with closing(Database(url)) as database:
        yield database


def test_a_population_is_kept_named_and_deleted(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    register = ("population", "register", tmp_path / "p.csv", "--name", "spring", "--as-of", "2026-11-20")
    assert "no column `subject`" in call(capsys, *register).out
    done = call(capsys, *register, "--mapping", tmp_path / "m.yaml")
    assert (done.status, done.out.split("\n")[0][:43]) == (0, "registered: spring, 3 subjects, 0 rows refu")
    again = call(capsys, *register, "--mapping", tmp_path / "m.yaml")
    assert (again.status, "There is a population spring already" in again.err) == (2, True)
    policies = ("--policies", tmp_path / "policies")
    ran = call(capsys, "run", "--population", "registered:spring", "--output", tmp_path / "o.csv", "--json", *policies)
    assert (ran.status, json.loads(ran.out)["as_of"], json.loads(ran.out)["refused"]) == (0, "2026-11-20", 1)
    assert [row["tiering/one.tier"] for row in read_result(tmp_path / "o.csv")] == ["A", "B"]
    draft = tmp_path / "drafts" / "tiering" / "one" / "1.1.0.yaml"
    moved = call(capsys, "simulate", "--candidate", draft, "--population", "registered:spring", *policies)
    assert "1 of 2 subjects move on 2026-11-20" in moved.out
    assert call(capsys, "subject", "erase", "C1", "--reason", "asked for it", "--yes").status == 0
    refused = call(capsys, "run", "--population", "registered:spring", "--output", tmp_path / "o.csv", *policies)
    assert "a subject was erased, and is being removed" in refused.out
    [listed] = json.loads(call(capsys, "population", "list", "--json").out)
    assert (listed["name"], listed["subjects"], listed["removed"]) == ("spring", 2, 1)
    assert "spring" in call(capsys, "population", "list").out
    assert call(capsys, "population", "delete", "spring").status == 0
    gone = call(capsys, "run", "--population", "registered:spring", "--output", tmp_path / "o.csv", *policies)
    assert (gone.status, "There is no population 'spring'" in gone.err) == (2, True)
    assert event_names(database) == [
        "population_registered",
        "subject_erased",
        "erasures_applied",
        "population_deleted",
    ]
    assert (
        call(capsys, "population", "register", tmp_path / "p.csv", "--name", "A B", "--as-of", "2026-11-20").status == 2
    )
