"""The service's own records are a population: the latest facts of each subject, but for those that were erased."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from datetime import date
from functools import partial
from pathlib import Path

import pytest

from policy_service.actor import Actor, Role
from policy_service.decisions.request import DecisionRequest
from policy_service.decisions.subjects import erase_subject
from policy_service.population.drifted_subjects import count_drifted
from policy_service.population.mapping import Mapping
from policy_service.population.parts import PartFolder
from policy_service.population.records import open_records
from policy_service.population.run import RunReport, RunRequest, run_policies
from policy_service.subject import Subject
from tests.databases import BACKENDS
from tests.decisions.desks import Setting, setting, tier
from tests.population.files import read_result, run_file, write_csv

MACHINE = Actor("0197a000-0000-7000-8000-000000000009", "shop", "shop", frozenset({Role.INTEGRATION}), "machine")
OFFICER = Actor("0197a000-0000-7000-8000-000000000008", "wang", "Wang", frozenset({Role.COMPLIANCE}), "person")
ONE = "tiering/one"
GUEST = "13800000000"


def decide(each: Setting, subject: str, **facts: object) -> None:
    asyncio.run(each.decisions.decide(DecisionRequest(subject, facts, policies=(ONE,)), MACHINE))


def test_a_sensitive_fact_is_not_told_in_a_reason(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "p.csv", [("C1", "1", "1" * 1_001)], ("subject", "amount", "phone"))
    report = run_file(path, policies=[tier()], requested=None)
    [row] = read_result(report.paths[1])
    assert row["reason"] == "phone: mistyped: expected text of at most 1,000 characters, found •••"


def run(each: Setting, output: Path, *, max_age: int | None = None, as_of: date = date(2026, 12, 1)) -> RunReport:
    """Run a candidate, by which 500 is the least of A, over the records."""
    opened = partial(open_records, each.database, each.secrets, "customer", as_of, max_age)
    candidate = tier("1.1.0", 500)
    request = RunRequest("records", output, [candidate], None, "customer", as_of, Mapping(), source=opened)
    return run_policies(request, lambda *_: None)


def test_only_subjects_that_were_decided_later_are_read_as_they_were_and_are() -> None:
    with setting("sqlite") as each:
        for name, amount in (("C1", 900), ("C2", 600), ("C3", 300)):
            decide(each, name, amount=amount)
        for name in ("C2", "C9"):
            decide(each, name, amount=1)
        found, day, secrets = {}, date(2026, 12, 1), each.secrets
        for until in (3, None):
            with open_records(each.database, secrets, "customer", day, until=until, decided_after=3) as source:
                [part] = source.parts()
                columns = [map(str, part.columns[index]) for index in (0, source.headings.index("amount"))]
                found[until] = set(zip(*columns, strict=True))
        assert found == {3: {("C2", "600")}, None: {("C2", "1"), ("C9", "1")}}
        drifted = [
            count_drifted(each.database, secrets, [tier("1.1.0", 500)], "customer", day, last) for last in (3, 4)
        ]
        assert drifted == [2, 1], "C9 alone has no record before"


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_candidate_is_tried_on_the_latest_facts_of_everybody(backend: str, tmp_path: Path) -> None:
    with setting(backend) as each:
        decide(each, "C1", amount=900)
        decide(each, "C1", amount="120.50")
        decide(each, "C2", amount=600)
        decide(each, "C3", amount=1, phone=GUEST)
        decide(each, "C4", amount=700, phone=GUEST)
        decide(each, "C6", phone=GUEST)
        decide(each, "C6", amount=700)
        each.clock.move(days=8)
        decide(each, "C5", phone="1")
        with each.database.write(each.clock) as transaction:
            officer = replace(OFFICER, confirmed_at=each.clock.now())
            erase_subject(transaction, officer, Subject("C4"), "asked for it")
        before = run(each, tmp_path / "o.csv").manifest["population"]
        with each.database.write(each.clock) as transaction:
            erase_subject(transaction, officer, Subject("C6"), "asked for it, and the latest facts are not sensitive")
        report = run(each, tmp_path / "o.csv")
        young = run(each, tmp_path / "young.csv", max_age=7)
    rows = read_result(report.paths[0])
    assert list(rows[0])[:3] == ["subject", "decided_on", f"{ONE}.tier"]
    assert [(row["subject"], row["decided_on"], row[f"{ONE}.tier"], row[f"{ONE}.status"]) for row in rows] == [
        ("C1", "2026-11-20", "B", "decided"),
        ("C2", "2026-11-20", "A", "decided"),
        ("C3", "2026-11-20", "S", "decided"),
        ("C5", "2026-11-28", "", "missing_facts"),
    ]
    assert [(row["subject"], row["reason"]) for row in read_result(report.paths[1])] == [
        ("C4", "the facts of the latest decision were erased"),
        ("C6", "the facts of the latest decision were erased"),
        ("C5", f"{ONE}: missing amount"),
    ]
    assert not (tmp_path / "o.csv.parts").exists()
    assert GUEST.encode() not in b"".join(path.read_bytes() for path in report.paths)
    assert [row["subject"] for row in read_result(young.paths[0])] == ["C5"]
    reasons = {row["subject"]: row["reason"] for row in read_result(young.paths[1])}
    assert reasons["C1"] == "the latest decision is 11 days old, and not 7 at most"
    assert young.manifest["refused"] == 5
    digests = [each["digest"] for each in (before, report.manifest["population"], young.manifest["population"])]
    assert len(set(digests)) == 3, "parts from before an erasure, or of another age, are not gone on with"


def test_a_day_of_the_past_knows_no_later_facts(tmp_path: Path) -> None:
    with setting("sqlite") as each:
        decide(each, "C1", amount=600)
        each.clock.move(days=8)
        decide(each, "C1", amount=1)
        decide(each, "C2", amount=600)
        reports = [run(each, tmp_path / f"{day}.csv", as_of=date(2026, 11, day)) for day in (27, 28)]
    before, today = (
        [(row["subject"], row["decided_on"], row[f"{ONE}.tier"]) for row in read_result(report.paths[0])]
        for report in reports
    )
    assert before == [("C1", "2026-11-20", "A")]
    assert [row[:2] for row in today] == [("C1", "2026-11-28"), ("C2", "2026-11-28")]


def test_a_run_that_is_killed_leaves_no_fact_that_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process that is killed removes nothing, so that nothing is removed here either."""
    with setting("sqlite") as each, monkeypatch.context() as patched:
        for number in range(3):
            decide(each, f"C{number}", amount=900 + number, phone=GUEST)
        patched.setattr(PartFolder, "remove", lambda _: None)
        run(each, tmp_path / "o.csv")
        left = {path.name: path.read_bytes() for path in (tmp_path / "o.csv.parts").iterdir()}
        assert left.keys() == {
            *("question.json", "input-000000.json", "input-000000.parquet"),
            *("answers-000000.json", "answers-000000.parquet"),
        }
        for name, content in left.items():
            assert GUEST.encode() not in content
            assert name == "question.json" or not content.startswith((b"PAR1", b'{"'))
        patched.undo()
        assert run(each, tmp_path / "o.csv").manifest["subjects"] == 3
    assert not (tmp_path / "o.csv.parts").exists()
