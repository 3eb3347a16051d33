"""Threads take turns in the order they came, and nobody waits for ever."""

from __future__ import annotations

import threading
from time import sleep

import pytest

from policy_service.database import Database, DatabaseUnavailable, LaneName
from policy_service.database.fair_lock import FairLock
from tests.databases import TestClock, fresh_database

PATIENCE = 30.0


def come(turns: FairLock, seen: list[str], name: str) -> threading.Thread:
    """Stands in line behind those who came before, and notes the name when it is its turn."""

    def take() -> None:
        with turns:
            seen.append(name)

    before = len(turns._queue)
    thread = threading.Thread(target=take)
    thread.start()
    while len(turns._queue) == before:
        sleep(0.001)
    return thread


def test_turns_are_taken_in_the_order_of_coming() -> None:
    turns, seen = FairLock(PATIENCE), list[str]()
    with turns:
        threads = [come(turns, seen, name) for name in "abcdefgh"]
        assert seen == []
    for thread in threads:
        thread.join()
    assert seen == list("abcdefgh")


def test_one_that_comes_again_at_once_comes_after_those_that_wait() -> None:
    turns, seen = FairLock(PATIENCE), list[str]()
    with turns:
        thread = come(turns, seen, "other")
    with turns:
        seen.append("again")
    thread.join()
    assert seen == ["other", "again"]


def test_who_waits_too_long_goes_and_the_line_goes_on() -> None:
    turns = FairLock(0.01)
    with turns, pytest.raises(DatabaseUnavailable, match="busy"), turns:
        pass
    assert not turns._queue
    with turns:
        pass


def test_a_turn_that_comes_as_one_goes_is_passed_on() -> None:
    turns, event = FairLock(PATIENCE), threading.Event()
    with turns:
        turns._queue.append(event)
    assert event.is_set()  # it was handed the turn, and leaves without having seen it
    turns._leave(event)
    with turns:
        pass


def test_a_fault_gives_the_turn_back() -> None:
    turns = FairLock(0.01)
    with pytest.raises(ZeroDivisionError), turns:
        raise ZeroDivisionError
    with turns:
        pass


def test_an_interrupted_wait_leaves_the_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(_event: threading.Event, _seconds: float) -> bool:
        raise KeyboardInterrupt

    turns = FairLock(PATIENCE)
    with turns:
        monkeypatch.setattr(threading.Event, "wait", interrupted)
        with pytest.raises(KeyboardInterrupt), turns:
            pass
        monkeypatch.undo()
    assert not turns._queue
    with turns:
        pass


def test_one_that_writes_without_pause_keeps_nobody_from_writing() -> None:
    with fresh_database("sqlite") as database:
        ended = threading.Event()
        thread = threading.Thread(target=write_until, args=(database, ended))
        thread.start()
        for number in range(1, 11):
            with database.write(TestClock()) as transaction:
                assert transaction.number == number
        ended.set()
        thread.join()


def write_until(database: Database, ended: threading.Event) -> None:
    while not ended.is_set():
        with database.write(TestClock(), LaneName.DECISIONS):
            pass
