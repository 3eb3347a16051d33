"""Gives tier movements an index that has all they read of who is where on a day."""

from alembic import op

revision = "0021"
down_revision = "0020"


def upgrade() -> None:
    """Replaces the index of entries into groups."""
    op.drop_index(op.f("outcome_period_entry"), table_name="outcome_period")
    op.create_index(
        "outcome_period_day",
        "outcome_period",
        ["policy", "until", "entered", "since", "status", "outcome"],
        unique=False,
    )
