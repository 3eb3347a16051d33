"""Whose signature counts: nobody's who wrote the text, and only while the signer has the account and the role."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from policy_service.actor import Role
from policy_service.approval import service as approval
from policy_service.approval.service import Action, ChangeState, InvalidState, PermissionDenied
from policy_service.approval.signature_lines import signature_lines
from policy_service.tasks import count_tasks
from tests.approval.world import (
    ANN,
    BEN,
    BOTH,
    COMPLIANCE,
    FINANCE,
    SALES,
    TIER,
    WRITING_DIRECTOR,
    World,
    in_force,
    person,
    tier,
    world,
)

NEXT = tier("1.1.0", 200)
SALLY = person("sally", Role.SALES_DIRECTOR)
WROTE = "You wrote or submitted a text that decides the same, in another change"


@pytest.fixture
def made() -> Iterator[World]:
    with world() as one:
        yield one


# ---------------------------------------------------------------------------------------------- who wrote the text


def by_writing_director(made: World) -> None:
    """Puts a text of the writing director in force, and another after it."""
    change = made.submit(made.create(NEXT, by=WRITING_DIRECTOR), WRITING_DIRECTOR)
    made.schedule(made.sign_all(change), WRITING_DIRECTOR)
    made.move(days=1, hours=1)
    in_force(made, "1.2.0")


def test_who_wrote_a_text_does_not_sign_the_rollback_to_it(made: World) -> None:
    by_writing_director(made)
    change = made.submit(made.rollback((TIER, "1.1.0")))
    with pytest.raises(PermissionDenied, match=WROTE):
        made.sign(change, WRITING_DIRECTOR, Role.SALES_DIRECTOR)
    made.schedule(made.sign_all(change))


def test_who_submitted_a_text_that_others_wrote_does_not_sign_the_rollback_to_it(made: World) -> None:
    made.schedule(made.sign_all(made.submit(made.create(NEXT), WRITING_DIRECTOR)))
    made.move(days=1, hours=1)
    in_force(made, "1.2.0")
    change = made.submit(made.rollback((TIER, "1.1.0"), by=BEN), BEN)
    with pytest.raises(PermissionDenied, match=WROTE):
        made.sign(change, WRITING_DIRECTOR, Role.SALES_DIRECTOR)


@pytest.mark.parametrize(
    "other",
    [tier("1.3.0", 200), tier("1.1.0", 200, note="another comment"), tier("1.1.0", 200).replace(b">= 200", b">=200")],
    ids=["another number", "another comment", "another spelling"],
)
def test_who_wrote_the_same_in_other_words_does_not_sign(made: World, other: bytes) -> None:
    made.create(other, by=WRITING_DIRECTOR)
    change = made.submit(made.create(NEXT))
    assert WRITING_DIRECTOR.id in change.frozen_submission.barred
    with pytest.raises(PermissionDenied, match=WROTE):
        made.sign(change, WRITING_DIRECTOR, Role.SALES_DIRECTOR)


def test_who_wrote_something_else_signs(made: World) -> None:
    made.create(tier("1.1.0", 201), by=WRITING_DIRECTOR)
    made.sign(made.submit(made.create(NEXT)), WRITING_DIRECTOR, Role.SALES_DIRECTOR)


def test_it_is_asked_again_at_signing(made: World) -> None:
    change = made.submit(made.create(NEXT))
    made.create(tier("1.9.0", 200), by=WRITING_DIRECTOR)
    assert WRITING_DIRECTOR.id not in change.frozen_submission.barred
    with pytest.raises(PermissionDenied, match=WROTE):
        made.sign(change, WRITING_DIRECTOR, Role.SALES_DIRECTOR)


def test_it_is_asked_again_at_scheduling(made: World) -> None:
    change = made.sign(made.submit(made.create(NEXT)), WRITING_DIRECTOR, Role.SALES_DIRECTOR)
    change = made.sign(change, COMPLIANCE)
    assert change.state is ChangeState.SIGNED_OFF
    made.create(tier("1.9.0", 200), by=WRITING_DIRECTOR)
    with pytest.raises(InvalidState, match=r"cannot be scheduled: .* Writing wrote a text that decides the same\."):
        made.schedule(change)
    change = made.read(change)
    assert (change.state, change.missing_roles) == (ChangeState.SUBMITTED, (Role.SALES_DIRECTOR,))
    made.schedule(made.sign(change, SALES))
    assert made.read(change).state is ChangeState.SCHEDULED


def test_a_text_that_is_no_policy_bars_nobody(made: World) -> None:
    made.create(b"no policy", by=WRITING_DIRECTOR)
    made.sign(made.submit(made.create(NEXT)), WRITING_DIRECTOR, Role.SALES_DIRECTOR)


# ------------------------------------------------------------------------------------------ the account and the role


def signed_by_sales(made: World) -> approval.Change:
    """A change that the sales director and compliance have signed."""
    return made.sign(made.sign(made.submit(made.create(NEXT)), SALES), COMPLIANCE)


def test_a_signature_of_a_disabled_account_is_marked_and_owed_again(made: World) -> None:
    change = signed_by_sales(made)
    made.dismiss(SALES)
    with pytest.raises(InvalidState, match="Sales no longer has an enabled account"):
        made.schedule(change)
    marked = made.read(change)
    assert (marked.state, marked.missing_roles) == (ChangeState.SUBMITTED, (Role.SALES_DIRECTOR,))
    assert [*marked.void.values()] == ["Sales no longer has an enabled account."]
    assert marked.to_dict()["void"] == {"3": "Sales no longer has an enabled account."}
    assert len(marked.signatures) == 2
    again = made.sign(marked, SALLY)
    assert (again.state, again.missing_roles) == (ChangeState.SIGNED_OFF, ())
    scheduled = made.schedule(again)
    assert (scheduled.state, made.read(scheduled).void) == (ChangeState.SCHEDULED, {})


def test_a_signature_in_a_role_that_was_taken_away_is_owed_again(made: World) -> None:
    change = signed_by_sales(made)
    made.employ(SALES, Role.FINANCE_DIRECTOR)
    with pytest.raises(InvalidState, match="Sales no longer holds the role of the sales director"):
        made.schedule(change)
    made.employ(SALES, Role.SALES_DIRECTOR)
    assert made.read(change).state is ChangeState.SIGNED_OFF
    made.schedule(made.read(change))


def test_a_role_that_waits_for_somebody_to_attest_counts_as_not_held(made: World) -> None:
    change = signed_by_sales(made)
    made.withdraw_attestation(SALES)
    assert made.read(change).missing_roles == (Role.SALES_DIRECTOR,)


def test_each_role_has_a_line_and_a_signature_that_does_not_count_one_of_its_own(made: World) -> None:
    assert signature_lines(made.create(tier("1.3.0", 300))) == ()
    change = signed_by_sales(made)
    roles = change.frozen_submission.roles
    assert [(line.role, line.counts) for line in signature_lines(change)] == [(role, True) for role in roles]
    made.dismiss(SALES)
    lines = [line for line in signature_lines(made.read(change)) if line.role is Role.SALES_DIRECTOR]
    assert [(line.signature is not None, line.counts) for line in lines] == [(True, False), (False, False)]
    assert "Sales" in str(lines[0].void_reason)


def test_with_the_role_given_back_after_another_signed_both_signatures_stand(made: World) -> None:
    change = signed_by_sales(made)
    made.dismiss(SALES)
    change = made.sign(made.read(change), SALLY)
    made.engage(SALES)
    change = made.read(change)
    assert (change.state, change.void, len(change.signatures)) == (ChangeState.SIGNED_OFF, {}, 3)
    made.schedule(change)


def test_whoever_signed_does_not_sign_again_in_the_place_of_another(made: World) -> None:
    change = made.sign(made.sign(made.submit(made.create(NEXT)), BOTH, Role.COMPLIANCE), SALES)
    made.dismiss(SALES)
    with pytest.raises(PermissionDenied, match="You already signed this change"):
        made.sign(made.read(change), BOTH, Role.SALES_DIRECTOR)


def test_a_change_that_is_owed_again_waits_for_those_who_may_sign_it(made: World) -> None:
    change = signed_by_sales(made)
    made.dismiss(SALES)
    with made.database.read() as session:
        assert [each.id for each in approval.awaiting_signature(session, SALLY, made.now).items] == [change.id]
        assert (count_tasks(session, SALLY, made.now), count_tasks(session, FINANCE, made.now)) == ({"change": 1}, {})
        assert count_tasks(session, SALLY, change.draft.effective.start) == {}
        assert approval.count_by_state(session)[ChangeState.SUBMITTED] == 1
        assert (
            approval.list_changes(session, approval.ChangeFilter(states=frozenset({ChangeState.SIGNED_OFF}))).items
            == ()
        )


# ----------------------------------------------------------------------------------------------- a day that has passed


def test_a_change_whose_day_has_passed_is_not_signed(made: World) -> None:
    change = made.sign(made.submit(made.create(NEXT, start=made.now + timedelta(seconds=3))), SALES)
    made.move(seconds=4)
    with pytest.raises(InvalidState, match=r"The day that was asked for, 2026-11-20T\S+, has passed"):
        made.sign(change, COMPLIANCE)
    with made.database.read() as session:
        assert approval.awaiting_signature(session, COMPLIANCE, made.now).items == ()
    verdict = approval.change_permissions(change, COMPLIANCE, made.now)[Action.SIGN_OFF]
    assert "It needs another day" in str(verdict.denied_reason)


def test_its_author_takes_it_back_gives_it_another_day_and_keeps_its_texts(made: World) -> None:
    change = made.submit(made.create(NEXT, start=made.now + timedelta(seconds=3)))
    made.move(seconds=4)
    with pytest.raises(PermissionDenied, match="Only the sales director or compliance may decide about this change"):
        made.decide("request_changes", change, BEN)
    draft = made.decide("request_changes", change, ANN)
    assert (draft.state, draft.draft.texts) == (ChangeState.DRAFT, change.draft.texts)
    again = made.submit(made.edit(draft, NEXT, start=made.now + timedelta(days=1)))
    assert again.frozen_submission.versions == change.frozen_submission.versions
    made.schedule(made.sign_all(again))


def test_an_author_may_not_reject_what_they_wrote(made: World) -> None:
    with pytest.raises(PermissionDenied):
        made.decide("reject", made.submit(made.create(NEXT)), ANN)


def test_finance_neither_owes_nor_sends_back_a_change_of_tiering(made: World) -> None:
    with pytest.raises(PermissionDenied):
        made.decide("request_changes", made.submit(made.create(NEXT)), FINANCE)
