"""Make the tables of registered populations."""

from alembic import op
from sqlalchemy import (
    BigInteger,
    Column,
    ForeignKeyConstraint,
    Integer,
    LargeBinary,
    PrimaryKeyConstraint,
    String,
    Text,
    UniqueConstraint,
)

revision = "0022"
down_revision = "0021"


def upgrade() -> None:
    """Make the tables of populations and of their parts."""
    op.create_table(
        "population",
        Column("id", String(36), nullable=False),
        Column("name", String(64), nullable=False),
        Column("kind", String(64), nullable=False),
        Column("as_of", String(10), nullable=False),
        Column("mapping", Text(), nullable=False),
        Column("file_format", String(8), nullable=False),
        Column("size", BigInteger(), nullable=False),
        Column("digest", String(71), nullable=False),
        Column("content", String(71), nullable=False),
        Column("encoding", String(16), nullable=True),
        Column("headings", Text(), nullable=False),
        Column("types", Text(), nullable=True),
        Column("subjects", Integer(), nullable=False),
        Column("refused", Integer(), nullable=False),
        Column("removed", Integer(), nullable=False),
        Column("parts", Integer(), nullable=False),
        Column("generation", Integer(), nullable=False),
        Column("registered_by", String(64), nullable=False),
        Column("printed_name", String(200), nullable=False),
        Column("registered_at", String(27), nullable=False),
        Column("searched_until", Integer(), nullable=False),
        Column("expires_at", String(27), nullable=False),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("name"),
    )
    op.create_table(
        "population_part",
        Column("population", String(36), nullable=False),
        Column("number", Integer(), autoincrement=False, nullable=False),
        Column("content", LargeBinary(), nullable=False),
        ForeignKeyConstraint(["population"], ["population.id"]),
        PrimaryKeyConstraint("population", "number"),
    )
