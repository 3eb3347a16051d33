"""Tells of each period of a group list which group its subject left, so that movements are counted without a join."""

from alembic import op
from sqlalchemy import Column, Date, String

revision = "0023"
down_revision = "0022"

FILL = (
    "UPDATE outcome_period SET (previous_entered, previous_status, previous_outcome) = ("
    "SELECT before.entered, before.status, before.outcome FROM outcome_period AS before "
    "WHERE before.subject = outcome_period.subject AND before.kind = outcome_period.kind "
    "AND before.policy = outcome_period.policy AND before.until = outcome_period.entered)"
)


def upgrade() -> None:
    """Adds the columns, fills them from the periods that ended when groups were entered, and makes their index."""
    op.add_column("outcome_period", Column("previous_entered", Date(), nullable=True))
    op.add_column("outcome_period", Column("previous_status", String(16), nullable=True))
    op.add_column("outcome_period", Column("previous_outcome", String(400), nullable=True))
    op.execute(FILL)
    op.drop_index(op.f("outcome_period_day"), table_name="outcome_period")
    op.create_index(
        "outcome_period_entry",
        "outcome_period",
        [
            "policy",
            "entered",
            "subject",
            "kind",
            "until",
            "since",
            "status",
            "outcome",
            "previous_entered",
            "previous_status",
            "previous_outcome",
        ],
        unique=False,
    )
