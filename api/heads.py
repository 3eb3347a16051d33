"""Reads in a worker what a transaction will ask of policies, before it is begun.

await warm_heads(service, change)
await writing(service, lambda transaction: approval.schedule(transaction, actor, change, expected=tag))
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing

from api.service import Service
from api.transactions import reading
from api.work import READING, seconds_of
from policy_service.approval.policies import heads, unknown_heads
from policy_service.database import Database
from policy_service.language.diagnostics import PolicyError
from policy_service.language.policy import Policy
from policy_service.registry.loaded import remember_heads


async def warm_heads(service: Service, change: str | None = None) -> None:
    """Makes known what the versions declare that may be in force from now on, and those of a change.

    What becomes one of them before the transaction is read there; that is slow, and right. Raises ProblemError,
    DatabaseUnavailable, UnknownChange.
    """
    now = service.now()
    unknown = await reading(service, lambda session: unknown_heads(session, change, now))
    if unknown:
        pool, seconds = service.workers.of(READING), seconds_of(READING, service.settings)
        remember_heads(await pool.run(seconds, read_heads, service.database.url, unknown))


def read_heads(url: str, digests: Collection[str]) -> list[Policy]:
    """The heads under digests; a draft's text that is no policy has none. Raises DatabaseUnavailable."""
    found = []
    with closing(Database(url)) as database, database.read() as session:
        load = heads(session)
        for digest in digests:
            try:
                found.append(load(digest))
            except PolicyError:
                continue
    return found
