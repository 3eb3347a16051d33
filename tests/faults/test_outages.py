"""While its database is locked, full or gone the service says so, keeps nothing by half, and goes on afterwards."""

from __future__ import annotations

import sqlite3
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from datetime import timedelta
from functools import partial
from typing import Any

import httpx
import pytest
from sqlalchemy import create_engine, event, text
from sqlalchemy.engine import make_url
from sqlmodel import Session, col, func, select

from policy_service.approval.tables import ActionRow, ChangeRow
from policy_service.audit.database_verification import verify_database
from policy_service.audit.events import ChangeDrafted
from policy_service.audit.keys import public_keys
from policy_service.audit.tables import AuditEntry
from policy_service.database import Database, LaneName
from policy_service.decisions.block_store import verify_blocks
from policy_service.decisions.record import read_record
from policy_service.decisions.tables import DecisionRow
from policy_service.idempotency import IdempotencyRow
from policy_service.migrations.self_check import self_check
from tests.api.client import assert_problem
from tests.api.company import Company, company
from tests.approval.world import TIER, tier
from tests.databases import BACKENDS
from tests.decisions.desks import eventually
from tests.faults.machine import machine
from tests.faults.sending import Sent, send_all

LOCK_SECONDS = 0.5
DECISION = {"subject": "C1", "facts": {"orders": 150}, "policies": [TIER]}
AT_ONCE = 40
Outage = Callable[[Company], Any]


@contextmanager
def locked(here: Company) -> Iterator[None]:
    """Somebody else writes and does not come to an end: in a file, or in both lanes."""
    foreign = Database(here.database.url)
    held = [LaneName.GOVERNANCE] if foreign.file else list(LaneName)
    begun, release = threading.Barrier(len(held) + 1), threading.Event()

    def hold(lane: LaneName) -> None:
        with foreign.write(here.clock, lane) as transaction:
            begun.wait(30)
            release.wait(60)
            transaction.session.rollback()

    threads = [threading.Thread(target=hold, args=[lane]) for lane in held]
    for thread in threads:
        thread.start()
    begun.wait(30)
    try:
        yield
    finally:
        release.set()
        for thread in threads:
            thread.join()
        foreign.close()


@contextmanager
def full(here: Company) -> Iterator[None]:
    """There is no room: for another page of the file, or so PostgreSQL says in the middle of a transaction."""
    engine = here.app.service.database.engine
    if here.database.file is None:
        says = "BEGIN RAISE EXCEPTION 'no space left on device' USING ERRCODE = '53100'; END"
        with _everything(here.database.url) as run:
            run(f"CREATE FUNCTION no_room() RETURNS trigger LANGUAGE plpgsql AS $$ {says} $$")
            run("CREATE TRIGGER no_room BEFORE INSERT ON idempotency FOR EACH ROW EXECUTE FUNCTION no_room()")
            try:
                yield
            finally:
                run("DROP TRIGGER no_room ON idempotency")
                run("DROP FUNCTION no_room")
        return

    def bound(connection: Any, _: object) -> None:  # noqa: ANN401  # the driver's
        connection.execute("PRAGMA max_page_count = 1")  # as few as there are

    # What is written in any case asks for more pages than are free in the file.
    more = "BEGIN INSERT INTO no_room VALUES (zeroblob(1000000)); END"
    with closing(sqlite3.connect(here.database.file)) as connection:
        connection.execute("CREATE TABLE no_room (room BLOB)")
        connection.execute(f"CREATE TRIGGER no_room BEFORE INSERT ON idempotency {more}")
    event.listen(engine, "connect", bound)
    engine.dispose()
    try:
        yield
    finally:
        event.remove(engine, "connect", bound)
        engine.dispose()
        with closing(sqlite3.connect(here.database.file)) as connection:
            connection.execute("DROP TRIGGER no_room")
            connection.execute("DROP TABLE no_room")


@contextmanager
def gone(here: Company) -> Iterator[None]:
    """The database is somewhere else."""
    file = here.database.file
    here.database.close()
    if file is not None:
        away = file.parent.with_name(f"{file.parent.name}-away")
        file.parent.rename(away)
        try:
            yield
        finally:
            away.rename(file.parent)
        return
    name = str(make_url(here.database.url).database)
    with _everything(make_url(here.database.url).set(database="postgres").render_as_string(hide_password=False)) as run:
        run(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS false")
        run(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = '{name}'")  # noqa: S608  # ours
        try:
            yield
        finally:
            run(f"ALTER DATABASE {name} WITH ALLOW_CONNECTIONS true")


@contextmanager
def _everything(url: str) -> Iterator[Callable[[str], object]]:
    """One who may do everything."""
    engine = create_engine(url, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        yield lambda statement: connection.execute(text(statement))
    engine.dispose()


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """Services that wait a moment only for whoever writes before them."""
    monkeypatch.setattr("policy_service.start_check.Database", partial(Database, lock_seconds=LOCK_SECONDS))


def rows(session: Session) -> list[int]:
    """How many rows there are of all that a request writes."""
    return [
        session.exec(select(func.count()).select_from(table)).one()
        for table in (DecisionRow, ChangeRow, ActionRow, IdempotencyRow, AuditEntry)
    ]


def faults(here: Company) -> list[str]:
    """What is wrong with what is on record."""
    with here.database.read() as session:
        entries = verify_database(session, list(public_keys(here.app.service.settings.keys).values())).fault
        drafted = session.exec(select(func.count()).where(AuditEntry.event == ChangeDrafted.name)).one()
        changes = session.exec(select(func.count()).select_from(ChangeRow)).one()
        results = [*self_check(here.database, thorough=True), *verify_blocks(session).faults]
    return [*results, *([entries.message] if entries else []), *(["half a change"] if drafted != changes else [])]


def ready(here: Company) -> httpx.Response:
    return here.ask("GET", "/readyz")


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("outage", [locked, full, gone])
@pytest.mark.parametrize("backend", BACKENDS)
def test_an_outage_is_told_and_leaves_nothing_behind(backend: str, outage: Outage) -> None:
    with company(backend) as here:
        app, key = here.app, machine(here.database, here.clock)
        ann, draft = f"Bearer {here.token('ann')}", here.draft(tier("1.1.0"))
        decisions = [Sent("/v1/decisions", key, DECISION, f"d{number}") for number in range(AT_ONCE)]
        changes = [Sent("/v1/changes", ann, draft, f"c{number}") for number in range(5)]
        assert {answer.status_code for answer in send_all([app], [decisions[0], changes[0]])} == {200, 201}
        here.ask("GET", "/readyz")
        with here.database.read() as session:
            before = rows(session)
        threads = threading.active_count()
        for _ in range(2):
            with outage(here):
                begun = time.monotonic()
                answers = send_all([app], [*decisions[1:], *changes[1:]])
                assert time.monotonic() - begun < 30
                for answer in answers:
                    problem = assert_problem(answer, 503, "database-unavailable")
                    assert problem["detail"] in {"the database is busy", f"the database is {outage.__name__}"}
                    assert int(answer.headers["retry-after"]) > 0
                assert ready(here).status_code == 503
                assert here.ask("GET", "/healthz").status_code == 200
            with here.database.read() as session:
                assert rows(session) == before
        assert threading.active_count() <= threads + 40  # the threads of the pool that waits for databases
        answers = send_all([app], [*decisions, *changes])
        assert [answer.status_code for answer in answers] == [200] * len(decisions) + [201] * len(changes)
        eventually(lambda: ready(here).json()["status"] == "ready")
        app.service.sealer.seal_all()
        assert faults(here) == []
        with here.database.read() as session:
            result = rows(session)
            assert result[:4] == [AT_ONCE, 5, before[2] + 4, AT_ONCE + 5]


@pytest.mark.usefixtures("impatient")
@pytest.mark.parametrize("backend", BACKENDS)
def test_whoever_reads_is_answered_while_somebody_else_writes(backend: str) -> None:
    with company(backend) as here:
        change = here.create(tier("1.1.0"))
        with locked(here):
            assert here.read(change) == change
            assert here.ask("GET", "/v1/policies").status_code == 200


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_record_does_not_go_back_in_time_with_the_clock(backend: str) -> None:
    with company(backend) as here:
        key = machine(here.database, here.clock)
        here.create(tier("1.1.0"))
        response = [Sent("/v1/decisions", key, DECISION, None)]
        first = send_all([here.app], response)[0].json()
        assert ready(here).json()["concerns"] == []
        here.clock.move(hours=-3)
        [concern] = ready(here).json()["concerns"]
        assert concern.startswith("the clock is 3:00:00 behind the last record")
        assert ready(here).json()["status"] == "degraded"
        second = send_all([here.app], response)[0].json()
        assert second["decided_at"] >= first["decided_at"]
        here.create(tier("1.2.0"))
        with here.database.read() as session:
            records = [
                read_record(line) for line in session.exec(select(DecisionRow.line).order_by(col(DecisionRow.seq)))
            ]
            entries = session.exec(select(AuditEntry.at).order_by(col(AuditEntry.seq))).all()
            actions = session.exec(select(ActionRow.at).order_by(col(ActionRow.at))).all()
        instants = [record.decided_at for record in records]
        assert instants == sorted(instants)
        assert list(entries) == sorted(entries)
        assert min(*instants, *actions) > here.clock.at + timedelta(hours=1)
        here.app.service.sealer.seal_all()
        assert faults(here) == []
        here.clock.move(hours=3, seconds=1)
        assert ready(here).json()["concerns"] == []
