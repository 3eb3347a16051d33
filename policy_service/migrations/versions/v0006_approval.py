"""The tables of `approval`."""

from alembic import op
from sqlalchemy import Column, ForeignKeyConstraint, Integer, LargeBinary, PrimaryKeyConstraint, String, Text

from policy_service.append_only import create_triggers

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Makes the tables, those first that others refer to."""
    _change()
    _change_report()
    _change_text()
    _change_action()
    _change_comment()
    _change_drafted()
    _change_submitted()
    _suspension()
    _ratification()
    _suspension_end()


def _change() -> None:
    op.create_table(
        "change",
        Column("id", String(36), nullable=False),
        Column("kind", String(16), nullable=False),
        Column("author", String(64), nullable=False),
        Column("created_at", String(27), nullable=False),
        PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_change_author"), "change", ["author"], unique=False)
    create_triggers(op.get_bind(), "change", ["id"])


def _change_report() -> None:
    op.create_table(
        "change_report",
        Column("digest", String(71), nullable=False),
        Column("content", LargeBinary(), nullable=False),
        PrimaryKeyConstraint("digest"),
    )
    create_triggers(op.get_bind(), "change_report", ["digest"])


def _change_text() -> None:
    op.create_table(
        "change_text",
        Column("digest", String(71), nullable=False),
        Column("content", LargeBinary(), nullable=False),
        PrimaryKeyConstraint("digest"),
    )
    create_triggers(op.get_bind(), "change_text", ["digest"])


def _change_action() -> None:
    op.create_table(
        "change_action",
        Column("change", String(36), nullable=False),
        Column("number", Integer(), autoincrement=False, nullable=False),
        Column("action", String(16), nullable=False),
        Column("actor", String(64), nullable=False),
        Column("actor_name", String(200), nullable=False),
        Column("printed_name", String(200), nullable=False),
        Column("at", String(27), nullable=False),
        Column("reason", Text(), nullable=False),
        Column("digest", String(71), nullable=True),
        Column("role", String(32), nullable=True),
        Column("meaning", String(16), nullable=True),
        Column("body", LargeBinary(), nullable=True),
        ForeignKeyConstraint(["change"], ["change.id"]),
        PrimaryKeyConstraint("change", "number"),
    )
    op.create_index(op.f("ix_change_action_actor"), "change_action", ["actor"], unique=False)
    create_triggers(op.get_bind(), "change_action", ["change", "number"])


def _change_comment() -> None:
    op.create_table(
        "change_comment",
        Column("id", String(36), nullable=False),
        Column("change", String(36), nullable=False),
        Column("actor", String(64), nullable=False),
        Column("actor_name", String(200), nullable=False),
        Column("printed_name", String(200), nullable=False),
        Column("at", String(27), nullable=False),
        Column("text", Text(), nullable=False),
        ForeignKeyConstraint(["change"], ["change.id"]),
        PrimaryKeyConstraint("id"),
    )
    op.create_index("change_comment_change", "change_comment", ["change", "id"], unique=False)
    create_triggers(op.get_bind(), "change_comment", ["id"])


def _change_drafted() -> None:
    op.create_table(
        "change_drafted",
        Column("digest", String(71), nullable=False),
        Column("change", String(36), nullable=False),
        Column("number", Integer(), autoincrement=False, nullable=False),
        Column("actor", String(64), nullable=False),
        ForeignKeyConstraint(["change"], ["change.id"]),
        ForeignKeyConstraint(["digest"], ["change_text.digest"]),
        PrimaryKeyConstraint("digest", "change", "number"),
    )
    create_triggers(op.get_bind(), "change_drafted", ["digest", "change", "number"])


def _change_submitted() -> None:
    op.create_table(
        "change_submitted",
        Column("change", String(36), nullable=False),
        Column("number", Integer(), autoincrement=False, nullable=False),
        Column("policy", String(129), nullable=False),
        Column("effective_from", String(27), nullable=False),
        ForeignKeyConstraint(["change"], ["change.id"]),
        PrimaryKeyConstraint("change", "number", "policy"),
    )
    op.create_index("change_submitted_policy", "change_submitted", ["policy", "effective_from"], unique=False)
    create_triggers(op.get_bind(), "change_submitted", ["change", "number", "policy"])


def _suspension() -> None:
    op.create_table(
        "suspension",
        Column("id", String(36), nullable=False),
        Column("policy", String(129), nullable=False),
        Column("version", String(32), nullable=False),
        Column("digest", String(71), nullable=False),
        Column("fallback", String(32), nullable=False),
        Column("fallback_digest", String(71), nullable=False),
        Column("actor", String(64), nullable=False),
        Column("actor_name", String(200), nullable=False),
        Column("printed_name", String(200), nullable=False),
        Column("role", String(32), nullable=False),
        Column("reason", Text(), nullable=False),
        Column("at", String(27), nullable=False),
        Column("until", String(27), nullable=False),
        ForeignKeyConstraint(["digest"], ["version.digest"]),
        ForeignKeyConstraint(["fallback_digest"], ["version.digest"]),
        PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_suspension_policy"), "suspension", ["policy"], unique=False)
    create_triggers(op.get_bind(), "suspension", ["id"])


def _ratification() -> None:
    op.create_table(
        "ratification",
        Column("suspension", String(36), nullable=False),
        Column("actor", String(64), nullable=False),
        Column("actor_name", String(200), nullable=False),
        Column("printed_name", String(200), nullable=False),
        Column("role", String(32), nullable=False),
        Column("reason", Text(), nullable=False),
        Column("at", String(27), nullable=False),
        Column("until", String(27), nullable=False),
        ForeignKeyConstraint(["suspension"], ["suspension.id"]),
        PrimaryKeyConstraint("suspension"),
    )
    create_triggers(op.get_bind(), "ratification", ["suspension"])


def _suspension_end() -> None:
    op.create_table(
        "suspension_end",
        Column("suspension", String(36), nullable=False),
        Column("actor", String(64), nullable=False),
        Column("actor_name", String(200), nullable=False),
        Column("printed_name", String(200), nullable=False),
        Column("reason", Text(), nullable=False),
        Column("at", String(27), nullable=False),
        ForeignKeyConstraint(["suspension"], ["suspension.id"]),
        PrimaryKeyConstraint("suspension"),
    )
    create_triggers(op.get_bind(), "suspension_end", ["suspension"])
