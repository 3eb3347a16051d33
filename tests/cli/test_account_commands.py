"""`account` and `api-key`: passwords are read, never arguments; refusals are sentences; keys are shown once."""

import json
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from policy_service.cli import passwords as cli_passwords
from policy_service.database import Database
from policy_service.identity.key_ring import KeyRing
from policy_service.identity.passwords import matches
from policy_service.identity.service import find_account_by_name, stored_hash
from tests.cli.command import Ended, call
from tests.databases import TestClock, file_with_tables
from tests.identity.people import SECRET, event_names

PASSWORD = f"{SECRET}\n".encode()
CREATE = ("account", "create", "ada", "--printed-name", "Ada Example", "--role", "author")


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A database that was set up, and that the environment names."""
    url = file_with_tables(tmp_path / "test.db")
    monkeypatch.setenv("DATABASE_URL", url)
    with closing(Database(url)) as database:
        yield database


def listed(capsys: pytest.CaptureFixture[str], what: str) -> list[dict[str, object]]:
    body: list[dict[str, object]] = json.loads(call(capsys, what, "list", "--json").out)
    return body


def test_an_account_is_made_changed_and_told(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, *CREATE, stdin=PASSWORD).status == 0
    assert call(capsys, "account", "roles", "ada", "--role", "compliance", "--role", "author").status == 0
    issuer = ("--issuer", "https://identities.example/", "--subject", "1")
    assert call(capsys, "account", "link", "ada", *issuer).status == 0
    assert call(capsys, "account", "password", "ada", stdin=b"another staple for it\n").status == 0
    assert call(capsys, "account", "disable", "ada").status == 0
    [ada] = listed(capsys, "account")
    assert {**ada, "id": ""} == {
        "id": "",
        "name": "ada",
        "printed_name": "Ada Example",
        "roles": ["author", "compliance"],
        "waiting": ["compliance"],
        "enabled": False,
        "external": {"issuer": "https://identities.example", "subject": "1"},
    }
    assert call(capsys, "account", "enable", "ada").out == "ada was changed\n"
    assert "Ada Example" in call(capsys, "account", "list").out
    with database.read() as session:
        account = find_account_by_name(session, "ada")
        assert account is not None
        password_hash = stored_hash(session, account.id)
    assert password_hash is not None
    assert matches(password_hash, "another staple for it")
    assert "password_changed" in event_names(database)


@pytest.mark.parametrize(
    ("arguments", "stdin", "sentence"),
    [
        (CREATE, b"short\n", "the password will not do: expected 12 to 256 characters"),
        ((*CREATE, "--role", "auther"), b"", "unknown: auther; roles are author"),
        ((*CREATE, "--role", "administrator"), PASSWORD, "no other role beside administrator"),
        (("account", "disable", "adda"), b"", "no account is called adda"),
        (("account", "disable", "root"), b"", "is the last enabled administrator"),
        (("api-key", "issue", "crm", "--scope", "author"), b"", "a machine neither writes"),
        (("api-key", "revoke", "x"), b"", "no API key has the identifier x"),
    ],
)
def test_what_is_refused_is_told_in_a_sentence(
    database: Database, capsys: pytest.CaptureFixture[str], arguments: tuple[str, ...], stdin: bytes, sentence: str
) -> None:
    made = ("account", "create", "root", "--printed-name", "The first", "--role", "administrator")
    assert call(capsys, *made, "--without-password").status == 0
    ended = call(capsys, *arguments, stdin=stdin)
    assert ended.status == 2
    assert sentence in ended.err
    assert event_names(database) == ["account_created"]


def test_no_password_holds_a_word_of_the_company(
    database: Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("POLICY_SERVICE_PASSWORD_WORDS", "acme, battery")
    ended = call(capsys, *CREATE, stdin=PASSWORD)
    assert (ended.status, "a word of the company" in ended.err) == (2, True)
    assert event_names(database) == []


def test_a_byte_order_mark_is_no_part_of_a_password(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    assert call(capsys, *CREATE, stdin=b"\xef\xbb\xbf" + SECRET.encode() + b"\r\n").status == 0
    with database.read() as session:
        account = find_account_by_name(session, "ada")
        password_hash = stored_hash(session, account.id) if account else None
    assert password_hash is not None
    assert matches(password_hash, SECRET)


def test_a_password_is_typed_twice(
    database: Database, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    typed = [SECRET, "something else", SECRET, SECRET]
    monkeypatch.setattr(cli_passwords, "at_terminal", lambda: True)
    monkeypatch.setattr("getpass.getpass", lambda _: typed.pop(0))
    ended = call(capsys, *CREATE)
    assert (ended.status, ended.err) == (2, "policy-service: the two passwords differ\n")
    assert call(capsys, *CREATE).status == 0
    assert event_names(database) == ["account_created"]


def issue(capsys: pytest.CaptureFixture[str]) -> Ended:
    return call(capsys, "api-key", "issue", "crm", "--scope", "integration", "--days", "30")


def test_a_key_is_shown_once_and_taken_back(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    text = issue(capsys).out.splitlines()[-1]
    ring = KeyRing(database)
    ring.refresh()
    assert ring.authenticate(text, TestClock().now()).name == "crm"
    [key] = listed(capsys, "api-key")
    assert text.split("_", 2)[2] not in str(key)
    assert (key["scopes"], key["revoked_at"], key["used_at"]) == (["integration"], None, None)
    assert "integration" in call(capsys, "api-key", "list").out
    assert call(capsys, "api-key", "revoke", text).status == 0
    assert listed(capsys, "api-key")[0]["revoked_at"]


def test_without_a_database_there_is_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path / 'nothing.db'}")
    ended = call(capsys, "account", "list")
    assert ended.status == 2
    assert "policy-service init" in ended.err or "cannot be reached" in ended.err


def test_the_command_line_attests_at_the_very_start(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    made = call(capsys, "account", "create", "ada", "--printed-name", "Ada", "--role", "compliance", stdin=PASSWORD)
    assert "its signing roles wait" in made.out
    assert "waiting" in call(capsys, "account", "list").out
    assert call(capsys, "account", "attest", "ada").out == "ada was changed\n"
    [ada] = listed(capsys, "account")
    assert ada["waiting"] == []
    with database.read() as session:
        account = find_account_by_name(session, "ada")
    assert account is not None
    assert account.attested
    assert event_names(database) == ["account_created", "account_vouched"]
