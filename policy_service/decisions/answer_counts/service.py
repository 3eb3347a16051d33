"""Counts the answers of newly sealed blocks, and verifies the stored counts."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
from sqlalchemy import insert
from sqlmodel import Session, col, func, select

from policy_service.clock import Clock
from policy_service.database import Database, LaneName
from policy_service.database.declared import table_of
from policy_service.decisions.answer_counts.model import AnswerKey, Counts, count_answers
from policy_service.decisions.answer_counts.tables import AnswerCount
from policy_service.decisions.groups.model import AssignmentReader, Group
from policy_service.decisions.state_tables import BlockRow
from policy_service.decisions.tables import DecisionRow
from policy_service.errors import PolicyServiceError
from policy_service.integrity import reading_row
from policy_service.messages import Message
from policy_service.registry import policy_cache

RECORDS_PER_TRANSACTION = 1_000
"""Records whose blocks are counted in one transaction; a block holds between one and a thousand."""
TRANSACTIONS_AT_A_TIME = 10
"""Counting transactions before the sealer looks for records again."""
FETCH_SIZE = 100
"""Records read before other threads can run."""
_COUNTS = table_of(AnswerCount)
BlockCounts = tuple[int, Counts]
"""A block's number and its counts."""


class _Line(msgspec.Struct):
    """The fields of a record that are counted."""

    outcomes: dict[str, Any]


_DECODER = msgspec.json.Decoder(_Line)


def count_blocks(database: Database, clock: Clock, next_counts: Callable[[], list[BlockCounts]] | None = None) -> int:
    """Count the answers of the next sealed blocks, in TRANSACTIONS_AT_A_TIME; return how many blocks were counted.

    `next_counts` computes the counts; the default is `count_next_blocks`. Raises DatabaseUnavailable.
    """
    done = 0
    for _ in range(TRANSACTIONS_AT_A_TIME):
        counted = count_next_blocks(database) if next_counts is None else next_counts()
        if not counted:
            break
        rows = [row for number, counts in counted for row in _rows(number, counts)]
        with database.write(clock, LaneName.DECISIONS) as transaction:
            if last_counted(transaction.session) == counted[0][0] - 1:  # no other process was first
                transaction.session.connection().execute(insert(_COUNTS), rows)
        done += len(counted)
    return done


def count_next_blocks(database: Database, pause: Callable[[], object] = lambda: None) -> list[BlockCounts]:
    """Return the answer counts of the next uncounted sealed blocks, about RECORDS_PER_TRANSACTION records.

    Stops before a block that cannot be read because it was altered. Raises DatabaseUnavailable.
    """
    with database.read() as session:
        return list(_count_next_blocks(session, AssignmentReader(), pause))


def _count_next_blocks(
    session: Session, reader: AssignmentReader, pause: Callable[[], object]
) -> Iterator[BlockCounts]:
    number = col(BlockRow.number)
    query = select(BlockRow.number, BlockRow.first, BlockRow.last).where(number > last_counted(session))
    begin: int | None = None
    for block, first, last in session.exec(query.order_by(number).limit(RECORDS_PER_TRANSACTION)):
        begin = first if begin is None else begin
        if first - begin >= RECORDS_PER_TRANSACTION:
            return
        try:
            yield block, count_records(session, first, last, reader, pause)
        except PolicyServiceError:
            return


def last_counted(session: Session) -> int:
    """Return the number of the newest counted block; 0 if there is none."""
    return session.exec(select(func.max(AnswerCount.block))).one() or 0


def count_records(
    session: Session, first: int, last: int, reader: AssignmentReader, pause: Callable[[], object] = lambda: None
) -> Counts:
    """Count the answers of records `first` to `last`, both included. Raises DamagedRecord, UnknownVersion.

    Slow when a record names versions the reader has not loaded.
    """
    counts, seq = Counter[AnswerKey](), col(DecisionRow.seq)
    while first <= last:
        end = min(first + FETCH_SIZE, last + 1)
        query = select(DecisionRow.seq, DecisionRow.line).where(seq >= first, seq < end).order_by(seq)
        for number, line in session.exec(query):
            with reading_row("decision", number):
                outcomes = _DECODER.decode(line).outcomes
                reader.load_missing(outcomes.values(), lambda digest: policy_cache.load_head(session, digest))
                counts.update(count_answers(reader, outcomes))
        first = end
        pause()
    return counts


def count_faults(session: Session) -> Iterator[str]:
    """Yield a message for each block whose stored counts differ from its records."""
    found: dict[int, Counts] = defaultdict(Counter)
    for row in session.exec(select(AnswerCount), execution_options={"yield_per": FETCH_SIZE}):
        found[row.block][AnswerKey(row.policy, Group(row.status, row.outcome), row.rule)] = row.decisions
    reader = AssignmentReader()
    counted = select(BlockRow.number).where(BlockRow.number <= max(found, default=0))
    for number in sorted({*found, *session.exec(counted)}):  # a number that someone altered may be any
        block = session.get(BlockRow, number)
        expected = count_records(session, block.first, block.last, reader) if block else Counter[AnswerKey]()
        if dict(expected) != dict(found[number]):
            yield Message("the answers that are counted of block {block} are not those of its records", block=number)


def _rows(block: int, counts: Counts) -> list[dict[str, object]]:
    return [
        {
            "policy": key.policy,
            "block": block,
            "status": key.group.status,
            "outcome": key.group.outcome,
            "rule": key.rule,
            "decisions": decisions,
        }
        for key, decisions in sorted(counts.items())
    ]
