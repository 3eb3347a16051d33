"""The archive file of decision records, and the line that remains in the database.

    the file, gzip:   {"kind":"archive", …}            of which log, and which records
                      {"block":7,"first":…,"root":…}   a block
                      {"as_of":…}                      its records, to the byte
                      …

The row of a record remains, with its number, digest and MAC. Its line holds what lists and lookups need, and names the
archive. The facts, and what only a replay needs, are in the file alone. A block's root is computed over the digests, so
it verifies with or without the file.
"""

from __future__ import annotations

import gzip
import hashlib
import zlib
from collections.abc import Generator, Iterator, Mapping, Sequence
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, NamedTuple

import msgspec

from policy_service.audit.merkle import root_of
from policy_service.canonical import digest, to_canonical_json, to_canonical_json_unchecked
from policy_service.decisions.blocks import Block
from policy_service.decisions.record import ARCHIVED, MOVED
from policy_service.integrity import JSON_ERRORS
from policy_service.messages import Message

KIND = "archive"
FORMAT = 1
MOVED_OF_ANSWERS = frozenset({"because", "titles", "supplied"})
"""The members of an answer that only the archive holds; the first two can also be read from the versions."""
MAX_LINE = 16 * 2**20
"""Maximum length of a line, bytes."""
CHUNK = 2**20


class InvalidArchive(ValueError):
    """A file is not a valid archive, or was altered; the message says how."""


@dataclass(frozen=True, slots=True)
class ArchiveHead:
    """The header of an archive."""

    log: str
    number: int
    first: int
    last: int


class ArchivedBlock(NamedTuple):
    """A block with the lines of its records."""

    block: Block
    lines: list[bytes]


def remainder_of(line: bytes, archive: int) -> bytes:
    """Return the part of a record's line that remains in the database."""
    record: dict[str, Any] = msgspec.json.decode(line)
    stays = {name: value for name, value in record.items() if name not in MOVED}
    if "outcomes" in stays:
        stays["outcomes"] = {policy: _answer(entry) for policy, entry in stays["outcomes"].items()}
    return to_canonical_json_unchecked({ARCHIVED: archive, **stays})


def _answer(entry: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in entry.items() if name not in MOVED_OF_ANSWERS}


def write_head(file: gzip.GzipFile, head: ArchiveHead) -> None:
    """Write the header of an archive."""
    _write_line(file, to_canonical_json({"kind": KIND, "format": FORMAT, **asdict(head)}))


def write_block(file: gzip.GzipFile, block: Block, lines: Sequence[bytes]) -> None:
    """Write a block with its records."""
    fields = {"block": block.number, "first": block.first, "last": block.last, "root": block.root}
    _write_line(file, to_canonical_json(fields))
    for line in lines:
        _write_line(file, line)


def _write_line(file: gzip.GzipFile, line: bytes) -> None:
    file.write(line)
    file.write(b"\n")


def read_head(path: Path) -> ArchiveHead:
    """Return the header of an archive. Raises InvalidArchive, OSError."""
    with closing(_lines(path)) as lines:
        return _head(next(lines, b""))


def read_blocks(path: Path) -> Iterator[ArchivedBlock]:
    """Yield the blocks of an archive, each verified against its root. Raises InvalidArchive, OSError."""
    with closing(_lines(path)) as lines:
        head, seq = _head(next(lines, b"")), 0
        for text in lines:
            block = _block(text)
            records = [next(lines, b"") for _ in range(block.last - block.first + 1)]
            if root_of([digest(line) for line in records]) != block.root:
                raise InvalidArchive(Message("block {block} of the archive was altered", block=block.number))
            seq = block.last
            yield ArchivedBlock(block, records)
        if seq != head.last:
            raise InvalidArchive(Message("the archive ends at record {seq}, not at {last}", seq=seq, last=head.last))


def read_line(path: Path, seq: int) -> bytes:
    """Return the line of one record in an archive.

    Raises InvalidArchive, also if the record is missing, and OSError.
    """
    for block, lines in read_blocks(path):
        if block.first <= seq <= block.last:
            return lines[seq - block.first]
    raise InvalidArchive(Message("decision record {seq} is not in this archive", seq=seq))


def file_digest(path: Path) -> str:
    """Return the digest of a file. Raises OSError."""
    sha256 = hashlib.sha256()
    with path.open("rb") as file:
        while chunk := file.read(CHUNK):
            sha256.update(chunk)
    return f"sha256:{sha256.hexdigest()}"


def _lines(path: Path) -> Generator[bytes, None, None]:
    try:
        with gzip.open(path) as file:
            while line := file.readline(MAX_LINE):
                yield line.rstrip(b"\n")
    except (gzip.BadGzipFile, EOFError, zlib.error):
        raise InvalidArchive(Message("the file is no archive, or ends before its end")) from None


def _head(line: bytes) -> ArchiveHead:
    document = _document(line)
    if document.get("kind") == KIND and document.get("format") == FORMAT:
        try:
            return msgspec.convert(document, ArchiveHead)
        except msgspec.ValidationError:
            pass
    raise InvalidArchive(Message("the file is no archive of decision records"))


def _block(line: bytes) -> Block:
    document = _document(line)
    try:
        block = Block(document["block"], document["first"], document["last"], document["root"])
        if 0 <= block.last - block.first < MAX_LINE:
            return block
    except (KeyError, TypeError):
        pass
    raise InvalidArchive(Message("the archive was altered: a line of it is no block"))


def _document(line: bytes) -> Mapping[str, Any]:
    try:
        document = msgspec.json.decode(line)
    except JSON_ERRORS:
        document = None
    return document if isinstance(document, dict) else {}
