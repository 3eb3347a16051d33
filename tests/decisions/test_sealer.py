"""The thread that seals: what is there, what is left at the end, again after a failure; on both databases."""

from __future__ import annotations

import threading
from collections.abc import Callable
from functools import partial
from pathlib import Path

import pytest
from sqlmodel import Session, col, select

from policy_service import Decider
from policy_service.audit.copies import FileCopy
from policy_service.audit.service import ensure_signing_key, unsigned_count
from policy_service.audit.tables import Checkpoint
from policy_service.database import Database, DatabaseUnavailable, transaction_count
from policy_service.decisions import block_store, sealer
from policy_service.decisions.answer_counts.service import count_faults, last_counted
from policy_service.decisions.block_store import SealingFailed
from policy_service.decisions.blocks import Block, BlockReport
from policy_service.decisions.sealer import Result, Sealer
from tests.decisions.test_block_store import CLOCK, database, decider, record, seal_some, verify

__all__ = ["database", "decider"]


def test_the_sealer_seals_what_is_there_and_what_is_left_at_the_end(
    database: Database, decider: Decider, tmp_path: Path
) -> None:
    with database.write(CLOCK) as transaction:
        ensure_signing_key(transaction, tmp_path)
    record(database, decider, 2)
    thread = Sealer(database, CLOCK, tmp_path, copies=[FileCopy(tmp_path / "kept.ndjson")], interval_seconds=3_600)
    assert thread.seal_all() == 1
    thread.start()
    record(database, decider, 3)
    thread.close()
    thread.close()
    assert verify(database) == BlockReport(blocks=2, records=5)
    with database.read() as session:
        checkpoints = session.exec(select(Checkpoint.line).order_by(col(Checkpoint.size))).all()
        epoch = transaction_count(session)
    assert (tmp_path / "kept.ndjson").read_bytes() == b"".join(line + b"\n" for line in checkpoints)
    assert thread.seal_all() == 0
    with database.read() as session:
        assert transaction_count(session) == epoch, "a look for records to seal must not disturb who watches the lane"


def test_decisions_are_recorded_while_the_sealer_looks_at_records(
    database: Database, decider: Decider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What takes long is done before the transaction, and a block has one of its own; so decisions wait for little.

    Those that come meanwhile are for the next time, or there would be a block and a checkpoint of every few.
    """
    with database.write(CLOCK) as transaction:
        ensure_signing_key(transaction, tmp_path)
    record(database, decider, 7)
    look = block_store.next_block

    def records_meanwhile(session: Session, before: Block, *, pause: Callable[[], object]) -> Block | None:
        record(database, decider, 1)
        return look(session, before, max_records=3, pause=pause)

    monkeypatch.setattr(sealer, "next_block", records_meanwhile)
    monkeypatch.setattr(sealer, "BLOCK_SIZE", 3)
    with database.read() as session:
        epoch = transaction_count(session)
    assert Sealer(database, CLOCK, tmp_path).seal_all() == 4
    with database.read() as session:
        assert transaction_count(session) == epoch + 4
        assert unsigned_count(session) == 0
    assert verify(database) == BlockReport(blocks=4, records=11)


@pytest.mark.parametrize(
    ("sealed", "records", "runs"), [(0, 2, []), (0, 3, ["next_block_of"]), (3, 1, ["next_counts_of"])]
)
def test_many_records_are_looked_at_elsewhere(  # the cases, and where
    sealed: int,
    records: int,
    runs: list[str],
    database: Database,
    decider: Decider,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with database.write(CLOCK) as transaction:
        ensure_signing_key(transaction, tmp_path)
    record(database, decider, sealed)
    while seal_some(database, at_most=1):
        pass
    record(database, decider, records)
    monkeypatch.setattr(sealer, "MAX_RECORDS_HERE", 2)
    called: list[str] = []

    def run_work(work: Callable[..., Result], /, *arguments: object) -> Result:
        called.append(work.__name__)
        return work(*arguments)

    assert Sealer(database, CLOCK, tmp_path, run_work=run_work).seal_all() == 1
    assert called == runs
    assert verify(database) == BlockReport(blocks=sealed + 1, records=sealed + records)
    with database.read() as session:
        assert list(count_faults(session)) == []
        assert last_counted(session) == sealed + 1


def test_the_sealer_tells_when_it_cannot_seal_and_tries_again(
    database: Database, decider: Decider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    alarms: list[str] = []
    failing = iter([DatabaseUnavailable("busy"), SealingFailed("decision record 2 was removed")])
    event = threading.Event()
    with database.write(CLOCK) as transaction:
        ensure_signing_key(transaction, tmp_path)
    record(database, decider, 1)

    def fails_twice(self: Sealer) -> bool:
        error = next(failing, None)
        if error is not None:
            raise error
        return bool(real(self))

    def alarm(message: str) -> None:
        alarms.append(message)
        event.set()

    real = Sealer._has_work
    monkeypatch.setattr(Sealer, "_has_work", fails_twice)
    thread = Sealer(database, CLOCK, tmp_path, interval_seconds=0.01, on_alarm=alarm)
    thread.start()
    assert event.wait(10)
    thread.close()
    assert alarms == ["decision records are not being sealed: decision record 2 was removed"]
    assert verify(database) == BlockReport(blocks=1, records=1)


def test_a_sealer_without_anybody_to_tell_goes_on(database: Database, decider: Decider, tmp_path: Path) -> None:
    record(database, decider, 1)
    thread = Sealer(database, CLOCK, tmp_path, interval_seconds=0.01)  # there is no key to sign a checkpoint with
    thread.start()
    thread.close()
    assert verify(database) == BlockReport(blocks=0, records=1)


def test_a_sealer_that_was_never_started_closes(database: Database, tmp_path: Path) -> None:
    Sealer(database, CLOCK, tmp_path).close()


def test_the_sealer_gives_way_while_decisions_are_recorded(
    database: Database, decider: Decider, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with database.write(CLOCK) as transaction:
        ensure_signing_key(transaction, tmp_path)
    record(database, decider, 3)
    waits: list[float] = []
    thread = Sealer(database, CLOCK, tmp_path)
    monkeypatch.setattr(thread._closing, "wait", waits.append)
    monkeypatch.setattr(sealer, "next_block", partial(block_store.next_block, max_records=1))
    monkeypatch.setattr(sealer, "BLOCK_SIZE", 1)
    monkeypatch.setattr(sealer, "PAUSE_SECONDS", 0.0)
    assert thread.seal_all() == 3
    assert [each for each in waits if each] == [sealer.BLOCK_PAUSE_SECONDS], "after the first block of three"
