"""Rows of changes and of suspensions; all are append-only."""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import Column, Index, LargeBinary, Text
from sqlmodel import Field, SQLModel

from policy_service.append_only import make_append_only
from policy_service.database import Instant


class ChangeRow(SQLModel, table=True):
    """A change; its state follows from its actions."""

    __tablename__ = "change"

    id: str = Field(primary_key=True, max_length=36)
    kind: str = Field(max_length=16)
    author: str = Field(max_length=64, index=True)
    created_at: datetime = Field(sa_type=Instant)


class ActionRow(SQLModel, table=True):
    """An action on a change; `body` is the draft or submission, as canonical JSON."""

    __tablename__ = "change_action"
    __table_args__ = (
        Index("change_action_action", "action", "change"),
        Index("change_action_at", "at", "change", "number"),
    )

    change: str = Field(primary_key=True, max_length=36, foreign_key="change.id")
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    action: str = Field(max_length=16)
    actor: str = Field(max_length=64, index=True)
    actor_name: str = Field(max_length=200)
    printed_name: str = Field(max_length=200)
    at: datetime = Field(sa_type=Instant)
    reason: str = Field(sa_column=Column(Text, nullable=False))
    digest: str | None = Field(default=None, max_length=71)
    role: str | None = Field(default=None, max_length=32)
    meaning: str | None = Field(default=None, max_length=16)
    body: bytes | None = Field(default=None, sa_column=Column(LargeBinary))


class TextRow(SQLModel, table=True):
    """A drafted policy file, valid or not."""

    __tablename__ = "change_text"

    digest: str = Field(primary_key=True, max_length=71)
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class ChangeTitleRow(SQLModel, table=True):
    """A title of a draft, in lower case for searching."""

    __tablename__ = "change_titled"

    change: str = Field(primary_key=True, max_length=36, foreign_key="change.id")
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    search_text: str = Field(sa_column=Column("words", Text, nullable=False))


class DraftFileRow(SQLModel, table=True):
    """The record that an account put a text into a draft."""

    __tablename__ = "change_drafted"

    digest: str = Field(primary_key=True, max_length=71, foreign_key="change_text.digest")
    change: str = Field(primary_key=True, max_length=36, foreign_key="change.id")
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    actor: str = Field(max_length=64)


class MeaningRow(SQLModel, table=True):
    """The meaning of a drafted or registered text, as a digest; empty if the text is not a valid policy."""

    __tablename__ = "text_meaning"

    digest: str = Field(primary_key=True, max_length=71)
    meaning: str = Field(max_length=71, index=True)


class SubmittedVersionRow(SQLModel, table=True):
    """The record that a change with a policy was submitted for a day."""

    __tablename__ = "change_submitted"
    __table_args__ = (Index("change_submitted_policy", "policy", "effective_from"),)

    change: str = Field(primary_key=True, max_length=36, foreign_key="change.id")
    number: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    policy: str = Field(primary_key=True, max_length=129)
    effective_from: datetime = Field(sa_type=Instant)


class ReportRow(SQLModel, table=True):
    """An analysis report, as canonical JSON under its digest."""

    __tablename__ = "change_report"

    digest: str = Field(primary_key=True, max_length=71)
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class EvidenceRow(SQLModel, table=True):
    """A file attached to a change, under its digest."""

    __tablename__ = "evidence"

    digest: str = Field(primary_key=True, max_length=71)
    content: bytes = Field(sa_column=Column(LargeBinary, nullable=False))


class CommentRow(SQLModel, table=True):
    """A comment on a change."""

    __tablename__ = "change_comment"
    __table_args__ = (Index("change_comment_change", "change", "id"),)

    id: str = Field(primary_key=True, max_length=36)
    change: str = Field(max_length=36, foreign_key="change.id")
    actor: str = Field(max_length=64)
    actor_name: str = Field(max_length=200)
    printed_name: str = Field(max_length=200)
    at: datetime = Field(sa_type=Instant)
    text: str = Field(sa_column=Column(Text, nullable=False))


class SuspensionRow(SQLModel, table=True):
    """A version suspended in an emergency, with one signature.

    If no version applies in its place, the fallback is the suspended version itself.
    """

    __tablename__ = "suspension"

    id: str = Field(primary_key=True, max_length=36)
    policy: str = Field(max_length=129, index=True)
    version: str = Field(max_length=32)
    digest: str = Field(max_length=71, foreign_key="version.digest")
    fallback: str = Field(max_length=32)
    fallback_digest: str = Field(max_length=71, foreign_key="version.digest")
    actor: str = Field(max_length=64)
    actor_name: str = Field(max_length=200)
    printed_name: str = Field(max_length=200)
    role: str = Field(max_length=32)
    reason: str = Field(sa_column=Column(Text, nullable=False))
    at: datetime = Field(sa_type=Instant)
    until: datetime = Field(sa_type=Instant)


class RatificationRow(SQLModel, table=True):
    """The second signature on a suspension."""

    __tablename__ = "ratification"

    suspension: str = Field(primary_key=True, max_length=36, foreign_key="suspension.id")
    actor: str = Field(max_length=64)
    actor_name: str = Field(max_length=200)
    printed_name: str = Field(max_length=200)
    role: str = Field(max_length=32)
    reason: str = Field(sa_column=Column(Text, nullable=False))
    at: datetime = Field(sa_type=Instant)
    until: datetime = Field(sa_type=Instant)


class SuspensionEndRow(SQLModel, table=True):
    """The early end of a suspension."""

    __tablename__ = "suspension_end"

    suspension: str = Field(primary_key=True, max_length=36, foreign_key="suspension.id")
    actor: str = Field(max_length=64)
    actor_name: str = Field(max_length=200)
    printed_name: str = Field(max_length=200)
    reason: str = Field(sa_column=Column(Text, nullable=False))
    at: datetime = Field(sa_type=Instant)


for _model in (
    ChangeRow,
    ActionRow,
    TextRow,
    ChangeTitleRow,
    DraftFileRow,
    MeaningRow,
    SubmittedVersionRow,
    ReportRow,
    EvidenceRow,
    CommentRow,
    SuspensionRow,
    RatificationRow,
    SuspensionEndRow,
):
    make_append_only(_model)
