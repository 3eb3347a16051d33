"""How far work is that goes on in a process of its own: it writes two numbers into a small file, its parent reads them.

async with watched(moved) as gauge:            # here: `moved(done, of)` is called a few times a second
    await to_process.run_sync(work, …, gauge)  # there: `Gauge(gauge).tell(done, of)`
"""

from __future__ import annotations

import asyncio
import os
import struct
import tempfile
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from pathlib import Path

Moved = Callable[[int, int], None]
"""Is told how much is done, and how much there is to do."""
EVERY = 0.25
"""Seconds between two looks."""
_NUMBERS = struct.Struct("<QQ")


class Gauge:
    """The writing end; without a file it says nothing."""

    def __init__(self, file: Path | None) -> None:
        self._file = file

    def tell(self, done: int, of: int) -> None:
        """Writes both numbers at once, so that nobody reads one without the other."""
        if self._file is not None:
            descriptor = os.open(self._file, os.O_WRONLY)
            try:
                os.write(descriptor, _NUMBERS.pack(done, of))
            finally:
                os.close(descriptor)


@asynccontextmanager
async def watched(moved: Moved | None) -> AsyncIterator[Path | None]:
    """A file for a `Gauge`, watched until the end; None when nobody wants to know."""
    if moved is None:
        yield None
        return
    number, name = tempfile.mkstemp(prefix="policy-service-gauge-")
    os.close(number)
    file = Path(name)
    watching = asyncio.ensure_future(_watch(file, moved))
    try:
        yield file
        _look(file, moved)
    finally:
        watching.cancel()
        with suppress(asyncio.CancelledError):
            await watching
        os.unlink(file)  # noqa: PTH108  # an empty file is gone at once; nobody waits


async def _watch(file: Path, moved: Moved) -> None:
    while True:
        await asyncio.sleep(EVERY)
        _look(file, moved)


def _look(file: Path, moved: Moved) -> None:
    """Tells what stands in the file; nothing before anything was written."""
    written = file.read_bytes()
    if len(written) == _NUMBERS.size:
        moved(*_NUMBERS.unpack(written))
