"""Pages of the log and of its checkpoints follow one another, in either order."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from policy_service.audit.events import ChangeCommented
from policy_service.audit.log import EntryFilter
from policy_service.audit.queries import EntrySort, list_checkpoints, list_copies, list_entries
from policy_service.paging import InvalidCursor
from tests.audit.logs import Log
from tests.databases import TestClock, fresh_database


@pytest.fixture(scope="module")
def log(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Log]:
    """A log of eight entries and more, whose checkpoints were signed twice."""
    folder: Path = tmp_path_factory.mktemp("log") / "keys"
    with fresh_database("sqlite") as database:
        log = Log(database, TestClock(), folder)
        log.start()
        for _ in range(2):
            log.write(4)
            log.seal()
        yield log


@pytest.mark.parametrize("sort", ["seq", "-seq"])
def test_pages_of_entries_follow_one_another(log: Log, sort: EntrySort) -> None:
    criteria, cursor, numbers = EntryFilter(event=ChangeCommented.name), None, list[int]()
    with log.database.read() as session:
        whole = [each.seq for each in list_entries(session, criteria, sort=sort, limit=100).items]
        while True:
            page = list_entries(session, criteria, sort=sort, cursor=cursor, limit=2)
            numbers += [each.seq for each in page.items]
            if (cursor := page.next_cursor) is None:
                break
    assert numbers == whole == sorted(whole, reverse=sort == "-seq")
    assert len(whole) > 2


def test_pages_of_checkpoints_follow_one_another(log: Log) -> None:
    with log.database.read() as session:
        first = list_checkpoints(session, limit=1)
        second = list_checkpoints(session, limit=1, cursor=first.next_cursor)
        assert [each.extent.size for each in (*first.items, *second.items)] == [
            each.extent.size for each in list_checkpoints(session, sort="size").items
        ][::-1]
        with pytest.raises(InvalidCursor):
            list_checkpoints(session, cursor="nonsense")


def test_copies_say_how_many_checkpoints_a_place_has(log: Log) -> None:
    with log.database.read() as session:
        [copies] = list_copies(session)
    assert copies.count == 2
