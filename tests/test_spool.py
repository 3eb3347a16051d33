"""Bytes come out of the file in the order they went in, and of the file nothing is left."""

import tempfile
from contextlib import suppress
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_service.spool import Spool


@given(st.lists(st.one_of(st.binary(min_size=1, max_size=50), st.integers(1, 60)), max_size=40))
def test_bytes_come_out_in_the_order_they_went_in(steps: list[bytes | int]) -> None:
    spool, expected = Spool(), b""
    for step in steps:
        if isinstance(step, bytes):
            spool.write(step)
            expected += step
        else:
            assert spool.read(step) == expected[:step]
            expected = expected[step:]
        assert spool.unread == len(expected)
        assert spool.size >= spool.unread
        assert expected or spool.size == 0  # the file is emptied when all of it was read
    spool.close()


def open_files(folder: Path) -> int:
    """How many files of a folder this process has open, with or without a name."""
    count = 0
    for entry in Path("/proc/self/fd").iterdir():
        with suppress(OSError):  # it was that of the listing
            count += str(entry.readlink()).startswith(f"{folder}/")
    return count


def test_the_file_has_no_name_and_is_made_with_the_first_bytes(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    files = open_files(tmp_path)
    spool = Spool()
    assert spool.read(1) == b""
    assert open_files(tmp_path) == files == 0
    spool.write(b"abc")
    spool.write(b"d")
    assert (open_files(tmp_path), list(tmp_path.iterdir())) == (1, [])
    assert spool.read(10) == b"abcd"
    spool.close()
    assert open_files(tmp_path) == 0


def test_when_it_is_closed_nothing_is_kept_and_nothing_comes_out() -> None:
    spool = Spool()
    spool.write(b"abc")
    spool.close()
    spool.close()
    spool.write(b"def")
    assert spool.read(10) == b""


def test_a_disk_that_takes_only_a_part_is_full(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policy_service.spool.os.pwrite", lambda *_: 1)
    spool = Spool()
    with pytest.raises(OSError, match="No space left on device"):
        spool.write(b"abc")
    spool.close()
