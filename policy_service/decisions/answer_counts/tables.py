"""The rows of answer counts; they are append-only.

They are derived from the decision records of sealed blocks, written after a block is sealed, and compared with the
records by `policy-service audit verify`.
"""

from __future__ import annotations

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from policy_service.append_only import make_append_only
from policy_service.decisions.groups.tables import MAX_POLICY, MAX_RULE, MAX_STATUS
from policy_service.language.previous import MAX_OUTCOME


class AnswerCount(SQLModel, table=True):
    """The number of decisions of a block with an answer by a rule; by any rule if `rule` is empty.

    A decision by several rules counts once for each of them.
    """

    __tablename__ = "answer_count"
    __table_args__ = (Index("answer_count_block", "block"), {"sqlite_with_rowid": False})

    policy: str = Field(primary_key=True, max_length=MAX_POLICY)
    block: int = Field(primary_key=True, foreign_key="block.number")
    status: str = Field(primary_key=True, max_length=MAX_STATUS)
    outcome: str = Field(primary_key=True, max_length=MAX_OUTCOME)
    """The countable values as canonical JSON; empty if there are none."""
    rule: str = Field(primary_key=True, max_length=MAX_RULE)
    decisions: int


make_append_only(AnswerCount)
