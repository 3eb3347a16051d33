"""What a change is refused, each with its sentence; and that nothing is left behind."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest

from policy_service.actor import Role
from policy_service.approval import service as approval
from policy_service.approval.service import Forbidden, Meaning, OutOfState, Refused, Stale, State, Unfit, UnknownChange
from policy_service.registry.model import Period
from tests.approval.world import (
    ADMINISTRATOR,
    ANN,
    BEN,
    BONUS,
    BOTH,
    COMPLIANCE,
    DAY,
    FINANCE,
    MACHINE,
    SALES,
    SIGN_OFF,
    SIGNERS,
    TIER,
    WRITING_DIRECTOR,
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


def sentences(refused: pytest.ExceptionInfo[Unfit]) -> str:
    return "\n".join(refused.value.sentences)


# -------------------------------------------------------------------------------------------------- submitting


def test_a_file_with_faults_is_not_submitted_and_all_faults_are_told(made: World) -> None:
    change = made.create(tier("1.1.0", words="[small]"), b"nonsense")
    with made.database.read() as session:
        checked = approval.check_draft(session, change.id, SIGNERS, made.now)
        with pytest.raises(Unfit) as refused:
            approval.prepare_submission(session, change.id, SIGNERS, made.now)
    assert checked.problems == refused.value.sentences
    assert "unknown-choice" in sentences(refused)
    assert [entry["text"] for entry in checked.to_dict()["diagnostics"]] == list(change.draft.texts)
    assert checked.report is None


def test_a_change_whose_example_fails_is_not_submitted(made: World) -> None:
    change = made.create(bonus("1.1.0", 20, expected=30))
    with pytest.raises(Unfit, match="examples do not come out as written; big: expected") as refused:
        made.submit(change)
    assert refused.value.report is not None


def test_a_change_that_does_not_fit_the_policies_in_force_is_not_submitted(made: World) -> None:
    with pytest.raises(Unfit, match=rf"From .* UTC {BONUS}/1.0.0 would not fit"):
        made.submit(made.create(tier("1.1.0", words="[big, middling, small]")))


def test_versions_that_fit_together_are_submitted_together(made: World) -> None:
    words = "[big, middling, small]"
    change = made.submit(made.create(tier("1.1.0", words=words), bonus("1.1.0", of=words)))
    assert change.owed == (Role.SALES_DIRECTOR, Role.FINANCE_DIRECTOR, Role.GENERAL_MANAGER, Role.COMPLIANCE)


def test_a_change_that_would_not_fit_at_some_later_instant_is_not_submitted(made: World) -> None:
    words, end = "[big, middling, small]", made.now + 4 * DAY
    made.schedule(made.signed(bonus("1.1.0", of=words), until=end))
    with pytest.raises(Unfit, match=rf"From {end:%Y-%m-%d %H:%M} UTC {BONUS}/1.0.0 would not fit"):
        made.submit(made.create(tier("1.1.0", words=words), start=made.now + 2 * DAY))


def test_a_version_is_submitted_with_a_higher_number_only(made: World) -> None:
    with pytest.raises(Unfit, match=rf"{TIER} 0.9.0 needs a number above 1.0.0, the highest that was submitted"):
        made.submit(made.create(tier("0.9.0", 200)))


def test_a_number_names_one_text_for_ever(made: World) -> None:
    made.decide("withdraw", made.submit(made.create(NEXT)), ANN)
    with pytest.raises(Unfit, match=rf"{TIER} 1.1.0 was submitted before with another text, which is never edited"):
        made.submit(made.create(tier("1.1.0", 201)))
    assert made.submit(made.create(NEXT)).state is State.SUBMITTED


def test_a_version_that_was_in_force_before_comes_back_by_rollback_only(made: World) -> None:
    in_force(made, "1.1.0")
    with pytest.raises(Unfit, match=rf"{TIER} 1.0.0 was put in force before: to return to it, roll back"):
        made.submit(made.create(tier("1.0.0")))


def test_a_change_that_changes_nothing_is_not_submitted(made: World) -> None:
    with pytest.raises(Unfit, match=rf"{TIER} 1.0.0 is in force then anyway: there is nothing to change"):
        made.submit(made.create(tier("1.0.0")))


def test_a_change_without_versions_is_not_submitted(made: World) -> None:
    with pytest.raises(Unfit, match="The change holds no version of any policy"):
        made.submit(made.create())


def test_a_change_holds_a_policy_once(made: World) -> None:
    with pytest.raises(Unfit, match=f"The change holds {TIER} twice"):
        made.submit(made.create(tier("1.1.0", 200), tier("1.2.0", 300)))


def test_a_change_does_not_begin_in_the_past(made: World) -> None:
    change = made.create(NEXT, start=made.now)
    with pytest.raises(
        Unfit, match=r"The change asks to be in force from 2026-11-20T02:00:00.000000Z, which has passed"
    ):
        made.submit(change)


def test_two_changes_are_not_open_for_one_policy_and_start(made: World) -> None:
    first = made.submit(made.create(NEXT, title="the first"))
    other = made.create(tier("1.2.0", 300), by=BEN)
    with pytest.raises(Unfit, match=f"Another change, “the first” by Ann, is open for {TIER} from the same instant"):
        made.submit(other, BEN)
    made.decide("reject", first, COMPLIANCE)
    assert made.submit(other, BEN).state is State.SUBMITTED


def test_a_change_that_was_moved_to_another_day_is_no_rival_any_more(made: World) -> None:
    first = made.decide("request_changes", made.submit(made.create(NEXT)), COMPLIANCE)
    made.submit(made.edit(first, NEXT, start=made.now + 5 * DAY))
    assert made.submit(made.create(tier("1.2.0", 300), by=BEN), BEN).state is State.SUBMITTED


def test_a_submission_is_refused_when_the_draft_was_edited_meanwhile(made: World) -> None:
    change = made.create(NEXT)
    with made.database.read() as session:
        prepared = approval.prepare_submission(session, change.id, SIGNERS, made.now, expected=change.etag)
    edited = made.edit(change, tier("1.1.0", 300))
    for expected in (change.etag, edited.etag):
        with made.database.write(made.clock) as transaction, pytest.raises(Stale, match="read it again"):
            approval.submit(transaction, ANN, prepared, expected=expected)
    with made.database.read() as session, pytest.raises(Stale, match="read it again"):
        approval.prepare_submission(session, change.id, SIGNERS, made.now, expected=change.etag)


def test_a_submission_is_refused_when_what_is_in_force_changed_meanwhile(made: World) -> None:
    change = made.create(tier("1.2.0", 300), start=made.now + 2 * DAY)
    with made.database.read() as session:
        prepared = approval.prepare_submission(session, change.id, SIGNERS, made.now)
    made.schedule(made.signed(NEXT))
    with made.database.write(made.clock) as transaction, pytest.raises(Stale, match="submit it again"):
        approval.submit(transaction, ANN, prepared, expected=change.etag)


def test_a_submission_is_refused_when_its_day_passed_meanwhile(made: World) -> None:
    change = made.create(NEXT)
    with made.database.read() as session:
        prepared = approval.prepare_submission(session, change.id, SIGNERS, made.now)
    made.move(days=2)
    with made.database.write(made.clock) as transaction, pytest.raises(Unfit, match="which has passed"):
        approval.submit(transaction, ANN, prepared, expected=change.etag)


def test_a_change_is_submitted_once(made: World) -> None:
    change = made.submit(made.create(NEXT))
    with pytest.raises(OutOfState, match="The change cannot be submitted: it was submitted, which froze it"):
        made.submit(change)


def test_nobody_but_an_author_begins_edits_or_submits(made: World) -> None:
    for actor in (SALES, ADMINISTRATOR, MACHINE):
        with pytest.raises(Forbidden, match="A change is created by"):
            made.create(NEXT, by=actor)
        with pytest.raises(Forbidden, match="A change is created by"):
            made.rollback((TIER, "1.0.0"), by=actor)
    change = made.create(NEXT)
    with pytest.raises(Forbidden, match="A change is edited by an author; you have none of these roles"):
        made.edit(change, NEXT, by=SALES)
    with pytest.raises(Forbidden, match="A change is submitted by an author"):
        made.submit(change, SALES)


# ---------------------------------------------------------------------------------------------------- editing


def test_nothing_is_edited_after_it_was_submitted(made: World) -> None:
    change = made.submit(made.create(NEXT))
    for _ in range(2):
        with pytest.raises(OutOfState, match="The change cannot be edited"):
            made.edit(change, tier("1.1.0", 999))
        change = made.sign_all(change)


def test_an_edit_of_another_state_than_the_one_seen_is_refused(made: World) -> None:
    change = made.create(NEXT)
    made.edit(change, tier("1.1.0", 300))
    with pytest.raises(Stale, match="The change was altered since you read it"):
        made.edit(change, tier("1.1.0", 400))


def test_everything_wrong_with_what_was_written_is_told_at_once(made: World) -> None:
    with made.database.write(made.clock) as transaction, pytest.raises(Unfit) as refused:
        approval.create(
            transaction,
            ANN,
            title=" ",
            reason="x" * 4_001 + "\x00",
            effective=Period(datetime(2200, 1, 1, tzinfo=UTC)),
            texts=[b"x"] * 20 + [b"x" * 2_097_153],
        )
    assert refused.value.sentences == (
        "The title must be given.",
        "The reason has 4,002 characters; at most 4,000 are kept.",
        "The reason holds characters that cannot be read: leave out control characters.",
        "The period must begin and end before 2199-12-31.",
        "A change holds at most 20 versions.",
        "A policy file has at most 2,097,152 bytes.",
    )


def test_a_period_ends_after_it_begins(made: World) -> None:
    for start in (made.now, made.now.replace(tzinfo=None)):
        with pytest.raises(Unfit, match="The period must end after it begins, and both ends need a time zone"):
            approval.period_of(start, made.now)
    assert approval.period_of(made.now, None) == Period(made.now)
    naive = Period(made.now.replace(tzinfo=None))
    with made.database.write(made.clock) as transaction, pytest.raises(Unfit, match="instants with a time zone"):
        approval.create(transaction, ANN, title="t", reason="r", effective=naive)


def test_half_of_a_character_is_no_text(made: World) -> None:
    with pytest.raises(Unfit, match="The title holds characters that cannot be read"):
        made.create(title="\ud800")


# ----------------------------------------------------------------------------------------------------- signing


def test_the_author_does_not_sign(made: World) -> None:
    change = made.submit(made.create(NEXT, by=WRITING_DIRECTOR), WRITING_DIRECTOR)
    with pytest.raises(Forbidden, match="You wrote this change, so someone else must sign it off"):
        made.sign(change, WRITING_DIRECTOR, Role.SALES_DIRECTOR)


def test_whoever_edited_does_not_sign(made: World) -> None:
    change = made.edit(made.create(NEXT), tier("1.1.0", 300), by=WRITING_DIRECTOR)
    change = made.submit(made.edit(change, NEXT))
    with pytest.raises(Forbidden, match="You edited this change, so someone else must sign it off"):
        made.sign(change, WRITING_DIRECTOR, Role.SALES_DIRECTOR)


def test_whoever_wrote_the_text_in_another_draft_does_not_sign(made: World) -> None:
    made.create(NEXT, by=WRITING_DIRECTOR)
    change = made.submit(made.create(NEXT))
    with pytest.raises(Forbidden, match="You wrote a text of this change in another draft"):
        made.sign(change, WRITING_DIRECTOR, Role.SALES_DIRECTOR)


def test_nobody_signs_twice_not_even_in_two_roles(made: World) -> None:
    change = made.sign(made.submit(made.create(NEXT)), BOTH, Role.SALES_DIRECTOR)
    for role in (Role.SALES_DIRECTOR, Role.COMPLIANCE):
        with pytest.raises(Forbidden, match="You signed this change already; every signature must be another person's"):
            made.sign(change, BOTH, role)


def test_a_role_signs_once(made: World) -> None:
    change = made.sign(made.submit(made.create(NEXT)), BOTH, Role.SALES_DIRECTOR)
    with pytest.raises(Forbidden, match="Both signed for the sales director already"):
        made.sign(change, SALES)


def test_only_a_role_that_is_owed_signs(made: World) -> None:
    change = made.submit(made.create(NEXT))
    with pytest.raises(Forbidden, match="The signature of the finance director is not asked for"):
        made.sign(change, FINANCE)


def test_only_a_role_that_one_holds_is_signed_in(made: World) -> None:
    change = made.submit(made.create(NEXT))
    with pytest.raises(Forbidden, match="You do not hold the role of compliance, so you cannot sign in it"):
        made.sign(change, SALES, Role.COMPLIANCE)
    with pytest.raises(Forbidden, match="Say in which role you sign"):
        made.sign(change, SALES, Role.AUTHOR)


def test_an_administrator_does_not_sign_by_being_one(made: World) -> None:
    change = made.submit(made.create(NEXT))
    with pytest.raises(Forbidden, match="being an administrator is not enough"):
        made.sign(change, ADMINISTRATOR, Role.COMPLIANCE)


def test_a_machine_does_not_sign(made: World) -> None:
    change = made.submit(made.create(NEXT))
    with pytest.raises(Forbidden, match="by a person, not by a machine"):
        made.sign(change, MACHINE, Role.COMPLIANCE)


def test_nobody_signs_without_confirming_who_they_are(made: World) -> None:
    change = made.submit(made.create(NEXT))
    with pytest.raises(Forbidden, match="Confirm again who you are"):
        made.sign(change, SALES, fresh=False)


def test_a_signature_is_on_what_is_submitted_now(made: World) -> None:
    change = made.submit(made.create(NEXT))
    with pytest.raises(Stale, match="What you were shown is not what is submitted now"):
        made.sign(change, SALES, digest="sha256:other")


def test_a_signature_has_a_meaning_that_fits_and_a_reason(made: World) -> None:
    change = made.submit(made.create(NEXT))
    with pytest.raises(Forbidden, match="cannot mean `conforms`"):
        made.sign(change, SALES, meaning=Meaning.CONFORMS)
    with made.database.write(made.clock) as transaction, pytest.raises(Unfit, match="The reason must be given"):
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
    with pytest.raises(OutOfState, match="The change cannot be signed: it is still a draft"):
        made.sign(made.create(NEXT), SALES)


@pytest.mark.parametrize("edited", [True, False])
def test_signatures_before_a_change_was_sent_back_do_not_count(made: World, *, edited: bool) -> None:
    change = made.sign(made.submit(made.create(NEXT)), SALES)
    before = change.digest
    change = made.decide("request_changes", change, COMPLIANCE)
    change = made.submit(made.edit(change, tier("1.2.0", 300)) if edited else change)
    assert change.digest != before
    assert change.owed == (Role.SALES_DIRECTOR, Role.COMPLIANCE)


def test_only_those_who_must_sign_or_compliance_send_back_or_reject(made: World) -> None:
    change = made.submit(made.create(NEXT))
    for action in ("request_changes", "reject"):
        with pytest.raises(Forbidden, match="Only the sales director or compliance may decide about this change"):
            made.decide(action, change, FINANCE)
        with pytest.raises(Stale):
            made.decide(action, change, SALES, "1.1")
    assert made.decide("reject", change, SALES).state is State.REJECTED


def test_only_the_author_withdraws(made: World) -> None:
    change = made.edit(made.create(NEXT), NEXT, by=BEN)
    with pytest.raises(Forbidden, match="Only Ann, who began this change, may withdraw it"):
        made.decide("withdraw", change, BEN)
    assert made.decide("withdraw", change, ANN).state is State.WITHDRAWN


def test_nothing_is_done_to_a_change_that_is_over(made: World) -> None:
    change = made.decide("reject", made.submit(made.create(NEXT)), COMPLIANCE)
    with made.database.write(made.clock) as transaction, pytest.raises(OutOfState, match="it was rejected"):
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


# -------------------------------------------------------------------------------------------------- scheduling


def test_a_change_without_all_signatures_is_not_scheduled(made: World) -> None:
    change = made.sign(made.submit(made.create(NEXT)), SALES)
    with pytest.raises(OutOfState, match="is not signed by everybody who must"):
        made.schedule(change)


def test_a_change_is_not_scheduled_in_the_past(made: World) -> None:
    change = made.signed(NEXT)
    made.move(days=1)
    with pytest.raises(OutOfState, match=r"The day that was signed, 2026-11-21T02:00:00.000000Z, has passed"):
        made.schedule(change)


def test_a_change_is_not_scheduled_when_another_version_is_in_force_than_it_was_compared_with(made: World) -> None:
    change = made.signed(NEXT, start=made.now + 3 * DAY)
    made.schedule(made.signed(tier("1.2.0", 300)))
    with pytest.raises(OutOfState, match=rf"compared with other versions .*{TIER}: was 1.0.0, would now be 1.2.0"):
        made.schedule(change)


def test_a_change_is_not_scheduled_when_a_new_policy_came_beside_it(made: World) -> None:
    change = made.signed(NEXT, start=made.now + 3 * DAY)
    other = bonus("1.0.0").replace(BONUS.encode(), b"rewards/other")
    made.schedule(made.signed(other))
    with pytest.raises(OutOfState, match=r"rewards/other: was nothing, would now be 1.0.0"):
        made.schedule(change)


def test_a_change_is_not_scheduled_when_who_must_sign_has_changed(made: World) -> None:
    change = made.signed(NEXT, start=made.now + 3 * DAY)
    made.schedule(made.signed(sign_off_text("1.1.0", "[general_manager, finance_director, compliance]")))
    assert made.read(change).state is State.SIGNED_OFF
    made.move(days=1)
    with pytest.raises(OutOfState, match="decided by a policy that is no longer in force"):
        made.schedule(change)


def test_two_versions_are_not_scheduled_for_the_same_instant(made: World) -> None:
    first = made.signed(NEXT, start=made.now + DAY)
    made.import_(tier("1.5.0", 500), at=made.now + DAY)
    with pytest.raises(OutOfState, match=rf"{TIER} 1.5.0 is scheduled for the same instant already"):
        made.schedule(first)


def test_a_change_is_not_scheduled_under_another_that_was_compared_without_it(made: World) -> None:
    late = made.signed(tier("1.1.0", 200), start=made.now + 3 * DAY, title="the later one")
    early = made.signed(tier("1.2.0", 300), start=made.now + DAY)
    late = made.schedule(late)
    with pytest.raises(OutOfState, match=r"“the later one”, scheduled from .*: cancel that change first"):
        made.schedule(early)
    made.cancel(late)
    assert made.schedule(early).state is State.SCHEDULED


def test_only_the_author_or_a_signer_schedules(made: World) -> None:
    change = made.signed(NEXT)
    with pytest.raises(Forbidden, match="Only its author or somebody who signed it may schedule this change"):
        made.schedule(change, BEN)
    assert made.schedule(change, SALES).state is State.SCHEDULED


def test_a_scheduled_change_is_cancelled_before_its_day_only(made: World) -> None:
    change = made.schedule(made.signed(NEXT))
    made.move(days=1)
    with pytest.raises(Forbidden, match="The change has taken effect already"):
        made.cancel(change)


def test_a_cancelled_change_never_takes_effect(made: World) -> None:
    change = made.cancel(made.schedule(made.signed(NEXT)))
    assert change.state is State.CANCELLED
    made.move(days=2)
    assert made.version() == "1.0.0"


def test_a_change_that_another_was_compared_with_is_not_cancelled(made: World) -> None:
    first = made.schedule(made.signed(NEXT))
    made.schedule(made.signed(tier("1.2.0", 300), start=made.now + 2 * DAY, title="built on it"))
    with pytest.raises(OutOfState, match=r"“built on it”, scheduled from .*: cancel that change first"):
        made.cancel(first)


def test_a_change_whose_going_would_leave_others_unfit_is_not_cancelled(made: World) -> None:
    words = "[big, middling, small]"
    first = made.schedule(made.signed(bonus("1.1.0", of=words)))
    made.schedule(made.signed(tier("1.1.0", words=words), start=made.now + 2 * DAY))
    with pytest.raises(OutOfState, match=rf"{BONUS}/1.0.0 would not fit"):
        made.cancel(first)


# ------------------------------------------------------------------------------------------------- rolling back


def test_a_rollback_goes_to_versions_that_were_in_force_and_tells_all_that_were_not(made: World) -> None:
    made.decide("withdraw", made.submit(made.create(NEXT)), ANN)
    with pytest.raises(Unfit) as refused:
        made.rollback((TIER, "1.1.0"), (TIER, "7.0.0"))
    assert refused.value.sentences == (
        f"{TIER} 1.1.0 was never in force, so there is no going back to it: submit it as a change.",
        f"There is no version 7.0.0 of {TIER}.",
    )


def test_a_rollback_to_what_is_in_force_changes_nothing(made: World) -> None:
    with pytest.raises(Unfit, match="there is nothing to change"):
        made.submit(made.rollback((TIER, "1.0.0")))


def test_a_rollback_is_edited_by_its_versions_and_a_change_by_its_texts(made: World) -> None:
    in_force(made, "1.1.0")
    rollback, change = made.rollback((TIER, "1.0.0")), made.create(NEXT)
    assert made.edit(rollback, versions=[(TIER, "1.1.0")]).draft.versions[0].version == "1.1.0"
    for draft, texts, versions in ((made.read(rollback), (NEXT,), ()), (change, (), ((TIER, "1.0.0"),))):
        with pytest.raises(Unfit, match="A change holds the texts of new versions, a rollback names versions"):
            made.edit(draft, *texts, versions=versions)


# ------------------------------------------------------------------------------------------------ who must sign


def test_a_change_of_a_domain_nobody_signs_for_is_refused(made: World) -> None:
    text = NEXT.replace(TIER.encode(), b"pricing/discounts")
    with pytest.raises(Unfit, match=rf"{SIGN_OFF} 1.0.0 does not say who signs where domain is `pricing`"):
        made.submit(made.create(text))


@pytest.mark.parametrize(
    ("old", "new", "sentence"),
    [
        ("[general_manager, compliance]", "[compliance]", "asks for fewer than two roles for `governance`"),
        ("[general_manager, compliance]", "[]", "names nobody to sign changes of `governance`"),
    ],
)
def test_a_policy_by_which_one_person_could_sign_alone_is_refused(
    made: World, old: str, new: str, sentence: str
) -> None:
    text = sign_off_text("1.1.0").decode()
    invariants = text[: text.index("\ninvariants:")]
    with pytest.raises(Unfit, match=sentence):
        made.submit(made.create(invariants.replace(old, new).encode()))


def test_a_change_of_who_must_sign_is_signed_by_the_rules_before_it(made: World) -> None:
    change = made.submit(
        made.create(
            sign_off_text("1.1.0", "[sales_director, finance_director]").replace(
                b'always: list contains(signers, "compliance")', b"always: count(signers) >= 1"
            )
        )
    )
    assert change.owed == (Role.GENERAL_MANAGER, Role.COMPLIANCE)
    made.schedule(made.sign_all(change))
    made.move(days=1)
    change = made.submit(made.create(sign_off_text("1.2.0")))
    assert change.owed == (Role.SALES_DIRECTOR, Role.FINANCE_DIRECTOR)


def test_refusals_are_sentences() -> None:
    for kind in (Forbidden, OutOfState, Stale, UnknownChange):
        assert issubclass(kind, Refused)
    assert str(Unfit(["One.", "Two."])) == "One.\nTwo."
