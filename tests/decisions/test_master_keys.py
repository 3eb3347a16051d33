"""The file of the master keys: private, replaced at once, read again when it was replaced."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from policy_service.decisions.master_keys import FILE_NAME, KeyFileError, MasterKeys, open_or_create


def test_the_first_key_is_made_once_and_only_its_owner_can_read_it(tmp_path: Path) -> None:
    folder = tmp_path / "keys"
    made = open_or_create(folder)
    assert stat.S_IMODE(made.file.stat().st_mode) == 0o600
    assert stat.S_IMODE(folder.stat().st_mode) == 0o700
    content = made.file.read_bytes()
    assert open_or_create(folder).current()[0] == made.current()[0]
    assert made.file.read_bytes() == content
    assert [file.name for file in folder.iterdir()] == [FILE_NAME]


def test_a_new_key_is_put_in_use_beside_the_old_one_until_that_is_forgotten(tmp_path: Path) -> None:
    masters = open_or_create(tmp_path)
    other_process = MasterKeys(tmp_path)
    old, _ = masters.current()
    new = masters.add()
    assert masters.current()[0] == other_process.current()[0] == new != old
    sealed = other_process.get(old).encrypt(bytes(12), b"secret", None)
    assert masters.get(old).decrypt(bytes(12), sealed, None) == b"secret"
    masters.remove_others(new)
    with pytest.raises(KeyFileError, match=f"does not hold the master key {old}: restore"):
        other_process.get(old)


def test_a_file_left_over_from_a_crash_is_in_nobodys_way(tmp_path: Path) -> None:
    (tmp_path / f".{FILE_NAME}.unfinished").write_text("half")
    masters = open_or_create(tmp_path)
    assert masters.add() == masters.current()[0]


@pytest.mark.parametrize(
    "content",
    ["", "\n", "id\n", "id ***\n", "id QUJD\n", "id QUJD extra\n", "\u00e9 QUJD\n"],
)
def test_a_file_that_holds_no_keys_is_refused(tmp_path: Path, content: str) -> None:
    masters = open_or_create(tmp_path)
    masters.file.write_text(content, encoding="utf-8")
    with pytest.raises(KeyFileError, match=r"is no file of master keys: restore it from its backup"):
        MasterKeys(tmp_path)


def test_a_file_that_others_can_read_is_refused(tmp_path: Path) -> None:
    open_or_create(tmp_path).file.chmod(0o640)
    with pytest.raises(KeyFileError, match="can be read by others: chmod 600"):
        MasterKeys(tmp_path)


def test_a_file_that_is_not_there_is_told(tmp_path: Path) -> None:
    with pytest.raises(KeyFileError, match=r"subjects\.key cannot be read: no such file or directory"):
        MasterKeys(tmp_path)


def test_two_processes_never_change_the_file_at_the_same_time(tmp_path: Path) -> None:
    masters = open_or_create(tmp_path)
    with masters.exclusive():
        with pytest.raises(KeyFileError, match="another process is changing the master keys"), masters.exclusive():
            pass
        masters.add()
    with masters.exclusive():
        masters.remove_others(masters.current()[0])
