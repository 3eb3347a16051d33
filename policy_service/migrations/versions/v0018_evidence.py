"""What this step does."""

from alembic import op
from sqlalchemy import Column, LargeBinary, PrimaryKeyConstraint, String

from policy_service.append_only import create_triggers

revision = "0018"
down_revision = "0017"


def upgrade() -> None:
    """Makes what is new."""
    op.create_table(
        "evidence",
        Column("digest", String(71), nullable=False),
        Column("content", LargeBinary(), nullable=False),
        PrimaryKeyConstraint("digest"),
    )
    create_triggers(op.get_bind(), "evidence", ["digest"])
