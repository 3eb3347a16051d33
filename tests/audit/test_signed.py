"""Checkpoints are listed in either order and by when they were signed, on both databases, as if each was looked at."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import datetime, timedelta

import pytest

from policy_service.audit.service import checkpoints
from tests.audit.logs import Log
from tests.databases import BACKENDS, START, TestClock, fresh_database
from tests.effort import sample

Signed = tuple[int, datetime]


@pytest.fixture(scope="module", params=BACKENDS)
def log(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[Log, list[Signed]]]:
    """A log with nine checkpoints, some of them at the same instant; with what each is of and when it was signed."""
    with fresh_database(request.param) as database:
        result = Log(database, TestClock(), tmp_path_factory.mktemp("keys"))
        result.start()
        for number in range(9):
            result.write(1 + number % 4 * 3)
            if number % 3:
                result.clock.move(minutes=number)
            result.seal()
        with database.read() as session:
            every = checkpoints(session, limit=100, oldest_first=True)
        yield result, [(each.extent.size, datetime.fromisoformat(each.at)) for each in every]


def listed(log: Log, limit: int, *, oldest_first: bool, **days: datetime | None) -> list[int]:
    """The sizes on all pages, one after another."""
    results: list[int] = []
    while True:
        with log.database.read() as session:
            cursor = results[-1] if results else None
            page = checkpoints(
                session, cursor, limit, oldest_first=oldest_first, since=days["since"], until=days["until"]
            )
        results += [each.extent.size for each in page]
        if len(page) < limit:
            return results


@pytest.mark.parametrize("oldest_first", [True, False])
@pytest.mark.parametrize("limit", [1, 4, 50])
def test_those_of_a_time_are_listed_in_order_on_pages_of_any_size(
    log: tuple[Log, list[Signed]], limit: int, oldest_first: bool
) -> None:
    result, every = log
    assert len(every) == 9
    instants = [None, START - timedelta(days=1), *{at for _, at in every}, START + timedelta(days=9)]
    for since in instants:
        for until in sample(instants, 3):
            expected = [size for size, at in every if (not since or at >= since) and (not until or at < until)]
            seen = listed(result, limit, oldest_first=oldest_first, since=since, until=until)
            assert seen == (expected if oldest_first else expected[::-1])


def test_a_place_behind_all_or_before_all_is_one_too(log: tuple[Log, list[Signed]]) -> None:
    result, every = log
    with result.database.read() as session:
        assert len(checkpoints(session, 2**50)) == len(every)
        assert checkpoints(session, 2**50, oldest_first=True) == checkpoints(session, 0) == []


def test_of_a_log_that_was_never_signed_there_are_none() -> None:
    with fresh_database("sqlite") as database, database.read() as session:
        assert checkpoints(session, since=START, until=START) == []
