"""Gives entries of the log an index by their digest, so that one is found by it."""

from alembic import op

revision = "0020"
down_revision = "0019"


def upgrade() -> None:
    """Makes the index."""
    op.create_index("audit_entry_digest", "audit_entry", ["digest"], unique=False)
