"""Whoever asks with a key while somebody writes looks again, and lets others have their turn meanwhile."""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any, cast

from api.auth.authentication import AuthenticationMiddleware
from api.service import Service
from policy_service.access import Access

PATIENCE = 1_000


class Ring:
    """A ring of keys that somebody writes to while it is looked at, a few times over."""

    def __init__(self, *, stale_for: int) -> None:
        self.looks, self.asked, self._stale_for = 0, 0, stale_for

    @property
    def is_stale(self) -> bool:
        self.asked += 1
        assert self.asked < PATIENCE, "it asks again and again, and nobody looks"
        return self.looks < self._stale_for

    def refresh(self) -> None:
        self.looks += 1

    def authenticate(self, _text: str, _now: object) -> Any:  # noqa: ANN401  # an actor
        return SimpleNamespace(id="crm")


def test_a_look_that_was_overtaken_by_a_write_is_not_waited_for_again() -> None:
    ring = Ring(stale_for=3)
    fake = SimpleNamespace(
        key_ring=ring,
        clock=SimpleNamespace(now=lambda: None),
        last_used=SimpleNamespace(record_key_use=lambda *_: None),
    )

    async def ask() -> None:
        gate = AuthenticationMiddleware(cast("Any", None), cast("Service", fake), lambda _: Access())
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        over.set_result(None)
        gate._key_refresh = over  # just over, as another request may find it
        await asyncio.gather(*(gate._authenticate_key("psk_x") for _ in range(5)))

    asyncio.run(ask())
    assert ring.looks == 3
