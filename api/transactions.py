"""Reads and writes of the routes: in a thread, because a database may wait; one request is one transaction."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

from sqlmodel import Session
from starlette.concurrency import run_in_threadpool

from api.service import Service
from policy_service.database import Transaction

Result = TypeVar("Result")


async def reading(service: Service, look: Callable[[Session], Result]) -> Result:
    """What `look` finds in a snapshot of the database. Raises what it does, and DatabaseUnavailable."""

    def run() -> Result:
        with service.database.read() as session:
            return look(session)

    return await run_in_threadpool(run)


async def writing(service: Service, act: Callable[[Transaction], Result]) -> Result:
    """What `act` gives, once it is kept; when it raises, nothing is. Raises what it does, and DatabaseUnavailable."""

    def run() -> Result:
        with service.database.write(service.clock) as transaction:
            return act(transaction)

    try:
        return await run_in_threadpool(run)
    finally:
        service.key_ring.forget()
