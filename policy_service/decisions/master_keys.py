"""The file of the master keys, which wrap the keys of the subjects.

    subjects.key, mode 0600, one line a key: its identifier, and the key in base64. The last one is in use.

During a rotation the file has two lines. A database without this file reveals no sensitive fact, and losing the file
erases all subjects: back it up, separately from the database.
"""

from __future__ import annotations

import base64
import binascii
import fcntl
import os
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

from policy_service.decisions.encryption import KEY_SIZE
from policy_service.errors import PolicyServiceError
from policy_service.private_file import private_file

FILE_NAME = "subjects.key"
_ID_SIZE = 8


class KeyFileError(PolicyServiceError):
    """The file of the master keys is missing, readable by others, or invalid; the message is for the operator."""

    kind = "conflict"


class MasterKeys:
    """The master keys, reloaded when the file is replaced."""

    def __init__(self, folder: Path) -> None:
        """Raises KeyFileError."""
        self.file = folder / FILE_NAME
        self._lock = threading.Lock()
        self._stamp: tuple[int, int, int] | None = None
        self._keys: dict[str, bytes] = {}
        self.current()

    def current(self) -> tuple[str, AESGCM]:
        """Return the identifier and the key in use. Raises KeyFileError."""
        keys = self._read()
        id_ = next(reversed(keys))
        return id_, AESGCM(keys[id_])

    def get(self, id_: str) -> AESGCM:
        """Return the key with an identifier. Raises KeyFileError."""
        keys = self._read()
        if id_ not in keys:
            raise KeyFileError(f"{self.file} does not hold the master key {id_}: restore the file from its backup")
        return AESGCM(keys[id_])

    @contextmanager
    def exclusive(self) -> Iterator[None]:
        """Lock the file against changes by other processes. Raises KeyFileError if it is locked."""
        with _locked(self.file.parent, wait=False):
            yield

    def add(self) -> str:
        """Add a new master key and take it into use; return its identifier. The caller holds `exclusive`."""
        keys = self._read()
        id_ = os.urandom(_ID_SIZE).hex()
        _write(self.file, {**keys, id_: os.urandom(KEY_SIZE)})
        return id_

    def remove_others(self, id_: str) -> None:
        """Remove all other master keys. The caller holds `exclusive`."""
        _write(self.file, {id_: self._read()[id_]})

    def _read(self) -> dict[str, bytes]:
        with self._lock:
            try:
                status = self.file.stat()
            except OSError as error:
                reason = (error.strerror or "it cannot be opened").lower()
                raise KeyFileError(f"{self.file} cannot be read: {reason}") from None
            stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
            if stamp != self._stamp:
                if status.st_mode & 0o077:
                    raise KeyFileError(f"{self.file} can be read by others: chmod 600 {self.file}")
                self._keys = _parse(self.file)
                self._stamp = stamp
            return self._keys


def open_or_create(folder: Path) -> MasterKeys:
    """Return the master keys of a folder; create the first one if there is none."""
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = folder / FILE_NAME
    with _locked(folder, wait=True):
        if not file.exists():
            _write(file, {os.urandom(_ID_SIZE).hex(): os.urandom(KEY_SIZE)})
    return MasterKeys(folder)


@contextmanager
def _locked(folder: Path, *, wait: bool) -> Iterator[None]:
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError:
        raise KeyFileError(
            f"another process is changing the master keys in {folder}: try again when it is done"
        ) from None
    finally:
        os.close(descriptor)


def _parse(file: Path) -> dict[str, bytes]:
    keys: dict[str, bytes] = {}
    try:
        for line in file.read_text("ascii").splitlines():
            id_, content = line.split(" ")
            keys[id_] = base64.b64decode(content, validate=True)
    except (ValueError, binascii.Error, OSError):
        raise KeyFileError(f"{file} is no file of master keys: restore it from its backup") from None
    if not keys or any(len(key) != KEY_SIZE for key in keys.values()):
        raise KeyFileError(f"{file} is no file of master keys: restore it from its backup")
    return keys


def _write(file: Path, keys: dict[str, bytes]) -> None:
    with private_file(file) as output:
        output.write(b"".join(b"%b %b\n" % (id_.encode(), base64.b64encode(key)) for id_, key in keys.items()))
