"""Tells when the process of a job last wrote its progress: one without a lock in this folder may live."""

from alembic import op
from sqlalchemy import Column, String

revision = "0024"
down_revision = "0023"


def upgrade() -> None:
    """Adds the column; processes fill it."""
    op.add_column("job", Column("seen_at", String(27), nullable=True))
