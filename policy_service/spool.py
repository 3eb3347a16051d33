"""A queue of bytes in a temporary file, for several threads.

The file has no name, so it disappears when it is closed or its process ends, in whatever way.
"""

from __future__ import annotations

import errno
import os
import tempfile
import threading
from typing import BinaryIO


class Spool:
    """A queue of bytes in a temporary file, created on the first write."""

    def __init__(self) -> None:
        self._file: BinaryIO | None = None
        self._read_to = self._written_to = 0
        self._lock = threading.Lock()  # never close the file while a thread uses it
        self._is_closed = False

    @property
    def size(self) -> int:
        """The size of the file, bytes, including bytes already read; it is truncated once everything is read."""
        return self._written_to

    @property
    def unread(self) -> int:
        """The number of bytes not read yet."""
        return self._written_to - self._read_to

    def write(self, content: bytes) -> None:
        """Append bytes; do nothing if the spool is closed. Raises OSError."""
        with self._lock:
            if self._is_closed:
                return
            if self._file is None:
                self._file = tempfile.TemporaryFile(buffering=0)  # noqa: SIM115  # `close` closes it
            if os.pwrite(self._file.fileno(), content, self._written_to) != len(content):
                raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
            self._written_to += len(content)

    def read(self, size: int) -> bytes:
        """Remove and return at most `size` bytes from the beginning. Raises OSError."""
        with self._lock:
            if self._is_closed or self._file is None:
                return b""
            content = os.pread(self._file.fileno(), min(size, self.unread), self._read_to)
            self._read_to += len(content)
            if self._read_to == self._written_to:
                self._file.truncate(0)
                self._read_to = self._written_to = 0
            return content

    def close(self) -> None:
        """Remove the file."""
        with self._lock:
            self._is_closed = True
            if self._file is not None:
                self._file.close()
