"""Reads in a worker what a transaction will ask of policies, before it is begun.

await warm_heads(service, change)
await run_write(service, lambda transaction: approval.schedule(transaction, actor, change, expected=tag))
"""

from __future__ import annotations

from collections.abc import Collection
from contextlib import closing

from api.service import Service
from api.web.transactions import run_read
from api.workers.work_kinds import READING
from policy_service.approval.policies import head_loader, uncached_heads
from policy_service.database import Database
from policy_service.language.diagnostics import PolicyError
from policy_service.language.policy import Policy
from policy_service.registry.policy_cache import cache_heads


async def warm_heads(service: Service, change: str | None = None) -> None:
    """Make known what the versions declare that may be in force from now on, and those of a change.

    What becomes one of them before the transaction is read there; that is slow, and right. Raises ProblemError,
    DatabaseUnavailable, UnknownChange.
    """
    now = service.now()
    unknown = await run_read(service, lambda session: uncached_heads(session, change, now))
    if unknown:
        cache_heads(await service.work(READING, read_heads, service.database.url, unknown))


def read_heads(url: str, digests: Collection[str]) -> list[Policy]:
    """The heads under digests; a draft's text that is no policy has none. Raises DatabaseUnavailable."""
    policies = []
    with closing(Database(url)) as database, database.read() as session:
        load = head_loader(session)
        for digest in digests:
            try:
                policies.append(load(digest))
            except PolicyError:
                continue
    return policies
