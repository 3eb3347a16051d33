"""How many checkpoints every place outside the database was given.

Nothing is known of the past: a place is looked at, and remembered, when it is given its next checkpoint.
"""

from alembic import op
from sqlalchemy import Column, Integer, PrimaryKeyConstraint, String, Text

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "checkpoint_copy",
        Column("location", String(600), nullable=False),
        Column("count", Integer(), nullable=False),
        Column("size", Integer(), nullable=False),
        Column("copied_at", String(27), nullable=False),
        Column("difference", Text(), nullable=True),
        PrimaryKeyConstraint("location"),
    )
