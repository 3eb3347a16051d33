"""The rows of answer counts; they are append-only.

They repeat what the decision records of sealed blocks say, are written after a block was sealed, and are compared with
the records by `policy-service audit verify`.
"""

from __future__ import annotations

from sqlalchemy import Index
from sqlmodel import Field, SQLModel

from policy_service.append_only import make_append_only
from policy_service.decisions.groups.tables import MAX_POLICY, MAX_RULE, MAX_STATUS
from policy_service.language.previous import MAX_OUTCOME


class AnswerCount(SQLModel, table=True):
    """The count of decisions of a block with an answer by a rule; by any rule where `rule` is empty.

    A decision by several rules is counted at each of them.
    """

    __tablename__ = "answer_count"
    __table_args__ = (Index("answer_count_block", "block"), {"sqlite_with_rowid": False})

    policy: str = Field(primary_key=True, max_length=MAX_POLICY)
    block: int = Field(primary_key=True, foreign_key="block.number")
    status: str = Field(primary_key=True, max_length=MAX_STATUS)
    outcome: str = Field(primary_key=True, max_length=MAX_OUTCOME)
    """The values that can be counted, as canonical JSON; empty when there are none."""
    rule: str = Field(primary_key=True, max_length=MAX_RULE)
    decisions: int


make_append_only(AnswerCount)
