"""Makes the tables of group lists; `policy-service init` then fills them from the decision records."""

from alembic import op
from sqlalchemy import BigInteger, Column, Date, PrimaryKeyConstraint, String

revision = "0015"
down_revision = "0014"


def upgrade() -> None:
    """Makes the tables."""
    op.create_table(
        "outcome_count",
        Column("policy", String(129), nullable=False),
        Column("day", Date(), nullable=False),
        Column("kind", String(64), nullable=False),
        Column("status", String(16), nullable=False),
        Column("outcome", String(400), nullable=False),
        Column("change", BigInteger(), nullable=False),
        PrimaryKeyConstraint("policy", "day", "kind", "status", "outcome"),
        sqlite_with_rowid=False,
    )
    op.create_table(
        "outcome_period",
        Column("subject", String(200), nullable=False),
        Column("kind", String(64), nullable=False),
        Column("policy", String(129), nullable=False),
        Column("until", Date(), nullable=False),
        Column("since", Date(), nullable=False),
        Column("entered", Date(), nullable=False),
        Column("status", String(16), nullable=False),
        Column("outcome", String(400), nullable=False),
        Column("rule", String(64), nullable=False),
        Column("override", String(36), nullable=False),
        Column("newest", Date(), nullable=True),
        PrimaryKeyConstraint("subject", "kind", "policy", "until"),
        sqlite_with_rowid=False,
    )
    op.create_index(
        "outcome_period_group",
        "outcome_period",
        ["policy", "status", "outcome", "subject", "kind", "until", "rule", "entered"],
        unique=False,
    )
