"""The rows of group lists: which outcome a subject has from which day on, and how many there are of each.

Both repeat what the decision records say. They are written with each record, made again from the records by
`policy-service groups rebuild`, and compared with them by `policy-service audit verify`.
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

    The periods of a subject follow each other without a gap; the last one has no end: its `until` is 9999-12-31.
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
    """Since when the subject has been in the group, whatever rule or override put it there."""
    status: str = Field(max_length=MAX_STATUS)
    outcome: str = Field(max_length=MAX_OUTCOME)
    """The values that can be counted, as canonical JSON; empty when there are none."""
    rule: str = Field(max_length=MAX_RULE)
    override: str = Field(max_length=36)
    newest: date | None = None
    """The greatest day that has a record, of a period without an end."""
    previous_entered: date | None = None
    """Since when the subject had been in the group that it left for this one; nothing when it was in none."""
    previous_status: str | None = Field(default=None, max_length=MAX_STATUS)
    previous_outcome: str | None = Field(default=None, max_length=MAX_OUTCOME)


class OutcomeCount(SQLModel, table=True):
    """By how many subjects a group grew (or shrank) on a day; how many it has at last, at the day 9999-12-31."""

    __tablename__ = "outcome_count"
    __table_args__ = ({"sqlite_with_rowid": False},)

    policy: str = Field(primary_key=True, max_length=MAX_POLICY)
    day: date = Field(primary_key=True)
    kind: str = Field(primary_key=True, max_length=MAX_KIND)
    status: str = Field(primary_key=True, max_length=MAX_STATUS)
    outcome: str = Field(primary_key=True, max_length=MAX_OUTCOME)
    change: int = Field(sa_type=BigInteger)
