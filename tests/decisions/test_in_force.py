"""The versions in force: the right ones at every instant, built ahead, for any number of processes."""

from datetime import date, timedelta
from typing import Any
from unittest.mock import patch

import pytest

from policy_service import Decider, load_bytes
from policy_service.actor import SERVICE
from policy_service.database import DatabaseUnavailable
from policy_service.decisions.evaluation import Question
from policy_service.decisions.in_force import InForce, NotReady, VersionsChanging
from policy_service.errors import UnknownPolicies
from policy_service.registry.model import ActivationKind, Period
from policy_service.registry.service import cancel
from policy_service.subject import Subject
from tests.databases import BACKENDS, fresh_database
from tests.databases import TestClock as Clock
from tests.decisions.desks import eventually, put, tier

QUESTION = Question(Subject("C1"), {"amount": "150"}, date(2026, 11, 21))


def version(in_force: InForce) -> str:
    """The version that decides now."""
    made = in_force.evaluate(QUESTION)
    (entry,) = made.decision.policies.values()
    assert made.digests == {"tiering/one": entry.policy.digest}
    return entry.policy.version


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_another_process_puts_in_force_is_seen(backend: str) -> None:
    clock = Clock()
    with fresh_database(backend) as database:
        in_force = InForce(database, clock, engine="python", poll_seconds=0.02)
        with pytest.raises(NotReady, match="no policy is in force"):
            in_force.evaluate(QUESTION)
        put(database, clock, tier())
        eventually(lambda: in_force.window.epoch >= 1)
        assert version(in_force) == "1.0.0"
        clock.move(seconds=1)
        put(database, clock, tier("1.1.0", 200))
        eventually(lambda: version(in_force) == "1.1.0")
        in_force.close()


def test_the_next_versions_are_built_ahead_and_only_take_their_place() -> None:
    clock = Clock()
    with fresh_database("sqlite") as database:
        put(database, clock, tier())
        put(
            database,
            clock,
            tier("1.1.0", 200),
            Period(clock.now() + timedelta(hours=1), clock.now() + timedelta(hours=2)),
        )
        in_force = InForce(database, clock, engine="python", poll_seconds=30)
        eventually(lambda: in_force._next is not None)
        clock.move(hours=1)
        with patch.object(Decider, "prepare", side_effect=AssertionError("built too late")):
            assert version(in_force) == "1.1.0"
        eventually(lambda: in_force._next is not None)
        clock.move(hours=1)
        assert version(in_force) == "1.0.0"
        assert in_force.window.until is None
        in_force.close()


def test_a_boundary_that_nothing_was_built_for_must_be_waited_for() -> None:
    clock = Clock()
    with fresh_database("sqlite") as database:
        put(database, clock, tier())
        in_force = InForce(database, clock, engine="python", poll_seconds=30)
        with patch.object(InForce, "_build_next"):
            put(database, clock, tier("1.1.0", 200), Period(clock.now() + timedelta(hours=1)))
            in_force.refresh()
            clock.move(hours=1)
            with pytest.raises(VersionsChanging, match="try again"):
                in_force.evaluate(QUESTION)
            in_force.refresh()
        assert version(in_force) == "1.1.0"
        in_force.close()


def test_what_was_built_ahead_and_then_cancelled_does_not_take_its_place() -> None:
    clock = Clock()
    with fresh_database("sqlite") as database:
        put(database, clock, tier())
        later = put(database, clock, tier("1.1.0", 200), Period(clock.now() + timedelta(hours=1)))
        in_force = InForce(database, clock, engine="python", poll_seconds=30)
        eventually(lambda: in_force._next is not None)
        with database.write(clock) as transaction:
            cancel(transaction, SERVICE, later)
        put(database, clock, tier("1.2.0", 300), Period(clock.now() + timedelta(hours=2)))
        in_force.refresh()
        eventually(lambda: in_force._next is not None and in_force._next[0].start == clock.now() + timedelta(hours=2))
        clock.move(hours=1)
        assert version(in_force) == "1.0.0"
        clock.move(hours=1)
        assert version(in_force) == "1.2.0"
        in_force.close()


def test_the_thread_takes_the_next_versions_up_when_nobody_asks() -> None:
    clock = Clock()
    with fresh_database("sqlite") as database:
        put(database, clock, tier())
        put(database, clock, tier("1.1.0", 200), Period(clock.now() + timedelta(hours=1)))
        in_force = InForce(database, clock, engine="python", poll_seconds=0.02)
        clock.move(hours=1)
        eventually(lambda: in_force.window.until is None)
        assert version(in_force) == "1.1.0"
        in_force.close()


def test_a_clock_that_goes_back_takes_no_version_out_of_force() -> None:
    clock = Clock()
    with fresh_database("sqlite") as database:
        put(database, clock, tier())
        clock.move(hours=1)
        put(database, clock, tier("1.1.0", 200))
        in_force = InForce(database, clock, engine="python", poll_seconds=0.02)
        clock.move(hours=-3)
        in_force.refresh()
        assert version(in_force) == "1.1.0"
        in_force.close()


def test_versions_taken_up_while_others_are_built_are_built_upon() -> None:
    clock = Clock()
    prepare = Decider.prepare
    with fresh_database("sqlite") as database:
        put(database, clock, tier())
        put(database, clock, tier("1.1.0", 200), Period(clock.now() + timedelta(hours=1)))
        in_force = InForce(database, clock, engine="python", poll_seconds=30)
        eventually(lambda: in_force._next is not None)
        calls = 0

        def overtaken(self: Decider, *value: object) -> object:
            nonlocal calls
            calls += 1
            prepared = prepare(self, *value)  # type: ignore[arg-type]
            if calls == 1:
                clock.move(hours=1)
                assert version(in_force) == "1.1.0"
            return prepared

        put(database, clock, load_bytes(tier("9.0.0").text.replace("tiering/one", "tiering/two").encode()))
        with patch.object(Decider, "prepare", overtaken):
            in_force.refresh()
        made = in_force.evaluate(QUESTION)
        assert {id_: entry.policy.version for id_, entry in made.decision.policies.items()} == {
            "tiering/one": "1.1.0",
            "tiering/two": "9.0.0",
        }
        assert calls == 2
        in_force.close()


def test_a_database_that_is_away_for_a_while_is_trouble_and_then_none() -> None:
    clock = Clock()
    with fresh_database("sqlite") as database:
        put(database, clock, tier())
        in_force = InForce(database, clock, engine="python", poll_seconds=0.02)
        with patch.object(database, "read", side_effect=DatabaseUnavailable("gone")):
            eventually(lambda: in_force.last_error == "the database is gone")
            assert version(in_force) == "1.0.0"
        eventually(lambda: in_force.last_error is None)
        in_force.close()


def test_versions_that_do_not_fit_together_are_not_served() -> None:
    clock = Clock()
    with fresh_database("sqlite") as database:
        needy = tier().text.replace("  phone:", "  x: {type: choice, of: [x], from: tiering/none.x}\n  phone:")
        put(database, clock, load_bytes(needy.encode()))
        with pytest.raises(NotReady, match="cannot be put in service"):
            InForce(database, clock, engine="python")


def test_versions_whose_text_is_not_there_are_not_served() -> None:
    clock = Clock()
    with fresh_database("sqlite") as database:
        put(database, clock, tier())
        with (
            patch("policy_service.registry.service.Session.get", return_value=None),
            pytest.raises(NotReady, match="no version has the digest"),
        ):
            InForce(database, clock, engine="python")


def test_the_engine_serves_through_a_change_of_versions() -> None:
    clock = Clock()
    with fresh_database("sqlite") as database:
        put(database, clock, tier())
        in_force = InForce(database, clock, poll_seconds=30)
        for number in range(1, 4):
            clock.move(seconds=1)
            put(database, clock, tier(f"1.{number}.0", 100 + number))
            in_force.refresh()
            assert version(in_force) == f"1.{number}.0"
        assert in_force.decider.health.fallbacks == 0
        in_force.close()


TAKING = load_bytes(b"""
policy: followup/one
version: 1.0.0
title: {zh: a, en: a}
subject: customer
facts:
  tier: {type: choice, of: [S, A, B], optional: true, from: tiering/one.tier}
outcome:
  visits: {type: integer, min: 0, max: 9}
rules:
  hit: FIRST
  rows:
    - {id: none, when: "tier is missing", then: {visits: 1}, because: {zh: a, en: a}}
    - {id: big, when: 'tier is not missing and tier = "A"', then: {visits: 4}, because: {zh: a, en: a}}
    - {id: rest, when: "true", then: {visits: 2}, because: {zh: a, en: a}}
""")


def visits(in_force: InForce, **facts: object) -> Any:  # noqa: ANN401  # JSON
    """What the policy that takes the tier decides."""
    made = in_force.evaluate(QUESTION._replace(policies=["followup/one"], facts=facts))
    return made.decision.to_dict()["followup/one"]["outcome"]


def test_an_ended_policy_decides_nothing_from_its_day_on_and_the_refusal_says_what_ended_it() -> None:
    clock = Clock()
    with fresh_database("sqlite") as database:
        put(database, clock, tier())
        put(database, clock, TAKING)
        day = clock.now() + timedelta(hours=1)
        put(database, clock, tier(), Period(day), ActivationKind.ENDING, "C-1")
        in_force = InForce(database, clock, engine="python", poll_seconds=30)
        assert visits(in_force, amount="150") == {"visits": 4}
        eventually(lambda: in_force._next is not None)
        clock.move(hours=1)
        with pytest.raises(UnknownPolicies) as refused:
            in_force.evaluate(QUESTION._replace(policies=["tiering/one", "tiering/none"], facts={}))
        assert str(refused.value) == (
            "`tiering/one` is not in force: it was ended by the change C-1 from 2026-11-20T02:00:00.000000Z; "
            "unknown policy `tiering/none`"
        )
        assert visits(in_force) == {"visits": 1}
        assert visits(in_force, tier="A") == {"visits": 4}
        assert list(in_force.evaluate(QUESTION._replace(facts={})).decision.policies) == ["followup/one"]
        in_force.close()
