"""Migrations make the very schema that the tables declare, from nothing or from a step before, once."""

from __future__ import annotations

import hashlib
import tempfile
import threading
from pathlib import Path
from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.operations import Operations
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import inspect
from sqlmodel import SQLModel

import policy_service.tables  # noqa: F401  # declares all of them
from policy_service import migrations
from policy_service.append_only import schema_faults
from policy_service.database import Database, DatabaseUnavailable, initial_rows
from tests.databases import BACKENDS, empty_url
from tests.storage import database_page, write_migration
from tests.storage.steps import empty, schema


@pytest.mark.parametrize("backend", BACKENDS)
def test_migrations_make_the_schema_that_the_tables_declare(backend: str) -> None:
    with empty(backend) as migrated, empty(backend) as declared:
        migrations.upgrade(migrated)
        with declared.alter() as connection:
            SQLModel.metadata.create_all(connection)
            connection.execute(SQLModel.metadata.tables["lane"].insert(), [row.model_dump() for row in initial_rows()])
        made, result = schema(migrated), schema(declared)
        other = sorted(
            name for name in made["tables"] | result["tables"] if made["tables"].get(name) != result["tables"].get(name)
        )
        assert not other, "write a step: `python -m tests.storage.write_migration NAME`"
        assert made == result
        with migrated.engine.connect() as connection:
            assert compare_metadata(MigrationContext.configure(connection), SQLModel.metadata) == []
            assert schema_faults(connection) == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_upgrade_is_needed_once(backend: str) -> None:
    with empty(backend) as database:
        assert not migrations.is_current(database)
        migrations.upgrade(database)
        assert migrations.is_current(database)
        before = schema(database)
        migrations.upgrade(database)
        assert schema(database) == before


@pytest.mark.parametrize("backend", BACKENDS)
def test_those_who_upgrade_at_once_come_one_after_the_other(backend: str) -> None:
    with empty_url(backend) as url:
        faults: list[BaseException] = []
        ready = threading.Barrier(4)

        def start() -> None:
            database = Database(url)
            try:
                ready.wait()
                migrations.upgrade(database)
                assert migrations.is_current(database)
            except BaseException as fault:  # noqa: BLE001  # told below
                faults.append(fault)
            finally:
                database.close()

        threads = [threading.Thread(target=start) for _ in range(4)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        assert not faults


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_upgrade_that_fails_leaves_nothing_behind(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    with empty(backend) as database:

        def broken(*_: object) -> None:
            raise RuntimeError("the machine was switched off")

        monkeypatch.setattr("policy_service.append_only.trigger_statements", broken)
        with pytest.raises(RuntimeError, match="switched off"):
            migrations.upgrade(database)
        with database.engine.connect() as connection:
            assert inspect(connection).get_table_names() == []
        monkeypatch.undo()
        migrations.upgrade(database)
        assert migrations.is_current(database)


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_newer_database_is_left_alone(backend: str) -> None:
    with empty(backend) as database:
        migrations.upgrade(database)
        with database.alter() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        for act in (migrations.upgrade, migrations.is_current):
            with pytest.raises(migrations.NewerDatabase, match=r"a newer version of the service .* to step 9999"):
                act(database)


def test_a_file_that_is_not_there_is_not_current_and_is_not_made_by_asking() -> None:
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "none.db"
        database = Database(f"sqlite:///{file}")
        assert not migrations.is_current(database)
        assert not file.exists()


def test_a_folder_that_is_not_there_is_told() -> None:
    with tempfile.TemporaryDirectory() as folder, pytest.raises(DatabaseUnavailable, match="gone"):
        migrations.upgrade(Database(f"sqlite:///{folder}/none/none.db"))


def test_steps_are_numbered_without_a_gap_and_say_what_they_do() -> None:
    steps = [*ScriptDirectory.from_config(migrations._config()).walk_revisions()][::-1]
    numbers = [f"{number:04}" for number in range(1, len(steps) + 1)]
    assert [step.revision for step in steps] == numbers == [*migrations.steps()]
    assert all(step.doc.endswith(".") for step in steps)


def test_a_step_that_databases_have_taken_is_never_edited() -> None:
    files = sorted(write_migration.FOLDER.glob("v*.py"))
    there = [f"{hashlib.sha256(file.read_bytes()).hexdigest()}  {file.name}" for file in files]
    stored = (Path(__file__).parent / "steps.sha256").read_text("utf-8").splitlines()
    assert stored == there, "put an edited step back and write another; a new one is added to `steps.sha256`"


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_step_that_is_drafted_makes_what_was_missing(backend: str) -> None:
    with empty(backend) as database:
        migrations.upgrade(database)
        current = schema(database)
        with database.alter() as connection:
            connection.exec_driver_sql("DROP TABLE change_titled")
            connection.exec_driver_sql("DROP INDEX override_policy")
            number = len(migrations.steps()) + 1
            text = write_migration.drafted(connection, number)
            assert text is not None
            step: dict[str, Any] = {}
            exec(text, step)  # noqa: S102  # it is what a step is for
            with Operations.context(MigrationContext.configure(connection)):
                step["upgrade"]()
            assert write_migration.drafted(connection, number + 1) is None
        assert schema(database) == current


def test_there_is_no_step_back() -> None:
    steps = ScriptDirectory.from_config(migrations._config()).walk_revisions()
    assert not any(hasattr(each.module, "downgrade") for each in steps)


def test_the_page_about_the_database_lists_the_tables() -> None:
    assert database_page.written() == database_page.listed(), "run `python -m tests.storage.write_migration`"
