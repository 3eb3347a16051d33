"""The decider watches its engine: shadow checks, alarms, fallback, replacement, closing."""

from collections.abc import Callable, Sequence
from datetime import date

import pytest

from policy_service import Alarm, Decider, PolicyError, load_bytes
from policy_service.compilers.evaluator import Slots
from policy_service.compilers.rules_engine import EngineFault
from tests.decisions.policies import LISTED, TIER, VISITS

AS_OF = date(2026, 11, 21)
GOOD = {"amount": 200, "days": 10, "mean": 100}


def broken(decider: Decider, matches: Callable[[Slots], Sequence[int]]) -> None:
    """Makes the engine of the small tier policy answer as `matches` does."""
    engine = decider._in_service["tiering/small"].engine
    assert engine is not None

    class Matcher:
        def matches(self, slots: Slots) -> Sequence[int]:
            return matches(slots)

        def close(self) -> None:
            pass

    engine._rules = Matcher()


def rules(decider: Decider) -> list[str]:
    decision: list[str] = decider.decide(GOOD, as_of=AS_OF).to_dict()["tiering/small"]["rules"]
    return decision


def test_a_difference_raises_an_alarm_and_the_second_evaluator_serves_from_then_on() -> None:
    alarms: list[Alarm] = []
    with Decider([TIER], shadow_every=3, on_alarm=alarms.append) as decider:
        broken(decider, lambda _slots: [0])
        assert [rules(decider) for _ in range(6)] == [["never"], ["never"], ["S"], ["S"], ["S"], ["S"]]
        assert decider.decide(GOOD, as_of=AS_OF).policies["tiering/small"].served_by == "python"
        health = decider.health
    assert [(alarm.policy, alarm.version) for alarm in alarms] == [("tiering/small", "1.0.0")]
    assert "python serves from now on" in alarms[0].reason
    assert (health.decisions, health.shadow_checks, health.differences, health.fallbacks) == (7, 1, 1, 1)


def test_when_the_second_evaluator_is_the_wrong_one_the_definition_serves() -> None:
    alarms: list[Alarm] = []
    with Decider([TIER], shadow_every=1, on_alarm=alarms.append) as decider:
        decider._in_service["tiering/small"].python = _Wrong()  # type: ignore[assignment]
        assert rules(decider) == ["S"]
        assert decider.decide(GOOD, as_of=AS_OF).policies["tiering/small"].served_by == "definition"
    assert "definition serves from now on" in alarms[0].reason


class _Wrong:
    def decide(self, _slots: Slots) -> None:
        return None


def test_an_engine_that_fails_is_answered_for_and_tried_again() -> None:
    alarms: list[Alarm] = []

    def fail(_slots: Slots) -> Sequence[int]:
        raise EngineFault("no state")

    with Decider([TIER], on_alarm=alarms.append) as decider:
        healthy = decider._in_service["tiering/small"].engine._rules  # type: ignore[union-attr]
        broken(decider, fail)
        decision = decider.decide(GOOD, as_of=AS_OF)
        assert decision.to_dict()["tiering/small"]["rules"] == ["S"]
        assert decision.policies["tiering/small"].served_by == "python"
        decider._in_service["tiering/small"].engine._rules = healthy  # type: ignore[union-attr]
        assert decider.decide(GOOD, as_of=AS_OF).policies["tiering/small"].served_by == "durable_rules"
        assert decider.health.fallbacks == 1
    assert alarms == [Alarm("tiering/small", "1.0.0", "the engine failed: no state")]


def test_without_a_hook_an_alarm_is_still_counted() -> None:
    with Decider([TIER], shadow_every=1) as decider:
        broken(decider, lambda _slots: [0])
        rules(decider)
        assert decider.health.differences == 1


def test_a_replaced_policy_decides_from_the_next_decision_on_and_the_others_are_kept() -> None:
    other = load_bytes(TIER.text.replace("version: 1.0.0", "version: 1.1.0").replace("< 30", "< 5").encode())
    with Decider([TIER, LISTED]) as decider:
        stored = decider._in_service["rewards/listed"]
        assert rules(decider) == ["S"]
        decider.replace([other, LISTED])
        assert rules(decider) == ["A"]
        assert decider.policies["tiering/small"].version == "1.1.0"
        assert decider._in_service["rewards/listed"] is stored
        decider.replace([LISTED])
        assert list(decider.policies) == ["rewards/listed"]


def test_policies_that_do_not_fit_together_leave_the_old_ones_in_service() -> None:
    with Decider([TIER]) as decider:
        with pytest.raises(PolicyError, match="unknown policy `tiering/small`"):
            decider.replace([VISITS])
        assert rules(decider) == ["S"]


def test_a_closed_decider_says_so_and_closing_twice_is_fine() -> None:
    decider = Decider([TIER])
    decider.close()
    decider.close()
    with pytest.raises(RuntimeError, match="closed"):
        decider.decide(GOOD, as_of=AS_OF)
