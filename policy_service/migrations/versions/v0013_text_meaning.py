"""What every text decides, as a digest, so that texts of one meaning are found whatever their bytes.

The table begins empty: to know what a text means takes reading it by the language as it is then. The service notes the
meaning of every text on record in the next transaction that has to know.
"""

from alembic import op
from sqlalchemy import Column, PrimaryKeyConstraint, String

from policy_service.append_only import create_triggers

revision = "0013"
down_revision = "0012"


def upgrade() -> None:
    """Makes the table."""
    op.create_table(
        "text_meaning",
        Column("digest", String(71), nullable=False),
        Column("meaning", String(71), nullable=False),
        PrimaryKeyConstraint("digest"),
    )
    op.create_index(op.f("ix_text_meaning_meaning"), "text_meaning", ["meaning"], unique=False)
    create_triggers(op.get_bind(), "text_meaning", ["digest"])
