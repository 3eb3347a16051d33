"""Reads uploaded populations in a worker and encrypts them; maintains registered ones."""

from __future__ import annotations

import asyncio

from starlette.concurrency import run_in_threadpool

from api.service import Service
from api.web.transactions import run_read
from policy_service.database import DatabaseUnavailable
from policy_service.decisions.master_keys import KeyFileError
from policy_service.integrity import DamagedRecord
from policy_service.population.registered.model import FileFormat, PopulationDetails, PopulationFile
from policy_service.population.registered.service import (
    Registration,
    apply_erasures,
    check_room,
    prepare_registration,
    remove_expired,
)
from policy_service.workers.kinds import REGISTERING

UPKEEP_SECONDS = 60.0


async def prepare(
    service: Service, details: PopulationDetails, content: bytes, file_format: FileFormat
) -> Registration:
    """Read and encrypt a file. Raises RegistrationRejected, RegistrationConflict, WorkRefused, DatabaseUnavailable."""
    await run_read(service, lambda session: check_room(session, details.name))
    file = await service.work(REGISTERING, read_in_worker, content, file_format, details.mapping)
    return await run_in_threadpool(
        prepare_registration, service.database, service.clock, service.fact_cipher, details, file
    )


def read_in_worker(content: bytes, file_format: FileFormat, mapping: str) -> PopulationFile:
    """Read the bytes of a file. Raises RegistrationRejected, OSError."""
    from policy_service.population.registered.content import read_file  # noqa: PLC0415  # DuckDB takes long to load

    return read_file(content, file_format, mapping)


async def keep_up(service: Service) -> None:
    """Remove expired populations and erased subjects, now and every minute, until cancelled."""
    while True:
        try:
            await run_in_threadpool(remove_expired, service.database, service.clock)
            await run_in_threadpool(apply_erasures, service.database, service.clock, service.fact_cipher)
        except (DatabaseUnavailable, DamagedRecord, KeyFileError) as error:
            service.log.warning("population_upkeep_failed", reason=str(error))
        await asyncio.sleep(UPKEEP_SECONDS)
