"""The kind of every subject: of decisions and exceptions on record, and of the keys of sensitive facts.

Whatever was recorded before is about a subject of the kind `customer`. The rows of decisions and exceptions are
append-only, so the kind comes to them as the default of its column. The keys are a table that may be made anew, since
the kind belongs to what they are found by.
"""

from alembic import op
from sqlalchemy import Column, LargeBinary, PrimaryKeyConstraint, String, UniqueConstraint

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Adds the columns, and makes the table of the keys anew with all that is in it."""
    for table in ("decision", "override"):
        op.add_column(table, Column("kind", String(64), server_default="customer", nullable=False))
    op.execute("CREATE TABLE subject_key_before AS SELECT * FROM subject_key")
    op.drop_table("subject_key")
    _subject_key()
    op.execute(
        "INSERT INTO subject_key (subject, kind, key, master, wrapped, created_at) "
        "SELECT subject, 'customer', key, master, wrapped, created_at FROM subject_key_before"
    )
    op.drop_table("subject_key_before")


def _subject_key() -> None:
    op.create_table(
        "subject_key",
        Column("subject", String(200), nullable=False),
        Column("kind", String(64), nullable=False),
        Column("key", String(32), nullable=False),
        Column("master", String(16), nullable=False),
        Column("wrapped", LargeBinary(), nullable=False),
        Column("created_at", String(27), nullable=False),
        PrimaryKeyConstraint("subject", "kind"),
        UniqueConstraint("key"),
    )
    op.create_index(op.f("ix_subject_key_master"), "subject_key", ["master"], unique=False)
