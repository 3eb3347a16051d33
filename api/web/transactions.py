"""Reads and writes of the routes: in a thread, because a database may wait; one request is one transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from api.service import Service
from policy_service.database import Transaction

Result = TypeVar("Result")


async def run_read(service: Service, query: Callable[[Session], Result]) -> Result:
    """Run `query` in a snapshot of the database, in a thread. Raises what it raises, and DatabaseUnavailable."""

    def run() -> Result:
        with service.database.read() as session:
            return query(session)

    return await run_in_threadpool(run)


async def run_write(service: Service, command: Callable[[Transaction], Result]) -> Result:
    """Run `command` in one transaction, in a thread. Raises what it raises, and DatabaseUnavailable."""

    def run() -> Result:
        with service.database.write(service.clock) as transaction:
            return command(transaction)

    try:
        return await run_in_threadpool(run)
    finally:
        service.key_ring.invalidate()
