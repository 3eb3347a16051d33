"""Copies of checkpoints outside the database: an append-only file, or a store at a URL.

| place      | checkpoint n of it                             | one more is added by                              |
|------------|------------------------------------------------|---------------------------------------------------|
| `FileCopy` | line n of the file                             | a line at the end, synced                         |
| `UrlCopy`  | what `GET <address>/<n>` answers; 404 for none | `PUT <address>/<n>`, `If-None-Match: *`, read back |

Checkpoints are numbered, so one request shows whether a copy has more than the database knows of, which reveals a
restored older database. A store may refuse to overwrite (409, 412); the service never asks for it.
"""

from __future__ import annotations

import fcntl
import http.client
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import BinaryIO, ClassVar, NamedTuple, Protocol
from urllib.parse import urlsplit

from policy_service.audit.checkpoints import SignedExtent, append_checkpoints, read_checkpoint, read_checkpoints
from policy_service.audit.keys import InvalidSignedLine
from policy_service.characters import UTF8_BOM
from policy_service.messages import Message

NEWEST = 16
"""Checkpoints of a copy that are compared before a signature; `audit verify` compares all of them."""
TIMEOUT = 5.0
"""Seconds for one answer of a store, from connecting to its last byte."""
MAX_BYTES = 4_096
"""Maximum size of an answer, bytes; a checkpoint has about 500."""
MAX_FOLLOWED = 1_000
"""Maximum number of new checkpoints read from a store at once; the next read continues."""
_CHUNK = 1 << 20
_STORED = frozenset({200, 201, 204})
_CONFLICT = frozenset({409, 412})


class Unreachable(OSError):
    """A copy does not answer properly; this says nothing about the log."""


@dataclass(frozen=True, slots=True)
class CopyContents:
    """The contents of a copy: the number of checkpoints, and the newest of them, oldest first."""

    count: int
    newest: tuple[SignedExtent, ...] = ()
    is_missing: bool = False
    """True if the file does not exist."""

    @property
    def size(self) -> int:
        """The number of entries that the newest covers."""
        return self.newest[-1].extent.size if self.newest else 0


class Copy(Protocol):
    """A copy of the checkpoints. Every method raises InvalidSignedLine if it holds something else, and OSError."""

    takes_history: ClassVar[bool]
    """True if a new copy is sent all existing checkpoints, or only the newest."""

    @property
    def location(self) -> str:
        """Return the file or address, for display."""
        ...

    def inspect(self, count: int) -> CopyContents:
        """Read the contents of the copy; `count` is the number of checkpoints the database knows of."""
        ...

    def read(self) -> list[SignedExtent]:
        """Return all checkpoints in the copy. Raises FileNotFoundError if there is no such file."""
        ...

    def add(self, count: int, lines: Sequence[bytes]) -> int:
        """Append checkpoints after the `count` present ones; return the new number."""
        ...


class _Mark(NamedTuple):
    """The end of the finished lines counted so far: its offset, their number, and the last line."""

    offset: int = 0
    lines: int = 0
    last: bytes = b""


@dataclass(slots=True)
class FileCopy:
    """A file on disk. What was read is cached until the file changes, and later reads continue from there."""

    takes_history: ClassVar[bool] = True
    path: Path
    _cached_contents: tuple[tuple[int, int, int], CopyContents] | None = field(default=None, repr=False, compare=False)
    _mark: _Mark = field(default=_Mark(), repr=False, compare=False)

    @property
    def location(self) -> str:
        return str(self.path.absolute())

    def inspect(self, count: int) -> CopyContents:  # noqa: ARG002  # a file tells by itself how many it holds
        try:
            state = self.path.stat()
        except FileNotFoundError:
            return CopyContents(0, is_missing=True)
        key = (state.st_ino, state.st_size, state.st_ctime_ns)  # the time of change, which cannot be set
        if self._cached_contents is None or self._cached_contents[0] != key:
            self._cached_contents = key, self._read_end()
        return self._cached_contents[1]

    def read(self) -> list[SignedExtent]:
        return read_checkpoints(self.path)

    def prepare(self) -> None:
        """Create the folder and the file if missing, and check that the file is writable. Raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.path.open("ab"):
            pass

    def add(self, count: int, lines: Sequence[bytes]) -> int:
        with self._locked():
            if self.inspect(count).count != count:
                return count  # another process was first: the next look finds what it wrote
            append_checkpoints(self.path, list(lines))
        return count + len(lines)

    @contextmanager
    def _locked(self) -> Iterator[None]:
        """Keep other processes from adding, which would take each other's lines for unfinished ones."""
        self.prepare()
        with self.path.open("ab") as file:
            with suppress(OSError):  # a file system without locks has one process that adds
                fcntl.flock(file, fcntl.LOCK_EX)
            yield

    def _read_end(self) -> CopyContents:
        """Count the finished lines, and read the last ones."""
        with self.path.open("rb") as file:
            mark = self._mark if _is_at(file, self._mark) else _Mark()
            count, end = mark.lines, file.seek(mark.offset)
            while chunk := file.read(_CHUNK):
                count, end = count + chunk.count(b"\n"), end + len(chunk)
            start = file.seek(max(0, end - MAX_BYTES * NEWEST))
            *lines, unfinished = file.read(end - start).removeprefix(UTF8_BOM).split(b"\n")
        lines = lines[-min(NEWEST, count) :] if count else []
        self._mark = _Mark(end - len(unfinished), count, lines[-1] if lines else b"")
        newest = []
        for number, line in enumerate(lines, count - len(lines) + 1):
            try:
                newest.append(read_checkpoint(line))
            except InvalidSignedLine:
                raise InvalidSignedLine(f"line {number} of {self.path} is no checkpoint") from None
        return CopyContents(count, tuple(newest))


def _is_at(file: BinaryIO, mark: _Mark) -> bool:
    """Return True if the line of a mark still ends at its offset."""
    start = mark.offset - len(mark.last) - 1
    if start < 0:
        return False
    file.seek(start)
    return file.read(len(mark.last) + 1) == mark.last + b"\n"


@dataclass(frozen=True, slots=True)
class UrlCopy:
    """A store accessed over HTTP at an address set by the operator; redirects are not followed."""

    takes_history: ClassVar[bool] = False
    address: str
    token: Path | None = None
    """A file with the bearer token; read each time, so that it can be rotated."""
    timeout: float = TIMEOUT

    @property
    def location(self) -> str:
        return self.address

    def inspect(self, count: int) -> CopyContents:
        with self._client() as client:
            checkpoints = list(islice(client.follow(max(count, 1), known=count), MAX_FOLLOWED))
        return CopyContents(max(count, 1) - 1 + len(checkpoints), tuple(checkpoints[-NEWEST:]))

    def read(self) -> list[SignedExtent]:
        with self._client() as client:
            return list(client.follow(1, known=1))

    def add(self, count: int, lines: Sequence[bytes]) -> int:
        with self._client() as client:
            for line in lines:
                if not client.put(count + 1, line):
                    break  # another process was first: the next look finds what it wrote
                count += 1
        return count

    @contextmanager
    def _client(self) -> Iterator[_Client]:
        parts = urlsplit(self.address)
        kind = http.client.HTTPSConnection if parts.scheme == "https" else http.client.HTTPConnection
        headers = {} if self.token is None else {"Authorization": f"Bearer {self.token.read_text('utf-8').strip()}"}
        connection = kind(str(parts.hostname), parts.port, timeout=self.timeout)
        try:
            yield _Client(connection, self.address, parts.path, headers, self.timeout)
        except (http.client.HTTPException, OSError) as error:
            if isinstance(error, Unreachable):
                raise
            reason = str(error) or type(error).__name__
            raise Unreachable(Message("{address} does not answer: {why}", address=self.address, why=reason)) from None
        finally:
            connection.close()


@dataclass(frozen=True, slots=True)
class _Client:
    """One connection to a store; every answer has a deadline, however slowly it arrives."""

    connection: http.client.HTTPConnection
    address: str
    path: str
    headers: dict[str, str]
    timeout: float

    def follow(self, number: int, *, known: int) -> Iterator[SignedExtent]:
        """Yield the checkpoints from a number on, up to the first missing one.

        Raises Unreachable, and InvalidSignedLine if a known checkpoint was replaced by something else.
        """
        last = 0
        while (line := self._line(number)) is not None:
            try:
                checkpoint = read_checkpoint(line)
            except InvalidSignedLine:
                checkpoint = None
            if checkpoint is None or checkpoint.extent.size <= last:
                if number <= known:
                    raise InvalidSignedLine(f"{self.address}/{number} is no checkpoint behind the one before it")
                message = Message("{address} answers with what is no checkpoint", address=f"{self.address}/{number}")
                raise Unreachable(message)
            yield checkpoint
            last, number = checkpoint.extent.size, number + 1

    def put(self, number: int, line: bytes) -> bool:
        """Return True if the store, read back, has the checkpoint now; False if it had another one already."""
        status, _ = self._request("PUT", number, line)
        if status not in _STORED | _CONFLICT:
            raise self._unexpected_status(f"PUT {self.address}/{number}", status)
        current = self._line(number)
        if current == line:
            return True
        if current is None or status in _STORED:
            message = Message(
                "{address} does not store what it receives: {number}", address=self.address, number=number
            )
            raise Unreachable(message)
        return False

    def _line(self, number: int) -> bytes | None:
        status, body = self._request("GET", number)
        if status == http.client.NOT_FOUND:
            return None
        if status != http.client.OK:
            raise self._unexpected_status(f"GET {self.address}/{number}", status)
        return body.removesuffix(b"\n")

    def _unexpected_status(self, request: str, status: int) -> Unreachable:
        return Unreachable(Message("{request} was answered with {status}", request=request, status=status))

    def _request(self, method: str, number: int, body: bytes | None = None) -> tuple[int, bytes]:
        deadline = time.monotonic() + self.timeout
        timer = threading.Timer(self.timeout, self._abort)
        timer.daemon = True
        timer.start()
        try:
            conditional_headers = {"If-None-Match": "*", "Content-Type": "application/json"} if method == "PUT" else {}
            self.connection.request(method, f"{self.path}/{number}", body, self.headers | conditional_headers)
            response = self.connection.getresponse()
            content = response.read(MAX_BYTES)
            if response.read(1):
                raise Unreachable(Message("{address} answers with more than a checkpoint", address=self.address))
            if time.monotonic() > deadline:
                raise TimeoutError("timed out")
            return response.status, content
        finally:
            timer.cancel()

    def _abort(self) -> None:
        """Shut the connection down under a blocked read; closing it would not wake the reader."""
        with suppress(OSError, AttributeError):
            self.connection.sock.shutdown(2)


def copies_of(locations: Sequence[str], token: Path | None = None) -> tuple[Copy, ...]:
    """Return the copies at some locations: an address that begins with http, a folder, or a file."""
    return tuple(_copy_of(location, token) for location in dict.fromkeys(locations))


def _copy_of(location: str, token: Path | None) -> Copy:
    if location.startswith(("https://", "http://")):
        return UrlCopy(location.rstrip("/"), token)
    path = Path(location)
    return FileCopy(path / "checkpoints.ndjson" if location.endswith(os.sep) or path.is_dir() else path)
