"""The merges that the log records: which subject became part of which."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec
from sqlmodel import Session, col, select

from policy_service.audit.events import SubjectsMerged
from policy_service.audit.tables import AuditAbout, AuditEntry
from policy_service.subject import Subject

FETCH_SIZE = 500
"""Names asked for in one statement."""


def read_merges(session: Session, names: Collection[str] | None = None) -> dict[Subject, Subject]:
    """Return what each subject was merged into; or each of some names, whichever side of a merge they are on."""
    query = select(AuditEntry.seq, AuditEntry.line).where(AuditEntry.event == SubjectsMerged.name)
    if names is None:
        lines = dict(session.exec(query).all())
    else:
        about, lines = sorted(f"subject:{name}" for name in names), dict[int, bytes]()
        its = query.join(AuditAbout, col(AuditEntry.seq) == col(AuditAbout.seq))
        for start in range(0, len(about), FETCH_SIZE):
            lines |= dict(session.exec(its.where(col(AuditAbout.about).in_(about[start : start + FETCH_SIZE]))).all())
    bodies = [msgspec.json.decode(lines[seq])["body"] for seq in sorted(lines)]
    return {Subject(each["subject"], each["kind"]): Subject(each["into"], each["kind"]) for each in bodies}


def parts_of(subject: Subject, merges: Mapping[Subject, Subject]) -> tuple[str, ...]:
    """The identifiers that were merged into a subject."""
    return tuple(sorted(each.id for each, into in merges.items() if into == subject))
