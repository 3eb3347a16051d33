"""Files that only their owner can read."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO


def create_private_file(prefix: str) -> Path:
    """Create an empty temporary file."""
    descriptor, name = tempfile.mkstemp(prefix=prefix)
    os.close(descriptor)
    return Path(name)


@contextmanager
def private_file(file: Path) -> Iterator[BinaryIO]:
    """Replace a file atomically and durably by what is written. Raises OSError."""
    unfinished = file.with_name(f".{file.name}.unfinished")
    unfinished.unlink(missing_ok=True)
    with open(unfinished, "xb", opener=_owner_opener) as output:
        yield output
        output.flush()
        os.fsync(output.fileno())
    unfinished.replace(file)
    folder = os.open(file.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _owner_opener(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)
