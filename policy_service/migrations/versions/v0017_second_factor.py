"""Makes the table of second factors: nobody has one yet."""

from alembic import op
from sqlalchemy import BigInteger, Column, ForeignKeyConstraint, PrimaryKeyConstraint, String

revision = "0017"
down_revision = "0016"


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "second_factor",
        Column("account", String(36), nullable=False),
        Column("secret", String(64), nullable=False),
        Column("created_at", String(27), nullable=False),
        Column("last_step", BigInteger(), nullable=False),
        ForeignKeyConstraint(["account"], ["account.id"]),
        PrimaryKeyConstraint("account"),
    )
