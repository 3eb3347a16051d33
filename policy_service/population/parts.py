"""The work so far: a folder of parts, each a Parquet file and a JSON file about it, which is written last.

A part whose JSON file is there is whole. Where facts stand encrypted in their source, parts are encrypted too, by a key
that this process alone has (AES-256-GCM): nobody reads what an interrupted run leaves, and the next one begins anew.
"""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
from cryptography.hazmat.primitives.ciphers.aead import AESGCM

_KEY_BITS = 256
_NONCE_SIZE = 12


class PartFolder:
    """Reads and writes the parts in a folder, by their names."""

    def __init__(self, path: Path, *, is_encrypted: bool = False) -> None:
        self.path = path
        self._cipher = AESGCM(AESGCM.generate_key(_KEY_BITS)) if is_encrypted else None

    def is_whole(self, name: str) -> bool:
        """True if the part was written to the end."""
        return self._about(name).exists()

    def write(self, name: str, table: pa.Table, about: dict[str, Any]) -> None:
        """Write a part, then what makes it whole. Raises OSError."""
        buffer = pa.BufferOutputStream()
        pq.write_table(table, buffer, compression="zstd")
        self._write(self._table(name), buffer.getvalue().to_pybytes())
        self._write(self._about(name), json.dumps(about, ensure_ascii=False).encode())

    def table(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """The rows of a part, in all columns or in some. Raises OSError."""
        return pq.read_table(pa.BufferReader(self._read(self._table(name))), columns=columns)

    def about(self, name: str) -> dict[str, Any]:
        """The metadata of a part. Raises OSError."""
        about: dict[str, Any] = json.loads(self._read(self._about(name)))
        return about

    def remove(self) -> None:
        """Remove the folder and all parts. Raises OSError."""
        shutil.rmtree(self.path)

    def _table(self, name: str) -> Path:
        return self.path / f"{name}.parquet"

    def _about(self, name: str) -> Path:
        return self.path / f"{name}.json"

    def _write(self, path: Path, content: bytes) -> None:
        if self._cipher is not None:
            nonce = os.urandom(_NONCE_SIZE)
            content = nonce + self._cipher.encrypt(nonce, content, path.name.encode())
        write_whole(path, lambda temporary: temporary.write_bytes(content))

    def _read(self, path: Path) -> bytes:
        content = path.read_bytes()
        if self._cipher is None:
            return content
        return self._cipher.decrypt(content[:_NONCE_SIZE], content[_NONCE_SIZE:], path.name.encode())


def write_whole(path: Path, write: Callable[[Path], object]) -> None:
    """Write a file beside its place, and put it there when it is whole."""
    temporary = path.with_name(f"{path.name}.partial")
    try:
        write(temporary)
        temporary.replace(path)
    finally:
        temporary.unlink(missing_ok=True)
