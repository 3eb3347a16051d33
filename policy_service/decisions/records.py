"""The decision records on file: one by its identifier, a subject's from the newest backwards."""

from __future__ import annotations

from typing import NamedTuple

from sqlmodel import Session, col, select

from policy_service.decisions.record import Record, read_record
from policy_service.decisions.tables import DecisionRow

PAGE = 50
MAX_PAGE = 500


class UnknownDecision(LookupError):
    """There is no such decision."""

    def __init__(self, decision_id: str) -> None:
        super().__init__(f"there is no decision {decision_id}")


class Page(NamedTuple):
    """Some records, newest first, and where those before them begin; None when there are none."""

    records: list[Record]
    cursor: int | None


def read_decision(session: Session, decision_id: str) -> Record:
    """One record. Raises UnknownDecision."""
    row = session.exec(select(DecisionRow).where(DecisionRow.id == decision_id)).first()
    if row is None:
        raise UnknownDecision(decision_id)
    return read_record(row.line)


def history(session: Session, subject: str, cursor: int | None = None, limit: int = PAGE) -> Page:
    """A subject's records, newest first, from `cursor` on; at most MAX_PAGE."""
    query = select(DecisionRow.line).where(DecisionRow.subject == subject)
    if cursor is not None:
        query = query.where(DecisionRow.seq <= cursor)
    limit = max(1, min(limit, MAX_PAGE))
    lines = session.exec(query.order_by(col(DecisionRow.seq).desc()).limit(limit + 1)).all()
    records = [read_record(line) for line in lines]
    return Page(records[:limit], records[limit].seq if len(records) > limit else None)
