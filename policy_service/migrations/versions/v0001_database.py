"""The tables of `database`."""

from alembic import op
from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint, String

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Makes the tables, those first that others refer to."""
    _lane()


def _lane() -> None:
    op.create_table(
        "lane",
        Column("name", String(16), nullable=False),
        Column("count", BigInteger(), nullable=False),
        Column("at", String(27), nullable=False),
        PrimaryKeyConstraint("name"),
    )
    op.execute("INSERT INTO lane (name, count, at) VALUES ('governance', 0, '1970-01-01T00:00:00.000000Z')")
    op.execute("INSERT INTO lane (name, count, at) VALUES ('decisions', 0, '1970-01-01T00:00:00.000000Z')")
