"""A policy that reads the subject's own last outcome: what it sees, what is recorded, and what is made of it again."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator, Sequence
from datetime import date, timedelta
from functools import partial
from pathlib import Path
from typing import Any

import pytest

from policy_service import Policy
from policy_service.actor import SERVICE, Actor, Role
from policy_service.decisions.archiving import archive
from policy_service.decisions.block_store import seal
from policy_service.decisions.evaluation import Evaluation, Question
from policy_service.decisions.group import PendingDecision, RecordedAnswer, RecordResult
from policy_service.decisions.groups.queries import subject_assignments
from policy_service.decisions.groups.service import rebuild
from policy_service.decisions.merges import merge_subjects
from policy_service.decisions.previous import PreviousOutcome, PreviousOutcomes
from policy_service.decisions.reevaluation import Reevaluation, Reevaluator, reevaluate
from policy_service.decisions.replay import explain_decision, replay
from policy_service.decisions.request import DecisionRequest
from policy_service.decisions.subjects import erase_subject
from policy_service.decisions.words.facts import fact_views
from policy_service.errors import FactsRejected
from policy_service.integrity import DamagedRecord
from policy_service.messages import plain_text
from policy_service.population.errors import PopulationRejected
from policy_service.population.mapping import Mapping
from policy_service.population.previous_facts import PreviousFacts
from policy_service.population.records import open_records
from policy_service.population.run import RunRequest, run_policies
from policy_service.registry.model import ActivationKind
from policy_service.subject import Subject
from tests.decisions.desks import Setting, put, setting
from tests.decisions.policies import policy
from tests.decisions.setting import MACHINE, person, tamper
from tests.population.files import read_result, run_file, write_csv

TEXT = """
policy: tiering/stay
version: 1.0.0
title: {zh: 等级, en: tier}
subject: customer
facts:
  amount: {type: money, currency: CNY, min: 0}
  phone: {type: text, optional: true, sensitive: true}
  last: {type: choice, of: [S, A, D], optional: true, from: previous.tier}
  since: {type: date, optional: true, from: previous.tier.since}
outcome:
  tier: {type: choice, of: [S, A]}
  is_big: {type: boolean}
rules:
  hit: FIRST
  rows:
    - {id: S, when: amount >= 100, then: [S, true], because: {zh: 高, en: much}}
    - id: stays
      when: last is not missing and last = "S" and since is not missing and (as_of - since).days < 90
      then: [S, false]
      because: {zh: 保留 90 天, en: a tier stays for 90 days}
    - {id: A, when: "true", then: [A, false], because: {zh: 低, en: little}}
"""
STAY = policy(TEXT)
DAY = date(2026, 1, 1)


def after(days: int) -> date:
    return DAY + timedelta(days=days)


@pytest.fixture(params=["sqlite", "postgresql"])
def made(request: pytest.FixtureRequest) -> Iterator[Setting]:
    with setting(request.param, STAY) as each:
        yield each


@pytest.fixture
def here() -> Iterator[Setting]:
    with setting("sqlite", STAY) as each:
        yield each


def ask(where: Setting, days: int, amount: int = 0, subject: str = "C1", **facts: object) -> dict[str, Any]:
    """What is decided, and recorded, about a subject for a day."""
    request = DecisionRequest(subject, {"amount": amount, **facts}, as_of=after(days))
    answer = where.decisions.decide_in_thread(request, MACHINE)
    assert answer.outcomes is not None
    entry: dict[str, Any] = answer.outcomes["tiering/stay"]
    return entry


def rules(where: Setting, *steps: tuple[int, int]) -> list[str]:
    """The rules that decided, for each day and amount."""
    return [ask(where, days, amount)["rules"][0] for days, amount in steps]


def rules_of(results: Sequence[RecordResult]) -> list[str]:
    """The rules that decided, of decisions that were recorded together."""
    outcomes = [each.outcomes or {} for each in results if isinstance(each, RecordedAnswer)]
    return [each["tiering/stay"]["rules"][0] for each in outcomes]


def last(where: Setting) -> PreviousOutcomes:
    """The last outcomes that the newest record was made by."""
    return where.records()[-1].previous.get("tiering/stay", {})


def test_a_decision_sees_the_last_outcome_and_its_record_says_which(made: Setting) -> None:
    assert rules(made, (0, 100), (10, 0), (89, 0), (90, 0), (91, 0)) == ["S", "stays", "stays", "A", "A"]
    records = made.records()
    seen = [record.previous.get("tiering/stay", {}).get("tier") for record in records]
    assert seen == [None, *[PreviousOutcome("S", DAY)] * 3, PreviousOutcome("A", after(90))]
    assert all("last" not in record.facts for record in records)
    with made.database.read() as session:
        assert [replay(session, made.secrets, record.decision_id).verdict for record in records] == ["same"] * 5
        trace = explain_decision(session, made.secrets, records[3].decision_id).trace
    assert trace["tiering/stay"][1]["saw"] == {"since": "2026-01-01", "as_of": "2026-04-01"}


def test_a_subject_with_many_records_is_read_a_few_at_a_time(here: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policy_service.decisions.groups.records.FEW", 1)
    assert rules(here, (0, 100), (10, 0), (20, 0), (30, 0), (30, 0), (95, 0)) == ["S", *["stays"] * 4, "A"]
    tamper(here.database, "DELETE FROM outcome_period WHERE since = '2026-01-01'")
    with pytest.raises(DamagedRecord):
        ask(here, 96)


def test_the_day_itself_does_not_count_and_a_day_gone_by_sees_what_was_before_it(here: Setting) -> None:
    assert rules(here, (50, 100), (50, 0)) == ["S", "A"]
    assert last(here) == {}
    assert rules(here, (0, 100), (50, 0), (20, 0)) == ["S", "stays", "stays"]
    assert last(here)["tier"] == PreviousOutcome("S", DAY)


def test_each_outcome_has_its_own_day(here: Setting) -> None:
    rules(here, (0, 100), (10, 0), (20, 0))
    assert last(here) == {"tier": PreviousOutcome("S", DAY), "is_big": PreviousOutcome(value=False, since=after(10))}


def test_what_the_service_knows_is_not_given_otherwise_and_what_it_does_not_know_may_be_given(here: Setting) -> None:
    entry = ask(here, 0, last="S", since="2025-12-31")
    assert (entry["rules"], entry["supplied"]) == (["stays"], ["last", "since"])
    entry = ask(here, 1, last="S")
    assert "supplied" not in entry
    with pytest.raises(FactsRejected) as refused:
        ask(here, 2, last="A", since="2025-12-31")
    assert [(each.fact, each.code, each.value, each.expected) for each in refused.value.problems] == [
        ("last", "contradiction", '"A"', '"S", which the last decision says'),
        ("since", "contradiction", '"2025-12-31"', '"2026-01-01", which the last decision says'),
    ]
    with here.database.read() as session:
        verdicts = [replay(session, here.secrets, record.decision_id).verdict for record in here.records()]
    assert verdicts == ["same", "same"]


def test_the_page_of_a_decision_says_where_each_fact_came_from(here: Setting) -> None:
    ask(here, 0, last="S", since="2025-12-31")
    ask(here, 10)
    told = [
        {view.name: (view.value, plain_text(view.origin)) for view in fact_views(record, {STAY.id: STAY}, [], "en")}
        for record in here.records()
    ]
    assert told[0]["last"] == ("S", "given by the client: tiering/stay had decided nothing")
    assert told[1]["last"] == ("S", "last decided by tiering/stay")
    assert told[1]["since"] == ("1 January 2026", "last decided by tiering/stay")
    assert told[1]["phone"] == (None, "not given")


def test_nothing_is_recorded_when_only_asked(here: Setting) -> None:
    rules(here, (0, 100))
    request = DecisionRequest("C1", {"amount": 0}, as_of=after(10))
    evaluation = asyncio.run(here.decisions.evaluate(request))
    assert evaluation.decision.to_dict()["tiering/stay"]["rules"] == ["stays"]
    assert len(here.records()) == 1


def test_another_kind_another_subject_and_another_policy_are_not_seen(here: Setting) -> None:
    other = policy(TEXT.replace("tiering/stay", "tiering/other"))
    put(here.database, here.clock, other)
    here.decisions.in_force.refresh()
    ask(here, 0, 100, subject="C2")
    assert rules(here, (10, 0)) == ["A"]
    assert here.records()[0].outcomes["tiering/other"]["rules"] == ["S"]


def test_an_outcome_of_an_earlier_version_that_the_fact_does_not_take_is_missing(here: Setting) -> None:
    rules(here, (0, 100))
    changed = TEXT.replace("[S, A, D]", "[A, T]").replace("of: [S, A]", "of: [A, T]").replace("1.0.0", "1.1.0")
    changed = changed.replace('last = "S"', 'last = "T"').replace("[S, ", "[T, ")
    put(here.database, here.clock, policy(changed))
    here.decisions.in_force.refresh()
    assert ask(here, 10)["rules"] == ["A"]
    assert ask(here, 9, last="T")["supplied"] == ["last"]


def test_lists_that_are_made_again_say_the_same(here: Setting) -> None:
    rules(here, (0, 100), (10, 0))
    rebuild(here.database, here.clock)
    assert rules(here, (20, 0)) == ["stays"]


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE outcome_period SET outcome = replace(outcome, 'S', 'A') WHERE since = '2026-01-11'",
        "UPDATE outcome_period SET status = 'missing_facts', outcome = '' WHERE since = '2026-01-11'",
        "UPDATE outcome_period SET \"override\" = 'O1' WHERE since = '2026-01-11'",
        "UPDATE outcome_period SET since = '2025-01-01', entered = '2025-01-01' WHERE since = '2026-01-01'",
        "UPDATE outcome_period SET since = '2026-01-02' WHERE since = '2026-01-01'",
        "UPDATE outcome_period SET until = '2026-01-10' WHERE since = '2026-01-01'",
        "UPDATE outcome_period SET since = '2026-01-06', entered = '2026-01-06' WHERE since = '2026-01-11'",
        "DELETE FROM outcome_period WHERE since = '2026-01-11'",
        "DELETE FROM outcome_period WHERE since = '2026-01-01'",
        "DELETE FROM outcome_period",
        "UPDATE decision SET line = CAST(replace(line, '\"S\"', '\"A\"') AS BLOB) WHERE seq = 1",
        "UPDATE decision SET line = CAST(replace(line, '\"S\"', '\"A\"') AS BLOB) WHERE seq = 2",
    ],
)
def test_a_list_or_a_record_that_was_altered_decides_nothing(here: Setting, statement: str) -> None:
    rules(here, (0, 100), (10, 0))
    tamper(here.database, statement)
    with pytest.raises(DamagedRecord):
        ask(here, 20)
    assert len(here.records()) == 2


@pytest.mark.parametrize("days", [(90, 100), (90, 100, 150), (90, 91, 92, 100, 150, 160)])
def test_a_time_in_another_group_is_not_left_out(here: Setting, days: tuple[int, ...]) -> None:
    """Of S, A and S again the lists say, once A is left out, that it was S all the time."""
    rules(here, (0, 100), *((day, 100 if day == 100 else 0) for day in days))
    assert ask(here, 170)["rules"] == ["stays"]
    assert last(here)["tier"] == PreviousOutcome("S", after(100))
    tamper(here.database, "DELETE FROM outcome_period WHERE since = '2026-04-01'")
    tamper(here.database, "UPDATE outcome_period SET until = '2026-04-11' WHERE since = '2026-01-01'")
    with pytest.raises(DamagedRecord):
        ask(here, 171)


def test_a_time_that_was_recorded_afterwards_is_not_left_out(here: Setting) -> None:
    """The newest record was made before it; so all that were decided since are asked."""
    assert rules(here, (0, 0), (80, 0), (40, 100)) == ["A", "A", "S"]
    tamper(here.database, "DELETE FROM outcome_period WHERE since = '2026-02-10'")
    tamper(here.database, "UPDATE outcome_period SET until = '2026-03-22' WHERE since = '2026-01-01'")
    with pytest.raises(DamagedRecord):
        ask(here, 85)


def test_decisions_of_one_group_see_each_other_in_their_order(here: Setting) -> None:
    """All are made before the first of them is recorded."""
    in_force, writer = here.decisions.in_force, here.decisions.writer

    def pending(days: int, amount: int, subject: str = "C1") -> PendingDecision:
        question = Question(Subject(subject), {"amount": amount}, after(days))
        return PendingDecision(in_force.evaluate(question), MACHINE)

    items = [pending(0, 100), pending(0, 0, "C2"), pending(10, 0), pending(5, 0), pending(30, 100), pending(119, 0)]
    assert rules_of(writer.submit_lines(items).result()) == ["S", "A", "stays", "stays", "S", "A"]
    assert [record.subject.id for record in here.records()] == ["C1", "C2", "C1", "C1", "C1", "C1"]
    with here.database.read() as session:
        assert {replay(session, here.secrets, record.decision_id).verdict for record in here.records()} == {"same"}


def test_a_decision_made_before_another_was_recorded_is_made_again(here: Setting) -> None:
    def evaluated() -> Evaluation:
        return here.decisions.in_force.evaluate(Question(Subject("C1"), {"amount": 0}, after(10)))

    early = evaluated()
    rules(here, (0, 100))
    results = here.decisions.writer.submit_lines([PendingDecision(early, MACHINE)]).result()
    assert rules_of(results) == ["stays"]


def test_a_policy_without_such_facts_asks_nothing(here: Setting, monkeypatch: pytest.MonkeyPatch) -> None:
    put(here.database, here.clock, policy_without(), kind=ActivationKind.CHANGE)
    here.decisions.in_force.refresh()
    monkeypatch.setattr("policy_service.decisions.in_force.read_previous", None)
    monkeypatch.setattr("policy_service.decisions.group.list_previous", None)
    assert rules(here, (0, 100)) == ["S"]


def policy_without() -> Policy:
    return policy(
        TEXT.replace(", from: previous.tier.since", "").replace(", from: previous.tier", "").replace("1.0.0", "1.1.0")
    )


def compliance(where: Setting) -> Actor:
    """Somebody who may erase and merge."""
    return person("wang", Role.COMPLIANCE, confirmed_at=where.clock.now())


def test_an_erased_subject_begins_anew(here: Setting) -> None:
    ask(here, 0, 100, phone="13800000000")
    here.clock.move(seconds=1)
    with here.database.write(here.clock) as transaction:
        erase_subject(transaction, compliance(here), Subject("C1"), "asked for it")
    here.clock.move(seconds=1)
    assert rules(here, (10, 0), (20, 0)) == ["A", "A"]
    assert last(here)["tier"] == PreviousOutcome("A", after(10))


def test_a_merged_subject_has_no_last_outcome_and_gives_none_to_the_other(here: Setting) -> None:
    rules(here, (0, 100))
    ask(here, 5, 0, subject="C2")
    with here.database.write(here.clock) as transaction:
        merge_subjects(transaction, compliance(here), Subject("C1"), Subject("C2"), "one and the same")
    here.decisions.in_force.refresh()
    assert rules(here, (10, 0), (11, 0)) == ["A", "A"]
    assert last(here) == {}
    ask(here, 12, 0, subject="C2")
    assert last(here)["tier"] == PreviousOutcome("A", after(5))


def test_records_in_an_archive_still_tell_the_last_outcome(here: Setting, tmp_path: Path) -> None:
    rules(here, (0, 100))
    with here.database.write(here.clock) as transaction:
        seal(transaction)
    here.clock.move(days=2)
    before = here.clock.at - timedelta(days=1)
    archive(here.database, here.clock, SERVICE, before=before, retention=timedelta(), file=tmp_path / "old.archive")
    with here.database.read() as session:
        assert [each.since for each in subject_assignments(session, Subject("C1"))] == [DAY]
    assert rules(here, (10, 0)) == ["stays"]
    with here.database.read() as session:
        verdict = replay(session, here.secrets, here.records()[-1].decision_id).verdict
    assert verdict == "same"


def test_those_decided_again_see_their_last_outcome(here: Setting) -> None:
    ask(here, 0, 100)
    ask(here, 20, 0)
    ask(here, 20, 0, subject="C2", last="S", since=DAY.isoformat())
    counts = [
        reevaluate(
            Reevaluator(here.decisions, here.database, here.clock, here.secrets),
            SERVICE,
            Reevaluation("tiering/stay", after(days), max_age=99),
            on_undecided=lambda each: pytest.fail(str(each)),
        ).decided
        for days in (89, 90)
    ]
    assert counts == [2, 2]
    made = [(each.as_of, each.subject.id, each.outcomes["tiering/stay"]["rules"]) for each in here.records()[3:]]
    assert made == [
        (after(89), "C1", ["stays"]),
        (after(89), "C2", ["stays"]),
        (after(90), "C1", ["A"]),
        (after(90), "C2", ["stays"]),
    ], "what a client told once is no longer asked for: the service has known C2 as S since day 20"


def test_records_as_a_population_have_last_outcomes_and_a_file_has_columns(here: Setting, tmp_path: Path) -> None:
    ask(here, 0, 100)
    ask(here, 20, 0)
    ask(here, 20, 0, subject="C2")
    ask(here, 20, 0, subject="C3", last="S", since=DAY.isoformat())
    found, digests = {}, set()
    for days in (20, 21, 110):
        opened = partial(open_records, here.database, here.secrets, "customer", after(days), policies=[STAY])
        output = tmp_path / f"{days}.csv"
        question = RunRequest("records", output, [STAY], None, "customer", after(days), Mapping(), source=opened)
        report = run_policies(question, lambda *_: None)
        digests.add(report.manifest["population"]["digest"])
        found[days] = [row["tiering/stay.rule"] for row in read_result(report.paths[0])]
        for subject, rule in zip(("C1", "C2", "C3"), found[days], strict=True):
            told = {"last": "S", "since": DAY.isoformat()} if (subject, days) == ("C3", 20) else {}
            request = DecisionRequest(subject, {"amount": 0, **told}, as_of=after(days))
            decided = asyncio.run(here.decisions.evaluate(request)).decision.to_dict()
            assert decided["tiering/stay"]["rules"] == [rule]
    assert found == {20: ["stays", "A", "stays"], 21: ["stays", "A", "stays"], 110: ["A", "A", "A"]}
    assert len(digests) == 2, "those of day 20 know less"
    rows = [("C1", "0", "S", "2026-01-01"), ("C2", "0", "", "")]
    path = write_csv(tmp_path / "p.csv", rows, ("subject", "amount", "last", "since"))
    report = run_file(path, requested=None, policies=[STAY], as_of=after(10))
    assert [row["tiering/stay.rule"] for row in read_result(report.paths[0])] == ["stays", "A"]
    path = write_csv(tmp_path / "q.csv", [row[:2] for row in rows], ("subject", "amount"))
    report = run_file(path, requested=None, policies=[STAY], as_of=after(10))
    assert [row["tiering/stay.rule"] for row in read_result(report.paths[0])] == ["A", "A"]


def test_a_population_has_one_column_for_one_last_outcome() -> None:
    with pytest.raises(PopulationRejected) as refused:
        PreviousFacts([STAY, policy(TEXT.replace("tiering/stay", "tiering/other"))], "customer")
    assert refused.value.problems[0] == (
        "the fact `last` is a last outcome of tiering/other (previous.tier) and of tiering/stay (previous.tier): "
        "a population has one of them"
    )
