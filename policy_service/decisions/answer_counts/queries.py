"""The blocks that have a matching decision, and the counts of decisions by answer and rule.

    answer_totals(session, "tiering/rfm_value", seq_range(session, since, until))

Whole blocks are counted already; the records before, between and behind them are read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from typing import NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, and_, exists, false, or_
from sqlmodel import Session, col, func, select

from policy_service.database import Database, database_of
from policy_service.decisions.answer_counts.model import ALL_RULES, AnswerKey, Counts
from policy_service.decisions.answer_counts.service import count_records, last_counted
from policy_service.decisions.answer_counts.tables import AnswerCount
from policy_service.decisions.groups.model import AssignmentReader, Group
from policy_service.decisions.state_tables import BlockRow

MAX_READ = 5_000
"""Records behind the counted blocks that are read; of more the newest ones are not counted."""
Range = tuple[int, int]
"""Numbers of records, half open."""
MAX_KNOWN = 500
"""Policies, and first blocks, whose counts are remembered."""
FETCH_SIZE = 100
"""Blocks that are read at a time: a page needs few."""
_known_totals: WeakKeyDictionary[Database, dict[tuple[str, int], tuple[int, Counts]]] = WeakKeyDictionary()
"""By policy and first block: up to which block, and the counts."""


class AnswerFilter(NamedTuple):
    """The decisions in which a policy gave an answer, such as `tier:S`, by a rule; None is any."""

    policy: str
    outcome: str | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class AnswerTotal:
    """The count of decisions with an answer: by one rule, or by any where `rule` is empty."""

    group: Group
    rule: str
    decisions: int


@dataclass(frozen=True, slots=True)
class AnswerTotals:
    """The answers of one policy, and how many of the newest records were not looked at yet."""

    policy: str
    items: tuple[AnswerTotal, ...]
    uncounted: int

    @property
    def groups(self) -> tuple[AnswerTotal, ...]:
        """The totals of the answers, whatever rules gave them."""
        return tuple(each for each in self.items if each.rule == ALL_RULES)

    @property
    def rules(self) -> tuple[AnswerTotal, ...]:
        """The totals by rule."""
        return tuple(each for each in self.items if each.rule != ALL_RULES)


def answer_totals(session: Session, policy: str, seqs: Range) -> AnswerTotals:
    """Count the answers of a policy in the records between two numbers. Raises DamagedRecord, UnknownVersion."""
    first, end = seqs
    counted = last_counted(session)
    whole = select(
        func.min(BlockRow.number), func.max(BlockRow.number), func.min(BlockRow.first), func.max(BlockRow.last)
    )
    low, high, start, last = session.exec(
        whole.where(BlockRow.number <= counted, BlockRow.first >= first, BlockRow.last < end)
    ).one()
    totals: Counts = Counter()
    parts: list[Range] = [(first, end)]
    if low is not None:
        totals.update(_block_totals(session, policy, low, high))
        parts = [(first, start), (last + 1, end)]
    uncounted, reader = 0, AssignmentReader()
    for part_first, part_end in parts:
        read_end = min(part_end, part_first + MAX_READ)
        uncounted += part_end - read_end if part_end > read_end else 0
        read = count_records(session, part_first, read_end - 1, reader)
        totals.update({key: decisions for key, decisions in read.items() if key.policy == policy})
    items = (AnswerTotal(key.group, key.rule, decisions) for key, decisions in sorted(totals.items()))
    return AnswerTotals(policy, tuple(items), uncounted)


def _block_totals(session: Session, policy: str, low: int, high: int) -> Counts:
    """The counts of a policy in blocks, both included; remembered, as they stay: later only newer blocks are read."""
    database = database_of(session)
    known = {} if database is None else _known_totals.setdefault(database, {})
    last, counts = known.get((policy, low), (low - 1, Counter[AnswerKey]()))
    if last > high:
        last, counts = low - 1, Counter()
    key = (AnswerCount.status, AnswerCount.outcome, AnswerCount.rule)
    query = select(*key, func.sum(AnswerCount.decisions)).where(
        AnswerCount.policy == policy, AnswerCount.block > last, AnswerCount.block <= high
    )
    counts = counts.copy()
    for status, outcome, rule, decisions in session.exec(query.group_by(*key)):
        counts[AnswerKey(policy, Group(status, outcome), rule)] += int(decisions)
    if len(known) >= MAX_KNOWN:
        known.clear()
    known[policy, low] = high, counts
    return counts


def answered_rules(session: Session, policy: str) -> list[str]:
    """The rules that decided anything in the counted blocks, by their identifiers."""
    query = select(AnswerCount.rule).where(AnswerCount.policy == policy, AnswerCount.rule != ALL_RULES).distinct()
    return sorted(session.exec(query))


def answered_groups(session: Session, policy: str) -> list[Group]:
    """The answers that a policy gave in the counted blocks."""
    query = select(AnswerCount.status, AnswerCount.outcome).where(AnswerCount.policy == policy).distinct()
    return sorted(Group(*row) for row in session.exec(query))


def candidate_ranges(session: Session, criteria: AnswerFilter, seqs: Range, *, oldest_first: bool) -> Iterator[Range]:
    """The ranges between two numbers that may hold a decision that a filter selects, in order.

    Blocks in which the policy gave no such answer are left out; records that were not counted yet are all in.
    """
    row = AnswerCount
    conditions = [
        col(row.policy) == criteria.policy,
        col(row.block) == BlockRow.number,
        col(row.rule) == (criteria.rule or ALL_RULES),
    ]
    if criteria.outcome is not None:
        wanted, groups = criteria.outcome, answered_groups(session, criteria.policy)
        conditions.append(_in_groups(each for each in groups if each.matches(wanted) or each.status == wanted))
    first, end = seqs
    counted = session.get(BlockRow, last_counted(session))
    behind = (max(first, counted.last + 1 if counted else 1), end)
    query = select(BlockRow.first, BlockRow.last).where(
        BlockRow.last >= first, BlockRow.first < end, exists().where(and_(*conditions))
    )
    number = col(BlockRow.number)
    if not oldest_first:
        yield behind
    query = query.order_by(number if oldest_first else number.desc())
    with closing(session.exec(query, execution_options={"yield_per": FETCH_SIZE})) as blocks:
        for block_first, block_last in blocks:
            yield max(first, block_first), min(end, block_last + 1)
    if oldest_first:
        yield behind


def _in_groups(groups: Iterable[Group]) -> ColumnElement[bool]:
    row = AnswerCount
    return or_(false(), *[and_(col(row.status) == each.status, col(row.outcome) == each.outcome) for each in groups])
