"""The signatures of others on exceptions, and how far the first one reaches.

What was recorded before has no verdict: one director signed it, which was enough then, so it goes on to its end.
"""

from alembic import op
from sqlalchemy import (
    Boolean,
    Column,
    ForeignKeyConstraint,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    UniqueConstraint,
)

from policy_service.append_only import create_triggers

revision = "0012"
down_revision = "0011"


def upgrade() -> None:
    """Adds the columns, and makes the table."""
    for column in (
        Column("verdict", String(16)),
        Column("signers", String(200)),
        Column("lapses_at", String(27)),
        Column("decided_by", LargeBinary()),
    ):
        op.add_column("override", column)
    op.create_table(
        "override_signature",
        Column("override", String(36), nullable=False),
        Column("role", String(32), nullable=False),
        Column("actor", String(64), nullable=False),
        Column("printed_name", String(200), nullable=False),
        Column("meaning", String(16), nullable=False),
        Column("reason", String(1000), nullable=False),
        Column("digest", String(71), nullable=False),
        Column("signed_at", String(27), nullable=False),
        Column("ratifies", Boolean(), nullable=False),
        ForeignKeyConstraint(["override"], ["override.id"]),
        PrimaryKeyConstraint("override", "role"),
        UniqueConstraint("override", "actor"),
    )
    create_triggers(op.get_bind(), "override_signature", ["override", "role"], ["override", "actor"])
