"""Checkpoints are kept in a file elsewhere that is only added to, whatever interrupts that."""

from datetime import UTC, datetime
from pathlib import Path

import pytest

from policy_service.audit.chain import GENESIS
from policy_service.audit.checkpoints import (
    Extent,
    append_checkpoints,
    checkpoint_line,
    read_checkpoint,
    read_checkpoints,
)
from policy_service.audit.keys import InvalidSignedLine, Signer, make_key

AT = datetime(2026, 11, 21, tzinfo=UTC)


@pytest.fixture(scope="module")
def signer(tmp_path_factory: pytest.TempPathFactory) -> Signer:
    return make_key(tmp_path_factory.mktemp("keys"))


def line(signer: Signer, size: int) -> bytes:
    return checkpoint_line(Extent(size, GENESIS, GENESIS), AT, signer)


def test_a_checkpoint_says_who_signed_it_and_for_what(signer: Signer, tmp_path: Path) -> None:
    read = read_checkpoint(line(signer, 7))
    assert read.extent == Extent(7, GENESIS, GENESIS)
    assert read.at == "2026-11-21T00:00:00.000000Z"
    assert read.is_signed_by(signer.public)
    assert not read.is_signed_by(make_key(tmp_path).public)


def test_a_line_of_another_shape_is_no_checkpoint(signer: Signer) -> None:
    with pytest.raises(InvalidSignedLine, match="this is no checkpoint"):
        read_checkpoint(signer.sign_line({"kind": "checkpoint", "size": "seven"}))


@pytest.mark.parametrize(
    "members",
    [
        {"format": 3, "log": GENESIS},
        {"format": 2},
        {"log": GENESIS},
        {"format": 1},
        {"format": 1, "log": GENESIS},
    ],
)
def test_a_signed_line_of_a_format_that_is_not_known_is_no_checkpoint(
    signer: Signer, members: dict[str, object]
) -> None:
    body = {"kind": "checkpoint", "at": "2026-11-21T00:00:00.000000Z", "size": 7, "root": GENESIS, "head": GENESIS}
    assert read_checkpoint(signer.sign_line(body)).extent.size == 7
    assert read_checkpoint(signer.sign_line({**body, "format": 2, "log": GENESIS})).log == GENESIS
    with pytest.raises(InvalidSignedLine, match="this is no checkpoint"):
        read_checkpoint(signer.sign_line(body | members))


def test_checkpoints_are_added_behind_those_that_are_there(signer: Signer, tmp_path: Path) -> None:
    file = tmp_path / "elsewhere" / "checkpoints.ndjson"
    append_checkpoints(file, [line(signer, 1), line(signer, 2)])
    append_checkpoints(file, [line(signer, 3)])
    assert [each.extent.size for each in read_checkpoints(file)] == [1, 2, 3]


def test_a_line_that_was_not_finished_does_not_count_and_is_taken_away(signer: Signer, tmp_path: Path) -> None:
    file = tmp_path / "checkpoints.ndjson"
    append_checkpoints(file, [line(signer, 1)])
    with file.open("ab") as opened:
        opened.write(line(signer, 2)[:50])
    assert [each.extent.size for each in read_checkpoints(file)] == [1]
    append_checkpoints(file, [line(signer, 3)])
    assert [each.extent.size for each in read_checkpoints(file)] == [1, 3]


def test_a_byte_order_mark_is_passed_over(signer: Signer, tmp_path: Path) -> None:
    file = tmp_path / "checkpoints.ndjson"
    append_checkpoints(file, [line(signer, 1)])
    file.write_bytes(b"\xef\xbb\xbf" + file.read_bytes())
    assert [each.extent.size for each in read_checkpoints(file)] == [1]


def test_a_line_that_is_no_checkpoint_is_named(signer: Signer, tmp_path: Path) -> None:
    file = tmp_path / "checkpoints.ndjson"
    append_checkpoints(file, [line(signer, 1), b"{}"])
    with pytest.raises(InvalidSignedLine, match=r"line 2 of .*checkpoints.ndjson is no checkpoint"):
        read_checkpoints(file)
