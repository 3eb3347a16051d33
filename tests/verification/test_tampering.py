"""Every column of every table: edited, and rows deleted, added, swapped. Each is found and named, or is no matter."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random  # with a seed

import pytest
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, SQLModel

from policy_service.audit.coverage import DERIVED, EXCLUDED_COLUMNS, KEYED, NOT_SECURITY, is_covered
from policy_service.audit.verdict import LogVerdict
from tests.databases import BACKENDS
from tests.effort import effort, sample
from tests.verification.everything import (
    Mutation,
    NotPossible,
    Place,
    Tampering,
    defenceless,
    executed,
    filled,
    mutations,
    tampered,
)

NAMES = {
    "audit_entry": ("entry", "checkpoint"),
    "audit_about": ("entry",),
    "checkpoint": ("checkpoint", "entry"),
    "block": ("block", "decision record"),
    "decision": ("decision record", "block", "subject", "`decision`"),
    "subject_key": ("subject", "`subject_key`"),
    "log_state": ("log_state",),
    "lane": ("lane",),
}
"""What a sentence says of rows that the log does not list one by one."""
RANDOM = effort(20, 5_000)
RANDOM_ON_POSTGRESQL = effort(0, 1_000)


@pytest.fixture(scope="module")
def place() -> Iterator[Place]:
    with filled() as (here, place):
        here.app.service.close()
        yield place


def found(place: Place) -> list[str]:
    return told(place.verify())


def told(verdict: LogVerdict) -> list[str]:
    assert verdict.is_fine == (not verdict.faults)
    assert bool(verdict.differences) <= (not verdict.is_fine)
    return [str(fault.message) for fault in verdict.faults]


def is_security(mutation: Mutation) -> bool:
    return mutation.table not in NOT_SECURITY and (mutation.table, mutation.column) not in EXCLUDED_COLUMNS


def is_named(mutation: Mutation, sentences: list[str]) -> bool:
    """Whether a sentence is about what was done."""
    if is_covered(mutation.table):
        return any(f"`{mutation.table}`" in sentence for sentence in sentences)
    return any(word in sentence for sentence in sentences for word in NAMES[mutation.table])


def test_nothing_is_found_where_nothing_was_done(place: Place) -> None:
    verdict = place.verify()
    assert (verdict.fault, verdict.faults, verdict.differences) == (None, (), 0)
    assert verdict.macs == verdict.entries - 1  # but for the entry before there was a key
    with_no_key = place.verify(with_key=False)
    assert (with_no_key.fault, with_no_key.macs) == (None, None)


def test_every_table_has_a_row_to_tamper_with(place: Place) -> None:
    file = sqlite3.connect(place.url.removeprefix("sqlite:///"))
    empty = {
        name for name in SQLModel.metadata.tables if file.execute(f'SELECT count(*) FROM "{name}"').fetchone() == (0,)
    }
    file.close()
    assert empty - set(NOT_SECURITY) == set()


@pytest.mark.parametrize("mutation", sample(mutations(), 3), ids=str)
def test_what_was_done_to_a_table_is_found_and_named(place: Place, tmp_path: Path, mutation: Mutation) -> None:
    try:
        there = tampered(place, tmp_path, mutation)
    except (NotPossible, DBAPIError):
        assert mutation.kind == "swap" or mutation.table in NOT_SECURITY
        return
    sentences = found(there)
    if is_security(mutation):
        assert is_named(mutation, sentences), sentences
    else:
        assert sentences == []


def test_any_rows_altered_at_random_are_found(place: Place, tmp_path: Path) -> None:
    chance = Random(effort(3, None))  # no secret
    wanted = [each for each in mutations() if is_security(each)]
    for number in range(RANDOM):
        mutation, seed = chance.choice(wanted), chance.randrange(1 << 30)
        try:
            there = tampered(place, tmp_path, mutation, seed=seed)
        except (NotPossible, DBAPIError):
            continue
        if is_newest_decision_removed(place, there):
            assert found(there) == []
            continue
        assert is_named(mutation, found(there)), (number, str(mutation), seed)


def is_newest_decision_removed(place: Place, there: Place) -> bool:
    """Return True if only the newest decision record is gone, which no block holds: nothing behind it tells of it."""

    def records(of: Place) -> list[int]:
        with closing(sqlite3.connect(str(make_url(of.url).database))) as connection:
            return [seq for (seq,) in connection.execute("SELECT seq FROM decision ORDER BY seq")]

    return records(there) == records(place)[:-1]


@pytest.mark.parametrize("newest", [True, False])
def test_the_newest_decision_record_is_missed_as_soon_as_another_follows(
    place: Place, tmp_path: Path, newest: bool
) -> None:
    file = tmp_path / "copy.db"
    with (
        closing(sqlite3.connect(str(make_url(place.url).database))) as original,
        closing(sqlite3.connect(file)) as copy,
    ):
        original.backup(copy)
        triggers = copy.execute("SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'decision'")
        for (name,) in triggers.fetchall():
            copy.execute(f"DROP TRIGGER {name}")
        before, last = [seq for (seq,) in copy.execute("SELECT seq FROM decision ORDER BY seq")][-2:]
        copy.execute("DELETE FROM decision WHERE seq = ?", (last if newest else before,))
        copy.commit()
    sentences = found(Place(f"sqlite:///{file}", place.keys))
    assert all(f"`decision` {before}" in each or f"record {before}" in each for each in sentences)
    assert bool(sentences) is not newest


def test_the_same_is_done_to_every_table_of_postgresql() -> None:
    """All of it in the long form, some of it in the short; in transactions that are rolled back."""
    chance, every = Random(effort(5, None)), list(mutations())  # no secret
    wanted = effort(chance.sample(every, 15), every) + chance.choices(every, k=RANDOM_ON_POSTGRESQL)
    with filled("postgresql") as (here, place):
        here.app.service.close()
        with defenceless(place) as connection:
            for number, mutation in enumerate(wanted):
                attempt = connection.begin_nested()
                try:
                    Tampering(connection, number).do(mutation)
                    with Session(connection, join_transaction_mode="create_savepoint") as session:
                        sentences = told(place.verify_in(session))
                except (NotPossible, DBAPIError):
                    assert mutation.kind == "swap" or mutation.table in NOT_SECURITY, str(mutation)
                    continue
                finally:
                    attempt.rollback()
                if is_security(mutation):
                    assert is_named(mutation, sentences), (number, str(mutation), sentences)
                else:
                    assert sentences == [], (number, str(mutation))
        assert found(place) == []


def test_several_alterations_are_all_told(place: Place, tmp_path: Path) -> None:
    done = (
        Mutation("edit", "account", "printed_name"),
        Mutation("delete", "cancellation"),
        Mutation("insert", "override"),
    )
    there = tampered(place, tmp_path, *done)
    sentences = found(there)
    assert len(sentences) == there.verify().differences == len(done)
    assert all(is_named(each, sentences) for each in done)


def test_without_the_key_all_is_found_but_what_only_the_key_tells(place: Place, tmp_path: Path) -> None:
    there = tampered(place, tmp_path, Mutation("edit", "account_change", "roles"))
    assert not there.verify(with_key=False).is_fine
    hidden = tampered(place, tmp_path, Mutation("edit", "credential", "password_hash"))
    assert {"credential"} == KEYED
    assert hidden.verify(with_key=False).is_fine
    assert is_named(Mutation("edit", "credential"), found(hidden))


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_same_is_found_on_both_databases(backend: str) -> None:
    statements = {
        "account_change": "UPDATE account_change SET roles = 'general_manager compliance' WHERE seq = 2",
        "activation": "UPDATE activation SET effective_until = NULL, kind = 'change' WHERE seq = 1",
        "cancellation": "DELETE FROM cancellation",
        "credential": "UPDATE credential SET password_hash = 'x'",
        "override_signature": "UPDATE override_signature SET role = 'compliance/3' WHERE role = 'compliance/2'",
        "change_report": "UPDATE change_report SET content = change_text.content FROM change_text",
    }
    with filled(backend) as (here, place):
        here.app.service.close()
        assert found(place) == []
        executed(place, *statements.values())
        sentences = found(place)
    for table in statements:
        assert is_named(Mutation("edit", table), sentences), table


def test_every_exception_is_of_a_table_there_is() -> None:
    tables = SQLModel.metadata.tables
    assert set(DERIVED) | set(NOT_SECURITY) | KEYED <= set(tables)
    assert not set(DERIVED) & set(NOT_SECURITY)
    assert all(name in tables and column in tables[name].columns for name, column in EXCLUDED_COLUMNS)
