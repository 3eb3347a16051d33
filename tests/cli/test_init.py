"""`policy-service init` sets everything up once, on either kind of database, and leaves alone what is there."""

from __future__ import annotations

import json
import os
import pwd
import re
import stat
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import Session

from policy_service.actor import COMMAND_LINE, Role
from policy_service.approval import service as approval
from policy_service.approval.policies import texts_without_meaning
from policy_service.audit.checkpoints import read_checkpoints
from policy_service.audit.log import entries
from policy_service.audit.service import last_checkpoint, signing_keys
from policy_service.cli import demo_accounts, init, passwords
from policy_service.clock import SystemClock
from policy_service.database import Database, LaneName
from policy_service.decisions.master_keys import MasterKeys
from policy_service.decisions.subjects import FactCipher
from policy_service.identity.api_keys import api_keys
from policy_service.identity.passwords import matches
from policy_service.identity.service import accounts, stored_hash
from policy_service.migrations import is_current
from policy_service.paths import CHECKPOINTS, DATABASE, KEYS
from policy_service.registry.service import activations, versions
from policy_service.subject import Subject
from tests.cli.command import Ended, call
from tests.databases import BACKENDS, empty_url
from tests.registry.texts import policy_text, put_file

Capture = pytest.CaptureFixture[str]
RUN = "from policy_service.cli import main; main()"
PASSWORD = b"correct horse battery\n"


@pytest.fixture(params=BACKENDS)
def url(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """The address of an empty database, which the environment names; the keys stand beside the policies."""
    with empty_url(request.param) as opened:
        monkeypatch.setenv(DATABASE, opened)
        monkeypatch.setenv(KEYS, str(tmp_path / "keys"))
        monkeypatch.setenv(CHECKPOINTS, str(tmp_path / "checkpoints.ndjson"))
        yield opened


@pytest.fixture
def policies(tmp_path: Path) -> Path:
    """A folder with one small policy."""
    put_file(tmp_path / "policies", policy_text())
    return tmp_path / "policies"


def looked(url: str) -> Iterator[Session]:
    database = Database(url)
    with database.read() as session:
        yield session
    database.close()


def account_roles(url: str) -> dict[str, frozenset[Role]]:
    [result] = [{each.name: each.roles for each in accounts(session).values()} for session in looked(url)]
    return result


def begin(capsys: Capture, policies: Path, *arguments: str, stdin: bytes = b"") -> Ended:
    return call(capsys, "init", "--policies", policies, *arguments, stdin=stdin)


def test_everything_is_there_afterwards_and_stays_the_same_when_called_again(
    url: str, policies: Path, tmp_path: Path, capsys: Capture
) -> None:
    first = begin(capsys, policies, "--admin", "wang", "--printed-name", "Wang Example", stdin=PASSWORD)
    assert (first.status, first.err) == (0, "")
    assert "imported tiering/small 1.0.0, in force from now, signed by nobody" in first.out
    assert "made the account wang" in first.out
    keys = {path.name: path.read_bytes() for path in (tmp_path / "keys").iterdir()}
    again = begin(capsys, policies, "--admin", "wang", stdin=PASSWORD)
    assert again.out.splitlines()[0] == "there is an administrator already (wang): wang was not made one"
    assert "imported" not in again.out
    assert {path.name: path.read_bytes() for path in (tmp_path / "keys").iterdir()} == keys
    for session in looked(url):
        [account] = accounts(session).values()
        assert (account.printed_name, account.roles) == ("Wang Example", frozenset({Role.ADMINISTRATOR}))
        assert matches(stored_hash(session, account.id) or "", PASSWORD.decode().strip())
        assert (len(versions(session)), len(activations(session)), len(signing_keys(session))) == (1, 1, 1)
        assert last_checkpoint(session) is not None


def test_on_a_company_that_has_people_what_is_newer_is_drafted_and_nothing_put_in_force(
    url: str, policies: Path, capsys: Capture
) -> None:
    begin(capsys, policies, "--admin", "wang", "--printed-name", "Wang Example", stdin=PASSWORD)
    put_file(policies, policy_text(version="1.1.0"), version="1.1.0")
    put_file(policies, policy_text(policy="tiering/other"), policy="tiering/other")
    second = begin(capsys, policies)
    assert "drafted tiering/small 1.1.0, not in force: it has to be signed" in second.out
    assert "drafted tiering/other 1.0.0, not in force: it has to be signed" in second.out
    assert "imported" not in second.out
    [result] = [[(each.policy, each.version) for each in activations(session)] for session in looked(url)]
    assert result == [("tiering/small", "1.0.0")]
    [drafts] = [approval.list_changes(session).items for session in looked(url)]
    assert [len(change.draft.texts) for change in drafts] == [2]
    assert drafts[0].id in second.out
    assert "drafted" not in begin(capsys, policies).out


def test_what_texts_on_record_mean_is_noted_at_once(url: str, policies: Path, capsys: Capture) -> None:
    begin(capsys, policies)
    [unread] = [texts_without_meaning(session) for session in looked(url)]
    assert unread == frozenset()


def test_entries_name_the_command_line_and_the_user_of_the_operating_system(
    url: str, policies: Path, capsys: Capture
) -> None:
    begin(capsys, policies, "--admin", "wang", "--printed-name", "Wang Example", stdin=PASSWORD)
    user = pwd.getpwuid(os.getuid()).pw_name
    [lines] = [[json.loads(entry.line) for entry in entries(session)] for session in looked(url)]
    assert {line["event"] for line in lines} >= {"version_imported", "activation_recorded", "account_created"}
    others = [line for line in lines if line["event"] not in {"log_key_added", "rows_recorded"}]
    assert all(line["by"] == {"id": COMMAND_LINE, "kind": "command_line", "name": user} for line in others)


def test_keys_are_for_their_owner_alone(url: str, policies: Path, tmp_path: Path, capsys: Capture) -> None:
    begin(capsys, policies)
    assert url
    assert stat.S_IMODE((tmp_path / "keys").stat().st_mode) == 0o700
    assert {stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "keys").iterdir()} == {0o600}


def test_what_is_signed_at_the_start_is_kept_elsewhere_too(
    url: str, policies: Path, tmp_path: Path, capsys: Capture
) -> None:
    begin(capsys, policies)
    for session in looked(url):
        [checkpoint] = read_checkpoints(tmp_path / "checkpoints.ndjson")
        assert checkpoint == last_checkpoint(session)


def test_a_lost_key_of_subjects_is_not_replaced_by_one_that_opens_nothing(
    url: str, policies: Path, tmp_path: Path, capsys: Capture
) -> None:
    begin(capsys, policies)
    database = Database(url, keys=tmp_path / "keys")
    with database.write(SystemClock(), LaneName.DECISIONS) as transaction:
        FactCipher(MasterKeys(tmp_path / "keys")).keys_for(transaction, [Subject("C1")])
    database.close()
    (tmp_path / "keys" / "subjects.key").unlink()
    ended = begin(capsys, policies)
    assert ended.status == 2
    assert "subjects.key is lost" in ended.err
    assert not (tmp_path / "keys" / "subjects.key").exists()


def test_the_folder_of_a_sqlite_file_is_made(
    tmp_path: Path, policies: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "var" / "deep" / "service.db"
    monkeypatch.setenv(DATABASE, f"sqlite:///{file}")
    monkeypatch.setenv(KEYS, str(tmp_path / "keys"))
    monkeypatch.setenv(CHECKPOINTS, str(tmp_path / "checkpoints.ndjson"))
    assert begin(capsys, policies).status == 0
    assert stat.S_IMODE(file.parent.stat().st_mode) == 0o700


def test_without_an_administrator_it_says_how_to_make_one(url: str, policies: Path, capsys: Capture) -> None:
    ended = begin(capsys, policies)
    assert ended.out.splitlines()[-1].endswith("run `policy-service init --admin NAME`")
    assert account_roles(url) == {}


def test_demo_accounts_stand_for_every_role_and_share_one_password_that_is_kept(
    url: str, policies: Path, tmp_path: Path, capsys: Capture
) -> None:
    first, again = begin(capsys, policies, "--demo"), begin(capsys, policies, "--demo")
    roles = account_roles(url)
    assert roles["demo-sales-director"] == {Role.SALES_DIRECTOR}
    assert frozenset.union(*roles.values()) == set(Role) - {Role.INTEGRATION}
    kept_in = tmp_path / "demo-accounts.txt"
    assert stat.S_IMODE(kept_in.stat().st_mode) == 0o600
    result = dict(re.findall(r"^  (demo-\S+) +(\S+)$", first.out, re.MULTILINE))
    assert result == demo_accounts.read(kept_in)
    assert result == dict(re.findall(r"^  (demo-\S+) +(\S+)$", again.out, re.MULTILINE))
    key = result.pop("demo-integration")
    assert set(result) == set(roles)
    [password] = set(result.values())
    for session in looked(url):
        results = {stored_hash(session, each.id) for each in accounts(session).values()}
        assert len(results) == 1
        assert matches(results.pop() or "", password)
        [issued] = api_keys(session).values()
        assert (issued.name, issued.scopes) == ("demo-integration", frozenset({Role.INTEGRATION}))
    assert key.startswith("psk_")
    kept_in.unlink()
    assert "not kept any more" in begin(capsys, policies, "--demo").out


def test_a_new_demo_secret_takes_the_place_of_the_one_before(tmp_path: Path) -> None:
    file = tmp_path / "demo-accounts.txt"
    demo_accounts.save(file, {"demo-author": "one", "demo-integration": "psk_1"})
    file.write_text(file.read_text() + "a line of somebody's own\n")
    demo_accounts.save(file, {"demo-integration": "psk_2"})
    assert demo_accounts.read(file) == {"demo-author": "one", "demo-integration": "psk_2"}


def test_demo_accounts_are_refused_beside_those_of_people(url: str, policies: Path, capsys: Capture) -> None:
    begin(capsys, policies, "--admin", "wang", stdin=PASSWORD)
    ended = begin(capsys, policies, "--demo")
    assert (ended.status, "demo accounts could sign in their stead" in ended.err) == (2, True)
    assert list(account_roles(url)) == ["wang"]
    assert begin(capsys, policies, "--demo", "--admin", "li").status == 2


@pytest.mark.parametrize(
    ("name", "password", "text"),
    [
        ("wang", b"short\n", "the password will not do: expected 12 to 256 characters"),
        ("wang", b"", "the password will not do"),
        ("Wang!", PASSWORD, "name: expected 3 to 64 small letters"),
    ],
)
def test_a_bad_name_or_password_makes_nothing(
    url: str, policies: Path, capsys: Capture, name: str, password: bytes, text: str
) -> None:
    ended = begin(capsys, policies, "--admin", name, stdin=password)
    assert (ended.status, text in ended.err) == (2, True)
    for session in looked(url):
        assert (list(accounts(session)), list(versions(session))) == ([], [])


def test_at_a_terminal_the_password_is_typed_twice(
    tmp_path: Path, policies: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATABASE, f"sqlite:///{tmp_path}/service.db")
    monkeypatch.setenv(KEYS, str(tmp_path / "keys"))
    monkeypatch.setenv(CHECKPOINTS, str(tmp_path / "checkpoints.ndjson"))
    monkeypatch.setattr(passwords, "at_terminal", lambda: True)
    typed = iter(["correct horse battery", "correct horse batery", *["correct horse battery"] * 2])
    monkeypatch.setattr("getpass.getpass", lambda _: next(typed))
    assert "the two passwords differ" in begin(capsys, policies, "--admin", "wang").err
    assert begin(capsys, policies, "--admin", "wang").status == 0


def test_a_file_edited_after_it_was_submitted_is_a_fault(url: str, policies: Path, capsys: Capture) -> None:
    begin(capsys, policies)
    put_file(policies, policy_text(threshold=1))
    ended = begin(capsys, policies)
    assert (ended.status, "was edited after tiering/small 1.0.0 was submitted" in ended.out) == (1, True)
    assert url


def test_faulty_policies_leave_nothing_half_done(url: str, policies: Path, capsys: Capture) -> None:
    put_file(policies, b"policy: a/b\n", "a/b")
    ended = begin(capsys, policies, "--admin", "wang", stdin=PASSWORD)
    assert (ended.status, "a/b/1.0.0.yaml" in ended.err) == (2, True)
    for session in looked(url):
        assert (list(accounts(session)), list(versions(session)), signing_keys(session)) == ([], [], [])


@pytest.mark.parametrize(
    ("address", "text"),
    [
        ("mysql://nowhere/x", "`mysql` is no database this service knows"),
        ("sqlite:////proc/nowhere/service.db", "/proc/nowhere"),
        ("postgresql://127.0.0.1:9/nowhere", "the database cannot be reached"),
    ],
)
def test_a_database_that_is_not_there_is_told_in_one_sentence(
    address: str, text: str, tmp_path: Path, policies: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(DATABASE, address)
    monkeypatch.setenv(KEYS, str(tmp_path / "keys"))
    monkeypatch.setenv(CHECKPOINTS, str(tmp_path / "checkpoints.ndjson"))
    ended = begin(capsys, policies)
    assert (ended.status, text in ended.err, len(ended.err.splitlines())) == (2, True, 1), ended.err


def test_two_at_once_set_up_one_service(url: str, policies: Path) -> None:
    command = [sys.executable, "-c", RUN, "init", "--demo", "--policies", str(policies)]
    running = [
        subprocess.Popen(command, env={**os.environ}, stdout=subprocess.PIPE, stderr=subprocess.PIPE) for _ in range(2)
    ]
    results = [each.communicate(timeout=120) for each in running]
    assert [each.returncode for each in running] == [0, 0], results
    assert sum(b"made the accounts" in out for out, _ in results) == 1
    for session in looked(url):
        assert (len(versions(session)), len(signing_keys(session)), len(api_keys(session))) == (1, 1, 1)
        assert len(accounts(session)) == len(init.DEMO_ROLES)
    database = Database(url)
    assert is_current(database)
    database.close()


def test_the_first_versions_are_drafted_with_their_day_and_evidence_or_nothing_is_made(
    url: str, policies: Path, tmp_path: Path, capsys: Capture
) -> None:
    (tmp_path / "minutes.txt").write_text("Resolved.", "utf-8")
    minutes = str(tmp_path / "minutes.txt")
    assert "--effective and --evidence belong together" in begin(capsys, policies, "--evidence", minutes).err
    assert "cannot be read" in begin(capsys, policies, "--effective", "2026-03-01", "--evidence", str(tmp_path)).err
    future = begin(capsys, policies, "--effective", "2199-01-01", "--evidence", minutes)
    assert (future.status, "is in the future" in future.err) == (2, True)
    for session in looked(url):
        assert not versions(session)
    made = begin(capsys, policies, "--effective", "2026-03-01", "--evidence", minutes)
    assert "drafted the first versions, in force from 2026-03-01 once signed" in made.out
    for session in looked(url):
        [change] = approval.list_changes(session).items
        assert (change.kind, change.author.id) == ("first_versions", COMMAND_LINE)
        assert approval.read_evidence(session, change)[1] == b"Resolved."
