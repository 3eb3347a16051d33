"""A policy is ended by a signed change (R-GOV-2): from its day on nothing of it is in force, and its dependants fit."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from policy_service.actor import Role
from policy_service.approval import service as approval
from policy_service.approval.service import ChangeFilter, ChangeState, InvalidState, ValidationFailed
from policy_service.canonical import digest_of
from policy_service.registry.model import ActivationKind, Period, active_at, ending_at
from tests.approval.world import ANN, BONUS, DAY, SIGN_OFF, TIER, World, bonus, sign_off_text, tier, world
from tests.databases import BACKENDS

OPTIONAL = (
    bonus("1.1.0")
    .replace(b"{type: choice, of: [big, small], from", b"{type: choice, optional: true, of: [big, small], from")
    .replace(
        b"  rows:\n",
        b'  rows:\n    - {id: unknown, when: ["is missing"], then: ["0"], because: {zh: a, en: a}}\n',
    )
)
"""The bonus, for which the size may be missing."""
ALONE = bonus("1.1.0").replace(f"from: {TIER}.size, ".encode(), b"")
"""The bonus, which takes nothing from another policy."""
OVERRIDES = b"""
policy: governance/reach
version: 1.0.0
title: {zh: a, en: a}
subject: change
facts:
  large: {type: boolean}
outcome:
  role: {type: choice, of: [one, two]}
rules:
  hit: FIRST
  rows:
    - {id: all, when: "large", then: {role: one}, because: {zh: a, en: a}}
    - {id: rest, when: "true", then: {role: two}, because: {zh: a, en: a}}
examples:
  - {name: all, facts: {large: true}, outcome: {role: one}, rule: all}
"""


@pytest.fixture(params=BACKENDS)
def made(request: pytest.FixtureRequest) -> Iterator[World]:
    with world(request.param) as one:
        yield one


@pytest.fixture
def lite() -> Iterator[World]:
    with world() as one:
        yield one


def problems(made: World, *texts: bytes, **value: object) -> str:
    """Why a change cannot be submitted."""
    with pytest.raises(ValidationFailed) as refused:
        made.submit(made.create(*texts, **value))  # type: ignore[arg-type]  # what a draft says
    return "\n".join(refused.value.messages)


def test_a_policy_is_ended_on_its_day_and_not_before(made: World) -> None:
    change = made.schedule(made.signed(ends=[BONUS]))
    day = change.draft.effective.start
    assert list(change.frozen_submission.roles) == [Role.FINANCE_DIRECTOR, Role.GENERAL_MANAGER, Role.COMPLIANCE]
    assert (made.version(BONUS), made.version(BONUS, day)) == ("1.0.0", None)
    made.move(days=1)
    assert (made.version(BONUS), made.version(TIER)) == (None, "1.0.0")
    ending = ending_at(made.activations(), BONUS, made.now, made.now)
    assert ending is not None
    assert (ending.kind, ending.change, ending.version) == (ActivationKind.ENDING, change.id, "1.0.0")


def test_what_was_known_before_the_ending_was_scheduled_stays_as_it_was(made: World) -> None:
    before = made.now
    made.move(hours=1)
    day = made.schedule(made.signed(ends=[BONUS])).draft.effective.start
    result = active_at(made.activations(), BONUS, day, before)
    assert result is not None
    assert result.version == "1.0.0"


def test_an_ending_is_cancelled_before_its_day(made: World) -> None:
    change = made.schedule(made.signed(ends=[BONUS]))
    assert made.cancel(change).state is ChangeState.CANCELLED
    made.move(days=2)
    assert made.version(BONUS) == "1.0.0"


def test_an_ended_policy_is_taken_up_again_by_a_change_or_a_rollback(made: World) -> None:
    made.schedule(made.signed(ends=[BONUS]))
    made.move(days=1, hours=1)
    made.schedule(made.signed(bonus("1.1.0", 20)))
    made.move(days=1, hours=1)
    assert made.version(BONUS) == "1.1.0"
    made.schedule(made.signed(ends=[BONUS]))
    made.move(days=1, hours=1)
    made.schedule(made.sign_all(made.submit(made.rollback((BONUS, "1.0.0")))))
    made.move(days=1, hours=1)
    assert made.version(BONUS) == "1.0.0"


def test_a_policy_that_others_need_is_not_ended_without_them_and_they_are_named(lite: World) -> None:
    errors = problems(lite, ends=[TIER])
    assert f"{BONUS} 1.0.0 takes an outcome of {TIER} and cannot do without" in errors
    assert f"{BONUS} 1.0.0 would lack `size`, which it takes from {TIER}: end it in the same change" in errors


def test_a_policy_that_would_come_into_force_later_counts_too(lite: World) -> None:
    lite.schedule(lite.signed(ALONE, start=lite.now + DAY))
    lite.schedule(lite.signed(bonus("1.2.0"), start=lite.now + 5 * DAY))
    errors = problems(lite, ends=[TIER], start=lite.now + 3 * DAY)
    assert f"{BONUS} 1.2.0 would lack `size`" in errors


@pytest.mark.parametrize(
    ("texts", "ends", "then"),
    [((), [TIER, BONUS], "ended"), ((OPTIONAL,), [TIER], "without"), ((ALONE,), [TIER], "replaced")],
)
def test_the_report_says_what_dependants_do(lite: World, texts: tuple[bytes, ...], ends: list[str], then: str) -> None:
    change = lite.submit(lite.create(*texts, ends=ends))
    with lite.database.read() as session:
        report = approval.read_report(session, change)
    ending = report["endings"][0]
    assert (ending["policy"], ending["version"]) == (TIER, "1.0.0")
    version = "1.0.0" if then == "ended" else "1.1.0"
    assert ending["dependants"] == [{"policy": BONUS, "version": version, "facts": ["size"], "then": then}]
    assert [each.policy for each in change.frozen_submission.ends] == ends
    assert TIER in {each.policy for each in change.frozen_submission.bases}


def test_what_needs_an_ended_policy_later_on_is_refused(lite: World) -> None:
    lite.schedule(lite.signed(ends=[TIER, BONUS]))
    lite.move(days=2)
    assert f"would lack `size`, which it takes from {TIER}" in problems(lite, bonus("1.1.0"))
    assert lite.submit(lite.create(bonus("1.1.0"), tier("1.1.0"))).state is ChangeState.SUBMITTED


def test_the_digest_covers_the_ending_and_that_of_a_change_without_one_is_as_it_was(lite: World) -> None:
    plain, ending = lite.submit(lite.create(tier("1.1.0"))), lite.submit(lite.create(ends=[BONUS]))
    assert "ends" not in plain.frozen_submission.to_dict()
    assert "afterwards" not in plain.frozen_submission.to_dict()
    result = ending.frozen_submission.to_dict()
    assert result["ends"] == [{"policy": BONUS, "version": "1.0.0", "digest": ending.frozen_submission.ends[0].digest}]
    assert ending.digest != digest_of(
        {"change": ending.id, **{name: result[name] for name in result if name != "ends"}}
    )


def test_a_change_that_ends_a_policy_is_found_by_its_name(lite: World) -> None:
    change = lite.submit(lite.create(ends=[BONUS]))
    with lite.database.read() as session:
        changes = approval.list_changes(session, ChangeFilter(policy=BONUS))
    assert [each.id for each in changes.items] == [change.id]


def test_two_changes_for_one_policy_and_instant_are_refused(lite: World) -> None:
    start = lite.now + DAY
    lite.submit(lite.create(ends=[BONUS], start=start))
    assert "is open for rewards/bonus from the same instant" in problems(lite, bonus("1.1.0"), start=start)
    assert "is open for rewards/bonus from the same instant" in problems(lite, ends=[BONUS], start=start)


def test_a_version_that_follows_on_an_ending_was_not_compared_with_it(lite: World) -> None:
    following = lite.signed(bonus("1.1.0"), start=lite.now + 3 * DAY)
    lite.schedule(lite.signed(ends=[BONUS]))
    with pytest.raises(InvalidState, match=f"{BONUS}: was 1.0.0, would now be nothing"):
        lite.schedule(following)


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ({"ends": ["rewards/none"]}, "rewards/none is not in force then, so there is nothing to end"),
        ({"ends": [BONUS], "texts": (bonus("1.1.0"),)}, "The change holds rewards/bonus twice"),
        ({"ends": [SIGN_OFF]}, "governance/sign_off decides who signs: it is followed by its next version"),
        ({}, "The change holds no version of any policy"),
    ],
)
def test_what_is_not_ended(lite: World, value: dict[str, object], text: str) -> None:
    texts = value.pop("texts", ())
    assert text in problems(lite, *texts, **value)  # type: ignore[misc]  # bytes


def test_a_policy_of_governance_is_ended_with_its_successor_alone(lite: World) -> None:
    lite.schedule(lite.signed(OVERRIDES))
    lite.move(days=1, hours=1)
    assert "end it in a change that puts its successor in force" in problems(lite, ends=["governance/reach"])
    successor = OVERRIDES.replace(b"governance/reach", b"governance/reach_of_one")
    lite.schedule(lite.signed(successor, ends=["governance/reach"]))
    lite.move(days=1, hours=1)
    assert (lite.version("governance/reach"), lite.version("governance/reach_of_one")) == (None, "1.0.0")


def test_a_period_falls_back_to_nothing_when_the_change_says_so(made: World) -> None:
    start = made.now + DAY
    made.schedule(made.signed(bonus("1.1.0", 20), start=start, until=start + DAY, afterwards="nothing"))
    made.move(days=1, hours=1)
    assert made.version(BONUS) == "1.1.0"
    made.move(days=1)
    assert made.version(BONUS) is None


def test_what_begins_within_a_period_is_not_lost_with_it(lite: World) -> None:
    start = lite.now + DAY
    lite.schedule(lite.signed(bonus("1.1.0", 20), start=start, until=start + 5 * DAY, afterwards="nothing"))
    lite.move(days=2)
    lite.schedule(lite.signed(bonus("1.2.0", 30), start=lite.now + DAY))
    lite.move(days=10)
    assert lite.version(BONUS) == "1.2.0"


def test_an_ending_with_an_end_is_a_pause(lite: World) -> None:
    start = lite.now + DAY
    lite.schedule(lite.signed(ends=[BONUS], start=start, until=start + DAY))
    assert [lite.version(BONUS, start + hours * DAY / 24) for hours in (-1, 0, 23, 24)] == [
        "1.0.0",
        None,
        None,
        "1.0.0",
    ]


def test_nothing_comes_after_a_period_without_end(lite: World) -> None:
    with pytest.raises(ValidationFailed, match="A change without an end has nothing after it"):
        lite.create(bonus("1.1.0"), afterwards="nothing")


def test_sign_off_is_not_left_to_end_by_a_period(lite: World) -> None:
    start = lite.now + DAY
    errors = problems(lite, sign_off_text("1.1.0"), start=start, until=start + DAY, afterwards="nothing")
    assert "governance/sign_off decides who signs" in errors


def test_a_rollback_ends_nothing(lite: World) -> None:
    back = lite.rollback((BONUS, "1.0.0"))
    with (
        lite.database.write(lite.clock) as transaction,
        pytest.raises(ValidationFailed, match="a rollback names versions"),
    ):
        approval.edit(
            transaction,
            ANN,
            back.id,
            title="a",
            reason="b",
            effective=Period(lite.now + DAY),
            versions=[(BONUS, "1.0.0")],
            ends=[BONUS],
            expected=back.etag,
        )


def test_the_names_of_a_policy_to_end_and_of_a_population_are_such(lite: World) -> None:
    with pytest.raises(ValidationFailed, match="`rewards` is not the name of a policy"):
        lite.create(ends=["rewards"])
    with pytest.raises(ValidationFailed, match="`No` is not the name of a population"):
        lite.create(simulated_over="No")


def test_a_suspension_never_falls_back_to_what_was_ended(lite: World) -> None:
    lite.schedule(lite.signed(ends=[BONUS]))
    lite.move(days=1, hours=1)
    lite.schedule(lite.signed(bonus("1.1.0", 20)))
    lite.move(days=1, hours=1)
    assert lite.suspend(policy=BONUS, version="1.1.0").fallback is None
