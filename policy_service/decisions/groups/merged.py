"""Reads from the log which subjects were merged into which."""

from __future__ import annotations

from collections.abc import Collection, Mapping

import msgspec
from sqlalchemy import bindparam, select
from sqlmodel import Session

from policy_service.audit.events import SubjectsMerged
from policy_service.audit.tables import AuditAbout, AuditEntry
from policy_service.database.declared import table_of
from policy_service.subject import Subject

FETCH_SIZE = 500
"""Names per query."""
_ENTRY, _OBJECT = table_of(AuditEntry), table_of(AuditAbout)
_ALL = select(_ENTRY.c.seq, _ENTRY.c.line).where(_ENTRY.c.event == SubjectsMerged.name)
_ABOUT = _ALL.join_from(_ENTRY, _OBJECT, _ENTRY.c.seq == _OBJECT.c.seq).where(
    _OBJECT.c.about.in_(bindparam("names", expanding=True))
)


def read_merges(session: Session, names: Collection[str] | None = None) -> dict[Subject, Subject]:
    """Return the subject that each merged subject became; with `names`, only merges that involve one of them."""
    connection, lines = session.connection(), dict[int, bytes]()
    if names is None:
        lines |= dict(connection.execute(_ALL).all())
    else:
        about = sorted(f"subject:{name}" for name in names)
        for start in range(0, len(about), FETCH_SIZE):
            found = connection.execute(_ABOUT, {"names": about[start : start + FETCH_SIZE]})
            lines |= dict(found.all())
    bodies = [msgspec.json.decode(lines[seq])["body"] for seq in sorted(lines)]
    return {Subject(each["subject"], each["kind"]): Subject(each["into"], each["kind"]) for each in bodies}


def parts_of(subject: Subject, merges: Mapping[Subject, Subject]) -> tuple[str, ...]:
    """Return the identifiers that were merged into a subject."""
    return tuple(sorted(each.id for each, into in merges.items() if into == subject))
