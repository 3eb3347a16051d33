"""Gives group lists an index for each way they are read: by group, by rule, by the day a group was entered."""

from alembic import op

revision = "0016"
down_revision = "0015"


def upgrade() -> None:
    """Replaces one index by three."""
    op.drop_index(op.f("outcome_period_group"), table_name="outcome_period")
    op.create_index(
        "outcome_period_group",
        "outcome_period",
        ["policy", "status", "outcome", "subject", "kind", "until"],
        unique=False,
    )
    op.create_index("outcome_period_entry", "outcome_period", ["policy", "entered"], unique=False)
    op.create_index(
        "outcome_period_rule",
        "outcome_period",
        ["policy", "rule", "status", "outcome", "subject", "kind", "until"],
        unique=False,
    )
