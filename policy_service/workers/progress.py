"""Progress of work in a process of its own: it writes two numbers into a small file, its parent reads them.

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
"""Callback of progress: how much is done, and how much there is to do."""
POLL_SECONDS = 0.25
"""Seconds between two looks."""
_NUMBERS = struct.Struct("<QQ")


class ProgressFile:
    """The writing end; without a file it says nothing."""

    def __init__(self, path: Path | None) -> None:
        self._path = path

    def write(self, done: int, total: int) -> None:
        """Write both numbers at once, so that nobody reads one without the other."""
        if self._path is not None:
            descriptor = os.open(self._path, os.O_WRONLY)
            try:
                os.write(descriptor, _NUMBERS.pack(done, total))
            finally:
                os.close(descriptor)


@asynccontextmanager
async def watch_progress(on_progress: ProgressCallback | None) -> AsyncIterator[Path | None]:
    """A file for a `ProgressFile`, watched until the end; None when nobody wants to know."""
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
    """Return the progress in the file; None before anything was written."""
    content = path.read_bytes()
    if len(content) == _NUMBERS.size:
        on_progress(*_NUMBERS.unpack(content))
