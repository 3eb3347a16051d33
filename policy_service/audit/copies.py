"""Places outside the database that every checkpoint is copied to: a file that is only added to, or a store at a URL.

| place      | checkpoint n of it                             | one more is added by                              |
|------------|------------------------------------------------|---------------------------------------------------|
| `FileCopy` | line n of the file                             | a line at the end, synced                         |
| `UrlCopy`  | what `GET <address>/<n>` answers; 404 for none | `PUT <address>/<n>`, `If-None-Match: *`, read back |

They are numbered, so that one more than the database knows of is found with one question: that is how an older copy of
the database shows. A store may refuse to overwrite (409, 412); this side never asks it to.
"""

from __future__ import annotations

import http.client
import os
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from typing import ClassVar, Protocol
from urllib.parse import urlsplit

from policy_service.audit.checkpoints import SignedExtent, keep, read_checkpoint, read_kept
from policy_service.audit.keys import Damaged
from policy_service.characters import UTF8_MARK
from policy_service.sentences import Sentence

NEWEST = 16
"""Checkpoints of a place that are compared before a signature; `audit verify` compares all of them."""
TIMEOUT = 5.0
"""Seconds that a store may take for one answer, from the connection to its last byte."""
LONGEST = 4_096
"""Bytes of an answer that are read; a checkpoint has about 500."""
MOST = 1_000
"""Checkpoints of a store that one look follows; the next look goes on from there."""
_CHUNK = 1 << 20
_STORED = frozenset({200, 201, 204})
_TAKEN = frozenset({409, 412})


class Unreachable(OSError):
    """A place does not answer, or not as it should; that says nothing about the log."""


@dataclass(frozen=True, slots=True)
class Seen:
    """What a place holds: how many checkpoints, and the newest of them, the oldest of these first."""

    count: int
    newest: tuple[SignedExtent, ...] = ()
    is_missing: bool = False
    """Whether the file is not there at all."""

    @property
    def size(self) -> int:
        """Entries that the newest covers."""
        return self.newest[-1].extent.size if self.newest else 0


class Copy(Protocol):
    """One place. Every method raises Damaged when what is there is no checkpoint, and OSError."""

    takes_history: ClassVar[bool]
    """Whether a new place is given all checkpoints there are, or only the newest."""

    @property
    def location(self) -> str:
        """The file or the address, as people read it."""
        ...

    def look(self, count: int) -> Seen:
        """What is there; `count` is how many the database knows of."""
        ...

    def read(self) -> list[SignedExtent]:
        """All checkpoints that are there. Raises FileNotFoundError when there is no such file."""
        ...

    def add(self, count: int, lines: Sequence[bytes]) -> int:
        """Adds checkpoints behind the `count` that are there; gives how many there are then."""
        ...


@dataclass(slots=True)
class FileCopy:
    """A file on a disk; with its last look, which holds while nobody touches the file."""

    takes_history: ClassVar[bool] = True
    path: Path
    _looked: tuple[tuple[int, int, int], Seen] | None = field(default=None, repr=False, compare=False)

    @property
    def location(self) -> str:
        return str(self.path.absolute())

    def look(self, count: int) -> Seen:  # noqa: ARG002  # a file tells by itself how many it holds
        try:
            state = self.path.stat()
        except FileNotFoundError:
            return Seen(0, is_missing=True)
        key = (state.st_ino, state.st_size, state.st_ctime_ns)  # the time of change, which cannot be set
        if self._looked is None or self._looked[0] != key:
            self._looked = key, self._read_end()
        return self._looked[1]

    def read(self) -> list[SignedExtent]:
        return read_kept(self.path)

    def prepare(self) -> None:
        """Makes the folder and the file, if need be, and asks whether it can be written. Raises OSError."""
        self.path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        with self.path.open("ab"):
            pass

    def add(self, count: int, lines: Sequence[bytes]) -> int:
        keep(self.path, list(lines))
        return count + len(lines)

    def _read_end(self) -> Seen:
        """Counts the finished lines, and reads the last of them."""
        count, end = 0, b""
        with self.path.open("rb") as file:
            while chunk := file.read(_CHUNK):
                count += chunk.count(b"\n")
                end = end[-LONGEST * NEWEST :] + chunk
        lines = end.removeprefix(UTF8_MARK).split(b"\n")[:-1][-min(NEWEST, count) :] if count else []
        newest = []
        for number, line in enumerate(lines, count - len(lines) + 1):
            try:
                newest.append(read_checkpoint(line))
            except Damaged:
                raise Damaged(f"line {number} of {self.path} is no checkpoint") from None
        return Seen(count, tuple(newest))


@dataclass(frozen=True, slots=True)
class UrlCopy:
    """A store that is asked over HTTP, at an address that the operator set; redirects are not followed."""

    takes_history: ClassVar[bool] = False
    address: str
    token: Path | None = None
    """A file with the bearer token; read for every round, so that it can be changed."""
    timeout: float = TIMEOUT

    @property
    def location(self) -> str:
        return self.address

    def look(self, count: int) -> Seen:
        with self._client() as client:
            found = list(islice(client.follow(max(count, 1), known=count), MOST))
        return Seen(max(count, 1) - 1 + len(found), tuple(found[-NEWEST:]))

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
            why = str(error) or type(error).__name__
            raise Unreachable(Sentence("{address} does not answer: {why}", address=self.address, why=why)) from None
        finally:
            connection.close()


@dataclass(frozen=True, slots=True)
class _Client:
    """One connection to a store; every answer has a deadline, however slowly its bytes come."""

    connection: http.client.HTTPConnection
    address: str
    path: str
    headers: dict[str, str]
    timeout: float

    def follow(self, number: int, *, known: int) -> Iterator[SignedExtent]:
        """The checkpoints from a number on, up to the first that is not there.

        Raises OSError, and Damaged for what is no checkpoint where one is known to have been.
        """
        last = 0
        while (line := self._line(number)) is not None:
            try:
                checkpoint = read_checkpoint(line)
            except Damaged:
                checkpoint = None
            if checkpoint is None or checkpoint.extent.size <= last:
                if number <= known:
                    raise Damaged(f"{self.address}/{number} is no checkpoint behind the one before it")
                told = Sentence("{address} answers with what is no checkpoint", address=f"{self.address}/{number}")
                raise Unreachable(told)
            yield checkpoint
            last, number = checkpoint.extent.size, number + 1

    def put(self, number: int, line: bytes) -> bool:
        """Whether the store has the checkpoint now, read back; not when it had another one already. Raises OSError."""
        status, _ = self._ask("PUT", number, line)
        if status not in _STORED | _TAKEN:
            raise self._refused(f"PUT {self.address}/{number}", status)
        there = self._line(number)
        if there == line:
            return True
        if there is None or status in _STORED:
            told = Sentence("{address} does not keep what it is given: {number}", address=self.address, number=number)
            raise Unreachable(told)
        return False

    def _line(self, number: int) -> bytes | None:
        status, body = self._ask("GET", number)
        if status == http.client.NOT_FOUND:
            return None
        if status != http.client.OK:
            raise self._refused(f"GET {self.address}/{number}", status)
        return body.removesuffix(b"\n")

    def _refused(self, request: str, status: int) -> Unreachable:
        return Unreachable(Sentence("{request} was answered with {status}", request=request, status=status))

    def _ask(self, method: str, number: int, body: bytes | None = None) -> tuple[int, bytes]:
        ends = time.monotonic() + self.timeout
        timer = threading.Timer(self.timeout, self._break_off)
        timer.daemon = True
        timer.start()
        try:
            once = {"If-None-Match": "*", "Content-Type": "application/json"} if method == "PUT" else {}
            self.connection.request(method, f"{self.path}/{number}", body, self.headers | once)
            response = self.connection.getresponse()
            content = response.read(LONGEST)
            if response.read(1):
                raise Unreachable(Sentence("{address} answers with more than a checkpoint", address=self.address))
            if time.monotonic() > ends:
                raise TimeoutError("timed out")
            return response.status, content
        finally:
            timer.cancel()

    def _break_off(self) -> None:
        """Ends the connection under a read that waits; closing it alone would not wake the reader."""
        with suppress(OSError, AttributeError):
            self.connection.sock.shutdown(2)


def copies_of(places: Sequence[str], token: Path | None = None) -> tuple[Copy, ...]:
    """The copies at these places: an address that begins with http, a folder, or a file."""
    return tuple(_copy_of(place, token) for place in dict.fromkeys(places))


def _copy_of(place: str, token: Path | None) -> Copy:
    if place.startswith(("https://", "http://")):
        return UrlCopy(place.rstrip("/"), token)
    path = Path(place)
    return FileCopy(path / "checkpoints.ndjson" if place.endswith(os.sep) or path.is_dir() else path)
