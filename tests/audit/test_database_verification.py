"""The log in the database is verified whole, and its end at every start; both databases refuse to change it."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

from policy_service.audit.chain import GENESIS
from policy_service.audit.checkpoints import Extent, checkpoint_line, read_checkpoints
from policy_service.audit.comparison import copy_checkpoints
from policy_service.audit.copies import FileCopy
from policy_service.audit.database_verification import verify_tail
from policy_service.audit.identity import log_id
from policy_service.audit.keys import KeyUnavailable, make_key, public_keys
from policy_service.audit.log import EntryFilter, entries
from policy_service.audit.service import (
    current_signer,
    ensure_signing_key,
    last_checkpoint,
    rotate_key,
    sign_checkpoint,
    unsigned_count,
)
from policy_service.audit.verdict import LogFault
from policy_service.clock import timestamp
from tests.audit.logs import ADMINISTRATOR, AUTHOR, Log
from tests.databases import BACKENDS, START, TestClock, fresh_database

REFUSED = ("update", "delete", "replace")
TABLES = ("audit_about", "checkpoint", "audit_entry")


@pytest.fixture(params=BACKENDS)
def log(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    """Entries 1 (the key) to 12, checkpoints at 6, 7, 8 (with a new key) and 12."""
    with fresh_database(request.param) as database:
        log = Log(database, TestClock(), tmp_path)
        log.start()
        log.write(5)
        log.seal()
        log.write(1)
        log.rotate()
        log.write(4)
        log.seal()
        yield log


def tamper(log: Log, *statements: str) -> None:
    """What somebody may do who owns the file, or the server: triggers and foreign keys are taken away first."""
    if log.database.file:
        triggers = [f"DROP TRIGGER IF EXISTS {table}_no_{what}" for table in TABLES for what in REFUSED]
        with closing(sqlite3.connect(log.database.file)) as file, file:
            for statement in (*triggers, *statements):
                file.execute(statement)
        return
    with log.database.alter() as connection:
        for statement in (*(f"ALTER TABLE {table} DISABLE TRIGGER ALL" for table in TABLES), *statements):
            connection.execute(text(statement))


def faults(log: Log) -> tuple[LogFault | None, LogFault | None]:
    """What the whole verification says, and what the look at the end does."""
    trusted = list(public_keys(log.folder).values())
    copies = read_checkpoints(log.kept)
    with log.database.read() as session:
        tail = verify_tail(session, trusted, copies, entries=4)
    return log.verify(*trusted, elsewhere=True).fault, tail


def test_an_untouched_log_is_fine(log: Log) -> None:
    assert faults(log) == (None, None)
    verdict = log.verify(*public_keys(log.folder).values())
    assert (verdict.entries, verdict.checkpoints, verdict.confirmed) == (12, 4, 12)
    log.write(1)
    assert faults(log) == (None, None)
    assert log.verify(*public_keys(log.folder).values()).confirmed == 12


def test_each_key_by_itself_is_enough_and_another_is_not(log: Log, tmp_path: Path) -> None:
    for key in public_keys(log.folder).values():
        assert log.verify(key).fault is None
    fault = log.verify(make_key(tmp_path / "other").public).fault
    assert fault is not None
    assert "neither trusted nor endorsed from one that is" in fault.message


def test_an_empty_log_has_no_key(tmp_path: Path) -> None:
    with fresh_database("sqlite") as database:
        log = Log(database, TestClock(), tmp_path)
        fault = log.verify().fault
        assert fault is not None
        assert fault.message.startswith("no key is in use")
        with database.read() as session:
            assert verify_tail(session, []) is None
            assert last_checkpoint(session) is None
            with pytest.raises(KeyUnavailable, match="the log has no signing key: run `policy-service init`"):
                current_signer(session, tmp_path)


SAYS_ELSE = "its columns do not match its line"
NOT_ITS_DIGEST = "entry {seq} was altered: its line is not the one its digest was made of"


@pytest.mark.parametrize(
    ("seq", "statement", "sentence"),
    [
        (3, "UPDATE audit_entry SET line = (SELECT line FROM audit_entry WHERE seq = 4) WHERE seq = 3", NOT_ITS_DIGEST),
        (
            11,
            "UPDATE audit_entry SET line = (SELECT peaks FROM checkpoint WHERE size = 8) WHERE seq = 11",
            "entry 11 was",
        ),
        (11, "UPDATE audit_entry SET digest = 'sha256:1' WHERE seq = 11", NOT_ITS_DIGEST),
        (4, "UPDATE audit_entry SET actor = 'somebody' WHERE seq = 4", SAYS_ELSE),
        (4, "UPDATE audit_entry SET event = 'signed_in' WHERE seq = 4", SAYS_ELSE),
        (4, "UPDATE audit_entry SET at = '2026-11-20T01:00:00.000000Z' WHERE seq = 4", SAYS_ELSE),
        (4, "DELETE FROM audit_about WHERE seq = 4", "the objects it is listed under do not match its line"),
        (
            9,
            "INSERT INTO audit_about VALUES ('policy:x/y', 9)",
            "the objects it is listed under do not match its line",
        ),
    ],
)
def test_what_was_altered_in_the_database_is_named(log: Log, seq: int, statement: str, sentence: str) -> None:
    tamper(log, statement)
    fault, _ = faults(log)
    assert fault is not None
    assert fault.seq == seq
    assert sentence.format(seq=seq) in fault.message


def test_what_was_removed_from_the_database_is_named(log: Log) -> None:
    tamper(log, "DELETE FROM audit_about WHERE seq = 10", "DELETE FROM audit_entry WHERE seq = 10")
    assert faults(log) == (LogFault("entry 10 was removed: entry 11 follows entry 9", 10),) * 2


def test_a_database_cut_short_is_found_by_its_checkpoints(log: Log) -> None:
    tamper(log, "DELETE FROM audit_about WHERE seq > 9", "DELETE FROM audit_entry WHERE seq > 9")
    fault, tail = faults(log)
    assert fault is not None
    assert fault.message == (
        "entry 10 was removed, with all behind it: the log ends at entry 9, and a checkpoint records 12"
    )
    assert tail == LogFault("entry 10 was removed, with all behind it: a checkpoint records 12 entries", 10)


def test_a_database_cut_short_with_its_checkpoints_is_found_by_those_kept_elsewhere(log: Log) -> None:
    tamper(
        log,
        "DELETE FROM audit_about WHERE seq > 9",
        "DELETE FROM checkpoint WHERE size > 9",
        "DELETE FROM audit_entry WHERE seq > 9",
    )
    assert log.verify(*public_keys(log.folder).values()).fault is None
    fault, tail = faults(log)
    assert fault is not None
    assert fault.message == (
        "entry 10 was removed, with all behind it: the log ends at entry 9, and a checkpoint kept elsewhere records 12"
    )
    assert tail is not None


def test_checkpoints_elsewhere_that_are_of_another_log_are_told(log: Log, tmp_path: Path) -> None:
    with fresh_database("sqlite") as database:
        other = Log(database, TestClock(), tmp_path / "other")
        other.start()
        other.write(20)
        other.seal()
        with database.read() as session:
            theirs = log_id(session)
        log.kept.write_bytes(other.kept.read_bytes())
    with log.database.read() as session:
        ours = log_id(session)
    message = f"the checkpoint of 21 entries kept elsewhere is of another log, {theirs}; this log is {ours}"
    assert faults(log) == (LogFault(message, is_other_log=True),) * 2


def test_a_checkpoint_from_before_logs_had_an_identity_is_read_and_of_an_unknown_key(log: Log, tmp_path: Path) -> None:
    stranger = make_key(tmp_path / "other")
    log.kept.write_bytes(checkpoint_line(Extent(21, GENESIS, GENESIS), START, stranger) + b"\n")
    assert read_checkpoints(log.kept)[0].log is None
    assert faults(log)[0] == LogFault("the checkpoint of 21 entries kept elsewhere is signed with a key unknown here")


def test_an_altered_first_entry_is_tampering_and_not_another_log(log: Log) -> None:
    tamper(log, "UPDATE audit_entry SET line = (SELECT line FROM audit_entry WHERE seq = 2) WHERE seq = 1")
    fault, _ = faults(log)
    assert fault is not None
    assert (fault.seq, fault.is_other_log) == (1, False)


def test_what_is_about_an_entry_that_is_gone_is_told(log: Log) -> None:
    tamper(log, "DELETE FROM checkpoint WHERE size > 11", "DELETE FROM audit_entry WHERE seq = 12")
    log.kept.write_bytes(b"")
    assert faults(log)[0] == LogFault("entry 12 was removed: what it was about is still there", 12)


@pytest.mark.parametrize(
    ("statement", "tail"),
    [
        ("UPDATE checkpoint SET line = (SELECT line FROM checkpoint WHERE size = 7) WHERE size = 12", True),
        ("UPDATE checkpoint SET line = peaks WHERE size = 12", True),
        ("UPDATE checkpoint SET peaks = line WHERE size = 12", True),
        ("UPDATE checkpoint SET at = '2026-11-20T01:00:00.000000Z' WHERE size = 12", True),
        ("UPDATE checkpoint SET size = 11 WHERE size = 12", True),
        ("UPDATE checkpoint SET size = 4 WHERE size = 6", False),
    ],
)
def test_an_altered_checkpoint_is_told(log: Log, statement: str, tail: bool) -> None:
    tamper(log, statement)
    fault, at_start = faults(log)
    assert fault is not None
    assert "checkpoint" in fault.message
    assert (at_start is not None) is tail


def test_a_checkpoint_signed_by_nobody_is_found_at_the_start(log: Log) -> None:
    for before, behind in ((b'"size":12', b'"size":12'), (b'"at":"2026', b'"at":"2025')):
        content = log.kept.read_bytes().replace(before, behind)
        log.kept.write_bytes(content)
    assert faults(log)[1] == LogFault("the checkpoint of 12 entries was altered: its signature is not that of its key")


def test_an_entry_altered_with_its_digest_is_found_at_the_start(log: Log) -> None:
    with log.database.read() as session:
        lines = {row.seq: row.line for row in entries(session, limit=5)}
    for seq, sentence, first in (
        (12, "entry 12 was altered: it is not the one a checkpoint was signed for", 12),
        (10, "entry 10 or entry 11 was altered: one does not follow from the other", 10),
    ):
        line = lines[seq].replace(b'"at":"2026-11-20T01:00:0', b'"at":"2026-11-20T01:00:1')
        assert line != lines[seq]
        put(log, seq, line)
        fault, tail = faults(log)
        assert tail == LogFault(sentence, first, first + 1 if first == 10 else None)
        assert fault is not None
        assert fault.seq == seq
        put(log, seq, lines[seq])


def test_an_entry_nobody_signed_for_may_not_be_told_from_the_one_behind_it(log: Log) -> None:
    log.write(2)
    with log.database.read() as session:
        line = entries(session, limit=2)[1].line
    put(log, 13, line.replace(b'"at":"2026-11-20T01:00:0', b'"at":"2026-11-20T01:00:1'))
    fault, _ = faults(log)
    assert fault == LogFault("entry 13 or entry 14 was altered: one does not follow from the other", 13, 14)


def put(log: Log, seq: int, line: bytes) -> None:
    from policy_service.canonical import digest  # noqa: PLC0415

    tamper(log)
    with log.database.alter() as connection:
        connection.execute(
            text("UPDATE audit_entry SET line = :line, digest = :digest, at = :at WHERE seq = :seq"),
            {"line": line, "digest": digest(line), "seq": seq, "at": line[line.index(b'"at":"') + 6 :][:27].decode()},
        )


# ------------------------------------------------------------------------------------- keys, checkpoints, reading


def test_a_first_key_is_made_once(log: Log) -> None:
    with log.database.write(log.clock) as transaction:
        again = ensure_signing_key(transaction, log.folder)
    with log.database.read() as session:
        assert current_signer(session, log.folder).public == again
    assert len(public_keys(log.folder)) == 2


def test_a_length_is_signed_once(log: Log) -> None:
    with log.database.write(log.clock) as transaction:
        first = sign_checkpoint(transaction, log.folder).line
        log.clock.move(hours=1)
        assert sign_checkpoint(transaction, log.folder).line == first
    before = log.kept.read_bytes()
    copy_checkpoints(log.database, log.clock, FileCopy(log.kept))
    assert log.kept.read_bytes() == before
    with log.database.read() as session:
        latest = last_checkpoint(session)
        assert unsigned_count(session) == 0
    assert latest is not None
    assert latest.extent.size == 12
    log.write(2)
    with log.database.read() as session:
        assert unsigned_count(session) == 2


@pytest.mark.parametrize("peaks", ["line", "(SELECT peaks FROM checkpoint WHERE size = 6)"])
def test_spoilt_parts_of_the_tree_are_not_built_upon(log: Log, peaks: str) -> None:
    tamper(log, f"UPDATE checkpoint SET peaks = {peaks} WHERE size = 12")  # noqa: S608
    log.write(3)
    log.seal()
    tamper(log, "DELETE FROM checkpoint WHERE size = 12")
    assert faults(log)[0] == LogFault("the row 12 of `checkpoint` was removed: entry 13 records it")


def test_the_newest_checkpoint_is_missed_as_soon_as_an_entry_follows(log: Log) -> None:
    log.write(3)
    log.seal()
    tamper(log, "DELETE FROM checkpoint WHERE size = 15")
    assert faults(log)[0] is None
    log.seal()
    log.write(1)
    assert faults(log)[0] is None
    tamper(log, "DELETE FROM checkpoint WHERE size = 15")
    assert faults(log)[0] == LogFault("the row 15 of `checkpoint` was removed: entry 16 records it")


def test_without_the_private_key_nothing_is_signed(log: Log, tmp_path: Path) -> None:
    with log.database.write(log.clock) as transaction:
        for act in (
            lambda: sign_checkpoint(transaction, tmp_path / "nowhere"),
            lambda: rotate_key(transaction, ADMINISTRATOR, tmp_path / "nowhere"),
        ):
            with pytest.raises(KeyUnavailable, match="does not hold the private key"):
                act()


def test_the_log_is_read_by_what_one_asks_for(log: Log) -> None:
    with log.database.read() as session:

        def seqs(criteria: EntryFilter, **how: Any) -> list[int]:  # noqa: ANN401  # as the function takes them
            return [entry.seq for entry in entries(session, criteria, **how)]

        assert seqs(EntryFilter()) == list(range(12, 0, -1))
        assert seqs(EntryFilter(), limit=3, cursor=10) == [9, 8, 7]
        assert seqs(EntryFilter(), limit=3, cursor=10, oldest_first=True) == [11, 12]
        assert seqs(EntryFilter(event="signing_key_added")) == [8, 1]
        assert seqs(EntryFilter(actor=AUTHOR.id)) == seqs(EntryFilter(event="change_commented"))
        assert seqs(EntryFilter(actor=ADMINISTRATOR.id)) == [8]
        assert seqs(EntryFilter(about="change:0197-change")) == seqs(EntryFilter(event="change_commented"))
        first = entries(session, limit=1)[0].at
        assert seqs(EntryFilter(since=first)) == [12]
        assert seqs(EntryFilter(until=first), limit=1) == [11]
        assert timestamp(START) < timestamp(first)


@pytest.mark.parametrize("table", TABLES)
def test_the_database_refuses_to_change_the_log(log: Log, table: str) -> None:
    columns = SQLModel.metadata.tables[table].columns.keys()
    statements = [
        f"UPDATE {table} SET {columns[0]} = {columns[0]}",  # noqa: S608
        f"DELETE FROM {table}",  # noqa: S608
    ]
    if log.database.engine.dialect.name == "postgresql":
        statements.append(f"TRUNCATE {table} CASCADE")
    else:
        statements.append(f"INSERT OR REPLACE INTO {table} SELECT * FROM {table}")  # noqa: S608
    for statement in statements:
        with pytest.raises(DBAPIError, match="is append-only"), log.database.alter() as connection:
            connection.execute(text(statement))
    assert faults(log) == (None, None)
