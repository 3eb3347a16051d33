"""Reads see one snapshot and write nothing; writes come one after another, whole, and never earlier than the last."""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from contextlib import closing
from datetime import UTC, datetime, timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError, IntegrityError
from sqlmodel import Session, select

from policy_service.actor import SERVICE
from policy_service.audit.events import VersionImported
from policy_service.audit.log import append
from policy_service.audit.tables import AuditAbout, AuditEntry
from policy_service.clock import SystemClock
from policy_service.database import Database, Lane, LaneName, Transaction, initial_rows, transaction_count
from tests.databases import BACKENDS, START, TestClock, fresh_database, fresh_url

EVENT = VersionImported("tiering/rfm_value", "1.0.0", "sha256:0")
SETTINGS: dict[str, dict[str, object]] = {
    "sqlite": {"journal_mode": "wal", "synchronous": 2, "foreign_keys": 1, "recursive_triggers": 1},
    "postgresql": {"synchronous_commit": "on", "fsync": "on", "lock_timeout": "10s", "TimeZone": "UTC"},
}
backends = pytest.mark.parametrize("backend", BACKENDS)


def at_once(*acts: Callable[[], object]) -> None:
    """Runs each in a thread of its own, all beginning together; raises what one of them raised."""
    faults: list[BaseException] = []
    ready = threading.Barrier(len(acts))

    def run(act: Callable[[], object]) -> None:
        try:
            ready.wait()
            act()
        except BaseException as fault:  # noqa: BLE001  # raised below
            faults.append(fault)

    threads = [threading.Thread(target=run, args=(act,)) for act in acts]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    for fault in faults:
        raise fault


def entries(database: Database) -> list[int]:
    with database.read() as session:
        return list(session.exec(select(AuditEntry.seq).order_by(AuditEntry.seq)))  # type: ignore[arg-type]


def tell(opened: Session | Transaction, statement: str) -> None:
    session = opened.session if isinstance(opened, Transaction) else opened
    session.connection().execute(text(statement))


def interrupted(transaction: Transaction) -> None:
    append(transaction, SERVICE, EVENT)
    raise ZeroDivisionError


def lane(session: Session, name: LaneName) -> Lane:
    return session.exec(select(Lane).where(Lane.name == name)).one()


# ------------------------------------------------------------------------------------------------------- writing


@backends
def test_a_write_is_kept_at_its_end_and_its_rows_can_be_read_after_it(backend: str) -> None:
    with fresh_database(backend) as database:
        with database.write(TestClock()) as transaction:
            entry = append(transaction, SERVICE, EVENT)
        assert (entry.seq, entry.at) == (1, START)
        assert entries(database) == [1]


@backends
def test_a_write_that_an_exception_leaves_is_not_kept(backend: str) -> None:
    with fresh_database(backend) as database:
        with pytest.raises(ZeroDivisionError), database.write(TestClock()) as transaction:
            interrupted(transaction)
        assert entries(database) == []
        with database.read() as session:
            assert transaction_count(session) == 0


@backends
def test_a_fault_of_ours_stays_what_it_is(backend: str) -> None:
    with fresh_database(backend) as database:
        with pytest.raises(IntegrityError), database.write(TestClock()) as transaction:
            transaction.session.add(AuditAbout(about="x", seq=1))  # of an entry that is not there
        for misspelt in ("SELECT 1 FROM nowhere", "SELEC 1"):
            for door in (lambda: database.write(TestClock()), database.read):
                with pytest.raises(DBAPIError, match=r"nowhere|SELEC"), door() as opened:
                    tell(opened, misspelt)


@backends
def test_a_lane_counts_its_own_transactions(backend: str) -> None:
    with fresh_database(backend) as database:
        for number in (1, 2, 3):
            with database.write(TestClock()) as transaction:
                assert transaction.number == number
        with database.write(TestClock(), LaneName.DECISIONS) as transaction:
            assert transaction.number == 1
        with database.read() as session:
            assert (transaction_count(session), transaction_count(session, LaneName.DECISIONS)) == (3, 1)


@backends
def test_the_instant_of_a_write_never_goes_back_though_the_clock_does(backend: str) -> None:
    clock = TestClock()
    with fresh_database(backend) as database:
        seen: list[datetime] = []
        for hours in (0, 1, -5, 2, 4):
            clock.move(hours=hours)
            with database.write(clock) as transaction:
                seen.append(transaction.now)
        hour, moment = timedelta(hours=1), timedelta(microseconds=1)
        later = START + hour
        assert seen == [START, later, later + moment, later + 2 * moment, START + 2 * hour]


@backends
def test_what_one_lane_writes_is_later_than_what_the_other_wrote_though_the_clock_went_back(backend: str) -> None:
    clock = TestClock()
    with fresh_database(backend) as database:
        with database.write(clock):
            pass
        clock.move(hours=-1)
        with database.write(clock, LaneName.DECISIONS) as transaction:
            assert transaction.now == START + timedelta(microseconds=1)
        with database.read() as session:
            assert lane(session, LaneName.GOVERNANCE).at == START


@backends
def test_whoever_waited_for_another_writes_later_than_it_ended(backend: str) -> None:
    clock = TestClock()
    with fresh_database(backend) as database:
        seen: list[datetime] = []

        def write() -> None:
            with database.write(clock) as transaction:
                seen.append(transaction.now)

        waiting = threading.Thread(target=write)
        with database.write(clock):
            waiting.start()
            waiting.join(0.3)
            clock.move(hours=1)
        waiting.join()
        assert seen == [clock.now()]


@backends
def test_two_who_write_at_the_same_instant_come_one_after_the_other(backend: str) -> None:
    with fresh_database(backend) as database:
        numbers: list[int] = []

        def write() -> None:
            for _ in range(10):
                with database.write(SystemClock()) as transaction:
                    append(transaction, SERVICE, EVENT)
                    numbers.append(transaction.number)

        at_once(*[write] * 4)
        assert sorted(numbers) == numbers == list(range(1, 41))
        assert entries(database) == list(range(1, 41))


def test_on_postgresql_the_lanes_do_not_wait_for_each_other() -> None:
    with (
        fresh_database("postgresql") as database,
        database.write(TestClock()) as one,
        database.write(TestClock(), LaneName.DECISIONS) as other,
    ):
        assert (one.number, other.number) == (1, 1)


@backends
def test_identifiers_come_from_the_clock(backend: str) -> None:
    clock = TestClock()
    with fresh_database(backend) as database, database.write(clock) as transaction:
        first, second = transaction.new_id(), transaction.new_id()
    assert first < second
    assert len(first) == 36


def test_a_new_database_starts_with_both_lanes_at_nought() -> None:
    assert {(row.name, row.count) for row in initial_rows()} == {("governance", 0), ("decisions", 0)}
    assert all(row.at == datetime(1970, 1, 1, tzinfo=UTC) for row in initial_rows())


# ------------------------------------------------------------------------------------------------------- reading


@backends
def test_a_read_sees_one_snapshot(backend: str) -> None:
    with fresh_database(backend) as database:
        with database.read() as session:
            assert transaction_count(session) == 0
            with database.write(TestClock()) as transaction:
                append(transaction, SERVICE, EVENT)
            session.expire_all()
            assert transaction_count(session) == 0
            assert session.exec(select(AuditEntry)).all() == []
        assert entries(database) == [1]


@backends
def test_a_read_does_not_hold_writers_up(backend: str) -> None:
    with fresh_database(backend) as database, database.read() as session:
        transaction_count(session)
        for _ in range(3):
            with database.write(TestClock()) as transaction:
                append(transaction, SERVICE, EVENT)


@backends
def test_what_was_read_halfway_does_not_keep_its_snapshot_for_the_next(backend: str) -> None:
    with fresh_database(backend) as database:
        with database.read() as session:
            left = session.connection().execute(select(Lane.name, Lane.count))  # as a frame of an exception holds it
            assert left.fetchone()
        with closing(Database(database.url)) as another, another.write(TestClock()):
            pass
        with database.read() as session:
            assert transaction_count(session) == 1
        left.close()


@backends
@pytest.mark.parametrize("statement", ["UPDATE lane SET count = 7", "DELETE FROM lane", "DROP TABLE lane"])
def test_a_read_cannot_write(backend: str, statement: str) -> None:
    with fresh_database(backend) as database:
        with pytest.raises(DBAPIError, match=r"read-?only"), database.read() as session:
            tell(session, statement)
        with database.write(TestClock()) as transaction:
            assert transaction.number == 1


# -------------------------------------------------------------------------------------------------- the addresses


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("mysql://host/name", "`mysql` is no database this service knows"),
        ("oracle://host/name", "`oracle` is no database this service knows"),
        ("nonsense://host/name", "`nonsense` is no database this service knows"),
        ("postgresql://host:port/name", "the address of the database cannot be read"),
        ("no address", "the address of the database cannot be read: expected sqlite:///FILE or postgresql://"),
        ("sqlite://", "names no file: expected sqlite:///FILE"),
        ("sqlite:///:memory:", "names no file: expected sqlite:///FILE"),
        ("sqlite:///x.db?mode=ro", "names no file: expected sqlite:///FILE, without options"),
    ],
)
def test_other_addresses_are_refused(url: str, says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Database(url)


def test_a_driver_that_is_not_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "psycopg", None)
    with pytest.raises(ValueError, match=r"psycopg.*: install policy-service\[postgres\]"):
        Database("postgresql://host/name")


def test_only_a_sqlite_database_has_a_file() -> None:
    with fresh_url("sqlite") as url:
        assert str(Database(url).file) == url.removeprefix("sqlite:///")
    assert Database("postgresql://host/name").file is None


@backends
def test_the_database_is_set_to_keep_what_it_acknowledges(backend: str) -> None:
    settings = SETTINGS[backend]
    ask = "PRAGMA" if backend == "sqlite" else "SHOW"
    with fresh_database(backend) as database, database.read() as session:
        connection = session.connection()
        assert {name: connection.exec_driver_sql(f"{ask} {name}").scalar_one() for name in settings} == settings
