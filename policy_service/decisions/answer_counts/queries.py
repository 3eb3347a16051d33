"""The blocks that have a matching decision, and the counts of decisions by answer and rule.

    answer_totals(session, "tiering/rfm_value", seq_range(session, since, until))

Whole blocks come from stored counts. Records outside them are read.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass
from itertools import groupby
from typing import NamedTuple
from weakref import WeakKeyDictionary

from sqlalchemy import ColumnElement, and_, false, or_
from sqlmodel import Session, col, func, select

from policy_service.database import Database, database_of
from policy_service.decisions.answer_counts.model import ALL_RULES, AnswerKey, Counts
from policy_service.decisions.answer_counts.service import count_records, last_counted
from policy_service.decisions.answer_counts.tables import AnswerCount
from policy_service.decisions.groups.model import AssignmentReader, Group
from policy_service.decisions.state_tables import BlockRow

MAX_READ = 5_000
"""Records after the counted blocks that are read. If there are more, the newest are not counted."""
Range = tuple[int, int]
"""A half-open range of record numbers."""
MAX_KNOWN = 500
"""Capacity of the cache of counts, in pairs of policy and first block."""
FETCH_SIZE = 100
"""Blocks read per query: a page needs few."""
_known_totals: WeakKeyDictionary[Database, dict[tuple[str, int], tuple[int, Counts]]] = WeakKeyDictionary()
"""The cached counts and the last block they include, by policy and first block."""


class AnswerFilter(NamedTuple):
    """The decisions in which a policy gave an answer, such as `tier:S`, by a rule; None matches any."""

    policy: str
    outcome: str | None = None
    rule: str | None = None


@dataclass(frozen=True, slots=True)
class AnswerTotal:
    """The number of decisions with an answer, by one rule; by any rule if `rule` is empty."""

    group: Group
    rule: str
    decisions: int


@dataclass(frozen=True, slots=True)
class AnswerTotals:
    """The answer counts of one policy, and how many of the newest records are not yet counted."""

    policy: str
    items: tuple[AnswerTotal, ...]
    uncounted: int

    @property
    def groups(self) -> tuple[AnswerTotal, ...]:
        """Return the totals by answer, over all rules."""
        return tuple(each for each in self.items if each.rule == ALL_RULES)

    @property
    def rules(self) -> tuple[AnswerTotal, ...]:
        """The totals by rule."""
        return tuple(each for each in self.items if each.rule != ALL_RULES)


def answer_totals(session: Session, policy: str, seqs: Range) -> AnswerTotals:
    """Count the answers of a policy in a range of records. Raises DamagedRecord, UnknownVersion."""
    first, end = seqs
    low, high = _whole_blocks(session, first, end)
    totals: Counts = Counter()
    parts: list[Range] = [(first, end)]
    if low is not None and high is not None and low.number <= high.number:
        totals.update(_block_totals(session, policy, low.number, high.number))
        parts = [(first, low.first), (high.last + 1, end)]
    uncounted, reader = 0, AssignmentReader()
    for part_first, part_end in parts:
        read_end = min(part_end, part_first + MAX_READ)
        uncounted += part_end - read_end if part_end > read_end else 0
        read = count_records(session, part_first, read_end - 1, reader)
        totals.update({key: decisions for key, decisions in read.items() if key.policy == policy})
    items = (AnswerTotal(key.group, key.rule, decisions) for key, decisions in sorted(totals.items()))
    return AnswerTotals(policy, tuple(items), uncounted)


def _whole_blocks(session: Session, first: int, end: int) -> tuple[BlockRow | None, BlockRow | None]:
    """Return the first and the last counted block within a range of records; the last may precede the first."""
    row = BlockRow
    low = session.exec(select(row).where(row.first >= first).order_by(col(row.first)).limit(1)).first()
    until = (row.last < end, row.number <= last_counted(session))
    return low, session.exec(select(row).where(*until).order_by(col(row.last).desc()).limit(1)).first()


def _block_totals(session: Session, policy: str, low: int, high: int) -> Counts:
    """Return the counts of a policy in blocks `low` to `high`, both included.

    Counts of sealed blocks never change, so they are cached and a later call reads only newer blocks.
    """
    database = database_of(session)
    known = {} if database is None else _known_totals.setdefault(database, {})
    last, counts = known.get((policy, low), (low - 1, Counter[AnswerKey]()))
    if last == high:
        return counts
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
    """Return the identifiers of the rules that decided anything in the counted blocks."""
    return sorted({key.rule for key in _block_totals(session, policy, 1, last_counted(session))} - {ALL_RULES})


def answered_groups(session: Session, policy: str) -> list[Group]:
    """Return the answers that a policy gave in the counted blocks."""
    return sorted({key.group for key in _block_totals(session, policy, 1, last_counted(session))})


def candidate_ranges(session: Session, criteria: AnswerFilter, seqs: Range, *, oldest_first: bool) -> Iterator[Range]:
    """Yield, in order, the ranges of records that may hold a decision matching the filter.

    Blocks in which the policy gave no such answer are skipped. Uncounted records are always included.
    """
    row, known = AnswerCount, _block_totals(session, criteria.policy, 1, last_counted(session))
    rule, outcome = criteria.rule or ALL_RULES, criteria.outcome
    groups = {key.group for key in known if key.rule == rule}
    wanted = sorted(each for each in groups if outcome is None or each.matches(outcome) or each.status == outcome)
    first, end = seqs
    counted = session.get(BlockRow, last_counted(session))
    behind = (max(first, counted.last + 1 if counted else 1), end)
    by_last, by_first = col(BlockRow.last), col(BlockRow.first)
    low = select(BlockRow.number).where(by_last >= first).order_by(by_last).limit(1).scalar_subquery()
    high = select(BlockRow.number).where(by_first < end).order_by(by_first.desc()).limit(1).scalar_subquery()
    number = col(row.block)
    query = select(BlockRow.first, BlockRow.last).join_from(row, BlockRow).where(row.policy == criteria.policy)
    query = query.where(row.rule == rule, number >= low, number <= high, _in_groups(wanted))
    if not oldest_first:
        yield behind
    query = query.order_by(number if oldest_first else number.desc())
    with closing(session.exec(query, execution_options={"yield_per": FETCH_SIZE})) as blocks:
        for (block_first, block_last), _ in groupby(blocks):  # a block has a row for each answer
            yield max(first, block_first), min(end, block_last + 1)
    if oldest_first:
        yield behind


def _in_groups(groups: Iterable[Group]) -> ColumnElement[bool]:
    row = AnswerCount
    return or_(false(), *[and_(col(row.status) == each.status, col(row.outcome) == each.outcome) for each in groups])
