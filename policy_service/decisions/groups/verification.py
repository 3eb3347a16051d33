"""Compares group lists with the decision records, a few subjects at a time."""

from __future__ import annotations

from collections.abc import Callable, Iterator

from sqlalchemy import except_, select
from sqlmodel import Session

from policy_service.decisions.groups.model import AssignmentReader
from policy_service.decisions.groups.records import Exclusions, expected_periods, next_subjects
from policy_service.decisions.groups.rows import COUNTS, PERIODS, expected_counts, read_periods, subject_range
from policy_service.messages import Message

PART_SIZE = 500
"""Subjects compared together."""


def group_faults(session: Session, tick: Callable[[int], object] = lambda _: None) -> Iterator[str]:
    """Yield a message for each subject and policy whose group differs from the records, and for each wrong count."""
    reader, exclusions, connection = AssignmentReader(), Exclusions.read(session), session.connection()
    last, done, subjects = "", 0, [""]
    while subjects:
        subjects = next_subjects(session, last, PART_SIZE)
        expected = expected_periods(session, reader, exclusions, subjects) if subjects else {}
        found = read_periods(connection.execute(select(PERIODS).where(*subject_range(last, subjects))))
        for where in sorted(expected.keys() | found.keys()):
            if expected.get(where) != found.get(where):
                yield Message(
                    "the group of {subject} by `{policy}` is not what its decisions say: "
                    "`policy-service groups rebuild` works it out again",
                    subject=where.subject,
                    policy=where.policy,
                )
        last = subjects[-1] if subjects else last
        tick(done := done + sum(map(len, found.values())))
    expected_rows, rows = expected_counts(), select(*COUNTS.c).where(COUNTS.c.change != 0)
    differences = [each.subquery() for each in (except_(expected_rows, rows), except_(rows, expected_rows))]
    policies = {name for each in differences for name in connection.execute(select(each.c.policy)).scalars()}
    for policy in sorted(policies):
        yield Message(
            "the sizes of the groups of `{policy}` are not what its decisions say: "
            "`policy-service groups rebuild` counts them again",
            policy=policy,
        )
