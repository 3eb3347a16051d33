"""Makes the table of answer counts; the sealer fills it from the records there are, block after block."""

from alembic import op
from sqlalchemy import Column, ForeignKeyConstraint, Integer, PrimaryKeyConstraint, String

from policy_service.append_only import create_triggers

revision = "0019"
down_revision = "0018"


def upgrade() -> None:
    """Makes what is new."""
    op.create_table(
        "answer_count",
        Column("policy", String(129), nullable=False),
        Column("block", Integer(), nullable=False),
        Column("status", String(16), nullable=False),
        Column("outcome", String(400), nullable=False),
        Column("rule", String(64), nullable=False),
        Column("decisions", Integer(), nullable=False),
        ForeignKeyConstraint(["block"], ["block.number"]),
        PrimaryKeyConstraint("policy", "block", "status", "outcome", "rule"),
        sqlite_with_rowid=False,
    )
    op.create_index("answer_count_block", "answer_count", ["block"], unique=False)
    create_triggers(op.get_bind(), "answer_count", ["policy", "block", "status", "outcome", "rule"])
