"""Rows that the log records, and those it does not: what a guard takes up, and what verification says."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import Table
from sqlmodel import Session, SQLModel, select

from policy_service.actor import SERVICE, Role
from policy_service.audit import guard, rows
from policy_service.audit.chain import read_entry
from policy_service.audit.coverage import read_rows
from policy_service.audit.database_verification import verify_database
from policy_service.audit.events import RowsRecorded, RowsTaken
from policy_service.audit.expected_rows import MAX_FAULTS as MANY_TOLD
from policy_service.audit.expected_rows import ExpectedRows
from policy_service.audit.guard import ACCOUNTS, MAX_FAULTS, Guard
from policy_service.audit.keys import public_keys
from policy_service.audit.log import entries, last_entry
from policy_service.audit.log_key import LogKey, read_log_keys
from policy_service.audit.rows import current_key, pending_count
from policy_service.audit.service import cover_rows, ensure_log_key, rotate_log_key
from policy_service.audit.tables import AuditEntry
from policy_service.audit.verdict import LogVerdict
from policy_service.database import Transaction
from policy_service.identity.account import Account
from policy_service.identity.service import create_account
from policy_service.identity.sessions import PASSWORD, end_all, start_session
from policy_service.identity.tables import AccountRow, SessionRow
from tests.audit.logs import ADMINISTRATOR, Log
from tests.databases import TestClock, fresh_database
from tests.verification.everything import Place, executed

FORGED = "'2026-11-20T01:00:00.000000Z'"


@pytest.fixture
def bare(tmp_path: Path) -> Iterator[Log]:
    """A log without MACs."""
    with fresh_database("sqlite") as database:
        log = Log(database, TestClock(), tmp_path)
        log.start()
        yield log


@pytest.fixture
def log(bare: Log) -> Log:
    """A log with MACs: entry 1 is the key that signs, 2 that of the MACs."""
    with bare.database.write(bare.clock) as transaction:
        ensure_log_key(transaction, bare.folder)
    return bare


def account(log: Log, name: str) -> Account:
    log.clock.move(seconds=1)
    with log.database.write(log.clock) as transaction:
        return create_account(transaction, SERVICE, name=name, printed_name=name, roles=[Role.AUTHOR])


def tamper(log: Log, *statements: str) -> None:
    executed(Place(log.database.url, log.folder), *statements)


def key_of(log: Log) -> LogKey:
    [*_, key] = read_log_keys(log.folder).values()
    return key


def replace_line(log: Log, seq: int, line: bytes) -> None:
    """Somebody who has the key puts another line under its MAC."""
    mac = key_of(log).mac("entry", line)
    tamper(log, f"UPDATE audit_entry SET line = CAST(x'{line.hex()}' AS BLOB), mac = '{mac}' WHERE seq = {seq}")  # noqa: S608


def last(log: Log) -> int:
    with log.database.read() as session:
        entry = last_entry(session)
    assert entry is not None
    return entry.seq


def faults_in(log: Log, *tables: str) -> list[str]:
    with log.database.read() as session:
        return list(Guard().usable(session, tables).faults)


def verify(log: Log) -> LogVerdict:
    with log.database.read() as session:
        return verify_database(session, list(public_keys(log.folder).values()), keys=read_log_keys(log.folder))


# ----------------------------------------------------------------------------------------------- the guard


def test_where_the_log_has_no_macs_all_is_taken_as_it_is(bare: Log) -> None:
    made = account(bare, "ann")
    tamper(bare, "UPDATE account SET printed_name = 'somebody'")
    watching = Guard()
    with bare.database.read() as session:
        assert watching.usable(session, ["account"]).faults == []
        assert watching.owner_matches(session, ACCOUNTS, made.id)
    assert watching.faults == []


def test_a_state_that_the_last_entry_does_not_tell_of_vouches_for_no_table(log: Log) -> None:
    account(log, "ann")
    assert faults_in(log, "account", "activation") == []
    tamper(log, "UPDATE log_state SET rows = 2 WHERE name = 'account'")
    message = "`log_state` was altered: it is not the one that the last entry records"
    assert faults_in(log, "account", "activation") == [message, message]


def test_a_line_that_is_no_entry_vouches_for_nothing_whatever_its_mac(log: Log) -> None:
    account(log, "ann")
    replace_line(log, last(log), b"no entry")
    [result] = faults_in(log, "account")
    assert result.startswith(f"entry {last(log)} was added or altered")


def test_an_altered_row_is_named_though_another_line_cannot_be_read(log: Log) -> None:
    account(log, "ann")
    unreadable, made = last(log), account(log, "ben")
    account(log, "cat")
    replace_line(log, unreadable, b'{"account"')
    tamper(log, f"UPDATE account SET printed_name = 'somebody' WHERE id = '{made.id}'")  # noqa: S608
    message = f"the row {made.id} of `account` was altered: it does not match entry {unreadable + 1}"
    assert message in faults_in(log, "account")


def test_a_row_that_no_entry_tells_of_is_left_out_and_no_other(log: Log) -> None:
    account(log, "ann")
    unreadable = last(log)
    account(log, "ben")
    tamper(log, f"INSERT INTO account VALUES ('a', 'a', 'a', {FORGED}, 'x')")  # noqa: S608
    with log.database.read() as session:
        result = Guard().usable(session, ["account"])
    assert (result.faults, result.left_out) == ([], {"account": frozenset({"a"})})
    replace_line(log, unreadable, b'{"account"')  # so that no entry seems to tell of her, either
    with log.database.read() as session:
        faults, left_out = Guard().usable(session, ["account"])
    assert left_out == {"account": frozenset()}
    assert "the row a of `account` was added: no entry records it" in faults


def test_rows_that_were_told_are_told_again_however_many_are_remembered(
    log: Log, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(guard, "MAX_TOLD", 1)
    table: Table = SQLModel.metadata.tables["account"]
    instants = {}
    for name in ("ann", "ben"):
        made = account(log, name)
        instants[made.id] = log.clock.at
    watching = Guard()
    with log.database.read() as session:
        for values in 2 * list(read_rows(session.connection(), table)):
            assert watching.row_matches(session, table, values, instants[values["id"]])
            assert not watching.row_matches(session, table, values | {"printed_name": "x"}, instants[values["id"]])
            assert len(watching._told) == 1


def test_an_older_snapshot_is_compared_with_what_was_told_until_then(log: Log) -> None:
    table: Table = SQLModel.metadata.tables["signed_in"]
    made, watching = account(log, "ann"), Guard()
    with log.database.write(log.clock) as transaction:
        start_session(transaction, made, PASSWORD)
    with log.database.read() as older:
        [before] = read_rows(older.connection(), table)
        since = log.clock.at
        with log.database.write(log.clock) as transaction:
            end_all(transaction, made.id, "told so")
        with log.database.read() as newer:
            [after] = read_rows(newer.connection(), table)
            assert watching.row_matches(newer, table, after, since)
            assert not watching.row_matches(newer, table, before, since)
        assert watching.row_matches(older, table, before, since)


def test_a_process_without_keys_compares_no_row() -> None:
    table: Table = SQLModel.metadata.tables["signed_in"]
    watching = Guard()
    with fresh_database("sqlite") as database, database.read() as session:
        assert watching.row_matches(session, table, {"id": "a"}, TestClock().at)
    assert watching.faults == []


def test_no_more_is_noted_than_is_told() -> None:
    watching = Guard()
    for number in range(MAX_FAULTS + 10):
        watching.note(f"row {number}")
    assert watching.faults == [f"row {number}" for number in range(MAX_FAULTS)]


# -------------------------------------------------------------------------------------- what was written


def test_what_is_written_beside_the_service_is_not_told_by_the_log_and_found(log: Log) -> None:
    made = account(log, "ann")
    before = last(log)
    with Session(log.database.engine) as session, session.begin():
        session.add(
            SessionRow(
                id="s1",
                digest="d",
                account=made.id,
                method="password",
                started_at=log.clock.at,
                last_used_at=log.clock.at,
            )
        )
        session.flush()
        assert pending_count(session) == 0
    assert last(log) == before
    [fault] = verify(log).faults
    assert fault.message == "the row s1 of `signed_in` was added: no entry records it"


def test_the_last_use_of_a_session_is_nothing_that_the_log_tells_of(log: Log) -> None:
    made = account(log, "ann")
    with log.database.write(log.clock) as transaction:
        session = start_session(transaction, made, PASSWORD).user_session
    before = last(log)
    with log.database.write(log.clock) as transaction:
        row = transaction.session.get_one(SessionRow, session.id)
        row.last_used_at += timedelta(hours=1)
        transaction.session.flush()
        assert pending_count(transaction.session) == 0
    assert last(log) == before
    assert verify(log).faults == ()


def test_a_transaction_of_no_database_takes_a_key_into_use_as_well(bare: Log) -> None:
    with Session(bare.database.engine) as session, session.begin():
        key = ensure_log_key(Transaction(session, bare.clock.now(), 1, bare.clock), bare.folder)
        assert current_key(session) == key
    assert bare.database.keys is None
    assert verify(bare).faults == ()


def test_rows_written_before_a_new_key_are_told_under_the_one_before(log: Log) -> None:
    before = key_of(log)
    with log.database.write(log.clock) as transaction:
        row = AccountRow(id="a", name="a", printed_name="a", created_at=transaction.now, created_by="service")
        transaction.session.add(row)
        key = rotate_log_key(transaction, ADMINISTRATOR, log.folder, decisions=0, is_lost=False)
    with log.database.read() as session:
        result = session.exec(select(AuditEntry).where(AuditEntry.event == RowsRecorded.name)).one()
    assert before.verifies(result.mac, "entry", result.line)
    assert [row[:2] for row in read_entry(result.line).rows] == [("account", "a")]
    assert key.id != before.id
    assert verify(log).faults == ()


def test_rows_that_somebody_put_there_are_told_once_they_are_taken(log: Log) -> None:
    tamper(
        log,
        f"INSERT INTO account VALUES ('a', 'a', 'a', {FORGED}, 'x')",  # noqa: S608
        f"INSERT INTO account VALUES ('b', 'b', 'b', {FORGED}, 'x')",  # noqa: S608
    )
    assert verify(log).differences == 2
    with log.database.write(log.clock) as transaction:
        cover_rows(transaction, key_of(log))
    with log.database.read() as session:
        entry = entries(session, limit=1)[0]
    assert entry.event == RowsTaken.name
    assert [row[:2] for row in read_entry(entry.line).rows] == [("account", "a"), ("account", "b")]
    assert verify(log).faults == ()
    assert faults_in(log, "account") == []


# ------------------------------------------------------------------------------------------ verification


def test_an_entry_from_before_rows_were_covered_says_nothing_of_them() -> None:
    with ExpectedRows() as shadow:
        shadow.add_entry(1, [], None)
        assert (shadow.has_state, shadow.state) == (False, None)
        shadow.add_entry(2, [], "sha256:0")
        assert (shadow.has_state, shadow.state) == (True, "sha256:0")


def test_a_row_that_cannot_be_read_is_told_and_the_others_are_compared(log: Log) -> None:
    made = account(log, "ann")
    with log.database.write(log.clock) as transaction:
        start_session(transaction, made, PASSWORD)
    tamper(log, "UPDATE account SET printed_name = CAST(x'ff' AS TEXT)", "DELETE FROM signed_in")
    unreadable, removed = verify(log).faults
    assert unreadable.message == "a row of `account` was altered: it cannot be read"
    assert "of `signed_in` was removed" in removed.message


def test_all_differences_are_counted_and_the_first_are_told(log: Log) -> None:
    made = account(log, "ann")
    tamper(
        log,
        "WITH RECURSIVE number(n) AS (SELECT 1 UNION ALL SELECT n + 1 FROM number WHERE n < 150) "  # noqa: S608
        "INSERT INTO signed_in (id, digest, account, method, started_at, seen_at) "
        f"SELECT 's' || n, 'd' || n, '{made.id}', 'password', {FORGED}, {FORGED} FROM number",
    )
    verdict = verify(log)
    assert (verdict.differences, len(verdict.faults)) == (150, MANY_TOLD)


def test_an_entry_without_a_mac_behind_one_that_has_one_is_told(log: Log) -> None:
    log.write(3)
    tamper(log, "UPDATE audit_entry SET mac = NULL WHERE seq = 4")
    fault = verify(log).fault
    assert fault is not None
    assert (fault.seq, fault.message) == (4, "entry 4 was added or altered: it has no MAC")


def test_a_log_whose_macs_were_all_taken_away_is_told(log: Log) -> None:
    log.write(3)
    tamper(log, "UPDATE audit_entry SET mac = NULL")
    fault = verify(log).fault
    assert fault is not None
    assert (fault.seq, fault.message) == (5, "entry 5 was added or altered: its MAC is of no key of the log")


def test_a_total_that_is_no_number_is_the_total_of_nothing() -> None:
    assert (rows._number("ff"), rows._number("gossip"), rows._number(None)) == (255, 0, 0)
