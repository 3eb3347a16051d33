"""A checkpoint: the log's length, Merkle root and head at an instant, signed with the key in use.

    {"at":"…", "format":2, "head":"sha256:…", "key":"sha256:…", "kind":"checkpoint", "log":"sha256:…", "root":"…",
     "signature":"…", "size":9}

`log` is the identity of the log, the digest of its first entry; lines from before format 2 lack `format` and `log`.
Checkpoints are stored in the log's database, in every export, and in append-only copies elsewhere: a truncated database
is still consistent with itself, but not with the copies.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, BinaryIO

import msgspec

from policy_service.audit.keys import InvalidSignedLine, PublicKey, Signer, read_signed
from policy_service.characters import UTF8_BOM
from policy_service.clock import timestamp

KIND = "checkpoint"
FORMAT = 2
_CHUNK = 1 << 16


@dataclass(frozen=True, slots=True)
class Extent:
    """The size and content of a log: the number of entries, their Merkle root, the last one's digest."""

    size: int
    root: str
    head: str


@dataclass(frozen=True, slots=True)
class SignedExtent:
    """A checkpoint parsed from `line`; its signature is not verified yet."""

    extent: Extent
    at: str
    key: str
    line: bytes
    payload: Mapping[str, Any]
    log: str | None = None
    """The identity of its log; None in a line from before format 2."""

    def is_signed_by(self, key: PublicKey) -> bool:
        """Return True if the key verifies the signature."""
        return self.key == key.id and key.verifies(self.payload)


class _Line(msgspec.Struct, forbid_unknown_fields=True):
    at: str
    head: str
    key: str
    kind: str
    root: str
    signature: str
    size: int
    format: int = 1
    log: str | None = None

    @property
    def is_known(self) -> bool:
        """True if this version supports its format, and it has the members of that format."""
        return (self.format, self.log is None) in {(1, True), (FORMAT, False)}


def checkpoint_line(extent: Extent, at: datetime, signer: Signer, log: str | None = None) -> bytes:
    """Return a checkpoint as stored and exported.

    `log` is the identity of the log; without it the line has the format before format 2.
    """
    format_fields = {"format": FORMAT, "log": log} if log is not None else {}
    body = {"kind": KIND, "at": timestamp(at), "size": extent.size, "root": extent.root, "head": extent.head}
    return signer.sign_line(body | format_fields)


def read_checkpoint(line: bytes) -> SignedExtent:
    """Parse a checkpoint. Raises InvalidSignedLine."""
    payload = read_signed(line, KIND)
    try:
        parsed = msgspec.convert(payload, _Line)
    except msgspec.ValidationError:
        raise InvalidSignedLine("this is no checkpoint") from None
    if not parsed.is_known or ("format" in payload) != (parsed.format > 1):
        raise InvalidSignedLine("this is no checkpoint")
    return SignedExtent(Extent(parsed.size, parsed.root, parsed.head), parsed.at, parsed.key, line, payload, parsed.log)


def read_checkpoints(file: Path) -> list[SignedExtent]:
    """Return the checkpoints of a file, in order; an unfinished last line is ignored.

    Raises InvalidSignedLine if a line is no checkpoint, OSError.
    """
    *lines, _unfinished = file.read_bytes().removeprefix(UTF8_BOM).split(b"\n")
    checkpoints = []
    for number, line in enumerate(lines, 1):
        try:
            checkpoints.append(read_checkpoint(line))
        except InvalidSignedLine:
            raise InvalidSignedLine(f"line {number} of {file} is no checkpoint") from None
    return checkpoints


def append_checkpoints(file: Path, lines: list[bytes]) -> None:
    """Append checkpoints to a file durably; first remove what is left of an unfinished line."""
    file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    with file.open("a+b") as output:
        output.truncate(_complete_size(output))
        for line in lines:
            output.write(line + b"\n")
        output.flush()
        os.fsync(output.fileno())


def _complete_size(file: BinaryIO) -> int:
    """Return the size of the file up to its last finished line, in bytes, without reading all of it."""
    end = file.seek(0, os.SEEK_END)
    while end:
        start = max(0, end - _CHUNK)
        file.seek(start)
        if found := file.read(end - start).rfind(b"\n") + 1:
            return start + found
        end = start
    return 0
