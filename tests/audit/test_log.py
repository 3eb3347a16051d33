"""The log is read by what one asks for, on both databases, as if every entry had been looked at."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from itertools import product

import pytest

from policy_service.actor import SERVICE
from policy_service.audit.events import ChangeCommented, ChangeRejected, SubjectErased
from policy_service.audit.log import EntryFilter, LogEntry, UnknownEntry, append, entries, read_entry
from policy_service.database import Database
from tests.audit.logs import ADMINISTRATOR, AUTHOR
from tests.databases import BACKENDS, START, TestClock, fresh_database

ACTORS = (AUTHOR, ADMINISTRATOR, SERVICE)
EVENTS = (ChangeCommented("one", "well"), ChangeRejected("two", "no"), SubjectErased("C1", "customer", "asked to"))
ABOUT = {"change_commented": "change:one", "change_rejected": "change:two", "subject_erased": "subject:C1"}


@pytest.fixture(scope="module", params=BACKENDS)
def log(request: pytest.FixtureRequest) -> Iterator[tuple[Database, list[LogEntry]]]:
    """Twenty transactions of one to three entries each, some of them at the same instant."""
    clock = TestClock()
    with fresh_database(request.param) as database:
        for number in range(20):
            clock.move(minutes=number % 3)
            with database.write(clock) as transaction:
                for place in range(1 + number % 3):
                    append(transaction, ACTORS[number % 3], EVENTS[(number * 2 + place) % 3])
        with database.read() as session:
            yield database, entries(session, limit=1_000, oldest_first=True)


def takes(criteria: EntryFilter, entry: LogEntry) -> bool:
    """Return True if an entry is wanted, seen by itself."""
    return (
        criteria.event in {None, entry.event}
        and criteria.actor in {None, entry.actor}
        and criteria.about in {None, ABOUT[entry.event]}
        and (criteria.since is None or criteria.since <= entry.at)
        and (criteria.until is None or entry.at < criteria.until)
    )


def listed(database: Database, criteria: EntryFilter, *, oldest_first: bool, limit: int) -> list[int]:
    """The numbers of what the pages hold, one after another."""
    results: list[int] = []
    while True:
        with database.read() as session:
            page = entries(
                session, criteria, cursor=results[-1] if results else None, limit=limit, oldest_first=oldest_first
            )
        results += [entry.seq for entry in page]
        if len(page) < limit:
            return results


@pytest.mark.parametrize("oldest_first", [True, False])
@pytest.mark.parametrize("limit", [3, 100])
def test_every_filter_and_every_two_of_them_hold_what_they_should(
    log: tuple[Database, list[LogEntry]], *, oldest_first: bool, limit: int
) -> None:
    database, every = log
    instants = [None, START, every[7].at, every[20].at, every[-1].at + timedelta(seconds=1)]
    filters = [
        *(
            EntryFilter(event, actor)
            for event, actor in product([None, *ABOUT, "no_such"], [None, AUTHOR.id, "nobody"])
        ),
        *(EntryFilter(event, about=about) for event, about in product([None, *ABOUT], ["change:one", "change:none"])),
        *(EntryFilter(since=since, until=until) for since, until in product(instants, instants)),
        *(EntryFilter(about="change:two", since=since, until=every[20].at) for since in instants),
        *(EntryFilter("subject_erased", SERVICE.id, "subject:C1", since) for since in instants),
    ]
    for criteria in filters:
        expected = [entry.seq for entry in every if takes(criteria, entry)]
        ordered = expected if oldest_first else expected[::-1]
        assert listed(database, criteria, oldest_first=oldest_first, limit=limit) == ordered, criteria


def test_a_place_behind_every_entry_is_a_place_like_any_other(log: tuple[Database, list[LogEntry]]) -> None:
    database, every = log
    with database.read() as session:
        assert entries(session, cursor=10**15, limit=1)[0].seq == len(every)
        assert entries(session, cursor=10**15, oldest_first=True) == []
        assert read_entry(session, every[-1].seq) == every[-1]
        with pytest.raises(UnknownEntry):
            read_entry(session, 10**9)
