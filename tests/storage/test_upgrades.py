"""A database of an earlier version of the service is brought up to date with all that is in it."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError
from sqlmodel import col, select

from policy_service import migrations
from policy_service.append_only import schema_faults
from policy_service.approval import service as approval
from policy_service.approval.service import ChangeFilter
from policy_service.approval.tables import ChangeTitleRow
from policy_service.database import Database
from policy_service.migrations.self_check import self_check
from tests.approval.world import ANN, World, tier
from tests.databases import BACKENDS, TestClock
from tests.storage.steps import at_step, empty, schema, take_steps

AT = "2026-11-20T01:00:00.000000Z"
TITLES = {
    "larger": ["A smaller Limit", "A LARGER limit"],
    "chinese": ["限额调整 ＡＢＣ"],
    "german": ["Straße"],
}
"""The titles of each change, one a draft, the last one as it is now."""


def draft(title: str) -> bytes:
    """A draft as it was recorded at step 0007."""
    body = {
        "effective": {"from": "2026-12-01T00:00:00.000000Z", "until": None},
        "reason": "the regulation asks for it: 规则",
        "texts": [],
        "title": title,
        "versions": [],
    }
    return json.dumps(body, ensure_ascii=False, separators=(",", ":")).encode()


def record(database: Database, change: str, number: int, action: str, body: bytes | None) -> None:
    """Adds an action as it was recorded at step 0007."""
    row = {"change": change, "number": number, "action": action, "actor": "id-ann", "name": "ann", "at": AT}
    with database.alter() as connection:
        connection.execute(
            text(
                "INSERT INTO change_action (change, number, action, actor, actor_name, printed_name, at, reason, body) "
                "VALUES (:change, :number, :action, :actor, :name, :name, :at, '', :body)"
            ),
            {**row, "body": body},
        )


def fill(database: Database) -> None:
    """Puts the changes into a database at step 0007, the last one taken back."""
    for change, titles in TITLES.items():
        with database.alter() as connection:
            connection.execute(
                text("INSERT INTO change (id, kind, author, created_at) VALUES (:id, 'change', 'id-ann', :at)"),
                {"id": change, "at": AT},
            )
        for number, title in enumerate(titles, 1):
            record(database, change, number, "edit" if number > 1 else "create", draft(title))
    record(database, "german", 2, "withdraw", None)


@pytest.fixture(params=BACKENDS)
def before(request: pytest.FixtureRequest) -> Iterator[Database]:
    """A database at step 0007, which knew no titles, with changes."""
    with at_step(request.param, "0007") as database:
        fill(database)
        yield database


@pytest.fixture
def upgraded(before: Database) -> Database:
    """The same, brought up to date."""
    assert not migrations.is_current(before)
    migrations.upgrade(before)
    return before


def find_changes(database: Database, words: str) -> set[str]:
    """The changes that somebody finds who looks for these words."""
    with database.read() as session:
        return {change.id for change in approval.list_changes(session, ChangeFilter(text=words)).items}


def test_an_older_database_becomes_what_a_new_one_is(upgraded: Database) -> None:
    assert migrations.is_current(upgraded)
    assert self_check(upgraded, thorough=True) == []
    with empty(upgraded.engine.dialect.name) as new:
        migrations.upgrade(new)
        assert schema(upgraded) == schema(new)
    with upgraded.engine.connect() as connection:
        assert schema_faults(connection) == []


def test_every_title_on_record_is_kept_as_it_is_searched(upgraded: Database) -> None:
    with upgraded.read() as session:
        rows = session.exec(
            select(ChangeTitleRow).order_by(col(ChangeTitleRow.change), col(ChangeTitleRow.number))
        ).all()
        assert [(row.change, row.number, row.search_text) for row in rows] == [
            ("chinese", 1, "限额调整 abc"),
            ("german", 1, "strasse"),
            ("larger", 1, "a smaller limit"),
            ("larger", 2, "a larger limit"),
        ]


@pytest.mark.parametrize(
    ("words", "changes"),
    [
        ("larger", {"larger"}),
        ("LIMIT", {"larger"}),
        ("smaller", set()),  # it is not called that any longer
        ("调整", {"chinese"}),
        ("限额 abc", {"chinese"}),
        ("ａＢc", {"chinese"}),
        ("STRASSE", {"german"}),
        ("", set(TITLES)),
    ],
)
def test_a_change_from_before_is_found_by_its_title(upgraded: Database, words: str, changes: set[str]) -> None:
    assert find_changes(upgraded, words) == changes


def test_changes_go_on_where_they_stopped(upgraded: Database) -> None:
    world = World(upgraded, TestClock())
    with upgraded.read() as session:
        [change] = approval.list_changes(session, ChangeFilter(text="larger")).items
    world.edit(change, tier("1.0.0"), by=ANN)
    assert find_changes(upgraded, "edited") == {"larger"}
    assert find_changes(upgraded, "larger") == set()


@pytest.mark.parametrize("statement", ["UPDATE change_titled SET words = ''", "DELETE FROM change_titled"])
def test_titles_are_added_and_never_changed(upgraded: Database, statement: str) -> None:
    with pytest.raises(DatabaseError, match="change_titled is append-only"), upgraded.alter() as connection:
        connection.exec_driver_sql(statement)


def test_many_titles_are_carried_over_a_part_at_a_time(before: Database) -> None:
    numbers = range(3, 2_503)
    rows = [{"number": number, "at": AT, "body": draft(f"Title {number}")} for number in numbers]
    with before.alter() as connection:
        connection.execute(
            text(
                "INSERT INTO change_action (change, number, action, actor, actor_name, printed_name, at, reason, body) "
                "VALUES ('larger', :number, 'edit', 'id-ann', 'ann', 'ann', :at, '', :body)"
            ),
            rows,
        )
    migrations.upgrade(before)
    with before.read() as session:
        words = session.exec(select(ChangeTitleRow.search_text).where(col(ChangeTitleRow.number) > 2)).all()
    assert sorted(words) == sorted(f"title {number}" for number in numbers)
    assert find_changes(before, "title 2502") == {"larger"}


def test_a_database_that_had_the_titles_under_an_earlier_number_keeps_them(before: Database) -> None:
    take_steps(before, "0008")
    expected = schema(before)
    with before.alter() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = '0007'")
    take_steps(before, "0008")
    assert schema(before) == expected
    migrations.upgrade(before)
    assert migrations.is_current(before)
    assert find_changes(before, "larger") == {"larger"}
