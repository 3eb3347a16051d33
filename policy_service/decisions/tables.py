"""The rows of decision records; they are append-only."""

from __future__ import annotations

from datetime import date, datetime

from sqlalchemy import Column, Index, LargeBinary
from sqlmodel import Field, SQLModel

from policy_service.append_only import make_append_only
from policy_service.database import CheckedBigInteger, CheckedDate, Instant
from policy_service.subject import CUSTOMER, MAX_ID, MAX_KIND


class DecisionRow(SQLModel, table=True):
    """One decision record; the columns beside `line` repeat some of its members for queries.

    `seq` counts from 1 without a gap, in commit order: once a record is visible, all earlier ones are.
    """

    __tablename__ = "decision"
    __table_args__ = (Index("decision_subject", "subject", "seq"),)

    seq: int = Field(primary_key=True, sa_type=CheckedBigInteger, sa_column_kwargs={"autoincrement": False})
    id: str = Field(max_length=36, unique=True)
    subject: str = Field(max_length=MAX_ID)
    kind: str = Field(max_length=MAX_KIND, sa_column_kwargs={"server_default": CUSTOMER})
    as_of: date = Field(sa_type=CheckedDate)
    decided_at: datetime = Field(sa_type=Instant)
    actor: str = Field(max_length=64)
    line: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    digest: str = Field(max_length=71)
    mac: str | None = Field(default=None, max_length=81)
    """The MAC of the digest by the log's key; null for records from before there was one."""


make_append_only(DecisionRow)
