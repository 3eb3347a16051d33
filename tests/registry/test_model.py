"""Of every policy exactly one version is active at every instant, by what was known when one looks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_service.registry.model import (
    Activation,
    ActivationKind,
    Period,
    active_at,
    all_active_at,
    all_endings_at,
    ending_at,
    in_force_periods,
    next_boundary,
    relevant_from,
    timeline,
)

DAY0 = datetime(2026, 1, 1, tzinfo=UTC)
POLICY = "tiering/small"
END = 40
"""Days that are looked at."""


def day(number: float) -> datetime:
    return DAY0 + timedelta(days=number)


def activation(
    seq: int,
    start: float,
    until: float | None = None,
    *,
    version: str = "1.0.0",
    recorded: float = 0,
    cancelled: float | None = None,
    policy: str = POLICY,
    kind: ActivationKind = ActivationKind.CHANGE,
) -> Activation:
    return Activation(
        seq,
        str(seq),
        policy,
        version,
        f"sha256:{version}",
        kind,
        Period(day(start), None if until is None else day(until)),
        day(recorded),
        None if cancelled is None else day(cancelled),
    )


DAYS = st.integers(0, END)


@st.composite
def histories(draw: st.DrawFn) -> list[Activation]:
    """What was recorded of a policy, the first without end and from the first day; and now and then of another one."""
    results = [activation(1, 0)]
    recorded = 0
    for seq in range(2, draw(st.integers(2, 7))):
        recorded = draw(st.integers(recorded, END))
        start = draw(st.integers(recorded, END))
        length = draw(st.none() | st.integers(1, 15))
        cancelled = draw(st.none() | st.integers(recorded, start - 1)) if start > recorded else None
        results.append(
            activation(
                seq,
                start,
                None if length is None else start + length,
                version=draw(st.sampled_from(["1.0.0", "1.1.0", "2.0.0"])),
                recorded=recorded,
                cancelled=cancelled,
                policy=draw(st.sampled_from([POLICY, POLICY, POLICY, "tiering/other"])),
            )
        )
    return results


def test_a_later_start_supersedes_and_a_period_that_ends_gives_way_to_what_was_there_before() -> None:
    history = [activation(1, 0), activation(2, 5, version="1.1.0"), activation(3, 10, 15, version="1.0.0")]
    results = [active_at(history, POLICY, day(at), day(0)) for at in (0, 4.9, 5, 10, 14.9, 15, 99)]
    assert [each.seq if each else None for each in results] == [1, 1, 2, 3, 3, 2, 2]


def test_before_the_first_activation_nothing_is_active() -> None:
    assert active_at([activation(1, 5)], POLICY, day(4), day(9)) is None
    assert all_active_at([activation(1, 5)], day(4), day(9)) == {}


def test_of_two_that_begin_together_the_one_recorded_last_is_active() -> None:
    history = [activation(1, 0), activation(2, 5, version="1.1.0"), activation(3, 5, version="2.0.0")]
    assert active_at(history, POLICY, day(6), day(6)) == history[2]
    assert active_at(reversed(history), POLICY, day(6), day(6)) == history[2]


def test_what_was_not_known_yet_or_was_cancelled_by_then_does_not_count() -> None:
    history = [activation(1, 0), activation(2, 20, version="1.1.0", recorded=10, cancelled=15)]
    assert [active_at(history, POLICY, day(21), day(known)) for known in (9, 10, 14.9, 15)] == [
        history[0],
        history[1],
        history[1],
        history[0],
    ]


@pytest.mark.parametrize("until", [0, -1])
def test_a_period_is_never_empty(until: int) -> None:
    with pytest.raises(ValueError, match="a period ends after it starts"):
        Period(day(0), day(until))


@given(histories(), DAYS, DAYS)
def test_exactly_one_version_is_active_at_every_instant_from_the_first_open_ended_activation_on(
    history: list[Activation], at: int, known: int
) -> None:
    active = active_at(history, POLICY, day(at), day(known))
    assert active is not None
    covering = [each for each in history if each.policy == POLICY and each.is_known_at(day(known))]
    covering = [each for each in covering if each.effective.covers(day(at))]
    assert active in covering
    rivals = [each for each in covering if (each.effective.start, each.seq) >= (active.effective.start, active.seq)]
    assert rivals == [active]
    assert all_active_at(history, day(at), day(known))[POLICY] == active


@given(histories(), DAYS, DAYS, DAYS)
def test_what_is_recorded_later_never_alters_what_was_known_before(
    history: list[Activation], at: int, known: int, later: int
) -> None:
    so_far = [each for each in history if each.recorded_at <= day(known)]
    assert active_at(history, POLICY, day(at), day(known)) == active_at(so_far, POLICY, day(at), day(known))
    if later >= known and not any(
        day(known) < instant <= day(later)
        for each in history
        for instant in (each.recorded_at, each.cancelled_at)
        if instant is not None
    ):
        assert active_at(history, POLICY, day(at), day(known)) == active_at(history, POLICY, day(at), day(later))


@given(histories(), DAYS)
def test_what_is_recorded_of_the_future_never_alters_what_was_in_force_in_the_past(
    history: list[Activation], known: int
) -> None:
    """Nobody puts a version in force in the past, or takes one back that has begun: what applied stays what it was."""
    then = active_at(history, POLICY, day(known), day(known))
    assert all(active_at(history, POLICY, day(known), day(later)) == then for later in range(known, END + 1))


@given(histories(), DAYS, DAYS)
def test_a_cancelled_activation_leaves_no_gap(history: list[Activation], at: int, known: int) -> None:
    """It is as if it had never been recorded."""
    results = [each for each in history if each.cancelled_at is None or each.cancelled_at > day(known)]
    assert active_at(history, POLICY, day(at), day(known)) == active_at(results, POLICY, day(at), day(known))


@given(histories(), DAYS, DAYS)
def test_between_two_boundaries_nothing_changes(history: list[Activation], after: int, known: int) -> None:
    boundary = next_boundary(history, day(after), day(known))
    now = all_active_at(history, day(after), day(known))
    last = (boundary - day(0)).days if boundary is not None else END + 20
    assert boundary is None or boundary > day(after)
    for at in range(after, last):
        assert all_active_at(history, day(at + 0.999), day(known)) == now


@given(histories(), DAYS)
def test_the_timeline_says_what_active_at_says(history: list[Activation], known: int) -> None:
    pieces = timeline(history, POLICY, day(known))
    assert pieces[0][0].start == day(0)
    assert pieces[-1][0].until is None
    for (before, one), (after, other) in pairwise(pieces):
        assert before.until == after.start
        assert one != other
    for at in range(END + 1):
        [active] = [each for period, each in pieces if period.covers(day(at))]
        assert active == active_at(history, POLICY, day(at), day(known))


@given(histories(), DAYS, DAYS)
def test_what_can_be_active_from_a_day_on_says_all_that_the_whole_history_says_of_that_time(
    history: list[Activation], start: int, known: int
) -> None:
    few = relevant_from(history, day(start), day(known))
    assert [each for each in history if each in few] == list(few)
    for instant in range(start, END + 20):
        assert all_active_at(few, day(instant), day(known)) == all_active_at(history, day(instant), day(known))


def test_what_is_hidden_for_ever_is_left_out() -> None:
    history = [activation(1, 0), activation(2, 5), activation(3, 7, 9), activation(4, 10, 20), activation(5, 30)]
    assert [each.seq for each in relevant_from(history, day(15), day(15))] == [2, 4, 5]


@given(histories(), DAYS, DAYS)
def test_all_that_is_active_is_what_is_active_of_each_policy(history: list[Activation], at: int, known: int) -> None:
    names = sorted({each.policy for each in history})
    each_alone = {name: active_at(history, name, day(at), day(known)) for name in names}
    expected = {name: active for name, active in each_alone.items() if active is not None}
    assert list(all_active_at(history, day(at), day(known)).items()) == list(expected.items())


def test_the_timeline_of_a_policy_that_was_never_in_force_is_empty() -> None:
    assert timeline([], POLICY, day(0)) == ()


def test_the_timeline_has_no_piece_where_nothing_is_in_force() -> None:
    history = [activation(1, 0, 5), activation(2, 10, 12)]
    assert [period for period, _ in timeline(history, POLICY, day(0))] == [
        Period(day(0), day(5)),
        Period(day(10), day(12)),
    ]


@given(histories(), DAYS)
def test_the_periods_of_all_versions_together_are_the_timeline(history: list[Activation], known: int) -> None:
    for version in ("1.0.0", "1.1.0", "2.0.0"):
        periods = in_force_periods(history, POLICY, version, day(known))
        assert all(one.until is not None and one.until < other.start for one, other in pairwise(periods))
        for at in range(END + 1):
            active = active_at(history, POLICY, day(at), day(known))
            assert any(period.covers(day(at)) for period in periods) == (
                active is not None and active.version == version
            )


# ---------------------------------------------------------------------------------------------------- endings


def ending(seq: int, start: float, until: float | None = None, **value: Any) -> Activation:  # noqa: ANN401
    return activation(seq, start, until, kind=ActivationKind.ENDING, **value)


def test_an_ending_puts_nothing_in_force_until_something_begins_later() -> None:
    history = [activation(1, 0), ending(2, 5), activation(3, 10, version="1.1.0")]
    active = [active_at(history, POLICY, day(at), day(0)) for at in (4.9, 5, 9.9, 10)]
    assert [each.seq if each else None for each in active] == [1, None, None, 3]
    assert [ending_at(history, POLICY, day(at), day(0)) for at in (4.9, 5, 10)] == [None, history[1], None]
    assert all_active_at(history, day(7), day(0)) == {}
    assert all_endings_at(history, day(7), day(0)) == {POLICY: history[1]}
    assert all_endings_at(history, day(12), day(0)) == {}
    assert [(period.start, period.until) for period, _ in timeline(history, POLICY, day(0))] == [
        (day(0), day(5)),
        (day(10), None),
    ]
    assert in_force_periods(history, POLICY, "1.0.0", day(0)) == (Period(day(0), day(5)),)
    assert next_boundary(history, day(0), day(0)) == day(5)
    assert [each.seq for each in relevant_from(history, day(7), day(0))] == [2, 3]


def test_an_ending_that_was_cancelled_is_none() -> None:
    history = [activation(1, 0), ending(2, 5, recorded=1, cancelled=3)]
    assert [ending_at(history, POLICY, day(6), day(known)) for known in (0, 2, 3)] == [None, history[1], None]


def test_a_period_that_falls_back_to_nothing_begins_with_an_ending_beneath_it() -> None:
    """So that what begins within the period goes on when it is over."""
    history = [activation(1, 0), ending(2, 5), activation(3, 5, 8, version="1.1.0")]
    results = [active_at(history, POLICY, day(at), day(0)) for at in (4, 5, 7.9, 8, 30)]
    assert [each.seq if each else None for each in results] == [1, 3, 3, None, None]
    later = [*history, activation(4, 6, version="1.2.0")]
    assert [active_at(later, POLICY, day(at), day(0)) for at in (7, 8, 30)] == [later[3]] * 3
