"""Progress of work in another process, which writes two numbers into a small file that its parent reads.

async with watch_progress(on_progress) as path:  # the parent: `on_progress(done, total)` is called a few times a second
    await to_process.run_sync(work, …, path)     # the worker: `ProgressFile(path).write(done, total)`
"""

from __future__ import annotations

import asyncio
import os
import struct
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

ProgressCallback = Callable[[int, int], None]
"""Progress callback: amount done, total amount."""
POLL_SECONDS = 0.25
"""Interval of reading the file."""
_NUMBERS = struct.Struct("<QQ")


class ProgressFile:
    """The writing end; does nothing without a file."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def write(self, done: int, total: int) -> None:
        """Write both numbers at once, so that a reader never sees only one of them."""
        if self._path is not None:
            descriptor = os.open(self._path, os.O_WRONLY)
            try:
                os.write(descriptor, _NUMBERS.pack(done, total))
            finally:
                os.close(descriptor)


@asynccontextmanager
async def watch_progress(on_progress: ProgressCallback | None) -> AsyncIterator[Path | None]:
    """Create the file for a `ProgressFile` and watch it until the end; None if there is no callback."""
    if on_progress is None:
        yield None
        return
    descriptor, name = tempfile.mkstemp(prefix="policy-service-gauge-")
    os.close(descriptor)
    path = Path(name)
    task = asyncio.ensure_future(_poll(path, on_progress))
    try:
        yield path
        _report(path, on_progress)
    finally:
        task.cancel()
        with suppress(asyncio.CancelledError):
            await task
        os.unlink(path)  # noqa: PTH108  # an empty file is gone at once; nobody waits


async def _poll(path: Path, on_progress: ProgressCallback) -> None:
    while True:
        await asyncio.sleep(POLL_SECONDS)
        _report(path, on_progress)


def _report(path: Path, on_progress: ProgressCallback) -> None:
    """Report the progress in the file, if any was written."""
    content = path.read_bytes()
    if len(content) == _NUMBERS.size:
        on_progress(*_NUMBERS.unpack(content))
