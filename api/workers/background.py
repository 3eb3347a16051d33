"""Background work of the service.

Once a minute it stores the last uses of sessions and keys, and ends idle workers; it measures the event loop's lag
continuously. The file of a large database, and all its versions, are checked once after the start, since this takes
seconds.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Coroutine
from contextlib import asynccontextmanager, suppress
from typing import Any

from starlette.concurrency import run_in_threadpool

from api.service import Service
from api.web.transactions import run_read
from policy_service.database import DatabaseUnavailable
from policy_service.database.file_check import is_large
from policy_service.identity.last_used import FLUSH_AFTER
from policy_service.registry.checks import read_whole_file
from policy_service.workers.kind import WorkRefused
from policy_service.workers.kinds import AUDITING

RETRY_SECONDS = 60.0
"""Seconds before a retry if the worker is busy."""


@asynccontextmanager
async def background_tasks(service: Service, *others: Coroutine[Any, Any, None]) -> AsyncIterator[None]:
    """Run the periodic tasks while the service runs, and once more at the end."""
    own = (_run_periodically(service), service.loop_watch.observe_lag())
    tasks = [asyncio.ensure_future(each) for each in (*own, *others)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
        await flush_last_used(service)


async def flush_last_used(service: Service) -> None:
    """Write the last uses; if the database does not answer, log that and retry later."""
    try:
        await run_in_threadpool(service.last_used.flush, service.database, service.clock)
    except DatabaseUnavailable as error:
        service.log.warning("last_used_flush_failed", reason=error.reason)


async def _run_periodically(service: Service) -> None:
    while True:
        await asyncio.sleep(FLUSH_AFTER.total_seconds())
        await flush_last_used(service)
        await run_in_threadpool(service.workers.retire)


async def check_file(service: Service) -> None:
    """Check a large SQLite file for damage, and the texts in it; `/readyz` and the log report it."""
    try:
        if not await run_read(service, lambda session: is_large(session.connection())):
            return
    except DatabaseUnavailable:
        return  # reported by `/readyz`
    while True:
        try:
            service.file_faults.extend(await service.work(AUDITING, read_whole_file, service.database.url))
            break
        except (WorkRefused, DatabaseUnavailable) as error:
            service.log.warning("database_file_not_checked", reason=str(error))
            await asyncio.sleep(RETRY_SECONDS)
    for fault in service.file_faults:
        service.log.error("database_file_damaged", message=fault)
