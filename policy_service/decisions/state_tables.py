"""The rows beside the decision records: overrides, keys of subjects, sealed blocks."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Index, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from policy_service.append_only import make_append_only
from policy_service.database import CheckedBigInteger, CheckedInteger, Instant
from policy_service.subject import CUSTOMER, MAX_ID, MAX_KIND, Subject


class OverrideRow(SQLModel, table=True):
    """An override of one policy's rules for a subject, from `recorded_at` until `until`."""

    __tablename__ = "override"
    __table_args__ = (Index("override_policy", "policy", "seq"),)

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    id: str = Field(max_length=36, unique=True)
    subject: str = Field(max_length=MAX_ID, index=True)
    kind: str = Field(max_length=MAX_KIND, sa_column_kwargs={"server_default": CUSTOMER})
    policy: str = Field(max_length=129)
    version: str = Field(max_length=32)
    """The version in force when the override was recorded."""
    outcome: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    """The outcome that replaces the rules' answer, as canonical JSON."""
    role: str = Field(max_length=32)
    actor: str = Field(max_length=64)
    printed_name: str = Field(max_length=200)
    reason: str = Field(max_length=1_000)
    recorded_at: datetime = Field(sa_type=Instant)
    until: datetime = Field(sa_type=Instant)
    verdict: str | None = Field(default=None, max_length=16)
    """How long the first signature suffices; null for overrides recorded before governance decided this."""
    signers: str | None = Field(default=None, max_length=200)
    """The roles that must sign besides the person who recorded it, separated by blanks."""
    lapses_at: datetime | None = Field(default=None, sa_type=Instant)
    """When it lapses unless they have signed; null if one signature suffices."""
    decided_by: bytes | None = Field(default=None, sa_column=Column(LargeBinary))
    """The governance versions, rule and facts that determined this, as canonical JSON."""


class OverrideSignatureRow(SQLModel, table=True):
    """The signature of another person on an override; `ratifies` for the last one required."""

    __tablename__ = "override_signature"
    __table_args__ = (UniqueConstraint("override", "actor"),)

    override: str = Field(primary_key=True, max_length=36, foreign_key="override.id")
    role: str = Field(primary_key=True, max_length=32)
    """The role; with a suffix `/2`, `/3` … if earlier signatures in the role no longer count."""
    actor: str = Field(max_length=64)
    printed_name: str = Field(max_length=200)
    meaning: str = Field(max_length=16)
    reason: str = Field(max_length=1_000)
    digest: str = Field(max_length=71)
    """The digest of the override as recorded."""
    signed_at: datetime = Field(sa_type=Instant)
    ratifies: bool


class OverrideEndRow(SQLModel, table=True):
    """The early end of an override."""

    __tablename__ = "override_end"

    override: str = Field(primary_key=True, max_length=36, foreign_key="override.id")
    actor: str = Field(max_length=64)
    reason: str = Field(max_length=1_000)
    recorded_at: datetime = Field(sa_type=Instant)


POPULATION = "population"
"""The kind of the keys of registered populations, stored among those of subjects."""


def population_key(population: str, generation: int) -> Subject:
    """Return the name of a registered population's key; each removal of rows changes it."""
    return Subject(f"{population}.{generation}", POPULATION)


class SubjectKeyRow(SQLModel, table=True):
    """The wrapped key of one subject's sensitive facts.

    It is the only deletable row: deleting it erases the subject.
    """

    __tablename__ = "subject_key"

    subject: str = Field(primary_key=True, max_length=MAX_ID)
    kind: str = Field(primary_key=True, max_length=MAX_KIND)
    key: str = Field(max_length=32, unique=True)
    """The identifier that every encrypted value names, hexadecimal."""
    master_key_id: str = Field(max_length=16, index=True, sa_column_kwargs={"name": "master"})
    """The master key that wraps it."""
    wrapped_key: bytes = Field(sa_column=Column("wrapped", LargeBinary, nullable=False))
    created_at: datetime = Field(sa_type=Instant)
    mac: str | None = Field(default=None, max_length=81)
    """The MAC of the row by the log's key; null for keys from before there was one."""


class BlockRow(SQLModel, table=True):
    """Decision records `first` to `last`, sealed under the Merkle root of their digests."""

    __tablename__ = "block"

    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    first: int = Field(sa_type=CheckedBigInteger, unique=True)
    last: int = Field(sa_type=CheckedBigInteger, unique=True)
    root: str = Field(max_length=71)
    entry: int = Field(foreign_key="audit_entry.seq", sa_type=CheckedInteger, unique=True)
    """The audit entry that records the block."""
    sealed_at: datetime = Field(sa_type=Instant)


for _model in (OverrideRow, OverrideSignatureRow, OverrideEndRow, BlockRow):
    make_append_only(_model)
