"""The service looks at what is on record before it begins, and says in a sentence why it does not."""

import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any, cast

import pytest
from pydantic import SecretStr

from api.app import Application, create_app
from api.features.health.endpoints import readiness
from api.service import Service, open_service
from policy_service.audit.comparison import copy_checkpoints
from policy_service.audit.copies import FileCopy
from policy_service.audit.service import sign_checkpoint
from policy_service.database import Database, DatabaseUnavailable, file_check
from policy_service.decisions.in_force import NotReady
from policy_service.decisions.sealer import Sealer
from policy_service.errors import StartupError
from policy_service.registry.checks import read_whole_file
from policy_service.settings import Settings
from policy_service.start_check import NotInitialisedError, NotSoundError
from tests.api.client import RFM, StandingClock, decide, keys, one_policy, populated, settings
from tests.databases import BACKENDS, empty_url
from tests.storage.steps import at_step


@contextmanager
def prepared(backend: str = "sqlite") -> Iterator[tuple[str, Database]]:
    """A database on which a service could begin."""
    with populated(backend, one_policy()) as url, closing(Database(url, keys=keys())) as database:
        yield url, database


def settings_on(url: str, **changes: Any) -> Settings:  # noqa: ANN401  # whatever a setting takes
    """The settings of a service on a database."""
    return settings(**{"database_url": SecretStr(url), "engine": "python", "policies": one_policy(), **changes})


def begin(url: str, **changes: Any) -> Service:  # noqa: ANN401  # whatever a setting takes
    """A service on a database; whoever begins it closes it."""
    return open_service(settings_on(url, **changes), StandingClock())


def altered(database: Database, table: str, statement: str) -> None:
    """Does what the triggers would refuse, as somebody who has the file in hand can."""
    with closing(sqlite3.connect(str(database.file))) as connection, connection:
        stored = connection.execute("SELECT name, sql FROM sqlite_master WHERE type = 'trigger'").fetchall()
        ours = [(name, sql) for name, sql in stored if name.startswith(f"{table}_no_")]
        for name, _ in ours:
            connection.execute(f"DROP TRIGGER {name}")
        connection.execute(statement)
        for _, sql in ours:
            connection.execute(sql)


def decided(database: Database, url: str) -> None:
    """Records three decisions and seals them."""
    app = create_app(settings_on(url), StandingClock())
    for number in range(3):
        assert decide(app=app, subject=f"C{number}").status_code == 200
    cast("Application", app).service.close()
    assert Sealer(database, StandingClock(), keys()).seal_all() == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_sound_database_is_taken(backend: str) -> None:
    with prepared(backend) as (url, _):
        service = begin(url)
        assert list(service.decider.policies) == [RFM]
        assert service.edited_files == ()
        service.close()


BROKEN = {
    "a log entry": ("audit_entry", "UPDATE audit_entry SET actor = 'nobody', line = 'x' WHERE seq = 5", "entry 5"),
    "an instant of the log": (
        "audit_entry",
        "UPDATE audit_entry SET at = 'gossip' WHERE seq = (SELECT max(seq) FROM audit_entry)",
        "`audit_entry.at` cannot be read",
    ),
    "a version": ("version", "UPDATE version SET content = x'20'", "is not what was submitted"),
    "a version, as text": ("version", "UPDATE version SET content = 'text'", "is not what was submitted"),
    "a sealed decision": (
        "decision",
        "UPDATE decision SET subject = 'C9' WHERE seq = 2",
        "decision record 2 was altered",
    ),
    "the last decision": ("decision", "DELETE FROM decision WHERE seq = 3", "decision record 3 was removed"),
    "a block": ("block", "DELETE FROM block", "block 1 was removed"),
}


@pytest.mark.parametrize("what", BROKEN)
def test_it_does_not_begin_when_something_on_record_was_altered(what: str) -> None:
    table, statement, sentence = BROKEN[what]
    with prepared() as (url, database):
        decided(database, url)
        altered(database, table, statement)
        with pytest.raises(NotSoundError, match=sentence):
            begin(url)


def test_texts_of_a_large_database_are_compared_behind_the_start_but_for_those_in_force(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(file_check, "LARGE", 0)
    with prepared() as (url, database):
        assert read_whole_file(url) == []
        altered(database, "version", "UPDATE version SET content = x'20' || content")
        with pytest.raises(StartupError, match="sha256:"):
            begin(url)
        assert all("is not what was submitted" in each for each in read_whole_file(url))
        assert read_whole_file(url)


def test_it_does_not_begin_when_a_trigger_is_gone() -> None:
    with prepared() as (url, database):
        with database.engine.begin() as connection:
            connection.exec_driver_sql("DROP TRIGGER decision_no_update")
        with pytest.raises(NotSoundError, match="`decision` has lost a trigger"):
            begin(url)


def test_it_does_not_begin_when_the_log_is_shorter_than_a_checkpoint_kept_elsewhere(tmp_path: Path) -> None:
    with prepared() as (url, database):
        elsewhere, backup = tmp_path / "checkpoints", tmp_path / "backup.db"
        assert database.file is not None
        database.close()
        shutil.copy(database.file, backup)
        decided(database, url)
        copy_checkpoints(database, StandingClock(), FileCopy(elsewhere))
        with pytest.raises(NotSoundError, match=r"the log ends at entry \d+, and .*/checkpoints records \d+ entries"):
            begin(f"sqlite:///{backup}", checkpoints=elsewhere)


def test_it_does_not_begin_when_a_copy_of_the_checkpoints_is_gone_cut_short_or_of_another_log(tmp_path: Path) -> None:
    with prepared() as (url, database), prepared() as (_, another):
        elsewhere = tmp_path / "checkpoints"
        begin(url, checkpoints=elsewhere).close()  # a new place is given what there is, and remembered
        decided(database, url)
        copy_checkpoints(database, StandingClock(), FileCopy(elsewhere))
        begin(url, checkpoints=elsewhere).close()
        with another.write(StandingClock()) as transaction:
            sign_checkpoint(transaction, keys())
        lines = elsewhere.read_bytes().splitlines(keepends=True)
        for content, sentence in ((b"".join(lines[:-1]), "checkpoints?, and"), (None, "is missing: ")):
            elsewhere.unlink()
            if content is not None:
                elsewhere.write_bytes(content)
            with pytest.raises(NotSoundError, match=sentence):
                begin(url, checkpoints=elsewhere)


def test_it_does_not_begin_when_checkpoints_cannot_be_copied(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("no folder")
    with (
        prepared() as (url, _),
        pytest.raises(NotSoundError, match=r"cannot be copied to .*Not a directory"),
    ):
        begin(url, checkpoints=tmp_path / "file" / "checkpoints")


def test_it_begins_when_a_store_of_checkpoints_does_not_answer() -> None:
    with prepared() as (url, _):
        begin(url, checkpoint_copies="http://127.0.0.1:9/log").close()


def test_what_lies_beside_the_database_is_told_and_is_no_concern(tmp_path: Path) -> None:
    with prepared() as (url, database):
        assert database.file is not None
        service = begin(url, checkpoints=database.file.with_name("checkpoints"))
        state = readiness(service)
        assert state.advice[0] == "All copies of the checkpoints lie in the folder of the database: keep one elsewhere."
        assert (state.status, state.concerns) == ("ready", [])
        service.close()
        further = begin(url, checkpoints=tmp_path / "checkpoints", checkpoint_copies="http://127.0.0.1:9/log")
        assert not any("All copies" in each for each in further.advice)
        further.close()


def test_it_does_not_begin_when_the_kept_checkpoints_cannot_be_read(tmp_path: Path) -> None:
    (tmp_path / "checkpoints").write_text("{}\n", "utf-8")
    with prepared() as (url, _), pytest.raises(NotSoundError, match="line 1 of"):
        begin(url, checkpoints=tmp_path / "checkpoints")


def test_it_does_not_begin_on_a_damaged_file() -> None:
    with prepared() as (url, database):
        assert database.file is not None
        database.close()
        with database.file.open("r+b") as file:
            file.write(b"no database" * 10)
        with pytest.raises(NotSoundError, match="SQLite finds the file damaged"):
            begin(url)


def test_it_does_not_begin_without_the_keys(tmp_path: Path) -> None:
    with prepared() as (url, _):
        with pytest.raises(NotInitialisedError, match="POLICY_SERVICE_KEYS"):
            begin(url, keys=tmp_path)
        for file in keys().glob("log-*"):
            shutil.copy(file, tmp_path)
        with pytest.raises(NotInitialisedError, match=r"subjects\.key"):
            begin(url, keys=tmp_path)


@pytest.mark.parametrize("backend", BACKENDS)
def test_it_does_not_begin_on_an_empty_database(backend: str) -> None:
    says = "(there is no database at|is not set up).*: run `policy-service init`"
    with empty_url(backend) as url, pytest.raises(NotInitialisedError, match=says):
        begin(url)


@pytest.mark.parametrize("backend", BACKENDS)
def test_it_does_not_begin_on_an_older_database(backend: str) -> None:
    says = "was set up by an earlier version of the service: run `policy-service init`"
    with at_step(backend, "0001") as database, pytest.raises(NotInitialisedError, match=says):
        begin(database.url)


def test_it_does_not_begin_on_a_newer_database() -> None:
    with prepared() as (url, database):
        with database.engine.begin() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        with pytest.raises(NotInitialisedError, match="a newer version of the service"):
            begin(url)


def test_it_does_not_begin_when_the_database_does_not_answer(tmp_path: Path) -> None:
    with pytest.raises(NotInitialisedError, match="does not answer"):
        begin(f"postgresql://ada:secret@/none?host={tmp_path}")
    with prepared() as (url, _), pytest.MonkeyPatch.context() as patch:
        patch.setattr("api.service.edited_files", _gone)
        with pytest.raises(ValueError, match="gone"):
            begin(url)


def _gone(*_: object) -> None:
    raise DatabaseUnavailable("gone")


def test_it_does_not_begin_when_the_versions_in_force_do_not_fit_together() -> None:
    with prepared() as (url, _), pytest.MonkeyPatch.context() as patch:
        patch.setattr("policy_service.decisions.in_force.InForce._texts", _unfit)
        with pytest.raises(ValueError, match="do not fit"):
            begin(url)


def _unfit(*_: object) -> None:
    raise NotReady("the versions do not fit together")


def test_a_policy_file_that_was_edited_after_it_was_submitted_is_told(tmp_path: Path) -> None:
    folder = shutil.copytree(one_policy(), tmp_path / "policies")
    with prepared() as (url, _):
        file = folder / RFM / "1.0.0.yaml"
        file.write_text(file.read_text("utf-8") + "# a note\n", "utf-8")
        service = begin(url, policies=folder)
        state = readiness(service)
        assert state.status == "degraded"
        assert state.concerns == list(service.edited_files)
        assert state.concerns[0].startswith(f"{RFM}/1.0.0.yaml was edited after {RFM} 1.0.0 was submitted")
        service.close()


def test_policy_files_that_cannot_be_read_are_told() -> None:
    def unreadable(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    with prepared() as (url, _), pytest.MonkeyPatch.context() as patch:
        patch.setattr("policy_service.start_check.check_files", unreadable)
        service = begin(url)
        assert service.edited_files == (
            "the policy files cannot be compared with what was submitted: Permission denied",
        )
        service.close()
