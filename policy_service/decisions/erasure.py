"""Preview of erasing a subject, shown before the erasure, since that cannot be undone."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from policy_service.decisions.encryption import is_encrypted
from policy_service.decisions.groups.queries import subject_assignments
from policy_service.decisions.record_queries import RecordFilter, check_lookup, find_records
from policy_service.decisions.state_tables import SubjectKeyRow
from policy_service.decisions.subjects import has_populations
from policy_service.subject import Subject

MAX_RECORDS = 500
"""Decisions examined."""


@dataclass(frozen=True, slots=True)
class ErasurePreview:
    """The effect of an erasure."""

    subject: Subject
    key_made_at: datetime | None
    """When the subject's key was created; None if it has none."""
    facts: tuple[str, ...]
    """The names of the sensitive facts in its newest decisions."""
    records: int
    """The number of newest decisions that hold any; they cannot be replayed after the erasure."""
    is_complete: bool
    """True if all decisions about it were examined."""
    policies: tuple[str, ...]
    """The policies whose group lists contain it."""
    has_populations: bool
    """True if populations are registered; the erasure removes its rows from them."""

    @property
    def is_possible(self) -> bool:
        """True if there is, or may be, something to erase."""
        return self.key_made_at is not None or self.has_populations


def preview_erasure(session: Session, subject: Subject) -> ErasurePreview:
    """Return what erasing a subject would remove. Raises InvalidSubject, DamagedRecord."""
    check_lookup(session, *subject)
    page = find_records(session, RecordFilter(subject.id, kind=subject.kind), limit=MAX_RECORDS)
    row = session.get(SubjectKeyRow, subject)
    sealed = [[name for name, value in each.facts.items() if is_encrypted(value)] for each in page.records]
    return ErasurePreview(
        subject=subject,
        key_made_at=row.created_at if row else None,
        facts=tuple(sorted({name for names in sealed for name in names})),
        records=sum(map(bool, sealed)),
        is_complete=page.cursor is None,
        policies=tuple(each.policy for each in subject_assignments(session, subject)),
        has_populations=has_populations(session),
    )
