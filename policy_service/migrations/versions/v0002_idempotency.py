"""The tables of `idempotency`."""

from alembic import op
from sqlalchemy import Column, Integer, LargeBinary, PrimaryKeyConstraint, String

from policy_service.append_only import create_triggers

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Makes the tables, those first that others refer to."""
    _idempotency()


def _idempotency() -> None:
    op.create_table(
        "idempotency",
        Column("principal", String(64), nullable=False),
        Column("key", String(200), nullable=False),
        Column("fingerprint", String(71), nullable=False),
        Column("status", Integer(), nullable=False),
        Column("body", LargeBinary(), nullable=False),
        Column("created_at", String(27), nullable=False),
        PrimaryKeyConstraint("principal", "key"),
    )
    create_triggers(op.get_bind(), "idempotency", ["principal", "key"])
