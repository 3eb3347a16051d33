"""The sealer signs only what continues the log that was signed; a difference is settled by a person, in the log."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import select

from policy_service.audit.checkpoints import SignedExtent
from policy_service.audit.comparison import (
    LogComparison,
    LogMismatch,
    copy_checkpoints,
    copy_difference,
    disagreement,
    read_copies,
    recorded_difference,
    settle,
    verify_log,
)
from policy_service.audit.copies import Copy, CopyContents, FileCopy, UrlCopy
from policy_service.audit.keys import public_keys
from policy_service.audit.queries import list_copies
from policy_service.audit.service import checkpoints, sign_checkpoint
from policy_service.audit.tables import AuditEntry, CheckpointCopy
from policy_service.audit.verdict import LogVerdict
from policy_service.log_work import verify
from policy_service.workers.progress import ProgressFile
from tests.audit.logs import ADMINISTRATOR, Log
from tests.audit.store import running_store
from tests.audit.test_database_verification import tamper
from tests.databases import BACKENDS, TestClock, fresh_database


@pytest.fixture(params=BACKENDS)
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    """A log of seven entries, all signed; the checkpoints of four and of seven are copied to a file."""
    with fresh_database(request.param) as database:
        log = Log(database, TestClock(), tmp_path / "keys")
        log.start()
        log.write(3)
        log.seal()
        log.write(3)
        log.seal()
        yield log


def comparison(log: Log) -> LogComparison:
    return LogComparison(log.database, log.clock, log.folder, [FileCopy(log.kept)])


def verified(log: Log, copy: Copy) -> LogVerdict:
    external = read_copies(log.database, [copy])
    with log.database.read() as session:
        return verify_log(session, list(public_keys(log.folder).values()), external)


def sign(log: Log, compared: LogComparison) -> None:
    compared.check()
    with log.database.write(log.clock) as transaction:
        line = sign_checkpoint(transaction, log.folder).line
    compared.set_last_signed(line)
    compared.copy_all()


def difference(compared: LogComparison) -> tuple[str, bool]:
    with pytest.raises(LogMismatch) as failure:
        compared.check()
    return str(failure.value), failure.value.is_new


def test_a_log_that_goes_on_is_signed_and_copied(log: Log) -> None:
    compared = comparison(log)
    for _ in range(3):
        log.write(2)
        sign(log, compared)
    assert [each.extent.size for each in log.copied] == [4, 7, 9, 11, 13]
    assert (compared.difference, compared.copy_errors) == (None, {})


def cut_short(log: Log) -> None:
    tamper(
        log,
        "DELETE FROM audit_about WHERE seq > 6",
        "DELETE FROM checkpoint WHERE size > 6",
        "DELETE FROM audit_entry WHERE seq > 6",
    )


def written_anew(log: Log) -> None:
    """Another entry in the place of the last, as somebody makes who has the keys too."""
    cut_short(log)
    log.clock.move(hours=1)
    log.write(1)


OWN = "the last checkpoint that this process made"


@pytest.mark.parametrize(
    ("spoil", "own", "elsewhere"),
    [
        (
            cut_short,
            "entry 7 was removed, with all behind it: a checkpoint records 7 entries",
            "the log ends at entry 6, and {kept} records 7 entries",
        ),
        (
            written_anew,
            "entry 7 was altered: it is not the one a checkpoint was signed for",
            "the first 7 entries of the log are not those that {kept} records",
        ),
    ],
)
def test_another_history_is_not_signed(log: Log, spoil: object, own: str, elsewhere: str) -> None:
    by_itself = LogComparison(log.database, log.clock, log.folder)
    with log.database.read() as session:
        by_itself.set_last_signed(checkpoints(session, limit=1)[0].line)
    spoil(log)  # type: ignore[operator]
    assert difference(comparison(log)) == (elsewhere.format(kept=log.kept), True)
    with log.database.read() as session:
        assert recorded_difference(session) == elsewhere.format(kept=log.kept)
    tamper(log, "DELETE FROM checkpoint_copy")
    assert difference(by_itself) == (own, True)


def test_an_altered_root_is_found_though_the_head_is_right(log: Log) -> None:
    with log.database.read() as session:
        [newest] = checkpoints(session, limit=1)
    tamper(log, "UPDATE audit_entry SET digest = (SELECT digest FROM audit_entry WHERE seq = 2) WHERE seq = 6")
    tamper(log, "DELETE FROM checkpoint WHERE size = 7")
    with log.database.read() as session:
        result = disagreement(session, newest, OWN, list(public_keys(log.folder).values()))
    assert result == f"the first 7 entries of the log are not those that {OWN} records"


def test_a_digest_altered_before_what_is_looked_at_again_is_found_by_the_root(log: Log) -> None:
    by_itself = LogComparison(log.database, log.clock, log.folder)
    with log.database.read() as session:
        by_itself.set_last_signed(checkpoints(session, limit=1)[0].line)
    by_itself.check()
    tamper(log, "UPDATE audit_entry SET digest = (SELECT digest FROM audit_entry WHERE seq = 2) WHERE seq = 5")
    tamper(log, "DELETE FROM checkpoint WHERE size = 7")
    assert difference(by_itself) == (f"the first 7 entries of the log are not those that {OWN} records", True)


def test_nothing_is_signed_until_somebody_settles_it_after_a_restart_too(log: Log) -> None:
    compared = comparison(log)
    sign(log, compared)
    whole = log.kept.read_bytes()
    log.kept.write_bytes(whole.splitlines(keepends=True)[0])
    message = f"{log.kept} holds 1 checkpoint, and 2 were copied there"
    assert difference(compared) == (message, True)
    log.kept.write_bytes(whole)
    assert difference(compared) == (message, False), "a good comparison alone does not resume it"
    assert difference(comparison(log)) == (message, False), "nor does a restart"
    by = (ADMINISTRATOR, log.folder, [FileCopy(log.kept)], "the disk was replaced")
    assert settle(log.database, log.clock, *by) == message
    sign(log, compared)
    sign(log, comparison(log))
    assert compared.difference is None
    with log.database.read() as session:
        [line] = session.exec(select(AuditEntry.line).where(AuditEntry.event == "log_settled"))
        assert "the disk was replaced" in line.decode()
    assert settle(log.database, log.clock, *by) is None, "there is nothing more to settle"


def test_it_cannot_be_settled_while_a_copy_holds_another_history(log: Log) -> None:
    cut_short(log)
    compared = comparison(log)
    difference(compared)
    by = (ADMINISTRATOR, log.folder, [FileCopy(log.kept)], "restored from the backup of Friday")
    with pytest.raises(LogMismatch, match="the log ends at entry 6") as failure:
        settle(log.database, log.clock, *by)
    assert str(failure.value.detail) == "the log is not what was signed: `policy-service audit verify` says where"
    log.kept.rename(log.kept.with_suffix(".before"))
    assert settle(log.database, log.clock, *by) == f"the log ends at entry 6, and {log.kept} records 7 entries"
    sign(log, compared)
    verdict = verified(log, FileCopy(log.kept))
    assert (verdict.is_fine, [each.checkpoints for each in verdict.copies]) == (True, [2])


def test_a_copy_of_another_log_is_told_as_that(log: Log, tmp_path: Path) -> None:
    with fresh_database("sqlite") as database:
        other = Log(database, TestClock(), tmp_path / "other" / "keys")
        other.start()
        other.write(20)
        other.seal()
        shutil.copyfile(other.kept, log.kept)
    result, _ = difference(comparison(log))
    assert result.startswith(f"{log.kept} holds a checkpoint of another log, sha256:")
    verdict = verified(log, FileCopy(log.kept))
    assert verdict.fault is not None
    assert verdict.fault.is_other_log


def test_a_place_that_does_not_answer_is_told_and_asked_again_later(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    monkeypatch.setattr("policy_service.audit.comparison.time.monotonic", lambda: now[0])
    with running_store(status=500) as store:
        compared = LogComparison(log.database, log.clock, log.folder, [UrlCopy(store.address)])
        sign(log, compared)
        assert compared.copy_errors == {
            store.address: f"checkpoints are not copied to {store.address}: GET {store.address}/1 was answered with 500"
        }
        for wait, request_count in ((9, 0), (2, 1), (19, 0), (2, 1)):
            now[0] += wait
            before = len(store.asked)
            compared.copy_all()
            assert len(store.asked) - before == request_count
        store.status = None
        now[0] += 41
        compared.copy_all()
        assert compared.copy_errors == {}
        assert len(store.lines) == 1


@pytest.mark.parametrize("note", ["gossip", "[1, 2, 3]", "[" * 9_999])
def test_a_damaged_note_of_a_difference_still_stops_it(log: Log, note: str) -> None:
    copy_checkpoints(log.database, log.clock, FileCopy(log.kept))
    with log.database.write(log.clock) as transaction:
        [copies] = list_copies(transaction.session)
        assert copies.location.endswith(FileCopy(log.kept).location)
        assert copies.count == 2
        for row in transaction.session.exec(select(CheckpointCopy)):
            row.difference = note
            transaction.session.add(row)
    assert difference(comparison(log)) == ("the log was found to differ from what was signed", False)


@pytest.mark.parametrize(
    ("spoil", "fault"),
    [
        (lambda kept: kept.unlink(), "{kept} is missing: 2 checkpoints were copied there"),
        (lambda kept: kept.write_bytes(b""), "{kept} holds 0 checkpoints, and 2 were copied there"),
        (lambda kept: kept.write_bytes(b"gossip\n"), "{kept} cannot be read: line 1 of {kept} is no checkpoint"),
    ],
)
def test_a_verification_says_what_it_was_compared_with(log: Log, spoil: object, fault: str) -> None:
    fine = verified(log, FileCopy(log.kept))
    [compared] = fine.copies
    assert fine.is_fine
    assert (compared.location, compared.checkpoints, compared.size) == (str(log.kept), 2, 7)
    assert compared.at == "2026-11-20T01:00:03.000000Z"
    spoil(log.kept)  # type: ignore[operator]
    verdict = verified(log, FileCopy(log.kept))
    assert (verdict.is_fine, verdict.fault) == (False, None)
    assert verdict.copies[0].fault == fault.format(kept=log.kept)


def test_a_new_place_that_is_not_there_yet_is_a_fault_once_something_was_signed(log: Log, tmp_path: Path) -> None:
    new = FileCopy(tmp_path / "new")
    verdict = verified(log, new)
    assert [each.fault for each in verdict.copies] == [
        f"{new.location} is missing: there is nothing to compare the log with"
    ]


def test_a_place_that_is_not_there_yet_is_no_fault_while_nothing_was_signed(tmp_path: Path) -> None:
    with fresh_database("sqlite") as database:
        log = Log(database, TestClock(), tmp_path / "keys")
        log.start()
        verdict = verified(log, FileCopy(log.kept))
    assert (verdict.is_fine, verdict.checkpoints) == (True, 0)
    assert [each.to_dict() for each in verdict.copies] == [
        {"location": str(log.kept), "checkpoints": 0, "size": None, "at": None, "fault": None}
    ]


def test_a_place_that_lost_checkpoints_is_given_no_more(log: Log) -> None:
    whole = log.kept.read_bytes()
    less = whole.splitlines(keepends=True)[0]
    log.write(1)
    with log.database.write(log.clock) as transaction:
        sign_checkpoint(transaction, log.folder)
    log.kept.write_bytes(less)
    copy_checkpoints(log.database, log.clock, FileCopy(log.kept))
    assert log.kept.read_bytes() == less
    message = f"{log.kept} holds 1 checkpoint, and 2 were copied there"
    assert difference(comparison(log)) == (message, True), "what was lost is still told"


class BusyCopy(FileCopy):
    """A place to which another process copies what it just signed, whenever this one is about to look."""

    def __init__(self, log: Log) -> None:
        super().__init__(log.kept)
        self._log = log

    def _look_later(self) -> None:
        self._log.write(1)
        self._log.seal()

    def inspect(self, count: int) -> CopyContents:
        self._look_later()
        return super().inspect(count)

    def read(self) -> list[SignedExtent]:
        self._look_later()
        return super().read()


def test_what_another_process_signs_meanwhile_is_no_difference(log: Log) -> None:
    busy = BusyCopy(log)
    trusted = list(public_keys(log.folder).values())
    for _ in range(3):
        assert copy_difference(log.database, busy, trusted) is None
        verdict = verified(log, busy)
        assert (verdict.is_fine, verdict.fault) == (True, None)
    LogComparison(log.database, log.clock, log.folder, [busy]).check()
    url, progress = log.database.url, ProgressFile(None)
    assert verify(url, log.folder, [busy], progress, log.clock).copies[0].fault is None
