"""`policy-service audit`: exports, verifies with the right exit status, and keeps checkpoints elsewhere."""

from __future__ import annotations

import errno
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from policy_service.audit.keys import make_key
from policy_service.cli.audit import run_verify
from policy_service.database import Database
from tests.api.client import one_policy
from tests.audit.logs import Log
from tests.cli.command import Ended, call
from tests.databases import TestClock, file_with_tables, fresh_database

Capture = pytest.CaptureFixture[str]


@pytest.fixture
def log(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Log]:
    """A log of six entries without a checkpoint, in the database of the environment."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("POLICY_SERVICE_KEYS", "keys")
    monkeypatch.setenv("POLICY_SERVICE_CHECKPOINTS", "elsewhere/checkpoints.ndjson")
    url = file_with_tables(tmp_path / "service.db")
    monkeypatch.setenv("DATABASE_URL", url)
    database = Database(url)
    log = Log(database, TestClock(), tmp_path / "keys")
    log.start()
    log.write(5)
    yield log
    database.close()


def audit(capsys: Capture, *arguments: object) -> Ended:
    return call(capsys, "audit", *arguments)


@pytest.mark.usefixtures("log")
def test_a_log_is_exported_and_verified_with_a_public_key(tmp_path: Path, capsys: Capture) -> None:
    ended = audit(capsys, "export", "log.ndjson")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.startswith("the export in log.ndjson is fine: 6 entries, 0 checkpoints, exported at ")
    assert (tmp_path / "log.ndjson").stat().st_mode & 0o777 == 0o600
    printed = audit(capsys, "public-key")
    assert printed.err.startswith("sha256:")
    (tmp_path / "key.pem").write_text(printed.out, "ascii")
    verified = audit(capsys, "verify", "log.ndjson", "--public-key", "key.pem")
    assert (verified.status, verified.out) == (0, ended.out)
    assert audit(capsys, "export", "log.ndjson").err == (
        "policy-service: log.ndjson is there already, and an export is never written over\n"
    )
    assert list(tmp_path.glob(".*unfinished")) == []


@pytest.mark.usefixtures("log")
def test_an_altered_export_is_a_fault(tmp_path: Path, capsys: Capture) -> None:
    audit(capsys, "export", "log.ndjson")
    file = tmp_path / "log.ndjson"
    file.write_bytes(file.read_bytes().replace("意见".encode(), "异见".encode(), 1))
    ended = audit(capsys, "verify", file)
    assert ended.status == 1
    assert "is not what was signed: entry 2 was altered" in ended.out
    result = audit(capsys, "verify", file, "--json")
    assert result.status == 1
    assert json.loads(result.out)["fault"]["seq"] == 2


def test_a_checkpoint_is_kept_elsewhere_and_shows_a_database_cut_short(
    log: Log, tmp_path: Path, capsys: Capture
) -> None:
    home = log.database.file
    assert home is not None
    log.database.close()
    before = home.read_bytes()
    assert audit(capsys, "verify").out.splitlines()[4:] == [
        "entries behind 0 are not signed for yet: `policy-service audit checkpoint`",
        f"compared with 0 checkpoints of {tmp_path}/elsewhere/checkpoints.ndjson",
        "note: All copies of the checkpoints lie in the folder of the database: keep one elsewhere.",
        "note: The keys lie in the folder of the database: keep them elsewhere.",
    ]
    log.write(2)
    assert audit(capsys, "checkpoint").out == "signed: 8 entries\n"
    assert audit(capsys, "verify").status == 0
    copies_file = tmp_path / "elsewhere" / "checkpoints.ndjson"
    assert audit(capsys, "verify", "--checkpoints", copies_file).status == 0
    log.database.close()
    home.write_bytes(before)
    ended = audit(capsys, "verify")
    assert ended.status == 1
    assert "a checkpoint kept elsewhere records 8" in ended.out
    for command in ("checkpoint", "rotate-key"):
        refused = audit(capsys, command)
        assert refused.status == 2
        assert f"nothing is signed: the log ends at entry 6, and {copies_file} records 8 entries" in refused.err
    still = audit(capsys, "settle", "--reason", "restored from the backup of Friday")
    assert (still.status, still.out.splitlines()[0]) == (
        1,
        f"not settled: the log ends at entry 6, and {copies_file} records 8 entries",
    )
    copies_file.rename(tmp_path / "before.ndjson")
    settled = audit(capsys, "settle", "--reason", "restored from the backup of Friday")
    assert (settled.status, settled.out) == (
        0,
        f"settled: the log ends at entry 6, and {copies_file} records 8 entries\n",
    )
    verified = audit(capsys, "verify")
    assert verified.status == 0
    assert f"compared with 1 checkpoint of {copies_file}, the newest of 7 entries" in verified.out
    assert audit(capsys, "settle", "--reason", "again").out == "there was no difference to settle\n"


def test_a_copy_that_is_gone_is_a_fault_until_it_is_settled(log: Log, tmp_path: Path, capsys: Capture) -> None:
    assert audit(capsys, "checkpoint").status == 0
    copies_file = tmp_path / "elsewhere" / "checkpoints.ndjson"
    copies_file.unlink()
    ended = audit(capsys, "verify")
    assert ended.status == 1
    assert f"not fine: {copies_file} is missing: 1 checkpoint was copied there" in ended.out
    assert json.loads(audit(capsys, "verify", "--json").out)["compared"][0]["checkpoints"] == 0
    log.write(1)
    assert audit(capsys, "checkpoint").status == 2
    assert audit(capsys, "settle", "--reason", "the disk was replaced").status == 0
    assert audit(capsys, "verify").status == 0


@pytest.mark.usefixtures("log")
def test_checkpoints_of_another_database_are_told_as_those(tmp_path: Path, capsys: Capture) -> None:
    audit(capsys, "checkpoint")
    with fresh_database("sqlite") as database:
        other = Log(database, TestClock(), tmp_path / "other" / "keys")
        other.start()
        other.seal()
        ended = audit(capsys, "verify", "--checkpoints", other.kept)
    assert ended.status == 1
    assert ended.out.startswith("the log was not verified: the checkpoint of 1 entry kept elsewhere is of another log")


@pytest.mark.usefixtures("log")
def test_a_place_that_nothing_is_sent_to_is_refused(capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in ("http://store.example/log", "ftp://store.example", "https://ada:secret@store.example/log"):
        monkeypatch.setenv("POLICY_SERVICE_CHECKPOINT_COPIES", place)
        ended = audit(capsys, "verify")
        assert ended.status == 2
        assert "POLICY_SERVICE_CHECKPOINT_COPIES: not an address such as https" in ended.err


@pytest.mark.usefixtures("log")
def test_a_rotated_key_is_endorsed_and_both_verify(tmp_path: Path, capsys: Capture) -> None:
    (tmp_path / "old.pem").write_text(audit(capsys, "public-key").out, "ascii")
    assert audit(capsys, "rotate-key").out.startswith("key 2 is in use, endorsed by the key before it: sha256:")
    (tmp_path / "new.pem").write_text(audit(capsys, "public-key").out, "ascii")
    audit(capsys, "export", "log.ndjson")
    for key in ("old.pem", "new.pem"):
        for arguments in (("log.ndjson",), ()):
            assert audit(capsys, "verify", *arguments, "--public-key", key).status == 0
    (tmp_path / "other.pem").write_text(make_key(tmp_path / "other").public.to_pem(), "ascii")
    assert audit(capsys, "verify", "--public-key", "other.pem").status == 1


@pytest.mark.usefixtures("log")
def test_a_place_without_room_is_named_after_what_was_done(
    tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # as a write says it, without a name

    monkeypatch.setattr("policy_service.audit.copies.append_checkpoints", full)
    place = f"{tmp_path}/elsewhere/checkpoints.ndjson"
    for command, done in (("checkpoint", "signed: "), ("rotate-key", "key 2 is in use")):
        ended = audit(capsys, command)
        assert ended.status == 2
        assert ended.out.startswith(done)
        assert ended.err == f"policy-service: checkpoints are not copied to {place}: No space left on device\n"


@pytest.mark.usefixtures("log")
def test_what_the_caller_can_mend_is_told(tmp_path: Path, capsys: Capture, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "no.pem").write_text("no key", "ascii")
    assert "no.pem is no public key" in audit(capsys, "verify", "--public-key", "no.pem").err
    assert "line 1 of no.pem is no checkpoint" in audit(capsys, "verify", "--checkpoints", lines(tmp_path)).err
    assert "No such file or directory" in audit(capsys, "export", "nowhere/log.ndjson").err
    monkeypatch.setenv("POLICY_SERVICE_CHECKPOINTS", str(tmp_path))
    assert f"{tmp_path}/checkpoints.ndjson" in audit(capsys, "verify").out, "a folder stands for the file in it"
    monkeypatch.setenv("POLICY_SERVICE_KEYS", str(tmp_path / "nowhere"))
    for ended in (audit(capsys, "verify"), audit(capsys, "export", "log.ndjson"), audit(capsys, "rotate-key")):
        assert ended.status == 2
        assert "key" in ended.err
    monkeypatch.setenv("DATABASE_URL", f"sqlite:///{tmp_path}/other.db")
    assert audit(capsys, "checkpoint").status == 2


def lines(folder: Path) -> Path:
    (folder / "no.pem").write_text("no checkpoint\n", "ascii")
    return Path("no.pem")


@pytest.mark.usefixtures("log")
def test_long_work_shows_how_far_it_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policy_service.audit.verify.PROGRESS_INTERVAL", 2)
    monkeypatch.setattr("policy_service.cli.audit.PROGRESS_INTERVAL", 2)
    assert run_verify(None, None, None, as_json=True) == 0


def test_a_process_of_its_own_knows_every_table(tmp_path: Path) -> None:
    """In this process other tests have imported the tables; a command has to do so itself."""
    environment = {**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path}/service.db"}
    command = (sys.executable, "-c", "from policy_service.cli import main; main()")
    message = ""
    for arguments in (("init", "--policies", str(one_policy())), ("audit", "verify")):
        message = subprocess.check_output([*command, *arguments], cwd=tmp_path, env=environment, text=True)
    assert "the log is fine" in message
