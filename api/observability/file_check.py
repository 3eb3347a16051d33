"""Reads the whole file of a large database, and all its versions, once behind the start: before it takes seconds."""

from __future__ import annotations

import asyncio
from contextlib import closing

from api.service import Service
from api.web.transactions import run_read
from policy_service.database import Database, DatabaseUnavailable
from policy_service.database.file_check import damage_of, file_faults, is_large
from policy_service.registry.checks import verify_versions
from policy_service.workers.kind import WorkRefused
from policy_service.workers.kinds import AUDITING

RETRY_SECONDS = 60.0
"""Seconds until it is tried again when the worker has other work."""


async def check_file(service: Service) -> None:
    """Check a large SQLite file for damage, and the texts in it; `/readyz` and the log report it."""
    try:
        if not await run_read(service, lambda session: is_large(session.connection())):
            return
    except DatabaseUnavailable:
        return  # `/readyz` says so
    while True:
        try:
            service.file_faults.extend(await service.work(AUDITING, read_file, service.database.url))
            break
        except (WorkRefused, DatabaseUnavailable) as error:
            service.log.warning("database_file_not_checked", reason=str(error))
            await asyncio.sleep(RETRY_SECONDS)
    for fault in service.file_faults:
        service.log.error("database_file_damaged", message=fault)


def read_file(url: str) -> list[str]:
    """Read every page of a SQLite file, and every version; a sentence for each fault. Raises DatabaseUnavailable."""
    try:
        with closing(Database(url)) as database, database.read() as session:
            return [*file_faults(session.connection(), "quick_check"), *verify_versions(session)]
    except DatabaseUnavailable as error:
        if (damage := damage_of(error)) is None:
            raise
        return [damage]
