"""The key of the log's MACs (HMAC-SHA-256, FIPS 198-1): beside the private keys, never in the database.

    log.key, mode 0600, one line a key: its identifier, and the key as hexadecimal. The last one is in use.

A signature is made every few seconds; a MAC is made with every entry, so whoever has the database alone can add none.
The identifier of a key is made of the key itself.
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass
from pathlib import Path

from policy_service.audit.keys import KeyUnavailable, decode_hex
from policy_service.messages import Message

NAME = "log.key"
SIZE = 32
"""Bytes of a key."""
_OWNER_ONLY = 0o600
_Stamp = tuple[int, int, int]
_cache: dict[Path, tuple[_Stamp, dict[str, LogKey]]] = {}
"""The keys of each file, as of when it was last replaced."""


@dataclass(frozen=True, slots=True)
class LogKey:
    """One key."""

    id: str
    secret: bytes

    def mac(self, purpose: str, content: bytes) -> str:
        """Return the identifier of the key and the MAC of some bytes; `purpose` says what they are, e.g. `entry`."""
        return f"{self.id}:{self.tag(purpose, content).hex()}"

    def tag(self, purpose: str, content: bytes) -> bytes:
        """Return the 32 bytes of the MAC alone."""
        return hmac.digest(self.secret, b"policy-service %b 1\n%b" % (purpose.encode(), content), "sha256")

    def verifies(self, mac: str | None, purpose: str, content: bytes) -> bool:
        """Return True if the MAC is this key's."""
        return mac is not None and hmac.compare_digest(mac.encode(), self.mac(purpose, content).encode())


NO_KEY = LogKey("", b"")
"""What stands for the key where a log has none."""


def key_id_of(mac: str | None) -> str:
    """Return the key of a MAC; empty when there is no MAC."""
    return "" if mac is None else mac.partition(":")[0]


def read_log_keys(folder: Path | None) -> dict[str, LogKey]:
    """Return the keys of a folder by identifier, the one in use last; none when there is no file.

    Raises KeyUnavailable.
    """
    if folder is None:
        return {}
    file = folder / NAME
    try:
        status = file.stat()
    except OSError:
        return {}
    stamp = (status.st_ino, status.st_mtime_ns, status.st_size)
    cached = _cache.get(file)
    if cached is None or cached[0] != stamp:
        if status.st_mode & 0o077:
            raise KeyUnavailable(f"{file} can be read by others: chmod 600 {file}")
        cached = _cache[file] = stamp, _parse(file)
    return cached[1]


def make_log_key(folder: Path) -> LogKey:
    """Return a new key, put behind those of the folder before anyone relies on it. Raises KeyUnavailable."""
    key = _key(os.urandom(SIZE))
    keys = {**read_log_keys(folder), key.id: key}
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    file, temporary = folder / NAME, folder / f"{NAME}.new"
    temporary.unlink(missing_ok=True)
    with open(temporary, "xb", opener=_owner_opener) as output:
        output.write(b"".join(b"%b %b\n" % (each.id.encode(), each.secret.hex().encode()) for each in keys.values()))
        output.flush()
        os.fsync(output.fileno())
    temporary.replace(file)
    descriptor = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
    return key


def lost_key_error(id_: str) -> KeyUnavailable:
    """Build the error for a key that is needed and missing."""
    return KeyUnavailable(
        Message(
            "`{name}` does not hold the key {key} of the log: restore it from its backup, "
            "or run `policy-service audit rotate-log-key --lost`",
            name=NAME,
            key=id_,
        )
    )


def _key(secret: bytes) -> LogKey:
    return LogKey(hmac.digest(secret, b"policy-service log key 1\n", "sha256")[:8].hex(), secret)


def _parse(file: Path) -> dict[str, LogKey]:
    keys: dict[str, LogKey] = {}
    try:
        lines = file.read_text("ascii").splitlines()
    except (OSError, ValueError):
        lines = []
    for line in lines:
        id_, _, text = line.partition(" ")
        secret = decode_hex(text, SIZE)
        if secret is None or (key := _key(secret)).id != id_:
            raise KeyUnavailable(f"{file} is no file of log keys: restore it from its backup")
        keys[id_] = key
    if not keys:
        raise KeyUnavailable(f"{file} is no file of log keys: restore it from its backup")
    return keys


def _owner_opener(path: str, flags: int) -> int:
    return os.open(path, flags, _OWNER_ONLY)
