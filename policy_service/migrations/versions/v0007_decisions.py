"""The tables of `decisions`."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Column,
    Date,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    UniqueConstraint,
)

from policy_service.append_only import create_triggers

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Makes the tables, those first that others refer to."""
    _decision()
    _override()
    _subject_key()
    _block()
    _override_end()


def _decision() -> None:
    op.create_table(
        "decision",
        Column("seq", BigInteger(), autoincrement=False, nullable=False),
        Column("id", String(36), nullable=False),
        Column("subject", String(200), nullable=False),
        Column("as_of", Date(), nullable=False),
        Column("decided_at", String(27), nullable=False),
        Column("actor", String(64), nullable=False),
        Column("line", LargeBinary(), nullable=False),
        Column("digest", String(71), nullable=False),
        PrimaryKeyConstraint("seq"),
        UniqueConstraint("id"),
    )
    op.create_index("decision_subject", "decision", ["subject", "seq"], unique=False)
    create_triggers(op.get_bind(), "decision", ["seq"], ["id"])


def _override() -> None:
    op.create_table(
        "override",
        Column("seq", Integer(), autoincrement=False, nullable=False),
        Column("id", String(36), nullable=False),
        Column("subject", String(200), nullable=False),
        Column("policy", String(129), nullable=False),
        Column("version", String(32), nullable=False),
        Column("outcome", LargeBinary(), nullable=False),
        Column("role", String(32), nullable=False),
        Column("actor", String(64), nullable=False),
        Column("printed_name", String(200), nullable=False),
        Column("reason", String(1000), nullable=False),
        Column("recorded_at", String(27), nullable=False),
        Column("until", String(27), nullable=False),
        PrimaryKeyConstraint("seq"),
        UniqueConstraint("id"),
    )
    op.create_index(op.f("ix_override_subject"), "override", ["subject"], unique=False)
    create_triggers(op.get_bind(), "override", ["seq"], ["id"])


def _subject_key() -> None:
    op.create_table(
        "subject_key",
        Column("subject", String(200), nullable=False),
        Column("key", String(32), nullable=False),
        Column("master", String(16), nullable=False),
        Column("wrapped", LargeBinary(), nullable=False),
        Column("created_at", String(27), nullable=False),
        PrimaryKeyConstraint("subject"),
        UniqueConstraint("key"),
    )
    op.create_index(op.f("ix_subject_key_master"), "subject_key", ["master"], unique=False)


def _block() -> None:
    op.create_table(
        "block",
        Column("number", Integer(), autoincrement=False, nullable=False),
        Column("first", BigInteger(), nullable=False),
        Column("last", BigInteger(), nullable=False),
        Column("root", String(71), nullable=False),
        Column("entry", Integer(), nullable=False),
        Column("sealed_at", String(27), nullable=False),
        ForeignKeyConstraint(["entry"], ["audit_entry.seq"]),
        PrimaryKeyConstraint("number"),
        UniqueConstraint("entry"),
        UniqueConstraint("first"),
        UniqueConstraint("last"),
    )
    create_triggers(op.get_bind(), "block", ["number"], ["entry"], ["first"], ["last"])


def _override_end() -> None:
    op.create_table(
        "override_end",
        Column("override", String(36), nullable=False),
        Column("actor", String(64), nullable=False),
        Column("reason", String(1000), nullable=False),
        Column("recorded_at", String(27), nullable=False),
        ForeignKeyConstraint(["override"], ["override.id"]),
        PrimaryKeyConstraint("override"),
    )
    create_triggers(op.get_bind(), "override_end", ["override"])
