"""Clients of a service that may be killed at any instant: each remembers what it asked, and what it was told.

A request that was not answered is sent again to the next service, under the key it had; so are the last that were
answered, and the answers must be the same.
"""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import timedelta
from itertools import count as numbers
from typing import Any, NamedTuple

import httpx

from policy_service.clock import SystemClock, timestamp
from tests.api.client import SECRET
from tests.api.company import ROLES
from tests.approval.world import TIER, tier
from tests.storage.life import Acknowledged

DECIDING = 4
"""Clients that decide."""
_CLOCK = SystemClock()
Json = dict[str, Any]


class Request(NamedTuple):
    """A request under an idempotency key."""

    kind: str
    method: str
    path: str
    by: str
    key: str
    body: Mapping[str, object] | None = None
    if_match: str | None = None


class Told(NamedTuple):
    """A request and its answer."""

    request: Request
    status: int
    content: bytes


@dataclass
class Memory:
    """What was asked in all lives of a service."""

    tokens: Mapping[str, str]
    life: int = 0
    kept: list[Acknowledged] = field(default_factory=list)
    told: list[Told] = field(default_factory=list)
    unanswered: list[Request] = field(default_factory=list)
    faults: list[str] = field(default_factory=list)
    many: Counter[str] = field(default_factory=Counter)
    seen: threading.Condition = field(default_factory=threading.Condition)

    def remember(self, result: Told) -> None:
        """Keeps an answer."""
        with self.seen:
            self.told.append(result)
            self.kept.append(Acknowledged(result.request.kind, name_of(result)))
            self.many[result.request.kind] += 1
            self.seen.notify_all()

    def wait(self, kind: str, seconds: float) -> None:
        """Until another of this kind was answered, or so many seconds."""
        with self.seen:
            many = self.many[kind]
            self.seen.wait_for(lambda: self.many[kind] > many or self.faults, seconds)


class Gone(Exception):
    """The service was killed."""


class Client:
    """Sends requests, and remembers."""

    def __init__(self, address: str, memory: Memory) -> None:
        self._client = httpx.Client(base_url=address, timeout=60)
        self.memory = memory

    def close(self) -> None:
        """Gives back the connections."""
        self._client.close()

    def send(self, request: Request) -> Told:
        """The answer. Raises Gone when there is none."""
        headers = {"authorization": self.memory.tokens[request.by], "idempotency-key": request.key}
        if request.if_match is not None:
            headers["if-match"] = request.if_match
        try:
            answer = self._client.request(request.method, request.path, headers=headers, json=request.body)
        except httpx.TransportError:
            raise Gone from None
        return Told(request, answer.status_code, answer.content)

    def did(self, request: Request) -> Json:
        """What is answered to something that is done; remembered, as is that there was no answer. Raises Gone."""
        try:
            result = self.send(request)
        except Gone:
            self.memory.unanswered.append(request)
            raise
        if result.status not in {httpx.codes.OK, httpx.codes.CREATED}:
            raise AssertionError(f"{request}: {result.status} {result.content.decode()}")
        self.memory.remember(result)
        return document(result)


def document(result: Told) -> Json:
    """The answer's JSON."""
    body: Json = httpx.Response(result.status, content=result.content).json()
    return body


def name_of(result: Told) -> str:
    """The name under which the effect must be found."""
    answer = document(result)
    match result.request.kind:
        case "decision":
            return str(answer["decision_id"])
        case "override":
            return str(answer["override"])
        case "signature":
            body = result.request.body or {}
            return f"{answer['id']}/{body['role']}"
        case _:
            return str(answer["id"])


# ------------------------------------------------------------------------------------------------ what they do


def decide(client: Client, number: int) -> Iterator[Json]:
    """Decides, each time under another key."""
    for each in numbers():
        key = f"d-{client.memory.life}-{number}-{each}"
        body = {"subject": f"C{key}", "facts": {"orders": each}, "policies": [TIER]}
        yield client.did(Request("decision", "POST", "/v1/decisions", "crm", key, body))


def except_(client: Client) -> Iterator[Json]:
    """Excepts subjects from the rules."""
    for each in numbers():
        key = f"o-{client.memory.life}-{each}"
        until = timestamp(_CLOCK.now() + timedelta(days=1))
        body = {"subject": f"E{key}", "policy": TIER, "outcome": {"size": "big"}, "until": until, **_signed()}
        yield client.did(Request("override", "POST", "/v1/overrides", "sally", key, body))


def govern(client: Client) -> Iterator[Json]:
    """Drafts changes, comments on them, submits them, and signs them in every role that must."""
    for each in numbers():
        key, memory = f"c-{client.memory.life}-{each}", client.memory
        day = timestamp(_CLOCK.now() + timedelta(days=1))
        text = kept_policy(f"1.{memory.life + 1}.{each}")
        body = {"title": "kept", "reason": "kept", "effective": {"from": day}, "texts": [text]}
        change = client.did(Request("change", "POST", "/v1/changes", "ann", key, body))
        yield change
        path = f"/v1/changes/{change['id']}"
        yield client.did(Request("comment", "POST", f"{path}/comments", "ben", f"{key}-said", {"text": "kept"}))
        tag = str(change["etag"])
        change = client.did(Request("submission", "POST", f"{path}/submit", "ann", f"{key}-submit", None, tag))
        yield change
        by = {role: name for name, role in ROLES.items()}
        for role in change["owed"]:
            signature = {**_signed(), "role": role, "digest": change["digest"], "meaning": "approved"}
            yield client.did(Request("signature", "POST", f"{path}/sign-offs", by[role], f"{key}-{role}", signature))


def kept_policy(version: str) -> str:
    """A policy about subjects that nobody decides: those of the decisions come too fast for a signature to hold."""
    text = tier(version, 200).decode()
    return text.replace(f"policy: {TIER}", "policy: tiering/kept").replace("subject: customer", "subject: order")


def _signed() -> dict[str, object]:
    return {"role": "sales_director", "reason": "kept", "password": SECRET}


def at_work(address: str, memory: Memory) -> list[threading.Thread]:
    """Sends all of them to work; they go on until the service is gone."""
    work: list[Callable[[Client], Iterator[Json]]] = [govern, except_]
    work += [lambda client, number=number: decide(client, number) for number in range(DECIDING)]  # type: ignore[misc]
    threads = [threading.Thread(target=_work, args=(each, address, memory)) for each in work]
    for thread in threads:
        thread.start()
    return threads


def _work(does: Callable[[Client], Iterator[Json]], address: str, memory: Memory) -> None:
    client = Client(address, memory)
    try:
        for _ in does(client):
            pass
    except Gone:
        pass
    except BaseException as fault:  # noqa: BLE001  # told to the parent, which fails
        with memory.seen:
            memory.faults.append(repr(fault))
            memory.seen.notify_all()
    finally:
        client.close()
