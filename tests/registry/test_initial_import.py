"""The initial import puts policies in force that nobody signed, says so, and never touches what is known already."""

from __future__ import annotations

from codecs import BOM_UTF8
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlmodel import col, select

from policy_service.actor import SERVICE
from policy_service.audit.tables import AuditEntry
from policy_service.database import Database
from policy_service.language.diagnostics import PolicyError
from policy_service.registry.checks import check_files, verify_versions
from policy_service.registry.initial_import import ImportResult, import_shipped
from policy_service.registry.model import ActivationKind
from policy_service.registry.service import activations, policies_in_force, versions
from policy_service.shipped import shipped_policies
from tests.databases import BACKENDS, START, TestClock, fresh_database
from tests.registry.texts import policy_text, put_file

CLOCK = TestClock()


@pytest.fixture(params=BACKENDS)
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    with fresh_database(request.param) as database:
        yield database


def imported(database: Database, folder: Path) -> ImportResult:
    with database.write(CLOCK) as transaction:
        return import_shipped(transaction, SERVICE, folder)


def in_force(database: Database) -> dict[str, str]:
    with database.read() as session:
        result = policies_in_force(session, START)
        return {name: policy.version for name, policy in result.items()}


def test_every_version_is_kept_and_the_newest_is_in_force(database: Database, tmp_path: Path) -> None:
    for version in ("1.0.0", "1.9.0", "1.10.0"):
        put_file(tmp_path, policy_text(version=version), version=version)
    result = imported(database, tmp_path)
    assert [policy.version for policy in result.new_versions] == ["1.0.0", "1.9.0", "1.10.0"]
    assert (in_force(database), result.unsigned_messages) == ({"tiering/small": "1.10.0"}, ())
    with database.read() as session:
        assert {(row.submitted_by, row.change) for row in versions(session)} == {("service", None)}
        [activation] = activations(session)
        assert (activation.kind, activation.effective.start, activation.effective.until) == (
            ActivationKind.INITIAL,
            START,
            None,
        )
        entries = session.exec(select(AuditEntry).order_by(col(AuditEntry.seq))).all()
        assert [entry.event for entry in entries] == [*["version_imported"] * 3, "activation_recorded"]


def test_the_shipped_policies_are_imported_once(database: Database) -> None:
    first, second = imported(database, shipped_policies()), imported(database, shipped_policies())
    assert len(first.activated_versions) == len({policy.id for policy in first.new_versions}) > 0
    assert second == ImportResult((), (), (), ())
    assert in_force(database) == {policy.id: policy.version for policy in first.activated_versions}


def test_a_newer_file_of_a_known_policy_needs_a_signed_change(database: Database, tmp_path: Path) -> None:
    put_file(tmp_path, policy_text())
    imported(database, tmp_path)
    put_file(tmp_path, policy_text(version="2.0.0"), version="2.0.0")
    put_file(tmp_path, policy_text("tiering/new"), "tiering/new")
    result = imported(database, tmp_path)
    assert [policy.id for policy in result.activated_versions] == ["tiering/new"]
    assert result.unsigned_messages == (
        "tiering/small 2.0.0 was not imported: a version of a policy that is known needs a signed change",
    )
    assert in_force(database) == {"tiering/new": "1.0.0", "tiering/small": "1.0.0"}


def test_policies_that_do_not_fit_together_are_not_imported(database: Database, tmp_path: Path) -> None:
    put_file(tmp_path, policy_text("a/first", tier_="{type: choice, of: [S, C], from: a/second.tier}"), "a/first")
    with pytest.raises(PolicyError, match="unknown policy `a/second`"):
        imported(database, tmp_path)
    assert in_force(database) == {}


def test_a_file_with_faults_imports_nothing(database: Database, tmp_path: Path) -> None:
    put_file(tmp_path, policy_text())
    put_file(tmp_path, b"policy: a/b\n", "a/b")
    with pytest.raises(PolicyError):
        imported(database, tmp_path)
    assert in_force(database) == {}


def test_a_file_edited_after_it_was_submitted_is_named_with_both_digests(database: Database, tmp_path: Path) -> None:
    put_file(tmp_path, policy_text())
    put_file(tmp_path, policy_text(version="2.0.0"), version="2.0.0").unlink()
    [policy] = imported(database, tmp_path).new_versions
    path = put_file(tmp_path, policy_text(threshold=1))
    again = imported(database, tmp_path)
    assert (again.new_versions, again.unsigned_messages) == ((), ())
    [sentence] = again.edited_messages
    assert sentence.startswith(f"{path} was edited after tiering/small 1.0.0 was submitted: it was {policy.digest}, it")
    path.unlink()
    with database.read() as session:
        assert check_files(session, tmp_path) == []


def test_what_the_registry_says_is_checked_against_its_digests(database: Database, tmp_path: Path) -> None:
    put_file(tmp_path, policy_text())
    imported(database, tmp_path)
    with database.read() as session:
        assert verify_versions(session) == []
    with database.write(CLOCK) as transaction:
        connection = transaction.session.connection()
        if database.engine.dialect.name == "sqlite":
            for table in ("version", "activation"):
                connection.execute(text(f"DROP TRIGGER {table}_no_update"))
        else:
            for table in ("version", "activation"):
                connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER USER"))
        connection.execute(text("UPDATE activation SET version = '9.0.0'"))
        connection.execute(text("UPDATE version SET content = :content"), {"content": b"x"})
    with database.read() as session:
        text_, activation = verify_versions(session)
    assert "tiering/small 1.0.0 is not what was submitted: its text has the digest sha256:2d71" in text_
    assert "names tiering/small 9.0.0, but its digest sha256:" in activation


@pytest.mark.parametrize("mark", [b"", BOM_UTF8])
def test_a_file_is_kept_to_the_byte(database: Database, tmp_path: Path, mark: bytes) -> None:
    put_file(tmp_path, mark + policy_text(version="1.0.0"), version="1.0.0")
    [policy] = imported(database, tmp_path).new_versions
    [file] = tmp_path.rglob("*.yaml")
    with database.read() as session:
        [row] = versions(session)
        assert (row.content, row.digest) == (file.read_bytes(), policy.digest)
        assert check_files(session, tmp_path) == []
        assert verify_versions(session) == []
