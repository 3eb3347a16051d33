"""One application of the shipped policies for all tests of the service, and a client that needs no network."""

import asyncio
import json
from datetime import UTC, datetime
from functools import cache
from typing import Any
from uuid import UUID

import httpx
from fastapi import FastAPI

from api.app import create_app
from api.settings import Settings
from policy_service.clock import uuid7

NOW = datetime(2026, 11, 20, 17, 30, tzinfo=UTC)
"""Already the 21st in Shanghai."""
DECISIONS = "/v1/decisions"
JSON = {"content-type": "application/json"}
YAML = {"content-type": "application/yaml"}
RFM = "tiering/rfm_value"
CUSTOMER = {
    "industry": "it",
    "amount_12m": "800000.00",
    "orders_12m": 3,
    "recency_days": 45,
    "industry_mean_amount": "750000.00",
    "industry_mean_orders": "3.2",
}
REQUEST = {"subject": "C202405001", "facts": CUSTOMER, "policies": [RFM], "as_of": "2026-11-21"}


class StandingClock:
    """It is always the same moment; identifiers are counted."""

    def __init__(self) -> None:
        self.count = 0

    def now(self) -> datetime:
        return NOW

    def new_id(self) -> UUID:
        self.count += 1
        return uuid7(int(NOW.timestamp() * 1_000), self.count)


@cache
def application() -> FastAPI:
    """The application, made once a process."""
    return create_app(Settings(log_level="error"), StandingClock())


def ask(method: str, path: str, *, app: FastAPI | None = None, **more: Any) -> httpx.Response:  # noqa: ANN401 - httpx's
    """The answer to one request."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app or application(), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.request(method, path, **more)

    return asyncio.run(send())


def decide(request: object = None, *, app: FastAPI | None = None, **changes: object) -> httpx.Response:
    """The answer to a request for a decision: REQUEST, with changes, unless another is given."""
    body = {**REQUEST, **changes} if request is None else request
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ask("POST", DECISIONS, app=app, content=content, headers=JSON)


def assert_problem(response: httpx.Response, status: int, name: str) -> dict[str, Any]:
    """Asks that the answer is a problem detail of one type, and gives it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    problem: dict[str, Any] = response.json()
    assert problem["type"] == f"/problems/{name}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["instance"].startswith("urn:uuid:")
    return problem


def assert_next_decision_is_right() -> None:
    """Asks that whatever came before left the service as it was."""
    assert decide().json()["outcomes"][RFM]["outcome"] == {"tier": "A"}
