"""The rows of the registry; all are append-only."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, LargeBinary, UniqueConstraint
from sqlmodel import Field, SQLModel

from policy_service.append_only import make_append_only
from policy_service.database import Instant


class VersionRow(SQLModel, table=True):
    """One version of a policy as its author wrote it; a number names one text for ever."""

    __tablename__ = "version"
    __table_args__ = (UniqueConstraint("policy", "version"),)

    digest: str = Field(primary_key=True, max_length=71)
    policy: str = Field(max_length=129)
    version: str = Field(max_length=32)
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    recorded_at: datetime = Field(sa_type=Instant)
    submitted_by: str = Field(max_length=64)
    change: str | None = Field(default=None, max_length=36)
    """The change it was first submitted with; none for an initial import."""


class ActivationRow(SQLModel, table=True):
    """A version in force over a period; of the kind `stop` one that is out of force while no other applies."""

    __tablename__ = "activation"

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    id: str = Field(max_length=36, unique=True)
    policy: str = Field(max_length=129, index=True)
    version: str = Field(max_length=32)
    digest: str = Field(max_length=71, foreign_key="version.digest")
    kind: str = Field(max_length=16)
    effective_from: datetime = Field(sa_type=Instant, index=True)
    effective_until: datetime | None = Field(default=None, sa_type=Instant)
    recorded_at: datetime = Field(sa_type=Instant)
    change: str | None = Field(default=None, max_length=36)
    suspension: str | None = Field(default=None, max_length=36)


class CancellationRow(SQLModel, table=True):
    """An activation taken back before it began."""

    __tablename__ = "cancellation"

    activation: str = Field(primary_key=True, max_length=36, foreign_key="activation.id")
    recorded_at: datetime = Field(sa_type=Instant)


for _model in (VersionRow, ActivationRow, CancellationRow):
    make_append_only(_model)
