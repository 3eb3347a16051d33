"""`/readyz` says what is so: each fault is a real one, is told while it lasts, and is over when it is over."""

import asyncio
import re
import shutil
import sqlite3
import subprocess
from collections.abc import Iterator
from contextlib import closing, contextmanager
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from pydantic import SecretStr
from sqlmodel import select

from api.app import Application
from api.workers.background import check_file
from policy_service.database import Database, file_check, writability
from policy_service.decisions.macs import read_mac_keys
from policy_service.decisions.sealer import Sealer
from policy_service.decisions.tables import DecisionRow
from policy_service.start_check import NotSoundError
from tests.api.client import CREDENTIALS, ask, assert_problem, decide, one_policy, opened, populated
from tests.databases import BACKENDS
from tests.decisions.desks import eventually

LOCK_SECONDS = 0.2


@contextmanager
def served(url: str) -> Iterator[Application]:
    """A service that waits a moment only for whoever writes before it, and was not asked for anything of late."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("policy_service.start_check.Database", partial(Database, lock_seconds=LOCK_SECONDS))
        patch.setattr("policy_service.database.PROBE_SECONDS", LOCK_SECONDS)
        with opened(database_url=SecretStr(url), policies=one_policy(), engine="python") as app:
            app.service.database.last_commit_at = float("-inf")
            yield app


@pytest.fixture(params=BACKENDS)
def app(request: pytest.FixtureRequest) -> Iterator[Application]:
    with populated(request.param, one_policy()) as url, served(url) as made:
        yield made


@pytest.fixture
def file() -> Iterator[Path]:
    """The file of a database that a service could begin on."""
    with populated("sqlite", one_policy()) as url:
        yield Path(url.removeprefix("sqlite:///"))


def ready(app: Application) -> tuple[int, dict[str, Any]]:
    answer = ask("GET", "/readyz", app=app)
    return answer.status_code, answer.json()


def test_when_all_is_well_it_is_ready_and_writes_nothing(app: Application) -> None:
    with app.service.database.read() as session:
        before = session.connection().exec_driver_sql("SELECT count FROM lane ORDER BY name").all()
    status, text = ready(app)
    assert (status, text["status"], text["database"], text["concerns"]) == (200, "ready", "writable", [])
    with app.service.database.read() as session:
        assert session.connection().exec_driver_sql("SELECT count FROM lane ORDER BY name").all() == before


def test_a_database_that_another_process_has_locked_is_told_though_nobody_wrote(file: Path) -> None:
    with served(f"sqlite:///{file}") as app, closing(sqlite3.connect(file, isolation_level=None)) as foreign:
        assert ready(app)[0] == 200
        foreign.execute("BEGIN IMMEDIATE")
        status, text = ready(app)
        assert (status, text["status"], text["database"]) == (503, "not_ready", "the database is busy")
        assert text["self_test"] == "passed"
        foreign.execute("ROLLBACK")
        assert ready(app)[0] == 200


def test_a_lane_that_another_process_has_locked_is_told() -> None:
    with populated("postgresql", one_policy()) as url, served(url) as app, closing(Database(url)) as foreign:
        with foreign.engine.connect() as connection:
            connection.exec_driver_sql("SELECT * FROM lane FOR UPDATE")
            assert ready(app)[1]["database"] == "the database is busy"
            connection.rollback()
        assert ready(app)[0] == 200


def test_a_write_that_was_not_kept_is_told_until_one_is(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with served(f"sqlite:///{file}") as app:
        with closing(sqlite3.connect(file, isolation_level=None)) as foreign:
            foreign.execute("BEGIN IMMEDIATE")
            assert_problem(decide(app=app), 503, "database-unavailable")
        status, text = ready(app)
        assert (status, text["database"]) == (503, "the last write failed: the database is busy")
        monkeypatch.setattr(writability, "RECENT_SECONDS", 0.0)
        status, text = ready(app)
        assert (status, text["status"], text["database"]) == (200, "degraded", "writable")
        assert re.match(r"the last write failed \d+ seconds ago, and none was made since", text["concerns"][0])
        assert decide(app=app).status_code == 200
        assert ready(app)[1]["status"] == "ready"


@contextmanager
def small_disk(folder: Path, size: int) -> Iterator[Path]:
    """A disk of its own with so many bytes. Where none can be made, the test that needs it is not run."""
    folder.mkdir()
    mounted = subprocess.run(
        ["/usr/bin/env", "mount", "-t", "tmpfs", "-o", f"size={size}", "tmpfs", str(folder)],
        capture_output=True,
        check=False,
    )
    if mounted.returncode:
        pytest.skip("no disk can be made here: this takes root and the right to mount")
    try:
        yield folder
    finally:
        subprocess.run(["/usr/bin/env", "umount", "--lazy", str(folder)], check=True)


def fill(file: Path) -> None:
    """Writes until there is no room."""
    with file.open("wb", buffering=0) as out:
        while True:
            out.write(b"x" * 4_096)


def test_a_full_disk_is_told_and_over_when_there_is_room(file: Path, tmp_path: Path) -> None:
    with small_disk(tmp_path / "disk", 4 * file.stat().st_size + 2**20) as disk:
        message = f"sqlite:///{shutil.move(file, disk)}"
        CREDENTIALS[message] = CREDENTIALS[f"sqlite:///{file}"]
        with served(message) as app:
            assert decide(app=app).status_code == 200
            app.service.database.last_commit_at = float("-inf")
            filler = disk / "filler"
            with pytest.raises(OSError, match="No space left"):
                fill(filler)
            status, text = ready(app)
            assert (status, text["database"]) == (503, "the database is full")
            while decide(app=app).status_code == 200:  # what the log of the database still has room for
                continue
            problem = assert_problem(decide(app=app), 503, "database-unavailable")
            assert problem["detail"] == "the database is full"
            assert ready(app)[0] == 503
            filler.unlink()
            assert decide(app=app).status_code == 200
            assert ready(app)[1]["status"] == "ready"


def test_sealing_that_stands_still_is_told(file: Path, tmp_path: Path) -> None:
    with served(f"sqlite:///{file}") as app:
        service = app.service
        assert decide(app=app).status_code == 200
        sealer = Sealer(service.database, service.clock, tmp_path / "no-keys", interval_seconds=0.01)
        object.__setattr__(service, "sealer", sealer)
        assert ready(app)[1]["concerns"] == []  # it has not begun
        sealer.start()
        eventually(lambda: sealer._last_error is not None)
        assert ready(app)[1]["concerns"] == []
        sealer._last_done_at -= 61
        status, text = ready(app)
        assert (status, text["status"]) == (200, "degraded")
        assert re.match(r"sealing has stood still for \d+ seconds: .", text["concerns"][0])
        sealer._keys = service.settings.keys
        eventually(lambda: ready(app)[1]["status"] == "ready")
        sealer.close()


def test_a_sealer_that_has_ended_is_told_at_once(file: Path) -> None:
    with served(f"sqlite:///{file}") as app:
        sealer = Sealer(app.service.database, app.service.clock, app.service.settings.keys)
        sealer._run = lambda: None  # type: ignore[method-assign]  # as if it had failed
        sealer._thread._target = sealer._run  # type: ignore[attr-defined]  # of a thread
        object.__setattr__(app.service, "sealer", sealer)
        sealer.start()
        sealer._thread.join()
        assert "its thread has ended" in ready(app)[1]["concerns"][0]


def test_damage_to_a_large_file_is_told_behind_the_start(file: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        (page,) = connection.execute("SELECT rootpage FROM sqlite_master WHERE name = 'oidc_flow'").fetchone()
        (size,) = connection.execute("PRAGMA page_size").fetchone()
    with file.open("r+b") as content:
        content.seek((page - 1) * size)
        content.write(b"\x77" * 64)
    with pytest.raises(NotSoundError, match="SQLite finds the file damaged"), served(f"sqlite:///{file}"):
        pass
    monkeypatch.setattr(file_check, "LARGE", 0)
    with served(f"sqlite:///{file}") as app:
        assert ready(app)[0] == 200
        asyncio.run(check_file(app.service))
        status, text = ready(app)
        assert (status, text["status"]) == (503, "not_ready")
        assert text["concerns"][0] == text["database"]
        assert text["database"].startswith("SQLite finds the file damaged: ")


def test_another_file_in_the_place_of_the_database_is_refused_until_a_restart(file: Path) -> None:
    with populated("sqlite", one_policy()) as other, served(f"sqlite:///{file}") as app:
        assert decide(app=app).status_code == 200
        first = file.rename(file.with_name("first.db"))
        shutil.copy(other.removeprefix("sqlite:///"), file)
        status, text = ready(app)
        assert status == 503
        assert text["database"] == "the database is another file than at the start: restart the service"
        problem = assert_problem(decide(app=app), 503, "database-unavailable")
        assert problem["detail"] == "the database is another file than at the start: restart the service"
        first.replace(file)
        assert_problem(decide(app=app), 503, "database-unavailable")
        assert ready(app)[0] == 503
    with served(f"sqlite:///{file}") as app:
        assert ready(app)[0] == 200


def test_without_the_key_of_the_log_nothing_is_recorded_until_it_is_back(app: Application) -> None:
    database = app.service.database
    assert database.keys is not None
    key, content = database.keys / "log.key", (database.keys / "log.key").read_bytes()
    key.unlink()
    problem = assert_problem(decide(app=app), 503, "not-ready")
    assert "the key of the log, `log.key`, cannot be read" in problem["detail"]
    status, condition = ready(app)
    assert (status, condition["database"]) == (503, problem["detail"])
    key.touch(0o600)
    key.write_bytes(content)
    assert decide(app=app).status_code == 200
    with database.read() as session:
        macs = read_mac_keys(session)
        rows = session.exec(select(DecisionRow)).all()
    assert [macs.mac_fault(row) for row in rows] == [None]
