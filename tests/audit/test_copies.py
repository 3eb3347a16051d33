"""Checkpoints are copied to files and to stores that only take additions; whatever a store does, it is told."""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO

import pytest

from policy_service.audit import copies
from policy_service.audit.checkpoints import append_checkpoints
from policy_service.audit.comparison import copy_checkpoints, copy_difference
from policy_service.audit.copies import Copy, FileCopy, Unreachable, UrlCopy, _Mark, copies_of
from policy_service.audit.keys import InvalidSignedLine, public_keys
from policy_service.audit.queries import list_copies
from tests.audit.logs import Log
from tests.audit.store import TOKEN, Store, running_store
from tests.databases import TestClock, fresh_database


@pytest.fixture
def log(tmp_path: Path) -> Iterator[Log]:
    """A log of seven entries, whose checkpoints are of four and of seven."""
    with fresh_database("sqlite") as database:
        log = Log(database, TestClock(), tmp_path / "keys")
        log.start()
        log.write(3)
        log.seal()
        log.write(3)
        log.seal()
        yield log


@pytest.fixture
def store(tmp_path: Path) -> Iterator[Store]:
    (tmp_path / "token").write_text(f"{TOKEN}\n")
    with running_store(token=TOKEN) as store:
        yield store


def copy_of(store: Store, tmp_path: Path) -> UrlCopy:
    return UrlCopy(store.address, tmp_path / "token", timeout=1.0)


def difference(log: Log, copy: Copy) -> str | None:
    return copy_difference(log.database, copy, list(public_keys(log.folder).values()))


def lines(log: Log) -> list[bytes]:
    return log.kept.read_bytes().splitlines()


def test_a_new_store_is_given_the_newest_and_then_every_one(log: Log, store: Store, tmp_path: Path) -> None:
    copy = copy_of(store, tmp_path)
    copy_checkpoints(log.database, log.clock, copy)
    assert store.lines == lines(log)[-1:]
    log.write(1)
    log.seal()
    log.write(1)
    log.seal()
    copy_checkpoints(log.database, log.clock, copy)
    assert store.lines == lines(log)[1:]
    assert [each.line for each in copy.read()] == store.lines
    assert difference(log, copy) is None
    request = len(store.asked)
    copy_checkpoints(log.database, log.clock, copy)
    assert len(store.asked) == request, "there was nothing to copy"


def test_an_answer_that_was_lost_is_no_difference(log: Log, store: Store, tmp_path: Path) -> None:
    store.held["/log/1"] = lines(log)[0]  # it was stored, and this side never learned of it
    copy = copy_of(store, tmp_path)
    copy_checkpoints(log.database, log.clock, copy)
    assert store.lines == lines(log)
    assert difference(log, copy) is None


def test_a_number_that_another_process_took_is_left_to_it(log: Log, store: Store, tmp_path: Path) -> None:
    first, second = lines(log)
    copy = copy_of(store, tmp_path)
    store.held["/log/1"] = second
    assert copy.add(0, [first]) == 0
    assert store.lines == [second]


def test_an_older_copy_of_the_database_is_found_by_one_checkpoint_more(log: Log, store: Store, tmp_path: Path) -> None:
    copy = copy_of(store, tmp_path)
    copy_checkpoints(log.database, log.clock, copy)
    log.database.close()
    assert log.database.file is not None
    before = log.database.file.read_bytes()
    log.write(2)
    log.seal()
    copy_checkpoints(log.database, log.clock, copy)
    log.database.close()
    log.database.file.write_bytes(before)
    assert difference(log, copy) == f"the log ends at entry 7, and {store.address} records 9 entries"


def test_a_store_that_lost_or_altered_what_it_had_differs(log: Log, store: Store, tmp_path: Path) -> None:
    copy = copy_of(store, tmp_path)
    copy_checkpoints(log.database, log.clock, copy)
    line = store.held.pop("/log/1")
    assert difference(log, copy) == f"{store.address} holds 0 checkpoints, and 1 were copied there"
    store.held["/log/1"] = line.replace(b"sha256:", b"sha512:", 1)
    result = difference(log, copy)
    assert result is not None
    assert "no key of the log" in result
    store.held["/log/1"] = b"gossip"
    assert difference(log, copy) == (
        f"a copy of the checkpoints was altered: {store.address}/1 is no checkpoint behind the one before it"
    )
    with pytest.raises(InvalidSignedLine):
        copy.read()


@pytest.mark.parametrize(
    ("behaviour", "why"),
    [
        ({"status": 500}, "was answered with 500"),
        ({"status": 403}, "was answered with 403"),
        ({"status": 302}, "was answered with 302"),
        ({"token": "another"}, "was answered with 401"),
        ({"refuses": 507}, r"PUT http://127\.0\.0\.1:\d+/log/1 was answered with 507"),
        ({"forgets": True}, "does not store what it receives: 1"),
        ({"answer": b"<html>welcome</html>"}, "answers with what is no checkpoint"),
        ({"answer": b"x" * 5_000}, "answers with more than a checkpoint"),
        ({"answer": b"x" * 100, "drip": 0.1}, "does not answer: timed out"),
    ],
)
def test_a_store_that_does_not_do_as_it_should_is_told(
    log: Log, tmp_path: Path, behaviour: dict[str, object], why: str
) -> None:
    (tmp_path / "token").write_text(TOKEN)
    with running_store(**{"token": TOKEN, **behaviour}) as store:
        copy = replace(copy_of(store, tmp_path), timeout=0.5)
        began = time.monotonic()
        with pytest.raises(Unreachable, match=why):
            copy_checkpoints(log.database, log.clock, copy)
        assert time.monotonic() - began < 5
        assert store.held == {}


def test_a_store_that_is_not_there_is_told(log: Log, tmp_path: Path) -> None:
    with pytest.raises(Unreachable, match="127.0.0.1:9/log does not answer".replace(".", r"\.")):
        copy_checkpoints(log.database, log.clock, UrlCopy("http://127.0.0.1:9/log"))
    with pytest.raises(FileNotFoundError):
        copy_checkpoints(log.database, log.clock, UrlCopy("http://127.0.0.1:9/log", tmp_path / "no-token"))


def test_the_token_is_sent_nowhere_else(log: Log, store: Store, tmp_path: Path) -> None:
    store.status = 302
    with pytest.raises(Unreachable):
        copy_checkpoints(log.database, log.clock, copy_of(store, tmp_path))
    assert len(store.asked) == 1, "a redirect is not followed"


def test_places_are_files_folders_and_addresses(tmp_path: Path) -> None:
    file, folder, store, twice = copies_of(
        [str(tmp_path / "a"), str(tmp_path), "https://store.example/log/", f"{tmp_path}/new/"], tmp_path / "token"
    )
    assert (file, folder) == (FileCopy(tmp_path / "a"), FileCopy(tmp_path / "checkpoints.ndjson"))
    assert store == UrlCopy("https://store.example/log", tmp_path / "token")
    assert twice.location == str(tmp_path / "new" / "checkpoints.ndjson")
    assert len(copies_of(["a", "a"])) == 1


def test_a_file_is_read_again_only_when_it_was_touched(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    copy = FileCopy(log.kept)
    assert copy.inspect(0).count == 2
    monkeypatch.setattr(FileCopy, "_read_end", None)
    assert copy.inspect(0).size == 7
    log.kept.write_bytes(log.kept.read_bytes())
    with pytest.raises(TypeError):
        copy.inspect(0)


def test_a_look_at_a_file_goes_on_where_the_last_one_ended(log: Log, monkeypatch: pytest.MonkeyPatch) -> None:
    [first, second] = lines(log)
    copy, sizes = FileCopy(log.kept), []
    kept = b"".join(line + b"\n" for line in [*[first] * 500, second])

    def look(content: bytes) -> tuple[int, int]:
        log.kept.write_bytes(content)
        seen = copy.inspect(0)
        return seen.count, len(seen.newest)

    def read(file: BinaryIO, mark: _Mark) -> bool:
        sizes.append(mark.offset if is_at(file, mark) else 0)
        return is_at(file, mark)

    is_at = copies._is_at
    monkeypatch.setattr(copies, "_is_at", read)
    assert look(kept) == (501, 16)
    assert look(kept + second + b"\nunfin") == (502, 16)
    assert look(kept + second + b"\n" + second + b"\n") == (503, 16)
    assert look(kept[len(first) + 1 :]) == (500, 16), "a line was taken out in front"
    assert look(kept) == (501, 16), "and put back"
    assert look(b"") == (0, 0)
    assert look(second + b"\n") == (1, 1)
    long = len(kept) + len(second) + 1
    assert sizes == [0, len(kept), long, 0, 0, 0, 0]


@pytest.mark.parametrize("unfinished", [b"", b"x", b"x" * 200_000])
def test_what_is_left_of_an_unfinished_line_is_taken_away(log: Log, unfinished: bytes) -> None:
    kept = log.kept.read_bytes()
    for before in (kept, b""):
        log.kept.write_bytes(before + unfinished)
        append_checkpoints(log.kept, [b"line"])
        assert log.kept.read_bytes() == before + b"line\n"


def test_of_a_long_file_the_end_is_read(log: Log) -> None:
    [first, second] = lines(log)
    log.kept.write_bytes(b"".join(line + b"\n" for line in [*[first] * 2_000, second]) + b"unfinished")
    seen = FileCopy(log.kept).inspect(0)
    assert (seen.count, len(seen.newest), seen.size) == (2_001, 16, 7)
    log.kept.write_bytes(b"\n".join([first, b"gossip", second, b""]))
    with pytest.raises(InvalidSignedLine, match="line 2 of"):
        FileCopy(log.kept).inspect(0)


def test_two_processes_add_each_line_once(log: Log, tmp_path: Path) -> None:
    first, second = lines(log)
    file = tmp_path / "elsewhere.ndjson"
    assert FileCopy(file).add(0, [first, second]) == 2
    assert FileCopy(file).add(0, [first]) == 0, "of one that looked before the other wrote"
    assert file.read_bytes().splitlines() == [first, second]
    assert FileCopy(file).add(2, [first]) == 3


def test_who_copied_less_does_not_say_that_less_is_there(log: Log, tmp_path: Path) -> None:
    class Late(FileCopy):
        def add(self, count: int, lines: Sequence[bytes]) -> int:
            copy_checkpoints(log.database, log.clock, FileCopy(self.path))
            return super().add(count, lines)

    copy = Late(tmp_path / "elsewhere.ndjson")
    copy_checkpoints(log.database, log.clock, copy)
    with log.database.read() as session:
        counts = {each.location: each.count for each in list_copies(session)}
    assert counts[copy.location] == 2
    assert copy.path.read_bytes().splitlines() == lines(log)
