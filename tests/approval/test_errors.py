"""What a draft is refused, each with its sentence; and what may be said in one."""

from __future__ import annotations

from collections.abc import Iterator
from copy import copy
from datetime import UTC, datetime

import pytest

from policy_service.actor import Role
from policy_service.approval import service as approval
from policy_service.approval.errors import OperationRejected
from policy_service.approval.service import ChangeState, InvalidState, PermissionDenied, StaleChange, ValidationFailed
from policy_service.registry.model import Period
from tests.approval.world import (
    ADMINISTRATOR,
    ANN,
    BEN,
    BONUS,
    COMPLIANCE,
    DAY,
    MACHINE,
    SALES,
    SIGNERS,
    TIER,
    World,
    bonus,
    in_force,
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


def test_a_file_with_faults_is_not_submitted_and_all_faults_are_told(made: World) -> None:
    change = made.create(tier("1.1.0", words="[small]"), b"nonsense")
    with made.database.read() as session:
        checked = approval.check_draft(session, change.id, SIGNERS, made.now)
        with pytest.raises(ValidationFailed) as refused:
            approval.prepare_submission(session, change.id, SIGNERS, made.now)
    assert checked.problems == refused.value.messages
    assert "unknown-choice" in sentences(refused)
    assert [entry["text"] for entry in checked.to_dict()["diagnostics"]] == list(change.draft.texts)
    assert checked.report is None


def test_a_change_whose_example_fails_is_not_submitted(made: World) -> None:
    change = made.create(bonus("1.1.0", 20, expected=30))
    with pytest.raises(ValidationFailed, match="examples fail; big: expected") as refused:
        made.submit(change)
    assert refused.value.report is not None


def test_a_change_that_does_not_fit_the_policies_in_force_is_not_submitted(made: World) -> None:
    with pytest.raises(ValidationFailed, match=rf"From .* UTC {BONUS}/1.0.0 would not fit"):
        made.submit(made.create(tier("1.1.0", words="[big, middling, small]")))


def test_versions_that_fit_together_are_submitted_together(made: World) -> None:
    words = "[big, middling, small]"
    change = made.submit(made.create(tier("1.1.0", words=words), bonus("1.1.0", of=words)))
    assert change.missing_roles == (Role.SALES_DIRECTOR, Role.FINANCE_DIRECTOR, Role.GENERAL_MANAGER, Role.COMPLIANCE)


def test_a_change_that_would_not_fit_at_some_later_instant_is_not_submitted(made: World) -> None:
    words, end = "[big, middling, small]", made.now + 4 * DAY
    made.schedule(made.signed(bonus("1.1.0", of=words), until=end))
    with pytest.raises(ValidationFailed, match=rf"From {end:%Y-%m-%d %H:%M} UTC {BONUS}/1.0.0 would not fit"):
        made.submit(made.create(tier("1.1.0", words=words), start=made.now + 2 * DAY))


def test_a_version_is_submitted_with_a_higher_number_only(made: World) -> None:
    with pytest.raises(
        ValidationFailed, match=rf"{TIER} 0.9.0 needs a number above 1.0.0, the highest that was submitted"
    ):
        made.submit(made.create(tier("0.9.0", 200)))


def test_a_number_names_one_text_for_ever(made: World) -> None:
    made.decide("withdraw", made.submit(made.create(NEXT)), ANN)
    with pytest.raises(
        ValidationFailed, match=rf"{TIER} 1.1.0 was submitted before with another text, which is never edited"
    ):
        made.submit(made.create(tier("1.1.0", 201)))
    assert made.submit(made.create(NEXT)).state is ChangeState.SUBMITTED


def test_a_version_that_was_in_force_before_comes_back_by_rollback_only(made: World) -> None:
    in_force(made, "1.1.0")
    with pytest.raises(ValidationFailed, match=rf"{TIER} 1.0.0 was put in force before: to return to it, roll back"):
        made.submit(made.create(tier("1.0.0")))


def test_a_change_that_changes_nothing_is_not_submitted(made: World) -> None:
    with pytest.raises(ValidationFailed, match=rf"{TIER} 1.0.0 is in force then anyway: there is nothing to change"):
        made.submit(made.create(tier("1.0.0")))


def test_a_change_without_versions_is_not_submitted(made: World) -> None:
    with pytest.raises(ValidationFailed, match="The change holds no version of any policy"):
        made.submit(made.create())


def test_a_change_holds_a_policy_once(made: World) -> None:
    with pytest.raises(ValidationFailed, match=f"The change holds {TIER} twice"):
        made.submit(made.create(tier("1.1.0", 200), tier("1.2.0", 300)))


def test_a_change_does_not_begin_in_the_past(made: World) -> None:
    change = made.create(NEXT, start=made.now)
    with pytest.raises(
        ValidationFailed, match=r"The change asks to be in force from 2026-11-20T02:00:00.000000Z, which has passed"
    ):
        made.submit(change)


def test_two_changes_are_not_open_for_one_policy_and_start(made: World) -> None:
    first = made.submit(made.create(NEXT, title="the first"))
    other = made.create(tier("1.2.0", 300), by=BEN)
    with pytest.raises(
        ValidationFailed, match=f"Another change, “the first” by Ann, is open for {TIER} from the same instant"
    ):
        made.submit(other, BEN)
    made.decide("reject", first, COMPLIANCE)
    assert made.submit(other, BEN).state is ChangeState.SUBMITTED


def test_a_change_that_was_moved_to_another_day_is_no_rival_any_more(made: World) -> None:
    first = made.decide("request_changes", made.submit(made.create(NEXT)), COMPLIANCE)
    made.submit(made.edit(first, NEXT, start=made.now + 5 * DAY))
    assert made.submit(made.create(tier("1.2.0", 300), by=BEN), BEN).state is ChangeState.SUBMITTED


def test_a_submission_is_refused_when_the_draft_was_edited_meanwhile(made: World) -> None:
    change = made.create(NEXT)
    with made.database.read() as session:
        prepared = approval.prepare_submission(session, change.id, SIGNERS, made.now, expected=change.etag)
    edited = made.edit(change, tier("1.1.0", 300))
    for expected in (change.etag, edited.etag):
        with made.database.write(made.clock) as transaction, pytest.raises(StaleChange, match="read it again"):
            approval.submit(transaction, ANN, prepared, expected=expected)
    with made.database.read() as session, pytest.raises(StaleChange, match="read it again"):
        approval.prepare_submission(session, change.id, SIGNERS, made.now, expected=change.etag)


def test_a_submission_is_refused_when_what_is_in_force_changed_meanwhile(made: World) -> None:
    change = made.create(tier("1.2.0", 300), start=made.now + 2 * DAY)
    with made.database.read() as session:
        prepared = approval.prepare_submission(session, change.id, SIGNERS, made.now)
    made.schedule(made.signed(NEXT))
    with made.database.write(made.clock) as transaction, pytest.raises(StaleChange, match="submit it again"):
        approval.submit(transaction, ANN, prepared, expected=change.etag)


def test_a_submission_is_refused_when_its_day_passed_meanwhile(made: World) -> None:
    change = made.create(NEXT)
    with made.database.read() as session:
        prepared = approval.prepare_submission(session, change.id, SIGNERS, made.now)
    made.move(days=2)
    with made.database.write(made.clock) as transaction, pytest.raises(ValidationFailed, match="which has passed"):
        approval.submit(transaction, ANN, prepared, expected=change.etag)


def test_a_change_is_submitted_once(made: World) -> None:
    change = made.submit(made.create(NEXT))
    with pytest.raises(InvalidState, match="The change cannot be submitted: it was submitted, which froze it"):
        made.submit(change)


def test_nobody_but_an_author_begins_edits_or_submits(made: World) -> None:
    for actor in (SALES, ADMINISTRATOR, MACHINE):
        with pytest.raises(PermissionDenied, match="A change is created by"):
            made.create(NEXT, by=actor)
        with pytest.raises(PermissionDenied, match="A change is created by"):
            made.rollback((TIER, "1.0.0"), by=actor)
    change = made.create(NEXT)
    with pytest.raises(PermissionDenied, match="A change is edited by an author; you do not have the role for this"):
        made.edit(change, NEXT, by=SALES)
    with pytest.raises(PermissionDenied, match="A change is submitted by an author"):
        made.submit(change, SALES)


def test_nothing_is_edited_after_it_was_submitted(made: World) -> None:
    change = made.submit(made.create(NEXT))
    for _ in range(2):
        with pytest.raises(InvalidState, match="The change cannot be edited"):
            made.edit(change, tier("1.1.0", 999))
        change = made.sign_all(change)


def test_an_edit_of_another_state_than_the_one_seen_is_refused(made: World) -> None:
    change = made.create(NEXT)
    made.edit(change, tier("1.1.0", 300))
    with pytest.raises(StaleChange, match="The change was altered since you read it"):
        made.edit(change, tier("1.1.0", 400))


def test_everything_wrong_with_what_was_written_is_told_at_once(made: World) -> None:
    with made.database.write(made.clock) as transaction, pytest.raises(ValidationFailed) as refused:
        approval.create(
            transaction,
            ANN,
            title=" ",
            reason="x" * 4_001 + "\x00",
            effective=Period(datetime(2200, 1, 1, tzinfo=UTC)),
            texts=[b"x"] * 100 + [b"x" * 2_097_153],
        )
    assert refused.value.messages == (
        "The title must be given.",
        "The reason has 4,002 characters; at most 4,000 are kept.",
        "The reason: leave out the hidden character U+0000.",
        "The period must begin and end before 2199-12-31.",
        "A change holds at most 100 versions.",
        "A policy file has at most 2,097,152 bytes.",
    )


def test_a_period_ends_after_it_begins(made: World) -> None:
    for start in (made.now, made.now.replace(tzinfo=None)):
        with pytest.raises(
            ValidationFailed, match="The period must end after it begins, and both ends need a time zone"
        ):
            approval.make_period(start, made.now)
    assert approval.make_period(made.now, None) == Period(made.now)
    naive = Period(made.now.replace(tzinfo=None))
    with (
        made.database.write(made.clock) as transaction,
        pytest.raises(ValidationFailed, match="instants with a time zone"),
    ):
        approval.create(transaction, ANN, title="t", reason="r", effective=naive)


def test_a_refusal_is_one_sentence_and_comes_whole_from_another_process() -> None:
    refusal = ValidationFailed(["It is late.", "It is wrong."], [{"text": "sha256:1", "faults": []}], {"examples": []})
    assert refusal.message == "It is late. It is wrong."
    again = copy(refusal)
    assert (again.messages, again.diagnostics, again.report) == (
        refusal.messages,
        refusal.diagnostics,
        refusal.report,
    )


@pytest.mark.parametrize("hidden", ["\ud800", "\x1b", "\u202e", "\u2066", "\u200b", "\ufeff", "\u00ad"], ids=ascii)
def test_a_text_holds_nothing_that_a_reader_does_not_see(made: World, hidden: str) -> None:
    with pytest.raises(ValidationFailed, match=rf"The title: leave out the hidden character U\+{ord(hidden):04X}"):
        made.create(title=f"larger{hidden} limit")


def test_a_text_may_have_lines_signs_and_any_script(made: World) -> None:
    title = "上限（甲类）\t≥ 5 % — «naïve» 👍\N{VARIATION SELECTOR-16}\r\nنص"
    assert made.create(title=title).draft.title == title


def test_an_error_tells_a_client_all_reasons_in_one_line_and_one_by_one() -> None:
    error = OperationRejected("The day has passed.", "Nobody signed\nit.")
    assert error.detail == "The day has passed. Nobody signed it."
    assert error.extensions == {"reasons": ["The day has passed.", "Nobody signed\nit."]}
    assert str(error) == "The day has passed.\nNobody signed\nit."
    failed = ValidationFailed(["wrong"], diagnostics=[{"code": "x"}])
    assert failed.extensions == {"reasons": ["wrong"], "diagnostics": [{"code": "x"}]}
