"""Every column of every table: edited, and rows deleted, added, swapped. Each is found and named, or is no matter."""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from random import Random  # with a seed
from traceback import format_exc
from types import SimpleNamespace
from typing import cast

import pytest
from sqlalchemy import Connection, text
from sqlalchemy.engine import make_url
from sqlalchemy.exc import DBAPIError
from sqlmodel import SQLModel

from policy_service.audit.coverage import DERIVED, EXCLUDED_COLUMNS, KEYED, NOT_SECURITY, is_covered
from policy_service.audit.log_key import make_log_key
from policy_service.audit.verdict import LogVerdict
from policy_service.decisions.macs import MacKeys
from policy_service.decisions.tables import DecisionRow
from tests.databases import BACKENDS
from tests.effort import effort
from tests.verification.everything import (
    Mutation,
    NotPossible,
    Place,
    defenceless,
    executed,
    filled,
    mutations,
    tampered,
    undone,
)

NAMES = {
    "audit_entry": ("entry", "checkpoint"),
    "audit_about": ("entry",),
    "checkpoint": ("checkpoint", "entry"),
    "block": ("block", "decision record"),
    "decision": ("decision record", "block", "subject", "`decision`", "the group of"),
    "subject_key": ("subject", "`subject_key`"),
    "outcome_period": ("the group of", "`outcome_period`"),
    "outcome_count": ("the sizes of the groups", "`outcome_count`"),
    "answer_count": ("the answers that are counted", "`answer_count`"),
    "log_state": ("log_state",),
    "lane": ("lane",),
}
"""What a sentence says of rows that the log does not list one by one."""
EACH = {"sqlite": effort(12, 1), "postgresql": effort(30, 1)}
"""One of how many of all mutations is tried."""
RANDOM = {"sqlite": effort(10, 5_000), "postgresql": effort(0, 1_000)}


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
    return [str(fault.message) for fault in verdict.faults if "has lost a trigger" not in str(fault.message)]


def is_security(mutation: Mutation) -> bool:
    return mutation.table not in NOT_SECURITY and (mutation.table, mutation.column) not in EXCLUDED_COLUMNS


def is_named(mutation: Mutation, sentences: list[str]) -> bool:
    """Return True if a sentence is about what was done."""
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


@pytest.mark.parametrize("backend", BACKENDS)
def test_what_was_done_to_a_table_is_found_and_named(backend: str) -> None:
    """Every mutation in the long form, and many at random; some in the short; each is undone before the next."""
    every = list(mutations())
    chance = Random(effort(5, None))  # no secret
    expected = [(each, 1) for each in every[:: EACH[backend]]]
    expected += [(chance.choice(every), chance.randrange(1 << 30)) for _ in range(RANDOM[backend])]
    with filled(backend) as (here, place):
        here.app.service.close()
        with defenceless(place) as connection:
            missed = [each for each in expected if not is_found(place, connection, *each)]
        assert missed == []
        assert found(place) == []


def test_a_total_that_was_altered_alone_is_named(place: Place) -> None:
    with defenceless(place) as connection:
        assert is_found(place, connection, Mutation("edit", "log_state", "total"), 1)
    assert found(place) == []


@pytest.mark.parametrize("entry", [1, 9])
def test_a_mac_of_a_key_that_the_log_never_named_is_found(place: Place, entry: int, tmp_path: Path) -> None:
    """The first entry has none: there was no key yet."""
    other = tampered(place, tmp_path)
    executed(other, f"UPDATE audit_entry SET mac = '0123456789abcdef:00' WHERE seq = {entry}")
    for with_key in (True, False):
        fault = other.verify(with_key=with_key).fault
        assert fault is not None
        assert fault.message == f"entry {entry} was added or altered: its MAC is of no key of the log"


@pytest.mark.parametrize(
    ("seq", "mac", "is_fine"),
    [(3, None, True), (3, "lost:00", True), (3, "other:00", False), (6, None, False), (6, "lost:00", False)],
)
def test_a_record_from_before_the_key_has_no_mac_of_another(
    seq: int, mac: str | None, *, is_fine: bool, tmp_path: Path
) -> None:
    row = cast("DecisionRow", SimpleNamespace(seq=seq, mac=mac, digest="sha256:0"))
    key = make_log_key(tmp_path)
    keys = MacKeys({key.id: key}, 5, frozenset({key.id, "lost"}))
    assert (keys.mac_fault(row) is None) == is_fine
    assert (MacKeys({}, 0, frozenset({"lost"})).mac_fault(row) is None) == (mac != "other:00")


def is_found(place: Place, connection: Connection, mutation: Mutation, seed: int) -> bool:
    """Whether a mutation that matters is named, and one that does not is nothing; tells at once of one that fails."""
    before = records(connection)
    try:
        with undone(connection, mutation, seed) as session:
            sentences, left = told(place.verify_in(session)), records(session.connection())
    except (NotPossible, DBAPIError):
        well, sentences = mutation.kind == "swap" or mutation.table in NOT_SECURITY, ["not possible"]
    except Exception:  # noqa: BLE001  # which one is told, and the others are tried
        well, sentences = False, [format_exc()]
    else:
        if not is_security(mutation):
            well = sentences == []
        elif left == before[:-1]:  # no block has the newest, and no record follows it
            well = all(map(is_of_groups, sentences))
        else:
            well = is_named(mutation, sentences)
    if not well:
        sys.stdout.write(f"missed: {mutation} with {seed}: {sentences}\n")
    return well


def records(connection: Connection) -> list[int]:
    return [seq for (seq,) in connection.execute(text("SELECT seq FROM decision ORDER BY seq"))]


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
    if newest:  # of the record itself nothing tells yet; its group may
        assert all(is_of_groups(each) for each in sentences)
    else:
        assert sentences
        assert all(f"`decision` {before}" in each or f"record {before}" in each for each in sentences)


def is_of_groups(sentence: str) -> bool:
    """Return True if a sentence is about group lists, which follow from the records."""
    return any(word in sentence for word in NAMES["outcome_period"] + NAMES["outcome_count"])


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
    assert {"credential", "second_factor"} == KEYED
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
