"""Makes the table of jobs: long work, on record so that every process sees it."""

from alembic import op
from sqlalchemy import BigInteger, Column, PrimaryKeyConstraint, String, Text

revision = "0014"
down_revision = "0013"


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "job",
        Column("id", String(36), nullable=False),
        Column("kind", String(40), nullable=False),
        Column("account", String(64), nullable=False),
        Column("requested_by", String(200), nullable=False),
        Column("parameters", Text(), nullable=False),
        Column("state", String(16), nullable=False),
        Column("completed", BigInteger(), nullable=False),
        Column("total", BigInteger(), nullable=True),
        Column("started_at", String(27), nullable=False),
        Column("ended_at", String(27), nullable=True),
        Column("result", Text(), nullable=True),
        Column("file_name", String(200), nullable=True),
        Column("file_size", BigInteger(), nullable=True),
        Column("problem", Text(), nullable=True),
        Column("process", String(36), nullable=False),
        Column("mac", String(81), nullable=True),
        PrimaryKeyConstraint("id"),
    )
    op.create_index(op.f("ix_job_account"), "job", ["account"], unique=False)
    op.create_index(op.f("ix_job_kind"), "job", ["kind"], unique=False)
    op.create_index(op.f("ix_job_state"), "job", ["state"], unique=False)
