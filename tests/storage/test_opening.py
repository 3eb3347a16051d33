"""A new SQLite file is turned over to its write-ahead log by whoever comes first; the others wait."""

import sqlite3
import threading
from pathlib import Path

import pytest

from policy_service.database import engines
from tests.effort import effort


class Refusing:
    """A connection that refuses a few times before it does as told."""

    def __init__(self, code: int, times: int) -> None:
        self.code, self.times = code, times

    def execute(self, statement: str) -> None:
        assert statement == "PRAGMA journal_mode = WAL"
        if self.times:
            self.times -= 1
            refusal = sqlite3.OperationalError("refused")
            refusal.sqlite_errorcode = self.code
            raise refusal


def test_it_is_asked_again_while_somebody_else_turns_the_file_over() -> None:
    connection = Refusing(sqlite3.SQLITE_BUSY_RECOVERY, 3)
    engines._enable_wal(connection, 10)  # type: ignore[arg-type]  # as much of a connection as is used
    assert not connection.times


def test_it_is_not_asked_for_longer_than_one_waits_for_a_lock() -> None:
    with pytest.raises(sqlite3.OperationalError):
        engines._enable_wal(Refusing(sqlite3.SQLITE_BUSY, 1_000), 0.05)  # type: ignore[arg-type]  # see above


def test_another_refusal_is_told_at_once() -> None:
    connection = Refusing(sqlite3.SQLITE_READONLY, 1)
    with pytest.raises(sqlite3.OperationalError):
        engines._enable_wal(connection, 10)  # type: ignore[arg-type]  # see above
    assert not connection.times


def test_all_who_open_a_new_file_at_once_get_in(tmp_path: Path) -> None:
    faults: list[Exception] = []
    for turn in range(effort(15, 60)):
        file = tmp_path / f"{turn}.db"
        file.touch()
        together = threading.Barrier(6)

        def enter(file: Path = file, together: threading.Barrier = together) -> None:
            engine = engines.open_sqlite(file, 10)
            together.wait()
            try:
                engine.connect().close()
            except Exception as fault:  # noqa: BLE001  # told below
                faults.append(fault)
            engine.dispose()

        threads = [threading.Thread(target=enter) for _ in range(6)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
    assert not faults
