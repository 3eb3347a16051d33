"""Every recorded decision names a version that was active between its start and its end, while versions come and go."""

import asyncio
import threading
from datetime import datetime, timedelta
from itertools import pairwise
from typing import NamedTuple

import msgspec
import pytest
from sqlmodel import select

from policy_service.clock import SystemClock
from policy_service.database import Database
from policy_service.decisions.record import read_record
from policy_service.decisions.request import DecisionRequest
from policy_service.decisions.service import DecisionService
from policy_service.decisions.tables import DecisionRow
from policy_service.registry.model import Activation, Period, active_at
from policy_service.registry.service import activations
from tests.databases import BACKENDS, fresh_database
from tests.decisions.desks import opened, put, tier
from tests.decisions.test_service import CRM
from tests.effort import effort

CHANGES = effort(12, 200)
CALLERS = 8


class CallerDecision(NamedTuple):
    """One decision as its caller saw it."""

    start: datetime
    end: datetime
    decision_id: str
    digest: str


async def callers(
    decisions: DecisionService, clock: SystemClock, stop: threading.Event, seen: list[CallerDecision]
) -> None:
    async def caller() -> None:
        while not stop.is_set():
            start = clock.now()
            answer = await decisions.decide(DecisionRequest("C1", {"amount": "150"}), CRM)
            body = msgspec.json.decode(answer.body)
            digest = body["outcomes"]["tiering/one"]["digest"]
            seen.append(CallerDecision(start, clock.now(), body["decision_id"], digest))

    await asyncio.gather(*(caller() for _ in range(CALLERS)))


def change(database: Database, clock: SystemClock, stop: threading.Event) -> None:
    """Puts versions in force now, shortly, and for a moment, as a suspension does."""
    try:
        for number in range(CHANGES):
            now = clock.now()
            period = (None, Period(now + timedelta(milliseconds=80)), Period(now, now + timedelta(milliseconds=60)))
            put(database, clock, tier(f"2.{number}.0", 100 + number % 2 * 100), period[number % 3])
            stop.wait(0.05)
    finally:
        stop.set()


@pytest.mark.parametrize("backend", BACKENDS)
def test_every_record_names_a_version_that_was_active_between_its_start_and_its_end(backend: str) -> None:
    clock, stop = SystemClock(), threading.Event()
    seen: list[CallerDecision] = []
    with fresh_database(backend) as database:
        put(database, clock, tier())
        with opened(database, clock, look_seconds=30) as (one, _), opened(database, clock) as (other, _):
            threads = [
                threading.Thread(target=lambda desk=desk: asyncio.run(callers(desk, clock, stop, seen)))
                for desk in (one, other)
            ]
            threads.append(threading.Thread(target=change, args=(database, clock, stop)))
            for thread in threads:
                thread.start()
            for thread in threads:
                thread.join()
        with database.read() as session:
            recorded = activations(session)
            records = [read_record(line) for line in session.exec(select(DecisionRow.line).order_by(DecisionRow.seq))]  # type: ignore[arg-type]
    by_id = {record.decision_id: record for record in records}
    assert len(seen) == len(records) > CHANGES
    assert [record.seq for record in records] == list(range(1, len(records) + 1))
    assert len({each.digest for each in seen}) > 5
    for earlier, later in pairwise(records):
        assert earlier.decided_at <= later.decided_at
    for each in seen:
        record = by_id[each.decision_id]
        assert each.start <= record.decided_at <= each.end
        assert record.policies["tiering/one"].digest == each.digest == active(recorded, record.decided_at)


def active(recorded: tuple[Activation, ...], at: datetime) -> str | None:
    """The digest in force at an instant, by what was known then."""
    result = active_at(recorded, "tiering/one", at, at)
    return result.digest if result else None
