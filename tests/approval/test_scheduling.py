"""What is not scheduled, not cancelled, not rolled back; each refusal with its sentence."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from policy_service.approval.service import ChangeState, InvalidState, PermissionDenied, ValidationFailed
from tests.approval.world import (
    ANN,
    BEN,
    BONUS,
    DAY,
    SALES,
    TIER,
    World,
    bonus,
    in_force,
    sign_off_text,
    tier,
    world,
)

NEXT = tier("1.1.0", 200)


@pytest.fixture
def made() -> Iterator[World]:
    with world() as one:
        yield one


def sentences(refused: pytest.ExceptionInfo[ValidationFailed]) -> str:
    return "\n".join(refused.value.messages)


def test_a_change_without_all_signatures_is_not_scheduled(made: World) -> None:
    change = made.sign(made.submit(made.create(NEXT)), SALES)
    with pytest.raises(InvalidState, match="is not signed by all required signers"):
        made.schedule(change)


def test_a_change_is_not_scheduled_in_the_past(made: World) -> None:
    change = made.signed(NEXT)
    made.move(days=1)
    with pytest.raises(InvalidState, match=r"The day that was signed, 2026-11-21T02:00:00.000000Z, has passed"):
        made.schedule(change)


def test_a_change_is_not_scheduled_when_another_version_is_in_force_than_it_was_compared_with(made: World) -> None:
    change = made.signed(NEXT, start=made.now + 3 * DAY)
    made.schedule(made.signed(tier("1.2.0", 300)))
    with pytest.raises(InvalidState, match=rf"compared with other versions .*{TIER}: was 1.0.0, would now be 1.2.0"):
        made.schedule(change)


def test_a_change_is_not_scheduled_when_a_new_policy_came_beside_it(made: World) -> None:
    change = made.signed(NEXT, start=made.now + 3 * DAY)
    other = bonus("1.0.0").replace(BONUS.encode(), b"rewards/other")
    made.schedule(made.signed(other))
    with pytest.raises(InvalidState, match=r"rewards/other: was nothing, would now be 1.0.0"):
        made.schedule(change)


def test_a_change_is_not_scheduled_when_who_must_sign_has_changed(made: World) -> None:
    change = made.signed(NEXT, start=made.now + 3 * DAY)
    made.schedule(made.signed(sign_off_text("1.1.0", "[general_manager, finance_director, compliance]")))
    assert made.read(change).state is ChangeState.SIGNED_OFF
    made.move(days=1)
    with pytest.raises(InvalidState, match="decided by a policy that is no longer in force"):
        made.schedule(change)


def test_two_versions_are_not_scheduled_for_the_same_instant(made: World) -> None:
    first = made.signed(NEXT, start=made.now + DAY)
    made.import_(tier("1.5.0", 500), at=made.now + DAY)
    with pytest.raises(InvalidState, match=rf"{TIER} 1.5.0 is scheduled for the same instant already"):
        made.schedule(first)


def test_a_change_is_not_scheduled_under_another_that_was_compared_without_it(made: World) -> None:
    late = made.signed(tier("1.1.0", 200), start=made.now + 3 * DAY, title="the later one")
    early = made.signed(tier("1.2.0", 300), start=made.now + DAY)
    late = made.schedule(late)
    with pytest.raises(InvalidState, match=r"“the later one”, scheduled from .*: cancel that change first"):
        made.schedule(early)
    made.cancel(late)
    assert made.schedule(early).state is ChangeState.SCHEDULED


def test_only_the_author_or_a_signer_schedules(made: World) -> None:
    change = made.signed(NEXT)
    with pytest.raises(PermissionDenied, match="Only the author or a signer may schedule this change"):
        made.schedule(change, BEN)
    assert made.schedule(change, SALES).state is ChangeState.SCHEDULED


def test_a_scheduled_change_is_cancelled_before_its_day_only(made: World) -> None:
    change = made.schedule(made.signed(NEXT))
    made.move(days=1)
    with pytest.raises(PermissionDenied, match="The change has taken effect already"):
        made.cancel(change)


def test_a_cancelled_change_never_takes_effect(made: World) -> None:
    change = made.cancel(made.schedule(made.signed(NEXT)))
    assert change.state is ChangeState.CANCELLED
    made.move(days=2)
    assert made.version() == "1.0.0"


def test_a_change_that_another_was_compared_with_is_not_cancelled(made: World) -> None:
    first = made.schedule(made.signed(NEXT))
    made.schedule(made.signed(tier("1.2.0", 300), start=made.now + 2 * DAY, title="built on it"))
    with pytest.raises(InvalidState, match=r"“built on it”, scheduled from .*: cancel that change first"):
        made.cancel(first)


def test_a_change_whose_going_would_leave_others_unfit_is_not_cancelled(made: World) -> None:
    words = "[big, middling, small]"
    first = made.schedule(made.signed(bonus("1.1.0", of=words)))
    made.schedule(made.signed(tier("1.1.0", words=words), start=made.now + 2 * DAY))
    with pytest.raises(InvalidState, match=rf"{BONUS}/1.0.0 would not fit"):
        made.cancel(first)


def test_a_rollback_goes_to_versions_that_were_in_force_and_tells_all_that_were_not(made: World) -> None:
    made.decide("withdraw", made.submit(made.create(NEXT)), ANN)
    with pytest.raises(ValidationFailed) as refused:
        made.rollback((TIER, "1.1.0"), (TIER, "7.0.0"))
    assert refused.value.messages == (
        f"{TIER} 1.1.0 was never in force, so there is no going back to it: submit it as a change.",
        f"There is no version 7.0.0 of {TIER}.",
    )


def test_a_rollback_to_what_is_in_force_changes_nothing(made: World) -> None:
    with pytest.raises(ValidationFailed, match="there is nothing to change"):
        made.submit(made.rollback((TIER, "1.0.0")))


def test_a_rollback_is_edited_by_its_versions_and_a_change_by_its_texts(made: World) -> None:
    in_force(made, "1.1.0")
    rollback, change = made.rollback((TIER, "1.0.0")), made.create(NEXT)
    assert made.edit(rollback, versions=[(TIER, "1.1.0")]).draft.versions[0].version == "1.1.0"
    for draft, texts, versions in ((made.read(rollback), (NEXT,), ()), (change, (), ((TIER, "1.0.0"),))):
        with pytest.raises(
            ValidationFailed, match="A change holds the texts of new versions, a rollback names versions"
        ):
            made.edit(draft, *texts, versions=versions)
