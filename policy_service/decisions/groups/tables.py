"""Rows of group lists: the outcome of each subject over time, and the size of each group.

Both are derived from the decision records. They are written with each record, rebuilt by `policy-service groups
rebuild`, and compared with the records by `policy-service audit verify`.
"""

from __future__ import annotations

from datetime import date

from sqlalchemy import BigInteger, Index
from sqlmodel import Field, SQLModel

from policy_service.language.previous import MAX_OUTCOME
from policy_service.subject import MAX_ID, MAX_KIND

MAX_POLICY = 129
MAX_STATUS = 16
MAX_RULE = 64


MOVED = (
    *("subject", "kind", "until", "since", "status", "outcome"),
    *("previous_entered", "previous_status", "previous_outcome"),
)
"""What tier movements read of a period, in the order of their list."""


class OutcomePeriod(SQLModel, table=True):
    """The outcome of one policy for one subject on the days from `since` until before `until`.

    The periods of a subject have no gaps. The last one is open: its `until` is 9999-12-31.
    """

    __tablename__ = "outcome_period"
    __table_args__ = (
        Index("outcome_period_group", "policy", "status", "outcome", "subject", "kind", "until"),
        Index("outcome_period_rule", "policy", "rule", "status", "outcome", "subject", "kind", "until"),
        Index("outcome_period_entry", "policy", "entered", *MOVED),
        {"sqlite_with_rowid": False},
    )

    subject: str = Field(primary_key=True, max_length=MAX_ID)
    kind: str = Field(primary_key=True, max_length=MAX_KIND)
    policy: str = Field(primary_key=True, max_length=MAX_POLICY)
    until: date = Field(primary_key=True)
    since: date
    entered: date
    """The day the subject entered the group, by whatever rule or override."""
    status: str = Field(max_length=MAX_STATUS)
    outcome: str = Field(max_length=MAX_OUTCOME)
    """The countable values as canonical JSON; empty if there are none."""
    rule: str = Field(max_length=MAX_RULE)
    override: str = Field(max_length=36)
    newest: date | None = None
    """For an open period, the latest day with a record."""
    previous_entered: date | None = None
    """The day the subject entered the group it left for this one; null if it was in none."""
    previous_status: str | None = Field(default=None, max_length=MAX_STATUS)
    previous_outcome: str | None = Field(default=None, max_length=MAX_OUTCOME)


class OutcomeCount(SQLModel, table=True):
    """The change in the number of a group's subjects on a day; on the day 9999-12-31, the current size."""

    __tablename__ = "outcome_count"
    __table_args__ = ({"sqlite_with_rowid": False},)

    policy: str = Field(primary_key=True, max_length=MAX_POLICY)
    day: date = Field(primary_key=True)
    kind: str = Field(primary_key=True, max_length=MAX_KIND)
    status: str = Field(primary_key=True, max_length=MAX_STATUS)
    outcome: str = Field(primary_key=True, max_length=MAX_OUTCOME)
    change: int = Field(sa_type=BigInteger)
