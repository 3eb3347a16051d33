"""Rows of the log."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Index, LargeBinary, Text
from sqlmodel import Field, SQLModel

from policy_service.append_only import make_append_only
from policy_service.database import CheckedInteger, Instant


class AuditEntry(SQLModel, table=True):
    """One sealed line; the columns beside `line` repeat some of its members for queries."""

    __tablename__ = "audit_entry"
    __table_args__ = (
        Index("audit_entry_event", "event", "seq"),
        Index("audit_entry_actor", "actor", "seq"),
        Index("audit_entry_actor_event", "actor", "event", "seq"),
        Index("audit_entry_at", "at", "seq"),
        Index("audit_entry_digest", "digest"),
    )

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = Field(sa_type=Instant)
    event: str = Field(max_length=40)
    actor: str = Field(max_length=64)
    line: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    digest: str = Field(max_length=71)
    mac: str | None = Field(default=None, max_length=81)
    """The MAC of the line by the log's key; null for entries from before there was one."""


class AuditAbout(SQLModel, table=True):
    """An object of an entry, e.g. `policy:tiering/rfm_value`: one row per object."""

    __tablename__ = "audit_about"

    about: str = Field(primary_key=True, max_length=300)
    seq: int = Field(primary_key=True, foreign_key="audit_entry.seq", index=True)


class Checkpoint(SQLModel, table=True):
    """A signed statement of the log's length and Merkle root at an instant."""

    __tablename__ = "checkpoint"

    size: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    at: datetime = Field(sa_type=Instant)
    line: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    peaks: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """The roots of the Merkle tree's full subtrees, from which the next root is computed; checked by the signed root.
    """


class CheckpointCopy(SQLModel, table=True):
    """The state of one copy of the checkpoints: how many were sent, and the mismatch found, if any."""

    __tablename__ = "checkpoint_copy"

    location: str = Field(primary_key=True, max_length=600)
    count: int = Field(sa_type=CheckedInteger)
    size: int = Field(sa_type=CheckedInteger)
    """The number of entries that the newest covers."""
    copied_at: datetime = Field(sa_type=Instant)
    difference: str | None = Field(default=None, sa_column=Column(Text, nullable=True))
    """The mismatch, as `comparison` encodes it; while there is one nothing is signed."""


class LogStateRow(SQLModel, table=True):
    """The number of rows of a covered table, and the sum of their tags; the last entry has the digest of all."""

    __tablename__ = "log_state"

    name: str = Field(primary_key=True, max_length=64)
    rows: int
    total: str = Field(max_length=64)


for _model in (AuditEntry, AuditAbout, Checkpoint):
    make_append_only(_model)
