"""The command that makes group lists again, and what tells that they are wrong."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import select

from policy_service import Decider
from policy_service.cli.groups import run_rebuild
from policy_service.database import Database
from policy_service.decisions.groups.service import lacks_groups, rebuild
from policy_service.decisions.groups.tables import OutcomePeriod
from policy_service.decisions.groups.verification import group_faults
from tests.cli.command import call
from tests.databases import TestClock, fresh_url
from tests.decisions.desks import tier
from tests.decisions.setting import decide_and_record, put_in_force
from tests.population.files import write_csv


@pytest.fixture
def database(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[Database]:
    """A database with three decisions about two customers, whose group lists were lost."""
    with fresh_url("sqlite") as url:
        monkeypatch.setenv("DATABASE_URL", url)
        monkeypatch.setenv("POLICY_SERVICE_KEYS", str(tmp_path / "keys"))
        database, clock, policy = Database(url), TestClock(), tier()
        put_in_force(database, clock, policy)
        for subject, amount in (("C1", 200), ("C2", 1), ("C1", 1)):
            decide_and_record(database, clock, Decider([policy], engine="python"), subject, {"amount": amount})
        with database.engine.begin() as connection:
            for table in ("outcome_period", "outcome_count"):
                connection.execute(text(f"DELETE FROM {table}"))  # noqa: S608  # names of ours
        yield database
        database.close()


def test_lost_lists_are_made_again_from_the_records(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    with database.read() as session:
        assert [sentence.split(":")[0] for sentence in group_faults(session)] == [
            "the group of C1 by `tiering/one` is not what its decisions say",
            "the group of C2 by `tiering/one` is not what its decisions say",
        ]
    assert lacks_groups(database)
    for _ in range(2):
        assert run_rebuild() == 0
        assert capsys.readouterr().out == "group lists: 2 subjects, made again from their decisions\n"
        assert not lacks_groups(database)
        with database.read() as session:
            assert list(group_faults(session)) == []
    with database.read() as session:
        assert {row.subject: row.outcome for row in session.exec(select(OutcomePeriod))} == {
            "C1": '{"tier":"B"}',
            "C2": '{"tier":"B"}',
        }


def test_wrong_rows_and_sizes_are_told(database: Database) -> None:
    run_rebuild()
    with database.engine.begin() as connection:
        connection.execute(text("UPDATE outcome_period SET rule = 'x' WHERE subject = 'C2'"))
        connection.execute(text("UPDATE outcome_count SET change = change + 5"))
        connection.execute(
            text(
                "INSERT INTO outcome_period SELECT 'Z', kind, policy, until, since, entered, status, outcome, rule, "
                "override, newest, NULL, NULL, NULL FROM outcome_period WHERE subject = 'C1'"
            )
        )
    with database.read() as session:
        assert [sentence.split(":")[0] for sentence in group_faults(session)] == [
            "the group of C2 by `tiering/one` is not what its decisions say",
            "the group of Z by `tiering/one` is not what its decisions say",
            "the sizes of the groups of `tiering/one` are not what its decisions say",
        ]


def test_a_database_without_decisions_lacks_no_lists() -> None:
    with fresh_url("sqlite") as url:
        database = Database(url)
        assert not lacks_groups(database)
        database.close()


def test_groups_are_compared_by_the_numbers_of_a_file(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    rebuild(database, TestClock())
    path = write_csv(tmp_path / "p.csv", [("C1", "10.50", "x"), ("C3", "2", "")], ("subject", "sales", "tier"))
    arguments = ["groups", "compare", "--population", path, "--column", "sales"]
    ended = call(capsys, *arguments, "--policy", "tiering/one", "--json", "--output", tmp_path / "out.csv")
    found = json.loads(ended.out)
    assert [(each["group"], each["columns"]["sales"]["sum"]) for each in found["groups"]] == [
        ("tier:B", "10.5000"),
        ("(none)", "2.0000"),
    ]
    assert (found["absent"], found["everybody"]["columns"]["sales"]["mean"]) == (1, "6.2500")
    assert "tier:B,1,yes,sales,1,10.5000,10.5000,21/2" in (tmp_path / "out.csv").read_text("utf-8-sig")
    ended = call(capsys, *arguments, "--policy", "tiering/one")
    assert (ended.status, "1 subject of the group lists not in the file" in ended.out) == (0, True)
    ended = call(capsys, *arguments, "--by", "teir")
    assert (ended.status, "no column `teir`, did you mean `tier`?" in ended.out) == (1, True)
    for wrong, told in (
        ([], "name the groups by --by COLUMN, or by --policy ID"),
        (["--by", "tier", "--day", "2026-01-01"], "--day goes with --policy"),
        (["--policy", "tiering/two"], "it decided about nobody"),
    ):
        ended = call(capsys, *arguments, *wrong)
        assert (ended.status, told in ended.err) == (2, True)
