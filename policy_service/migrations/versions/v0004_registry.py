"""The tables of `registry`."""

from alembic import op
from sqlalchemy import (
    Column,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    UniqueConstraint,
)

from policy_service.append_only import create_triggers

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Makes the tables, those first that others refer to."""
    _version()
    _activation()
    _cancellation()


def _version() -> None:
    op.create_table(
        "version",
        Column("digest", String(71), nullable=False),
        Column("policy", String(129), nullable=False),
        Column("version", String(32), nullable=False),
        Column("content", LargeBinary(), nullable=False),
        Column("recorded_at", String(27), nullable=False),
        Column("submitted_by", String(64), nullable=False),
        Column("change", String(36), nullable=True),
        PrimaryKeyConstraint("digest"),
        UniqueConstraint("policy", "version"),
    )
    create_triggers(op.get_bind(), "version", ["digest"], ["policy", "version"])


def _activation() -> None:
    op.create_table(
        "activation",
        Column("seq", Integer(), autoincrement=False, nullable=False),
        Column("id", String(36), nullable=False),
        Column("policy", String(129), nullable=False),
        Column("version", String(32), nullable=False),
        Column("digest", String(71), nullable=False),
        Column("kind", String(16), nullable=False),
        Column("effective_from", String(27), nullable=False),
        Column("effective_until", String(27), nullable=True),
        Column("recorded_at", String(27), nullable=False),
        Column("change", String(36), nullable=True),
        Column("suspension", String(36), nullable=True),
        ForeignKeyConstraint(["digest"], ["version.digest"]),
        PrimaryKeyConstraint("seq"),
        UniqueConstraint("id"),
    )
    op.create_index(op.f("ix_activation_policy"), "activation", ["policy"], unique=False)
    create_triggers(op.get_bind(), "activation", ["seq"], ["id"])


def _cancellation() -> None:
    op.create_table(
        "cancellation",
        Column("activation", String(36), nullable=False),
        Column("recorded_at", String(27), nullable=False),
        ForeignKeyConstraint(["activation"], ["activation.id"]),
        PrimaryKeyConstraint("activation"),
    )
    create_triggers(op.get_bind(), "cancellation", ["activation"])
