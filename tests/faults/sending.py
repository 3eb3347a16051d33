"""Many requests at once to services in this process."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Sequence
from typing import Any, NamedTuple

import httpx

from api.app import Application
from tests.api.client import portal


class Sent(NamedTuple):
    """One POST request: where to, by whom, what, and under which idempotency key."""

    path: str
    authorization: str
    body: Any
    key: str | None

    @property
    def headers(self) -> dict[str, str]:
        """Its headers."""
        named = {"idempotency-key": self.key} if self.key else {}
        return {"authorization": self.authorization, "content-type": "application/json", **named}


def send_all(apps: Sequence[Application], requests: Sequence[Sent]) -> list[httpx.Response]:
    """The answers to all of them, sent at once, each to the next of the services."""

    async def send() -> list[httpx.Response]:
        transports = [httpx.ASGITransport(app, raise_app_exceptions=False) for app in apps]
        clients = [httpx.AsyncClient(transport=each, base_url="http://service", timeout=60) for each in transports]
        response = [
            clients[number % len(clients)].post(each.path, headers=each.headers, content=json.dumps(each.body).encode())
            for number, each in enumerate(requests)
        ]
        answers = await asyncio.gather(*response)
        for client in clients:
            await client.aclose()
        return answers

    return portal().call(send)
