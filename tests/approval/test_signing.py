"""Who may not sign, and who decides who must; each refusal with its sentence."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from policy_service.actor import Role
from policy_service.approval import service as approval
from policy_service.approval.service import (
    ChangeState,
    InvalidState,
    Meaning,
    OperationRejected,
    PermissionDenied,
    StaleChange,
    UnknownChange,
    ValidationFailed,
)
from tests.approval.world import (
    ADMINISTRATOR,
    ANN,
    BEN,
    BOTH,
    COMPLIANCE,
    FINANCE,
    MACHINE,
    SALES,
    SIGN_OFF,
    TIER,
    WRITING_DIRECTOR,
    World,
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


def test_the_author_does_not_sign(made: World) -> None:
    change = made.submit(made.create(NEXT, by=WRITING_DIRECTOR), WRITING_DIRECTOR)
    with pytest.raises(PermissionDenied, match="You wrote this change, so another person must sign it"):
        made.sign(change, WRITING_DIRECTOR, Role.SALES_DIRECTOR)


def test_whoever_edited_does_not_sign(made: World) -> None:
    change = made.edit(made.create(NEXT), tier("1.1.0", 300), by=WRITING_DIRECTOR)
    change = made.submit(made.edit(change, NEXT))
    with pytest.raises(PermissionDenied, match="You edited this change, so another person must sign it"):
        made.sign(change, WRITING_DIRECTOR, Role.SALES_DIRECTOR)


def test_whoever_wrote_the_text_in_another_draft_does_not_sign(made: World) -> None:
    made.create(NEXT, by=WRITING_DIRECTOR)
    change = made.submit(made.create(NEXT))
    with pytest.raises(
        PermissionDenied, match="You wrote or submitted a text that decides the same, in another change"
    ):
        made.sign(change, WRITING_DIRECTOR, Role.SALES_DIRECTOR)


def test_nobody_signs_twice_not_even_in_two_roles(made: World) -> None:
    change = made.sign(made.submit(made.create(NEXT)), BOTH, Role.SALES_DIRECTOR)
    for role in (Role.SALES_DIRECTOR, Role.COMPLIANCE):
        with pytest.raises(
            PermissionDenied, match="You already signed this change; every signature must be another person's"
        ):
            made.sign(change, BOTH, role)


def test_a_role_signs_once(made: World) -> None:
    change = made.sign(made.submit(made.create(NEXT)), BOTH, Role.SALES_DIRECTOR)
    with pytest.raises(PermissionDenied, match="Both signed for the sales director already"):
        made.sign(change, SALES)


def test_only_a_role_that_is_owed_signs(made: World) -> None:
    change = made.submit(made.create(NEXT))
    with pytest.raises(PermissionDenied, match="The signature of the finance director is not required"):
        made.sign(change, FINANCE)


def test_only_a_role_that_one_holds_is_signed_in(made: World) -> None:
    change = made.submit(made.create(NEXT))
    with pytest.raises(PermissionDenied, match="You do not hold the role of compliance, so you cannot sign in it"):
        made.sign(change, SALES, Role.COMPLIANCE)
    with pytest.raises(PermissionDenied, match="Say in which role you sign"):
        made.sign(change, SALES, Role.AUTHOR)


def test_an_administrator_does_not_sign_by_being_one(made: World) -> None:
    change = made.submit(made.create(NEXT))
    with pytest.raises(PermissionDenied, match="being an administrator is not enough"):
        made.sign(change, ADMINISTRATOR, Role.COMPLIANCE)


def test_a_machine_does_not_sign(made: World) -> None:
    change = made.submit(made.create(NEXT))
    with pytest.raises(PermissionDenied, match="by a person, not by a machine"):
        made.sign(change, MACHINE, Role.COMPLIANCE)


def test_nobody_signs_without_confirming_who_they_are(made: World) -> None:
    change = made.submit(made.create(NEXT))
    with pytest.raises(PermissionDenied, match="Confirm again who you are"):
        made.sign(change, SALES, fresh=False)


def test_a_signature_is_on_what_is_submitted_now(made: World) -> None:
    change = made.submit(made.create(NEXT))
    with pytest.raises(StaleChange, match="This change was altered since you read it"):
        made.sign(change, SALES, digest="sha256:other")


def test_a_signature_has_a_meaning_that_fits_and_a_reason(made: World) -> None:
    change = made.submit(made.create(NEXT))
    with pytest.raises(PermissionDenied, match="cannot mean `conforms`"):
        made.sign(change, SALES, meaning=Meaning.CONFORMS)
    with (
        made.database.write(made.clock) as transaction,
        pytest.raises(ValidationFailed, match="The reason must be given"),
    ):
        approval.sign_off(
            transaction,
            made.fresh(SALES),
            change.id,
            role=Role.SALES_DIRECTOR,
            digest=str(change.digest),
            meaning=Meaning.APPROVED,
            reason="",
        )


def test_a_draft_is_not_signed(made: World) -> None:
    with pytest.raises(InvalidState, match="The change cannot be signed: it is still a draft"):
        made.sign(made.create(NEXT), SALES)


@pytest.mark.parametrize("edited", [True, False])
def test_signatures_before_a_change_was_sent_back_do_not_count(made: World, *, edited: bool) -> None:
    change = made.sign(made.submit(made.create(NEXT)), SALES)
    before = change.digest
    change = made.decide("request_changes", change, COMPLIANCE)
    change = made.submit(made.edit(change, tier("1.2.0", 300)) if edited else change)
    assert change.digest != before
    assert change.missing_roles == (Role.SALES_DIRECTOR, Role.COMPLIANCE)


def test_only_those_who_must_sign_or_compliance_send_back_or_reject(made: World) -> None:
    change = made.submit(made.create(NEXT))
    for action in ("request_changes", "reject"):
        with pytest.raises(
            PermissionDenied, match="Only the sales director or compliance may decide about this change"
        ):
            made.decide(action, change, FINANCE)
        with pytest.raises(StaleChange):
            made.decide(action, change, SALES, "1.1")
    assert made.decide("reject", change, SALES).state is ChangeState.REJECTED


def test_only_the_author_withdraws(made: World) -> None:
    change = made.edit(made.create(NEXT), NEXT, by=BEN)
    with pytest.raises(PermissionDenied, match="Only Ann, who began this change, may withdraw it"):
        made.decide("withdraw", change, BEN)
    assert made.decide("withdraw", change, ANN).state is ChangeState.WITHDRAWN


def test_nothing_is_done_to_a_change_that_is_over(made: World) -> None:
    change = made.decide("reject", made.submit(made.create(NEXT)), COMPLIANCE)
    with made.database.write(made.clock) as transaction, pytest.raises(InvalidState, match="it was rejected"):
        approval.comment(transaction, ANN, change.id, "why?")


def test_there_is_no_change_nobody_made(made: World) -> None:
    with pytest.raises(UnknownChange, match="There is no change 'nowhere'"), made.database.read() as session:
        approval.read_change(session, "nowhere")
    draft = made.create(NEXT)
    with made.database.read() as session:
        with pytest.raises(UnknownChange, match="has no report: it is a draft"):
            approval.read_report(session, draft)
        with pytest.raises(UnknownChange, match="No draft holds a text"):
            approval.read_text(session, "sha256:none")


def test_a_change_of_a_domain_nobody_signs_for_is_refused(made: World) -> None:
    text = NEXT.replace(TIER.encode(), b"pricing/discounts")
    with pytest.raises(ValidationFailed, match=rf"{SIGN_OFF} 1.0.0 does not say who signs where domain is `pricing`"):
        made.submit(made.create(text))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("[general_manager, compliance]", "[compliance]", "asks for fewer than two roles for `governance`"),
        ("[general_manager, compliance]", "[]", "names no signers for changes of `governance`"),
    ],
)
def test_a_policy_by_which_one_person_could_sign_alone_is_refused(
    made: World, old: str, new: str, sentence: str
) -> None:
    text = sign_off_text("1.1.0").decode()
    invariants = text[: text.index("\ninvariants:")]
    with pytest.raises(ValidationFailed, match=sentence):
        made.submit(made.create(invariants.replace(old, new).encode()))


def test_a_change_of_who_must_sign_is_signed_by_the_rules_before_it(made: World) -> None:
    change = made.submit(
        made.create(
            sign_off_text("1.1.0", "[sales_director, finance_director]").replace(
                b'always: list contains(signers, "compliance")', b"always: count(signers) >= 1"
            )
        )
    )
    assert change.missing_roles == (Role.GENERAL_MANAGER, Role.COMPLIANCE)
    made.schedule(made.sign_all(change))
    made.move(days=1)
    change = made.submit(made.create(sign_off_text("1.2.0")))
    assert change.missing_roles == (Role.SALES_DIRECTOR, Role.FINANCE_DIRECTOR)


def test_refusals_are_sentences() -> None:
    for kind in (PermissionDenied, InvalidState, StaleChange, UnknownChange):
        assert issubclass(kind, OperationRejected)
    assert str(ValidationFailed(["One.", "Two."])) == "One.\nTwo."


def test_the_service_sends_back_what_is_under_review_and_nothing_else() -> None:
    with world() as made:
        change = made.submit(made.create(tier("1.1.0", 150)))
        for expected in (ChangeState.DRAFT, ChangeState.DRAFT):
            with made.database.write(made.clock) as transaction:
                returned = approval.return_drifted(transaction, change.id, "the population has drifted")
            assert returned.state is expected
        assert [(each.action, each.by.id) for each in made.read(change).actions][-1] == ("request_changes", "service")
        assert len(made.read(change).actions) == 3
