"""Re-evaluation: subjects are decided about again by what is in force, once, and what was not is listed with why."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from concurrent.futures import Future
from datetime import date, timedelta
from pathlib import Path
from unittest.mock import patch

import pytest

from policy_service import load_bytes
from policy_service.actor import SERVICE, Actor, Role
from policy_service.database import DatabaseUnavailable
from policy_service.decisions import reevaluation, writer
from policy_service.decisions.archiving import archive
from policy_service.decisions.block_store import seal
from policy_service.decisions.group import GroupWriter, PendingDecision, RecordResult
from policy_service.decisions.reevaluation import (
    REEVALUATION,
    Reason,
    Reevaluation,
    ReevaluationCounts,
    ReevaluationRejected,
    Reevaluator,
    Undecided,
    reevaluate,
)
from policy_service.decisions.request import DecisionRequest
from policy_service.decisions.subjects import erase_subject
from policy_service.registry.model import ActivationKind
from policy_service.subject import Subject
from tests.databases import BACKENDS
from tests.decisions.desks import Setting, put, setting, tier

CRM = Actor("k1", "crm", "CRM", frozenset({Role.INTEGRATION}), "machine")
DAY = date(2026, 11, 20)
VISITS = load_bytes(
    """
policy: followup/visits
version: 1.0.0
title: {zh: 拜访, en: visits}
subject: customer
facts:
  tier: {type: choice, of: [S, A, B], from: tiering/one.tier}
  visited: {type: boolean}
outcome:
  visit: {type: boolean}
rules:
  hit: FIRST
  rows:
    - {id: due, when: tier = "A" and not(visited), then: {visit: true}, because: {zh: 应, en: due}}
    - {id: done, when: "true", then: {visit: false}, because: {zh: 毕, en: done}}
""".encode()
)


@pytest.fixture
def world() -> Iterator[Setting]:
    with setting("sqlite", tier(), VISITS) as each:
        yield each


def decide(world: Setting, subject: str, as_of: date = DAY, *policies: str, **facts: object) -> None:
    names = policies or ("tiering/one",)
    world.decisions.decide_in_thread(DecisionRequest(subject, facts, policies=names, as_of=as_of), CRM)


def reevaluator(world: Setting) -> Reevaluator:
    return Reevaluator(world.decisions, world.database, world.clock, world.secrets)


def again(
    world: Setting, policy: str = "tiering/one", as_of: date = DAY, max_age: int = 31
) -> tuple[ReevaluationCounts, list[Undecided]]:
    scope = Reevaluation(policy, as_of, max_age)
    undecided: list[Undecided] = []
    counts = reevaluate(reevaluator(world), SERVICE, scope, on_undecided=undecided.append)
    return counts, undecided


def tiers(world: Setting) -> dict[str, str]:
    """The tier of each subject by its last record that was made again."""
    records = (each for each in world.records() if each.by["id"] == REEVALUATION.id)
    return {each.subject.id: each.outcomes["tiering/one"]["outcome"]["tier"] for each in records}


@pytest.mark.parametrize("backend", BACKENDS)
def test_everybody_is_decided_about_by_the_version_in_force_and_only_once(backend: str) -> None:
    with setting(backend) as world:
        decide(world, "C1", amount="150.00", phone="13800000000")
        decide(world, "C2", DAY - timedelta(days=31), amount="90.00")
        decide(world, "C3", DAY - timedelta(days=32), amount="250.00")
        put(world.database, world.clock, tier("1.1.0", least=80))
        world.decisions.in_force.refresh()
        counts, undecided = again(world)
        assert counts == ReevaluationCounts(2, 0, {"too-old": 1})
        assert undecided == [
            Undecided("C3", "customer", "tiering/one", Reason.TOO_OLD, ("amount", "phone"), DAY - timedelta(days=32))
        ]
        assert tiers(world) == {"C1": "S", "C2": "A"}
        record = world.records()[-1]
        assert (record.as_of, record.by["kind"], record.requested) == (DAY, "service", ("tiering/one",))
        assert record.policies["tiering/one"].version == "1.1.0"
        count = len(world.records())
        assert again(world)[0] == ReevaluationCounts(0, 2, {"too-old": 1})
        assert again(world, max_age=32)[0] == ReevaluationCounts(1, 2, {})
        assert len(world.records()) == count + 1


def test_one_that_was_interrupted_goes_on_where_it_was(world: Setting) -> None:
    for number in range(5):
        decide(world, f"C{number}", amount="150.00")
    put(world.database, world.clock, tier("1.1.0", least=80))
    world.decisions.in_force.refresh()
    with patch.object(reevaluation, "MAX_LINES_BESIDE", 2):
        stops = iter([False, True])
        scope = Reevaluation("tiering/one", DAY)
        counts = reevaluate(
            reevaluator(world), SERVICE, scope, on_undecided=lambda _: None, is_cancelled=lambda: next(stops)
        )
        assert counts.decided == 2
        fault = patch.object(GroupWriter, "write", side_effect=DatabaseUnavailable("busy"))
        with fault, pytest.raises(DatabaseUnavailable):
            again(world)
        assert again(world)[0] == ReevaluationCounts(3, 2, {})
    assert sorted(each.subject.id for each in world.records()[5:]) == ["C0", "C1", "C2", "C3", "C4"]


def test_a_decision_that_was_recorded_and_not_told_is_found_by_its_key(world: Setting) -> None:
    """As after a kill between the commit and the next subject, when a later decision hides the one made again."""
    decide(world, "C1", DAY - timedelta(days=1), amount="150.00")
    assert again(world)[0].decided == 1
    with patch.object(reevaluation._Run, "_is_current", return_value=False):
        assert again(world)[0] == ReevaluationCounts(0, 1, {})
    assert len(world.records()) == 2


def test_policies_that_take_its_outcomes_are_decided_with_it(world: Setting) -> None:
    both = ("tiering/one", "followup/visits")
    decide(world, "C1", DAY, *both, amount="90.00", visited=False)
    decide(world, "C2", DAY, amount="90.00")
    decide(world, "C3", DAY, "tiering/one", amount="90.00")
    decide(world, "C3", DAY - timedelta(days=2), "followup/visits", amount="10.00", visited=False)
    put(world.database, world.clock, tier("1.1.0", least=80))
    world.decisions.in_force.refresh()
    assert again(world)[0] == ReevaluationCounts(3, 0, {})
    records = {each.subject.id: each for each in world.records()[4:]}
    assert records["C1"].outcomes["followup/visits"]["outcome"] == {"visit": True}
    assert records["C2"].outcomes.keys() == {"tiering/one"}
    assert records["C3"].outcomes["tiering/one"]["outcome"] == {"tier": "A"}  # of the newest amount
    assert records["C3"].outcomes["followup/visits"]["rules"] == ["due"]  # and of the only visit


def test_a_fact_that_was_not_given_lately_is_not_taken_from_an_older_decision(world: Setting) -> None:
    decide(world, "C1", DAY - timedelta(days=5), amount="10.00", phone="13800000000")
    decide(world, "C1", DAY - timedelta(days=1), amount="10.00")
    assert again(world)[0].decided == 1
    assert tiers(world) == {"C1": "B"}


def test_what_is_not_decided_is_listed_with_why(world: Setting) -> None:
    decide(world, "C1", amount="150.00", phone="13800000000")
    decide(world, "C2")  # without the amount
    decide(world, "C3", amount="150.00")
    decide(world, "C4", DAY, "followup/visits", visited=True)  # no tier, as there is no amount
    with world.database.write(world.clock) as transaction:
        erase_subject(transaction, SERVICE, Subject("C1", "customer"), "asked for it")
    narrower = tier("2.0.0").text.replace("min: 0}", "min: 0, max: 120}")
    put(world.database, world.clock, load_bytes(narrower.encode()))
    world.decisions.in_force.refresh()
    counts, undecided = again(world)
    assert {(each.subject, each.policy, each.reason, each.facts) for each in undecided} == {
        ("C1", "tiering/one", Reason.ERASED, ()),
        ("C2", "tiering/one", Reason.MISSING_FACTS, ("amount",)),
        ("C3", "tiering/one", Reason.REJECTED, ("amount",)),
        ("C4", "tiering/one", Reason.MISSING_FACTS, ("amount",)),
    }
    assert counts.undecided == {"erased": 1, "missing-facts": 2, "rejected": 1}
    assert tiers(world) == {}


def test_who_has_records_in_an_archive_alone_is_listed(world: Setting, tmp_path: Path) -> None:
    decide(world, "C1", amount="150.00", phone="13800000000")
    with world.database.write(world.clock) as transaction:
        assert seal(transaction) is not None
    world.clock.move(days=800)
    before, year = world.clock.at - timedelta(days=400), timedelta(days=365)
    archive(world.database, world.clock, SERVICE, before=before, retention=year, file=tmp_path / "old.archive")
    decide(world, "C2", amount="90.00")
    counts, undecided = again(world, as_of=DAY + timedelta(days=800), max_age=9_999)
    assert [(each.subject, each.reason) for each in undecided] == [("C1", Reason.ARCHIVED)]
    assert counts == ReevaluationCounts(1, 0, {"archived": 1})


def test_a_policy_without_what_it_needs_is_left_out_and_listed(world: Setting) -> None:
    decide(world, "C1", DAY, "tiering/one", "followup/visits", amount="90.00")
    counts, undecided = again(world)
    assert counts == ReevaluationCounts(1, 0, {"missing-facts": 1})
    assert undecided == [Undecided("C1", "customer", "followup/visits", Reason.MISSING_FACTS, ("visited",))]
    assert world.records()[-1].outcomes.keys() == {"tiering/one"}


def test_a_stopped_policy_decides_about_nobody(world: Setting) -> None:
    decide(world, "C1", amount="90.00")
    put(world.database, world.clock, tier(), kind=ActivationKind.STOP)
    world.decisions.in_force.refresh()
    assert [each.reason for each in again(world)[1]] == [Reason.SUSPENDED]
    assert len(world.records()) == 1


def test_a_value_that_another_policy_decides_now_is_not_taken_from_the_caller(world: Setting) -> None:
    decide(world, "C1", DAY - timedelta(days=2), "followup/visits", tier="A", visited=False)
    assert again(world, "followup/visits")[0].decided == 1
    assert world.records()[-1].outcomes["followup/visits"]["supplied"] == ["tier"]
    decide(world, "C1", DAY, amount="90.00")
    assert again(world, "followup/visits", as_of=DAY + timedelta(days=1))[0].decided == 1
    assert world.records()[-1].outcomes["followup/visits"]["rules"] == ["done"]


def test_a_new_policy_is_about_everybody_of_its_kind_with_the_facts_there_are(world: Setting) -> None:
    decide(world, "C1", amount="90.00")
    counts, undecided = again(world, "followup/visits")
    assert counts == ReevaluationCounts(0, 0, {"missing-facts": 1})
    assert undecided[0].facts == ("visited",)


def test_what_is_not_in_force_is_refused(world: Setting) -> None:
    with pytest.raises(ReevaluationRejected, match="The policy tiering/two is not in force"):
        again(world, "tiering/two")


def test_a_version_that_comes_meanwhile_decides(world: Setting) -> None:
    decide(world, "C1", amount="90.00")
    decide(world, "C2", amount="70.00")
    submit = writer.DecisionWriter.submit_lines

    def submit_late(self: writer.DecisionWriter, items: Sequence[PendingDecision]) -> Future[Sequence[RecordResult]]:
        put(world.database, world.clock, tier("1.1.0", least=80))
        return submit(self, items)

    with patch.object(writer.DecisionWriter, "submit_lines", submit_late):
        assert again(world, as_of=DAY + timedelta(days=1))[0].decided == 2
    assert tiers(world) == {"C1": "A", "C2": "B"}
    assert {each.policies["tiering/one"].version for each in world.records()[2:]} == {"1.1.0"}
