"""MACs of the log's entries, of decision records and of subjects' keys, and the state of the tables the log covers.

What is on record has no MAC: `policy-service init` takes the log's key into use and covers the rows that it finds.
"""

from alembic import op
from sqlalchemy import Column, Integer, PrimaryKeyConstraint, String

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Adds the columns and the table."""
    for table in ("audit_entry", "decision", "subject_key"):
        op.add_column(table, Column("mac", String(81), nullable=True))
    op.create_table(
        "log_state",
        Column("name", String(64), nullable=False),
        Column("rows", Integer(), nullable=False),
        Column("total", String(64), nullable=False),
        PrimaryKeyConstraint("name"),
    )
