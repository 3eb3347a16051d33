"""The tables of `audit`."""

from alembic import op
from sqlalchemy import Column, ForeignKeyConstraint, Integer, LargeBinary, PrimaryKeyConstraint, String

from policy_service.append_only import create_triggers

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Makes the tables, those first that others refer to."""
    _audit_entry()
    _checkpoint()
    _audit_about()


def _audit_entry() -> None:
    op.create_table(
        "audit_entry",
        Column("seq", Integer(), autoincrement=False, nullable=False),
        Column("at", String(27), nullable=False),
        Column("event", String(40), nullable=False),
        Column("actor", String(64), nullable=False),
        Column("line", LargeBinary(), nullable=False),
        Column("digest", String(71), nullable=False),
        PrimaryKeyConstraint("seq"),
    )
    op.create_index("audit_entry_actor", "audit_entry", ["actor", "seq"], unique=False)
    op.create_index("audit_entry_event", "audit_entry", ["event", "seq"], unique=False)
    op.create_index(op.f("ix_audit_entry_at"), "audit_entry", ["at"], unique=False)
    create_triggers(op.get_bind(), "audit_entry", ["seq"])


def _checkpoint() -> None:
    op.create_table(
        "checkpoint",
        Column("size", Integer(), autoincrement=False, nullable=False),
        Column("at", String(27), nullable=False),
        Column("line", LargeBinary(), nullable=False),
        Column("peaks", LargeBinary(), nullable=False),
        PrimaryKeyConstraint("size"),
    )
    create_triggers(op.get_bind(), "checkpoint", ["size"])


def _audit_about() -> None:
    op.create_table(
        "audit_about",
        Column("about", String(300), nullable=False),
        Column("seq", Integer(), nullable=False),
        ForeignKeyConstraint(["seq"], ["audit_entry.seq"]),
        PrimaryKeyConstraint("about", "seq"),
    )
    op.create_index(op.f("ix_audit_about_seq"), "audit_about", ["seq"], unique=False)
    create_triggers(op.get_bind(), "audit_about", ["about", "seq"])
