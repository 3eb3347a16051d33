"""Corrections: a decision made on wrong facts is followed by a new one that names it; neither is altered.

A correction is about the same subject and for the same day. Group lists use the decision recorded last for a day, so
the correction takes the place of the corrected one.
"""

from __future__ import annotations

from typing import ClassVar

from sqlmodel import Session, col, select

from policy_service.decisions.evaluation import Question
from policy_service.decisions.record import DecisionRecord, read_row
from policy_service.decisions.tables import DecisionRow
from policy_service.errors import ErrorKind, PolicyServiceError
from policy_service.messages import Message
from policy_service.subject import Subject

FETCH_SIZE = 500
"""Records read per query."""


class CorrectionRejected(PolicyServiceError):
    """A decision cannot correct the one it names; the message says why, and nothing was recorded."""

    kind: ClassVar[ErrorKind] = "conflict"


def correction_rejected(session: Session, question: Question) -> CorrectionRejected | None:
    """Return why a request cannot correct the decision it names; None if it can, or names none."""
    if question.corrects is None:
        return None
    row = session.exec(select(DecisionRow).where(DecisionRow.id == question.corrects)).first()
    names = {"decision": question.corrects}
    if row is None:
        return CorrectionRejected(Message("There is no decision {decision} to correct.", **names))
    if Subject(row.subject, row.kind) != question.subject:
        return CorrectionRejected(Message("The decision {decision} is about another subject.", **names))
    if row.as_of != question.as_of:
        return CorrectionRejected(
            Message(
                "The decision {decision} was made for {day}: correct it with `as_of` for the same day.",
                **names,
                day=row.as_of.isoformat(),
            )
        )
    return None


def corrections_of(session: Session, record: DecisionRecord) -> tuple[str, ...]:
    """Return the identifiers of the decisions that correct a record, newest last. Raises DamagedRecord."""
    marker = f'"corrects":"{record.decision_id}"'.encode()
    query = select(DecisionRow.seq, DecisionRow.line).where(
        DecisionRow.subject == record.subject.id,
        DecisionRow.kind == record.subject.kind,
        DecisionRow.as_of == record.as_of,
        col(DecisionRow.seq) > record.seq,
    )
    rows = session.exec(query.order_by(col(DecisionRow.seq)), execution_options={"yield_per": FETCH_SIZE})
    records = (read_row(seq, line) for seq, line in rows if marker in line)  # cheap byte test first
    return tuple(each.decision_id for each in records if each.corrects == record.decision_id)
