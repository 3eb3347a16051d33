"""A reproducible random sample of decisions: the seed is the digest of the pack's parameters.

Draw number i is position SHA-256("<seed>:<i>"), its first eight bytes as a number, modulo the size of the population;
repeated positions are skipped. The population consists of the records of the subject, or those that name the policy; a
record that only mentions it among its facts is skipped.
"""

from __future__ import annotations

import hashlib
from array import array
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from itertools import count
from typing import Any

import sqlalchemy
from sqlalchemy import ColumnElement, LargeBinary
from sqlmodel import Session, col, func, select

from policy_service.decisions.macs import last_decision_seq
from policy_service.decisions.record import DecisionRecord, read_row
from policy_service.decisions.record_queries import last_archived_seq
from policy_service.decisions.tables import DecisionRow
from policy_service.packs.scope import MAX_DRAWS, MAX_LISTED, Scope

_BYTES = 8
DRAW = (
    'place = first 8 bytes of SHA-256("<seed>:<i>") modulo population, for i = 0, 1, 2, …; repeated places are skipped'
)
"""The same description, for readers of the pack."""


@dataclass(frozen=True, slots=True)
class Sample:
    """The sampled decisions, and the parameters of the draw."""

    rows: tuple[DecisionRow, ...]
    """The sampled rows, in the order of the records."""
    seed: str
    population: int
    """The number of records that could be drawn."""
    drawn: int
    """The number of records drawn; more than `rows` if some do not use the requested policy."""
    first: int | None
    last: int | None
    """The first and last record of the population; those between belong to it unless a subject or a policy was
    requested.
    """
    is_truncated: bool
    """True if the subject or the policy has more decisions than were listed."""

    def to_dict(self) -> dict[str, Any]:
        return {
            "seed": self.seed,
            "population": self.population,
            "first": self.first,
            "last": self.last,
            "drawn": self.drawn,
            "taken": [row.seq for row in self.rows],
            "draw": DRAW,
        }


def draw(session: Session, scope: Scope) -> Sample:
    """Return the sample of a pack."""
    first, last = _bounds(session, scope)
    population, is_truncated = _population(session, scope, first, last)
    rows: list[DecisionRow] = []
    drawn = 0
    for position in draw_positions(scope.seed, len(population)):
        if len(rows) == scope.sample or drawn == MAX_DRAWS:
            break
        drawn += 1
        row = session.get(DecisionRow, population[position])
        if row is not None and (scope.policy is None or scope.policy in _record(row).policies):
            rows.append(row)
    rows.sort(key=lambda row: row.seq)
    start, end = (population[0], population[-1]) if population else (None, None)
    return Sample(tuple(rows), scope.seed, len(population), drawn, start, end, is_truncated)


def draw_positions(seed: str, size: int) -> Iterator[int]:
    """Yield every position of a population once, in the order of the draws."""
    used: set[int] = set()
    for number in count():
        if len(used) == size:
            return
        drawn = hashlib.sha256(f"{seed}:{number}".encode()).digest()[:_BYTES]
        position = int.from_bytes(drawn, "big") % size
        if position not in used:
            used.add(position)
            yield position


def _record(row: DecisionRow) -> DecisionRecord:
    return read_row(row.seq, row.line)


def _bounds(session: Session, scope: Scope) -> tuple[int, int]:
    """Return the numbers of the first and the last record of the period; numbers are in order of time."""
    newest = last_decision_seq(session)

    def decided_at(seq: int) -> datetime | None:
        return session.exec(select(DecisionRow.decided_at).where(DecisionRow.seq == seq)).first()

    first = _first_from(decided_at, newest, scope.since) if scope.since else 1
    last = _first_from(decided_at, newest, scope.until) - 1 if scope.until else newest
    return max(first, last_archived_seq(session) + 1), last


def _first_from(decided_at: Callable[[int], datetime | None], newest: int, instant: datetime) -> int:
    """Return the first record decided at or after an instant; one after the newest if there is none."""
    low, high = 1, newest + 1
    while low < high:
        middle = (low + high) // 2
        candidate = decided_at(middle)
        if candidate is not None and candidate < instant:
            low = middle + 1
        else:
            high = middle
    return low


def _mentions(session: Session, policy: str) -> ColumnElement[bool]:
    """Build the condition that a record's line has the name of a policy in it."""
    marker = sqlalchemy.literal(f'"{policy}":'.encode(), LargeBinary)
    line = col(DecisionRow.line)
    is_sqlite = session.connection().dialect.name == "sqlite"
    return (func.instr(line, marker) if is_sqlite else func.position(marker.op("IN")(line))) > 0


def _population(session: Session, scope: Scope, first: int, last: int) -> tuple[Sequence[int], bool]:
    """Return the numbers of the records that can be drawn, and whether there are more."""
    if scope.subject is None and scope.policy is None:
        return range(first, last + 1), False
    query = select(DecisionRow.seq).where(DecisionRow.seq >= first, DecisionRow.seq <= last)
    if scope.subject is not None:
        query = query.where(DecisionRow.subject == scope.subject.id, DecisionRow.kind == scope.subject.kind)
    if scope.policy is not None:
        query = query.where(_mentions(session, scope.policy))
    rows = session.exec(
        query.order_by(col(DecisionRow.seq)).limit(MAX_LISTED + 1), execution_options={"yield_per": 5_000}
    )
    seqs = array("q", rows)
    return seqs[:MAX_LISTED], len(seqs) > MAX_LISTED
