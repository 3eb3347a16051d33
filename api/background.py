"""What the service does beside answering.

Once a minute it writes down when sessions and keys were last used, and ends workers that have nothing to do; all the
time it looks how late the event loop is.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from starlette.concurrency import run_in_threadpool

from api.service import Service
from policy_service.database import DatabaseUnavailable
from policy_service.identity.presence import WRITE_AFTER


@asynccontextmanager
async def in_background(service: Service) -> AsyncIterator[None]:
    """Does it while the service runs, and once more at the end."""
    tasks = [asyncio.ensure_future(each) for each in (_again_and_again(service), service.loop_watch.look())]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await write(service)


async def write(service: Service) -> None:
    """Writes down what was used; when the database does not answer, the log is told and it is tried again later."""
    try:
        await run_in_threadpool(service.presence.write, service.database, service.clock)
    except DatabaseUnavailable as error:
        service.log.warning("last_used_flush_failed", reason=error.reason)


async def _again_and_again(service: Service) -> None:
    while True:
        await asyncio.sleep(WRITE_AFTER.total_seconds())
        await write(service)
        await run_in_threadpool(service.workers.retire)
