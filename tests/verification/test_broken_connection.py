"""A connection that breaks while everything is verified says nothing about any row."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager

import psycopg
import pytest
from sqlalchemy import Connection, event
from sqlalchemy.engine import make_url

from policy_service.database import Database, DatabaseUnavailable
from tests.effort import sample
from tests.verification.everything import filled


@contextmanager
def counting(database: Database, url: str, last: float = float("inf")) -> Iterator[list[str]]:
    """The statements that are executed; before the one with the number `last` the server ends the connection."""
    statements: list[str] = []

    def note(connection: Connection, _cursor: object, statement: str, *_: object) -> None:
        statements.append(statement)
        if len(statements) == last:
            driver = connection.connection.driver_connection
            assert isinstance(driver, psycopg.Connection)
            plain = make_url(url).set(drivername="postgresql").render_as_string(hide_password=False)
            with psycopg.connect(plain, autocommit=True) as other:
                other.execute("SELECT pg_terminate_backend(%s, 5000)", (driver.info.backend_pid,))

    event.listen(database.engine, "before_cursor_execute", note)
    try:
        yield statements
    finally:
        event.remove(database.engine, "before_cursor_execute", note)


def test_a_connection_that_breaks_accuses_no_row() -> None:
    with filled("postgresql") as (_, place), closing(Database(place.url)) as database:
        with counting(database, place.url) as statements, database.read() as session:
            assert not place.verify_in(session).faults
        count = len(statements)
        for number in sample(range(1, count + 1), 12):
            with (
                counting(database, place.url, number) as statements,
                pytest.raises(DatabaseUnavailable, match="gone"),
                database.read() as session,
            ):
                pytest.fail(f"a verdict: {place.verify_in(session).faults}, at {statements[-1]}")
        with database.read() as session:
            assert not place.verify_in(session).faults
