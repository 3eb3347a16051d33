"""Reads the whole log, to verify or to export it, in a worker, for a program that waits for it."""

from __future__ import annotations

from typing import BinaryIO

from starlette.concurrency import run_in_threadpool

from api.service import Service
from policy_service.audit.verdict import LogVerdict
from policy_service.log_work import verify, write_export
from policy_service.workers.kinds import AUDITING
from policy_service.workers.private_file import create_private_file
from policy_service.workers.progress import ProgressFile


async def verify_in_worker(service: Service) -> LogVerdict:
    """Verify the database against copies of its checkpoints. Raises as `verify`, and WorkRefused."""
    settings = service.settings
    about = (service.database.url, settings.keys, settings.copies, ProgressFile(None), service.clock)
    return await service.work(AUDITING, verify, *about)


async def export_in_worker(service: Service) -> BinaryIO:
    """The log in a file that is gone when it is closed. Raises WorkRefused, KeyUnavailable, DatabaseUnavailable."""
    file = create_private_file("policy-service-export-")
    try:
        about = (service.database.url, service.settings.keys, service.clock.now(), file, ProgressFile(None))
        await service.work(AUDITING, write_export, *about)
        return await run_in_threadpool(file.open, "rb")
    finally:
        file.unlink()
