"""The registry keeps every text under its digest and every activation for ever, on both databases."""

from __future__ import annotations

import re
from collections.abc import Iterator
from datetime import timedelta

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, select

from policy_service.actor import Actor, Role
from policy_service.audit.tables import AuditEntry
from policy_service.canonical import digest
from policy_service.database import Database, Transaction
from policy_service.language.diagnostics import PolicyError
from policy_service.registry.model import Activation, ActivationKind, Period, active_at
from policy_service.registry.service import (
    AlreadyInForce,
    UnknownVersion,
    VersionTaken,
    activate,
    activations,
    cancel,
    load_version,
    policies_in_force,
    read_version,
    record_version,
    versions,
)
from tests.databases import BACKENDS, START, TestClock, fresh_database
from tests.registry.texts import policy_text

AUTHOR = Actor("a1", "lin", "Lin Example", frozenset({Role.AUTHOR}))
SMALL = "tiering/small"
HOUR = timedelta(hours=1)


@pytest.fixture(params=BACKENDS)
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    with fresh_database(request.param) as database:
        yield database


@pytest.fixture
def clock() -> TestClock:
    return TestClock()


def put(transaction: Transaction, version: str, effective: Period, change: str = "c1") -> Activation:
    """Records a version and puts it in force."""
    record_version(transaction, AUTHOR, policy_text(version=version), change=change)
    row = read_version(transaction.session, SMALL, version)
    return activate(transaction, AUTHOR, row, effective, ActivationKind.CHANGE, change=change)


def events(session: Session) -> list[str]:
    return [entry.event for entry in session.exec(select(AuditEntry).order_by(col(AuditEntry.seq)))]


def test_a_version_is_kept_as_the_author_wrote_it(database: Database, clock: TestClock) -> None:
    content = policy_text() + b"# a remark of the author's\n"
    with database.write(clock) as transaction:
        policy = record_version(transaction, AUTHOR, content, change="c1")
    with database.read() as session:
        row = read_version(session, SMALL, "1.0.0")
        assert (row.content, row.digest, row.submitted_by, row.change) == (content, digest(content), "a1", "c1")
        assert row.recorded_at == START
        assert load_version(session, row.digest) == policy
        assert events(session) == ["version_submitted"]


def test_the_same_text_again_is_nothing_new(database: Database, clock: TestClock) -> None:
    with database.write(clock) as transaction:
        first = record_version(transaction, AUTHOR, policy_text(), change="c1")
        assert record_version(transaction, AUTHOR, policy_text(), change="c2") == first
    with database.read() as session:
        assert [row.change for row in versions(session)] == ["c1"]
        assert events(session) == ["version_submitted"]


def test_a_number_names_one_text_for_ever(database: Database, clock: TestClock) -> None:
    with database.write(clock) as transaction:
        record_version(transaction, AUTHOR, policy_text(), change="c1")
    with (
        pytest.raises(VersionTaken, match=r"1\.0\.0 was submitted before with another text"),
        database.write(clock) as transaction,
    ):
        record_version(transaction, AUTHOR, policy_text(threshold=9), change="c2")
    with database.read() as session:
        assert len(versions(session, SMALL)) == 1


def test_a_text_with_faults_is_not_kept(database: Database, clock: TestClock) -> None:
    with pytest.raises(PolicyError), database.write(clock) as transaction:
        record_version(transaction, AUTHOR, b"policy: tiering/small\n", change="c1")
    with database.read() as session:
        assert versions(session) == []


def test_a_version_nobody_submitted_is_unknown(database: Database) -> None:
    with database.read() as session:
        with pytest.raises(UnknownVersion, match=r"tiering/small has no version 9\.0\.0"):
            read_version(session, SMALL, "9.0.0")
        with pytest.raises(UnknownVersion, match="no version has the digest"):
            load_version(session, "sha256:00")


def test_versions_follow_each_other_and_the_past_stays_as_it_was(database: Database, clock: TestClock) -> None:
    with database.write(clock) as transaction:
        first = put(transaction, "1.0.0", Period(START))
        second = put(transaction, "1.1.0", Period(START + 2 * HOUR, START + 3 * HOUR))
    with database.read() as session:
        known = activations(session)
        assert known == (first, second)
        results = [active_at(known, SMALL, START + hours * HOUR, START) for hours in (0, 1.9, 2, 2.9, 3)]
        assert [each.version if each else None for each in results] == ["1.0.0", "1.0.0", "1.1.0", "1.1.0", "1.0.0"]
        assert policies_in_force(session, START + 2 * HOUR)[SMALL].version == "1.1.0"
        assert policies_in_force(session, START - HOUR) == {}
        assert events(session)[1::2] == ["activation_recorded", "activation_recorded"]


def test_an_activation_is_taken_back_before_it_begins(database: Database, clock: TestClock) -> None:
    with database.write(clock) as transaction:
        first = put(transaction, "1.0.0", Period(START))
        second = put(transaction, "1.1.0", Period(START + 2 * HOUR))
    clock.move(hours=1)
    with database.write(clock) as transaction:
        cancel(transaction, AUTHOR, second)
    with database.read() as session:
        known = activations(session)
        assert active_at(known, SMALL, START + 2 * HOUR, START) == known[1]
        assert active_at(known, SMALL, START + 2 * HOUR, START + HOUR) == first
        assert known[1].cancelled_at == START + HOUR
        assert events(session)[-1] == "activation_cancelled"


def test_an_activation_that_has_begun_is_not_taken_back(database: Database, clock: TestClock) -> None:
    with database.write(clock) as transaction:
        first = put(transaction, "1.0.0", Period(START))
    with (
        pytest.raises(AlreadyInForce, match=r"tiering/small 1\.0\.0 is in force already"),
        database.write(clock) as transaction,
    ):
        cancel(transaction, AUTHOR, first)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE version SET content = ''",
        "DELETE FROM version",
        "UPDATE activation SET version = '9.0.0'",
        "DELETE FROM activation",
        "UPDATE cancellation SET recorded_at = recorded_at",
        "DELETE FROM cancellation",
        "INSERT OR REPLACE INTO version SELECT * FROM version",
        "INSERT OR REPLACE INTO activation SELECT * FROM activation",
        "INSERT OR REPLACE INTO cancellation SELECT * FROM cancellation",
        "INSERT INTO version SELECT * FROM version WHERE true ON CONFLICT (digest) DO UPDATE SET content = ''",
        "TRUNCATE version CASCADE",
        "TRUNCATE activation CASCADE",
        "TRUNCATE cancellation",
    ],
)
def test_the_database_itself_refuses_to_alter_what_was_recorded(
    database: Database, clock: TestClock, statement: str
) -> None:
    sqlite = database.engine.dialect.name == "sqlite"
    if (statement.startswith("TRUNCATE") and sqlite) or ("OR REPLACE" in statement and not sqlite):
        pytest.skip("this database has no such statement")
    with database.write(clock) as transaction:
        put(transaction, "1.0.0", Period(START))
        cancel(transaction, AUTHOR, put(transaction, "1.1.0", Period(START + HOUR)))
    with pytest.raises(DBAPIError, match=re.compile("append-only")), database.write(clock) as transaction:
        transaction.session.connection().execute(text(statement))
    with database.read() as session:
        assert [row.content for row in versions(session)] == [policy_text(), policy_text(version="1.1.0")]
        assert [each.version for each in activations(session)] == ["1.0.0", "1.1.0"]
