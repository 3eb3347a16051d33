"""`subject`: erasing and rotating ask first, are in the log under the command line, and cannot be undone."""

import sys
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from types import SimpleNamespace

import pytest

from policy_service import Decider
from policy_service.cli import main
from policy_service.database import Database, LaneName
from policy_service.decisions.master_keys import MasterKeys, open_or_create
from policy_service.decisions.subjects import FactCipher
from policy_service.subject import Subject
from tests.cli.command import call
from tests.databases import TestClock, file_with_tables
from tests.decisions.desks import tier
from tests.decisions.setting import decide_and_record, put_in_force
from tests.identity.people import event_names

ERASE = ("subject", "erase", "C1", "--reason", "the customer asked for it")
ROTATE = ("subject", "rotate-master-key")
C1, C2 = Subject("C1"), Subject("C2")


@pytest.fixture
def database(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Database]:
    """A database with the keys of two subjects, and that the environment names."""
    url = file_with_tables(tmp_path / "test.db")
    monkeypatch.setenv("DATABASE_URL", url)
    monkeypatch.setenv("POLICY_SERVICE_KEYS", str(tmp_path))
    with closing(Database(url)) as database:
        with database.write(TestClock(), LaneName.DECISIONS) as transaction:
            FactCipher(open_or_create(tmp_path)).keys_for(transaction, [C1, C2])
        yield database


def left(database: Database, folder: Path) -> set[Subject]:
    """The subjects whose keys can be opened."""
    with database.read() as session:
        return set(FactCipher(MasterKeys(folder)).find_keys(session, [C1, C2]))


def test_a_subject_is_erased_and_the_log_has_it(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    ended = call(capsys, *ERASE, "--yes")
    assert (ended.status, ended.err) == (0, "")
    assert "cannot be read any more" in ended.out
    assert left(database, tmp_path) == {C2}
    assert event_names(database) == ["subject_erased"]
    again = call(capsys, *ERASE, "--yes")
    assert (again.status, event_names(database)) == (2, ["subject_erased"])
    assert "The customer C1 has no key" in again.err


def test_two_subjects_are_merged_and_the_log_has_it(database: Database, capsys: pytest.CaptureFixture[str]) -> None:
    clock = TestClock()
    put_in_force(database, clock, tier())
    for subject in ("C1", "C2"):
        decide_and_record(database, clock, Decider([tier()], engine="python"), subject, {"amount": 1})
    merge = ("subject", "merge", "C1", "--into", "C2", "--reason", "one company")
    assert "say --yes to confirm" in call(capsys, *merge).err
    ended = call(capsys, *merge, "--yes")
    assert (ended.status, ended.out.split(";")[0]) == (0, "the customer C1 is part of C2")
    again = call(capsys, *merge, "--yes")
    assert (again.status, again.err) == (2, "policy-service: C1 was merged into C2 already.\n")
    assert event_names(database)[-1] == "subjects_merged"


def test_the_master_key_is_rotated_and_the_log_has_it(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before, _ = MasterKeys(tmp_path).current()
    ended = call(capsys, *ROTATE, "--yes")
    assert (ended.status, ended.err) == (0, "")
    assert "2 keys of subjects were wrapped anew" in ended.out
    after, _ = MasterKeys(tmp_path).current()
    assert before not in MasterKeys(tmp_path).file.read_text("ascii")
    assert after != before
    assert left(database, tmp_path) == {C1, C2}
    assert event_names(database) == ["master_key_rotated"]


@pytest.mark.parametrize("command", [ERASE, ROTATE])
def test_without_a_word_nothing_is_done(
    database: Database, tmp_path: Path, capsys: pytest.CaptureFixture[str], command: tuple[str, ...]
) -> None:
    ended = call(capsys, *command)
    assert (ended.status, event_names(database)) == (2, [])
    assert "say --yes to confirm" in ended.err
    assert left(database, tmp_path) == {C1, C2}


@pytest.mark.parametrize(("typed", "status", "expected"), [("C1", 0, {C2}), ("c1", 2, {C1, C2}), ("", 2, {C1, C2})])
def test_at_a_terminal_the_subject_is_typed_again(
    database: Database, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, typed: str, status: int, expected: set[Subject]
) -> None:
    monkeypatch.setattr(sys, "argv", ["policy-service", *ERASE])
    monkeypatch.setattr(sys, "stdin", SimpleNamespace(isatty=lambda: True))
    monkeypatch.setattr("builtins.input", lambda _: typed)
    with pytest.raises(SystemExit) as ended:
        main()
    assert (ended.value.code or 0) == status
    assert left(database, tmp_path) == expected


@pytest.mark.parametrize(
    ("more", "sentence"),
    [(("--kind", "NO KIND"), "write small letters"), (("--reason", ""), "reason")],
)
def test_what_is_wrong_is_told(
    database: Database, capsys: pytest.CaptureFixture[str], more: tuple[str, str], sentence: str
) -> None:
    ended = call(capsys, *ERASE, "--yes", *more)
    assert ended.status == 2
    assert sentence in ended.err.lower()
    assert event_names(database) == []
