"""Evidence: a file attached to a change, such as a scan or minutes, stored under its digest.

The type is determined from the content, never from the name; types that a browser could execute are rejected.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from sqlmodel import Session

from policy_service.actor import Actor
from policy_service.approval.change import Change, Evidence
from policy_service.approval.errors import UnknownChange
from policy_service.approval.tables import EvidenceRow
from policy_service.audit.events import EvidenceAttached
from policy_service.audit.log import append
from policy_service.canonical import digest
from policy_service.database import Transaction
from policy_service.integrity import reading_row
from policy_service.messages import Message

MAX_EVIDENCE_BYTES = 5 * 2**20
"""Maximum size of a file, bytes."""
MAX_NAME = 200
"""Maximum length of its name, characters."""
SIGNATURES: Mapping[bytes, str] = {
    b"%PDF-": "application/pdf",
    b"\x89PNG\r\n\x1a\n": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
}
"""The magic bytes of the accepted file types other than text."""
TEXT = "text/plain"


def evidence_problems(name: str, content: bytes) -> Iterator[str]:
    """Yield all errors of a file."""
    if not name.strip() or len(name) > MAX_NAME or {"/", "\\"} & set(name) or not name.isprintable():
        yield Message("The name of the evidence must have 1 to {limit} characters, without `/`.", limit=MAX_NAME)
    if not content:
        yield Message("The evidence is missing: attach the scan or the minutes.")
    elif len(content) > MAX_EVIDENCE_BYTES:
        size = len(content)
        yield Message(
            "The evidence has {size:,} bytes; at most {limit:,} are taken.", size=size, limit=MAX_EVIDENCE_BYTES
        )
    elif _media_type(content) is None:
        yield Message("The evidence must be a PDF, a PNG, a JPEG or plain text in UTF-8.")


def describe_evidence(name: str, content: bytes) -> Evidence:
    """Return the description of a valid file."""
    return Evidence(name.strip(), _media_type(content) or "", digest(content), len(content))


def _media_type(content: bytes) -> str | None:
    for beginning, media_type in SIGNATURES.items():
        if content.startswith(beginning):
            return media_type
    try:
        return TEXT if "\0" not in content.decode() else None
    except UnicodeDecodeError:
        return None


def store_evidence(transaction: Transaction, actor: Actor, change: str, evidence: Evidence, content: bytes) -> None:
    """Store a change's file under its digest, and log its name and digest."""
    if transaction.session.get(EvidenceRow, evidence.digest) is None:
        transaction.session.add(EvidenceRow(digest=evidence.digest, content=content))
        transaction.session.flush()
    append(transaction, actor, EvidenceAttached(change, evidence.name, evidence.digest, evidence.size))


def read_evidence(session: Session, change: Change) -> tuple[Evidence, bytes]:
    """Return the description and content of a change's file. Raises UnknownChange if it has none, DamagedRecord."""
    evidence = change.draft.evidence
    row = session.get(EvidenceRow, evidence.digest) if evidence else None
    if evidence is None or row is None:
        raise UnknownChange(Message("The change has no evidence."))
    with reading_row("evidence", row.digest):
        if digest(row.content) != row.digest:
            raise ValueError(row.digest)
    return evidence, row.content
