"""An index that was left behind, so that who asks by it does not find a row that is there."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager

from sqlmodel import select

from policy_service.migrations.self_check import self_check
from policy_service.registry.tables import ActivationRow
from tests.api.company import Company, company
from tests.approval.world import SIGN_OFF
from tests.verification.everything import Place

NAME = "ix_activation_policy"
SQL = "FROM sqlite_master WHERE type = 'trigger'"


@contextmanager
def altering(here: Company) -> Iterator[sqlite3.Connection]:
    """A connection that may write the schema; nothing remembers what it was before."""
    here.database.close()
    with closing(sqlite3.connect(str(here.database.file))) as connection:
        connection.execute("PRAGMA writable_schema = ON")
        yield connection
        connection.commit()


def test_an_index_that_hides_who_must_sign_is_found_at_the_start_and_when_all_is_verified() -> None:
    by_policy = select(ActivationRow.id).where(ActivationRow.policy == SIGN_OFF)
    with company() as here:
        place = Place(here.database.url, here.app.service.settings.keys)
        here.app.service.close()
        with altering(here) as connection:
            triggers = connection.execute(f"SELECT sql {SQL}").fetchall()
            for (name,) in connection.execute(f"SELECT name {SQL}").fetchall():
                connection.execute(f"DROP TRIGGER {name}")
            connection.execute("UPDATE activation SET policy = 'x' WHERE policy = ?", (SIGN_OFF,))
            index = connection.execute("SELECT * FROM sqlite_master WHERE name = ?", (NAME,)).fetchone()
            connection.execute("DELETE FROM sqlite_master WHERE name = ?", (NAME,))
        with altering(here) as connection:  # which knows of no index
            connection.execute("UPDATE activation SET policy = ? WHERE policy = 'x'", (SIGN_OFF,))
            for (statement,) in triggers:
                connection.execute(statement)
            connection.execute("INSERT INTO sqlite_master VALUES (?, ?, ?, ?, ?)", index)
        with here.database.read() as session:
            assert session.exec(by_policy).all() == []  # by the index
            assert SIGN_OFF in [row.policy for row in session.exec(select(ActivationRow))]
        found = f"SQLite finds the file damaged: row 1 missing from index {NAME}"
        assert found in self_check(here.database)
        assert found in [str(fault.message) for fault in place.verify().faults]
