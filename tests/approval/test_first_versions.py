"""What was imported at set-up is signed once: with its day, its evidence, and by those who sign changes."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest
from sqlmodel import select, text

from policy_service.actor import Actor
from policy_service.approval import service as approval
from policy_service.approval.evidence import MAX_EVIDENCE_BYTES
from policy_service.approval.provenance import activation_origins
from policy_service.approval.service import Change, ChangeState, InvalidState, PermissionDenied, ValidationFailed
from policy_service.audit.tables import AuditEntry
from policy_service.integrity import DamagedRecord
from policy_service.registry.model import ActivationKind, active_at
from tests.approval.world import (
    ANN,
    BONUS,
    COMPLIANCE,
    DAY,
    FINANCE,
    GENERAL,
    SALES,
    SIGN_OFF,
    TIER,
    World,
    in_force,
    tier,
    world,
)
from tests.databases import START

PDF = b"%PDF-1.7 minutes"
LONG_AGO = START - timedelta(days=200)


@pytest.fixture
def made() -> Iterator[World]:
    with world() as one:
        yield one


def drafted(
    made: World, start: datetime = LONG_AGO, *, by: Actor = ANN, name: str = "minutes.pdf", content: bytes = PDF
) -> Change:
    with made.database.write(made.clock) as transaction:
        return approval.create_first_versions(
            transaction, by, title="first", reason="as resolved", start=start, file_name=name, content=content
        )


def refusals(made: World, start: datetime = LONG_AGO, **file: str | bytes) -> tuple[str, ...]:
    with pytest.raises(ValidationFailed) as refused:
        drafted(made, start, **file)  # type: ignore[arg-type]  # name and content
    return refused.value.messages


def signed(made: World, start: datetime = LONG_AGO) -> Change:
    return made.schedule(made.sign_all(made.submit(drafted(made, start))))


def test_what_was_in_force_on_a_day_before_the_set_up_is_known_once_all_have_signed(made: World) -> None:
    day, before = LONG_AGO + DAY, made.now
    change = made.submit(drafted(made))
    assert {each.policy for each in change.frozen_submission.versions} == {TIER, BONUS, SIGN_OFF}
    assert made.version(at=day) is None
    change = made.sign_all(change)
    assert {each.by.id for each in change.signatures} == {each.id for each in (SALES, FINANCE, GENERAL, COMPLIANCE)}
    made.move(hours=1)
    change = made.schedule(change)
    assert change.state is ChangeState.SCHEDULED
    assert made.version(at=day) == made.version() == "1.0.0"
    assert made.version(at=LONG_AGO - DAY) is None
    recorded = made.activations()
    assert active_at(recorded, TIER, day, before) is None, "whoever asks what was known before is told that"
    then = active_at(recorded, TIER, before, before)
    assert then is not None
    assert (then.kind, then.change, then.effective.start) == (ActivationKind.INITIAL, None, START)
    now = made.active()
    assert (now.kind, now.change, now.effective.start) == (ActivationKind.INITIAL, change.id, LONG_AGO)
    with made.database.read() as session:
        assert len(activation_origins(session, [now])[now.id].signatures) == len(change.signatures)
        assert approval.read_evidence(session, change)[1] == PDF
        [line] = session.exec(select(AuditEntry.line).where(AuditEntry.event == "evidence_attached"))
    assert b'"file_name":"minutes.pdf"' in line
    assert str(change.frozen_submission.evidence and change.frozen_submission.evidence.digest).encode() in line


def test_a_later_change_and_a_rollback_go_on_as_they_were(made: World) -> None:
    in_force(made, "1.1.0")
    scheduled = made.schedule(made.signed(tier("1.2.0", 7)))
    signed(made)
    assert (made.version(), made.version(at=START), made.version(at=LONG_AGO)) == ("1.1.0", "1.0.0", "1.0.0")
    assert made.version(at=scheduled.draft.effective.start) == "1.2.0"
    made.schedule(made.sign_all(made.submit(made.rollback((TIER, "1.0.0"), start=made.now + 3 * DAY))))
    assert made.version(at=made.now + 4 * DAY) == "1.0.0"


def test_they_are_signed_once_and_by_others_than_the_author(made: World) -> None:
    change = drafted(made)
    with pytest.raises(PermissionDenied, match="A change is created by an author"):
        drafted(made, by=SALES)
    with pytest.raises(InvalidState, match="withdraw this change and draft another"):
        made.edit(change, versions=[(TIER, "1.0.0")])
    other = made.submit(drafted(made, LONG_AGO - DAY))
    change = made.submit(change)
    with pytest.raises(InvalidState, match="is not signed by all required signers"):
        made.schedule(change)
    made.schedule(made.sign_all(change))
    assert refusals(made) == ("Every version that was imported at set-up is signed already.",)
    other = made.sign_all(other)
    with pytest.raises(InvalidState, match=r"tiering/size 1\.0\.0 was not imported at set-up, or is signed already"):
        made.schedule(other)


def test_a_day_and_a_file_that_cannot_be_are_refused_with_everything_that_is_wrong(made: World) -> None:
    future = made.now + DAY
    day, file = refusals(made, future, content=b"")
    assert (day, file) == (
        f"First versions have been in force already: {future:%Y-%m-%dT%H:%M:%S}.000000Z is in the future.",
        "The evidence is missing: attach the scan or the minutes.",
    )
    assert refusals(made, content=b"x" * (MAX_EVIDENCE_BYTES + 1))[0].startswith("The evidence has 5,242,881 bytes")
    for content in (b"MZ\0\0", b"\xff\xfe\0", b"PK\3\4\0"):
        assert refusals(made, content=content) == ("The evidence must be a PDF, a PNG, a JPEG or plain text in UTF-8.",)
    for name in ("", "../minutes.pdf", "a\\b", "a" * 201, "a\nb"):
        assert refusals(made, name=name)[0].startswith("The name of the evidence must have")
    with made.database.read() as session, pytest.raises(approval.UnknownChange):
        approval.read_evidence(session, made.create(tier("1.3.0")))


@pytest.mark.parametrize(
    ("content", "media_type"),
    [
        (PDF, "application/pdf"),
        (b"\x89PNG\r\n\x1a\n", "image/png"),
        (b"\xff\xd8\xff", "image/jpeg"),
        (b"so", "text/plain"),
    ],
)
def test_the_type_of_the_file_is_read_from_its_content(made: World, content: bytes, media_type: str) -> None:
    evidence = drafted(made, content=content).draft.evidence
    assert evidence is not None
    assert (evidence.media_type, evidence.size) == (media_type, len(content))


def test_a_day_that_the_registry_knows_better_is_refused(made: World) -> None:
    in_force(made, "1.1.0")
    later = made.now
    assert f"{TIER} 1.1.0 was in force on that day by a signed change: state an earlier day." in refusals(made, later)
    assert any("rewards/bonus 1.0.0 has been in force here since" in each for each in refusals(made, START + DAY))


def test_evidence_that_was_altered_is_not_shown(made: World) -> None:
    change = drafted(made)
    with made.database.engine.begin() as connection:
        triggers = connection.execute(text("SELECT name FROM sqlite_master WHERE type = 'trigger'")).scalars().all()
        for name in (each for each in triggers if "evidence" in each):
            connection.execute(text(f"DROP TRIGGER {name}"))
        connection.execute(text("UPDATE evidence SET content = x'00'"))
    with made.database.read() as session, pytest.raises(DamagedRecord):
        approval.read_evidence(session, change)
