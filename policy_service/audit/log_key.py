"""The key of the log's MACs (HMAC-SHA-256, FIPS 198-1), stored with the private keys, never in the database.

    log.key, mode 0600, one line a key: its identifier, and the key as hexadecimal. The last one is in use.

Signatures are made every few seconds, but every entry has a MAC, so an attacker with access to the database alone
cannot add any. A key's identifier is derived from the key.
"""

from __future__ import annotations

import hmac
import os
from dataclasses import dataclass
from pathlib import Path

from policy_service.audit.keys import KeyUnavailable, decode_hex
from policy_service.messages import Message
from policy_service.private_file import private_file

NAME = "log.key"
SIZE = 32
"""The size of a key, bytes."""
_Stamp = tuple[int, int, int]
_cache: dict[Path, tuple[_Stamp, dict[str, LogKey]]] = {}
"""The keys of each file, by the time of its last change."""


@dataclass(frozen=True, slots=True)
class LogKey:
    """A MAC key."""

    id: str
    secret: bytes

    def mac(self, purpose: str, content: bytes) -> str:
        """Return the key's identifier and the MAC of some bytes; `purpose` is their domain, e.g. `entry`."""
        return f"{self.id}:{self.tag(purpose, content).hex()}"

    def tag(self, purpose: str, content: bytes) -> bytes:
        """Return the 32 bytes of the MAC."""
        return hmac.digest(self.secret, b"policy-service %b 1\n%b" % (purpose.encode(), content), "sha256")

    def verifies(self, mac: str | None, purpose: str, content: bytes) -> bool:
        """Return True if the MAC is valid under this key."""
        return mac is not None and hmac.compare_digest(mac.encode(), self.mac(purpose, content).encode())


NO_KEY = LogKey("", b"")
"""Stands for the key of a log without one."""


def key_id_of(mac: str | None) -> str:
    """Return the key identifier of a MAC; empty if there is no MAC."""
    return "" if mac is None else mac.partition(":")[0]


def read_log_keys(folder: Path | None) -> dict[str, LogKey]:
    """Return the keys of a folder by identifier, the one in use last; none if there is no file."""
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
    """Return a new key, already appended durably to the file of the folder. Raises KeyUnavailable."""
    key = _key(os.urandom(SIZE))
    keys = {**read_log_keys(folder), key.id: key}
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    with private_file(folder / NAME) as output:
        output.write(b"".join(b"%b %b\n" % (each.id.encode(), each.secret.hex().encode()) for each in keys.values()))
    return key


def lost_key_error(id_: str) -> KeyUnavailable:
    """Return the error for a required key that is missing."""
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
