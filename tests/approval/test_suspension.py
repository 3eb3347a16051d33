"""Emergency suspension: at once, by one director; for a while; and never a way around the signatures."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from policy_service.actor import Role
from policy_service.approval import service as approval
from policy_service.approval.service import (
    RATIFIED_LENGTH,
    SUSPENSION_LENGTH,
    InvalidState,
    PermissionDenied,
    UnknownChange,
    ValidationFailed,
)
from tests.approval.world import (
    ADMINISTRATOR,
    ANN,
    BONUS,
    COMPLIANCE,
    DAY,
    GENERAL,
    MACHINE,
    SALES,
    SIGN_OFF,
    TIER,
    WRITING_DIRECTOR,
    World,
    bonus,
    in_force,
    sign_off_text,
    tier,
    world,
)

HOUR = timedelta(hours=1)


@pytest.fixture
def made() -> Iterator[World]:
    with world(furnish=one_more_in_force) as one:
        yield one


def one_more_in_force(made: World) -> None:
    in_force(made, "1.1.0")


def test_what_was_in_force_before_is_not_rewritten(made: World) -> None:
    before = made.now - timedelta(minutes=1)
    made.suspend()
    assert made.version(at=before) == "1.1.0"


def test_only_a_director_suspends(made: World) -> None:
    for actor, role in (
        (COMPLIANCE, Role.COMPLIANCE),
        (ANN, Role.SALES_DIRECTOR),
        (ADMINISTRATOR, Role.SALES_DIRECTOR),
    ):
        with pytest.raises(
            PermissionDenied, match="A policy is suspended by the sales director or the finance director or"
        ):
            made.suspend(actor, role)
    with pytest.raises(PermissionDenied, match="by a person, not by a machine"):
        made.suspend(MACHINE)
    with pytest.raises(PermissionDenied, match="Say in which role you sign"):
        made.suspend(SALES, Role.COMPLIANCE)
    with pytest.raises(PermissionDenied, match="You do not hold the role of the general manager"):
        made.suspend(SALES, Role.GENERAL_MANAGER)


def test_a_suspension_needs_a_fresh_confirmation_and_a_reason(made: World) -> None:
    with pytest.raises(PermissionDenied, match="Confirm again who you are"):
        made.suspend(fresh=False)
    with pytest.raises(ValidationFailed, match="The reason must be given"):
        made.suspend(reason=" ")


def test_who_must_sign_is_not_suspended(made: World) -> None:
    made.schedule(made.signed(sign_off_text("1.1.0")))
    made.move(days=1)
    with pytest.raises(PermissionDenied, match="Who must sign cannot be suspended: that takes a signed change"):
        made.suspend(GENERAL, Role.GENERAL_MANAGER, policy=SIGN_OFF)


def test_a_first_version_is_stopped_since_it_has_nothing_to_fall_back_to(made: World) -> None:
    suspension = made.suspend(policy=BONUS, version="1.0.0")
    assert (suspension.fallback, suspension.fallback_digest) == (None, None)
    assert suspension.to_dict()["fallback"] is None
    assert made.active(BONUS).is_stop
    assert made.active(BONUS).reason == "it misjudges everybody"
    made.ratify(suspension)
    made.move(days=20)
    assert made.active(BONUS).is_stop
    made.end(suspension)
    assert (made.active(BONUS).is_stop, made.version(BONUS)) == (False, "1.0.0")
    assert made.active(BONUS, at=made.now - HOUR).is_stop


def test_a_stop_ends_by_itself(made: World) -> None:
    made.suspend(policy=BONUS, version="1.0.0")
    made.move(hours=71)
    assert made.active(BONUS).is_stop
    made.move(hours=1)
    assert not made.active(BONUS).is_stop


def test_a_change_that_begins_ends_a_stop(made: World) -> None:
    made.schedule(made.signed(bonus("1.1.0", 20)))
    made.suspend(policy=BONUS, version="1.0.0")
    made.move(days=1)
    assert (made.active(BONUS).is_stop, made.version(BONUS)) == (False, "1.1.0")


def test_only_what_is_in_force_is_suspended(made: World) -> None:
    with pytest.raises(InvalidState, match="No version of tiering/other is in force"):
        made.suspend(policy="tiering/other")
    with pytest.raises(InvalidState, match=f"{TIER} 1.1.0 is in force, not 1.0.0: read it again"):
        made.suspend(version="1.0.0")
    made.suspend()
    assert made.suspend(GENERAL, Role.GENERAL_MANAGER, version="1.0.0").fallback is None
    with pytest.raises(InvalidState, match=f"{TIER} is suspended already; no version applies"):
        made.suspend(version="1.0.0")


def test_a_version_that_would_leave_others_unfit_is_not_fallen_back_to(made: World) -> None:
    words = "[big, middling, small]"
    made.schedule(made.signed(bonus("1.1.0", of=words)))
    made.move(days=2)
    made.schedule(made.signed(tier("1.2.0", words=words)))
    made.move(days=2)
    assert made.suspend(policy=BONUS).fallback is None


def test_a_suspension_that_nobody_ratified_is_not_repeated_by_the_same_person(made: World) -> None:
    made.suspend()
    made.move(hours=73)
    assert made.version() == "1.1.0"
    with pytest.raises(PermissionDenied, match="You suspended this version before and nobody ratified it"):
        made.suspend()
    assert made.suspend(GENERAL, Role.GENERAL_MANAGER).fallback == "1.0.0"
    made.move(days=40)
    assert made.suspend().fallback == "1.0.0"


def test_a_suspension_is_ratified_by_somebody_else_once_and_while_it_lasts(made: World) -> None:
    suspension = made.suspend()
    with pytest.raises(PermissionDenied, match="You suspended it, so another person must ratify it"):
        made.ratify(suspension, SALES, Role.SALES_DIRECTOR)
    with pytest.raises(PermissionDenied, match="A suspension is ratified by"):
        made.ratify(suspension, ANN, Role.COMPLIANCE)
    with pytest.raises(PermissionDenied, match="Confirm again who you are"):
        made.ratify(suspension, fresh=False)
    made.ratify(suspension)
    with pytest.raises(InvalidState, match="Compliance ratified the suspension already"):
        made.ratify(suspension, GENERAL, Role.GENERAL_MANAGER)


def test_a_suspension_that_is_over_is_neither_ratified_nor_ended(made: World) -> None:
    suspension = made.suspend()
    made.move(hours=72)
    for act in (made.ratify, made.end):
        with pytest.raises(InvalidState, match="The suspension is over"):
            act(suspension)


def test_a_suspension_that_would_leave_a_later_change_unfit_is_not_ratified(made: World) -> None:
    words = "[big, middling, small]"
    made.schedule(made.signed(bonus("1.1.0", of=words)))
    made.move(days=2)
    made.schedule(made.signed(tier("1.2.0", words=words)))
    made.move(days=2)
    made.schedule(made.signed(tier("1.3.0", 300)))
    made.move(days=2)
    suspension = made.suspend(version="1.3.0")
    assert made.version() == "1.2.0"
    later = made.schedule(made.signed(bonus("1.2.0"), start=made.now + SUSPENSION_LENGTH + DAY))
    with pytest.raises(InvalidState, match=rf"{BONUS}/1.2.0 would not fit"):
        made.ratify(suspension)
    made.cancel(later)
    made.ratify(suspension)
    made.move(days=20)
    assert made.version() == "1.2.0"


def test_there_is_no_suspension_nobody_made(made: World) -> None:
    with made.database.read() as session, pytest.raises(UnknownChange, match="There is no suspension 'nowhere'"):
        approval.read_suspension(session, "nowhere")


def test_a_change_that_begins_meanwhile_ends_the_fallback_also_when_it_is_ratified_later(made: World) -> None:
    made.schedule(made.signed(tier("1.2.0", 300)))
    suspension = made.suspend()
    made.move(days=1)
    assert made.version() == "1.2.0"
    made.ratify(suspension)
    assert made.version() == "1.2.0"
    made.end(suspension)
    assert made.version() == "1.2.0"


def test_a_second_suspension_does_not_fall_back_to_what_is_suspended(made: World) -> None:
    made.schedule(made.signed(tier("1.2.0", 300)))
    first = made.suspend()
    made.move(days=1)
    second = made.suspend(GENERAL, Role.GENERAL_MANAGER, version="1.2.0")
    assert second.fallback == "1.0.0"
    made.end(first)
    assert made.version() == "1.0.0"
    made.end(second)
    assert made.version() == "1.2.0"


def test_a_fallback_is_another_version_than_the_suspended_one(made: World) -> None:
    in_force(made, "1.2.0")
    made.schedule(made.sign_all(made.submit(made.rollback((TIER, "1.1.0")))))
    made.move(days=1)
    assert made.suspend().fallback == "1.0.0", "1.2.0 was rolled back"
    made.move(days=40)
    other = made.create(tier("1.3.0", 300), until=made.now + 2 * DAY)
    made.schedule(made.sign_all(made.submit(other)))
    made.move(days=3)
    assert made.suspend(GENERAL, Role.GENERAL_MANAGER).fallback == "1.0.0"


def test_what_was_rolled_back_is_not_fallen_back_to_until_it_is_put_in_force_again(made: World) -> None:
    in_force(made, "1.2.0", "1.3.0")
    made.schedule(made.sign_all(made.submit(made.rollback((TIER, "1.1.0")))))
    made.move(days=1, hours=1)
    in_force(made, "1.4.0")
    first = made.suspend(version="1.4.0")
    assert first.fallback == "1.1.0"
    assert made.suspend(GENERAL, Role.GENERAL_MANAGER, version="1.1.0").fallback == "1.0.0"
    made.move(days=31)
    made.schedule(made.sign_all(made.submit(made.rollback((TIER, "1.3.0")))))
    made.move(days=1, hours=1)
    in_force(made, "1.5.0")
    assert made.suspend(version="1.5.0").fallback == "1.3.0"


def test_what_was_suspended_since_is_not_fallen_back_to(made: World) -> None:
    in_force(made, "1.2.0")
    made.end(made.suspend(version="1.2.0"))
    in_force(made, "1.3.0")
    assert made.suspend(version="1.3.0").fallback == "1.1.0"


def test_a_version_that_means_what_was_suspended_is_not_fallen_back_to(made: World) -> None:
    made.schedule(made.signed(tier("1.2.0", 300, note="new")))
    made.move(days=1, hours=1)
    made.schedule(made.signed(tier("1.3.0", 300, note="the same in other words")))
    made.move(days=1, hours=1)
    assert made.suspend(version="1.3.0").fallback == "1.1.0"


def test_a_director_does_not_fall_back_to_a_text_of_their_own(made: World) -> None:
    mine = made.submit(made.create(tier("1.2.0", 300), by=WRITING_DIRECTOR), WRITING_DIRECTOR)
    made.schedule(made.sign_all(mine), WRITING_DIRECTOR)
    made.move(days=1, hours=1)
    in_force(made, "1.3.0")
    with made.database.read() as session:
        others = approval.preview_suspension(session, SALES, TIER, None, made.now)
    assert others.fallback is not None
    assert others.fallback.version == "1.2.0"
    assert made.suspend(WRITING_DIRECTOR, Role.SALES_DIRECTOR, version="1.3.0").fallback == "1.1.0"


def test_nor_to_a_text_that_means_the_same_and_was_drafted_by_them_in_another_change(made: World) -> None:
    in_force(made, "1.2.0", "1.3.0")
    made.create(tier("9.9.9", 220, note="220 is the limit of 1.2.0"), by=WRITING_DIRECTOR)
    assert made.suspend(WRITING_DIRECTOR, Role.SALES_DIRECTOR, version="1.3.0").fallback == "1.1.0"


def test_a_version_goes_on_after_an_early_end_no_longer_than_it_would_have(made: World) -> None:
    made.schedule(made.signed(tier("1.2.0", 300), until=made.now + 2 * DAY))
    made.move(days=1)
    suspension = made.suspend(version="1.2.0")
    made.move(hours=1)
    made.end(suspension)
    assert made.version() == "1.2.0"
    made.move(days=1)
    assert made.version() == "1.1.0"


def test_when_nothing_would_be_in_force_without_it_nothing_is_once_it_is_ended(made: World) -> None:
    new = "tiering/new"
    texts = (tier("1.0.0", 300), tier("1.1.0", 400))
    first, second = (text.replace(TIER.encode(), new.encode()) for text in texts)
    made.schedule(made.signed(first, until=made.now + 2 * DAY))
    made.schedule(made.signed(second, start=made.now + 2 * DAY, until=made.now + 3 * DAY))
    made.move(days=2, hours=12)
    suspension = made.suspend(policy=new)
    made.move(days=1)
    assert made.version(new) == "1.0.0"
    made.end(suspension)
    assert made.version(new) is None
    assert made.version(new, at=made.now - HOUR) == "1.0.0"


def test_an_ended_suspension_never_comes_back(made: World) -> None:
    for actor in (SALES, GENERAL):
        suspension = made.suspend(actor, next(iter(actor.roles)))
        made.move(hours=1)
        made.end(suspension)
        assert made.version() == "1.1.0"
    for hours in range(80):
        assert made.version(at=made.now + hours * HOUR) == "1.1.0"


def test_a_change_scheduled_after_an_early_end_takes_effect(made: World) -> None:
    bounded = made.signed(tier("1.2.0", 300), until=made.now + 2 * DAY)
    made.schedule(bounded)
    made.move(days=1)
    suspension = made.suspend(version="1.2.0")
    made.end(suspension)
    made.schedule(made.signed(tier("1.3.0", 400), start=made.now + HOUR))
    for hours in (1, 23, 25, 100):
        assert made.version(at=made.now + hours * HOUR) == "1.3.0"


def test_a_suspension_as_json_tells_all_of_it(made: World) -> None:
    suspension = made.suspend()
    result = made.ratify(suspension).to_dict()
    assert (result["version"], result["fallback"], result["ended"]) == ("1.1.0", "1.0.0", None)
    assert result["signed"]["until"] == "2026-11-24T03:00:00.000000Z"
    assert result["until"] == result["ratified"]["until"] == "2026-12-21T03:00:00.000000Z"
    ended = made.end(suspension).to_dict()
    assert ended["ended"]["reason"] == "mended"
    assert ended["until"] == ended["ended"]["at"]
    with made.database.read() as session:
        assert [each.id for each in approval.read_suspensions(session)] == [suspension.id]
        assert approval.read_suspensions(session, BONUS) == []
    assert (timedelta(hours=72), timedelta(days=30)) == (SUSPENSION_LENGTH, RATIFIED_LENGTH)
