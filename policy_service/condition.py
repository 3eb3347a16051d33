"""The condition of a running service: whether it can record, and all problems that need attention."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from policy_service.audit.guard import unused_rows
from policy_service.clock import Clock
from policy_service.database import Database, DatabaseUnavailable
from policy_service.database.writability import WRITABLE, writable
from policy_service.decisions.macs import missing_mac_key
from policy_service.decisions.sealer import Sealer
from policy_service.decisions.service import DecisionService
from policy_service.messages import Message

GRACE = timedelta(seconds=2)
"""Tolerated lag of the clock behind the last record: machines that share a database differ slightly."""


@dataclass(frozen=True, slots=True)
class Condition:
    """The problems found, most urgent first."""

    database: str
    """`writable`, or why nothing can be recorded now."""
    concerns: tuple[str, ...]


def read_condition(  # noqa: PLR0913  # all that may be wrong
    decisions: DecisionService,
    sealer: Sealer,
    database: Database,
    clock: Clock,
    *,
    last_write: datetime | DatabaseUnavailable | None,
    edited_files: Sequence[str],
    file_faults: Sequence[str],
) -> Condition:
    """Return the condition; `last_write` is the time of the last write, or why the database does not answer."""
    state, found = WRITABLE, list(edited_files)
    if isinstance(last_write, DatabaseUnavailable):
        state = str(last_write)
    else:
        state, recent = writable(database)
        found += recent
        if state == WRITABLE and (missing_key := missing_mac_key(database)) is not None:
            state = missing_key
        if file_faults:
            state, found = file_faults[0], [*found, *file_faults]
    if (standstill := sealer.standstill()) is not None:
        found.append(standstill)
    lag = last_write - clock.now() if isinstance(last_write, datetime) else timedelta()
    if lag > GRACE:
        seconds = timedelta(seconds=round(lag.total_seconds()))
        found.append(
            Message(
                "the clock is {lag} behind the last record: until it has caught up, records bear its time", lag=seconds
            )
        )
    found += unused_rows(database)
    return Condition(state, (*found, *_versions_and_log(decisions, sealer)))


def _versions_and_log(decisions: DecisionService, sealer: Sealer) -> Iterator[Message]:
    if decisions.in_force.last_error is not None:
        yield Message("what comes into force cannot be kept up with: the log says why")
    comparison = sealer.comparison
    if comparison.difference is not None:
        yield Message(
            "nothing is sealed, because the log is not what was signed: {difference}", difference=comparison.difference
        )
    yield from comparison.copy_errors.values()
