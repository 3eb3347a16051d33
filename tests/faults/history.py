"""Puts versions in force and suspends them over HTTP, while two services on one database decide all the time.

python -m tests.faults.history --seconds 60 [--backend sqlite] [--backend postgresql]

Every record must name a version that was active, by what was known then, between the request's start and its end.
"""

from __future__ import annotations

import argparse
import asyncio
import json
import threading
from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from itertools import count as numbers
from itertools import pairwise
from time import monotonic
from typing import NamedTuple
from uuid import UUID

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from sqlmodel import Session, col, select

from api.app import Application, create_app
from policy_service.audit.database_verification import verify_database
from policy_service.audit.keys import public_keys
from policy_service.clock import SystemClock, timestamp
from policy_service.decisions.block_store import verify_blocks
from policy_service.decisions.record import DecisionRecord, read_record
from policy_service.decisions.replay import replay
from policy_service.decisions.tables import DecisionRow
from policy_service.identity.sessions import PASSWORD, start_session
from policy_service.registry.model import Activation, active_at
from policy_service.registry.service import activations
from tests.api.client import HERE, SECRET
from tests.api.company import ROLES, Company, Json, establish, opened
from tests.approval.world import TIER, tier
from tests.databases import BACKENDS, TestClock, copied, nothing
from tests.effort import effort
from tests.faults.machine import machine

CALLERS = 6
"""Clients of each service."""
LEAD = 2.0
"""Seconds from the beginning of a change to its day, at first."""
PAUSE = effort(0.1, 0.0)
"""Seconds between two decisions of a client: by day those who govern need not wait long for their turn."""
LASTS = timedelta(seconds=0.7)
"""How long a version is in force that comes for a while only."""
REPLAYED = 100
"""Records that are made again at the end."""
_REAL = SystemClock()


class RunningClock(TestClock):
    """The machine's own clock, where a clock of a test is expected."""

    def __init__(self) -> None:
        self.count = 0

    def now(self) -> datetime:
        return _REAL.now()

    def new_id(self) -> UUID:
        return _REAL.new_id()

    def move(self, **by: float) -> None:
        """Nobody moves it."""

    def __getattr__(self, name: str) -> datetime:
        if name == "at":
            return _REAL.now()
        raise AttributeError(name)


class Asked(NamedTuple):
    """One decision as its caller saw it."""

    start: datetime
    end: datetime
    decision_id: str
    digests: Mapping[str, str]


@dataclass
class Found:
    """What was seen."""

    asked: list[Asked] = field(default_factory=list)
    activated: int = 0
    suspended: int = 0
    faults: list[str] = field(default_factory=list)

    @property
    def digests(self) -> int:
        """How many versions decided."""
        return len({each.digests[TIER] for each in self.asked})


class Governing:
    """Somebody for every role, who puts versions in force and suspends them."""

    def __init__(self, here: Company, portal: BlockingPortal, result: Found) -> None:
        self._here, self._portal, self._found = here, portal, result
        with here.database.write(here.clock) as transaction:
            people = {name: here.people[name] for name in ("ann", *ROLES)}
            self._tokens = {name: start_session(transaction, person, PASSWORD).token for name, person in people.items()}
        self._lead, self._asked = LEAD, 0

    def did(self, method: str, path: str, by: str, body: object = None, **headers: str) -> Json:
        """What is answered to something that is done."""
        answer = self._portal.call(self._send, method, path, by, body, headers)
        if not answer.is_success:
            raise Refused(answer.text)
        document: Json = answer.json()
        return document

    async def _send(self, method: str, path: str, by: str, body: object, headers: Mapping[str, str]) -> httpx.Response:
        self._asked += 1  # from another address each time: passwords are counted by it
        client = (f"10.0.{self._asked // 200}.{self._asked % 200}", 1)
        transport = httpx.ASGITransport(self._here.app, raise_app_exceptions=False, client=client)
        head = {"authorization": f"Bearer {self._tokens[by]}", "content-type": "application/json"}
        head |= {name.replace("_", "-"): value for name, value in headers.items()}
        content = b"" if body is None else json.dumps(body).encode()
        async with httpx.AsyncClient(transport=transport, base_url="http://service", timeout=60) as person:
            return await person.request(method, path, headers=head, content=content)

    def activate(self, number: int) -> str | None:
        """Puts a version in force, every third one for a while only; None when its day came too soon."""
        version = f"1.{number}.0"
        day = _REAL.now() + timedelta(seconds=self._lead)
        until = day + LASTS if number % 3 == 0 else None
        effective = {"from": timestamp(day), "until": timestamp(until) if until else None}
        text = tier(version, 100 + number % 2 * 100, note=str(number)).decode()
        body = {"title": "another limit", "reason": "a test", "effective": effective, "texts": [text]}
        change = self.did("POST", "/v1/changes", "ann", body)
        path, by = f"/v1/changes/{change['id']}", {role: name for name, role in ROLES.items()}
        try:
            change = self.did("POST", f"{path}/submit", "ann", if_match=change["etag"])
            while change["state"] == "under_analysis":  # by a job, where there are many decisions on record
                self._wait(0.05)
                change = self.did("GET", path, "ann")
            for role in change["owed"]:
                change = self.did("POST", f"{path}/sign-offs", by[role], self._here.signature(change, role))
            self.did("POST", f"{path}/schedule", "ann", if_match=change["etag"])
        except Refused:
            if _REAL.now() < day:
                raise
            self._lead *= 1.5
            return None
        self._found.activated += 1
        self._wait((day - _REAL.now()).total_seconds() + 0.2)
        return version if until is None else None

    def suspend(self, version: str) -> None:
        """Suspends the version in force for a moment."""
        signature = {"role": "sales_director", "reason": "a test", "password": SECRET}
        made = self.did("POST", "/v1/suspensions", "sales", {"policy": TIER, "version": version, **signature})
        self._found.suspended += 1
        self._wait(0.3)
        signature |= {"role": "general_manager"}
        self.did("POST", f"/v1/suspensions/{made['id']}/end", "general", signature)
        self._wait(0.2)

    @staticmethod
    def _wait(seconds: float) -> None:
        threading.Event().wait(max(0.0, seconds))


class Refused(AssertionError):
    """Something that should be done was refused."""


async def call(app: Application, key: str, stop: threading.Event, result: Found) -> None:
    """Decides with some clients until told to stop."""
    transport = httpx.ASGITransport(app, raise_app_exceptions=False)
    async with httpx.AsyncClient(transport=transport, base_url="http://service", timeout=60) as client:

        async def caller(body: Mapping[str, object]) -> None:
            content, headers = json.dumps(body).encode(), {"authorization": key, "content-type": "application/json"}
            while not stop.is_set():
                begun = _REAL.now()
                answer = await client.post("/v1/decisions", content=content, headers=headers)
                if answer.status_code != httpx.codes.OK:
                    result.faults.append(f"{answer.status_code}: {answer.text}")
                    return
                document = answer.json()
                digests = {name: each["digest"] for name, each in document["outcomes"].items()}
                result.asked.append(Asked(begun, _REAL.now(), document["decision_id"], digests))
                await asyncio.sleep(PAUSE)

        one: dict[str, object] = {"subject": "C1", "facts": {"orders": 150}}
        await asyncio.gather(*(caller({**one, "policies": [TIER]} if n % 2 else one) for n in range(CALLERS)))


def govern(people: Governing, stop: threading.Event, result: Found, *, rounds: int, seconds: float) -> None:
    """Goes on for so many rounds and seconds at least."""
    begun = monotonic()
    try:
        for number in numbers(1):
            version = people.activate(number)
            if version is not None:
                people.suspend(version)
            if result.suspended >= rounds and monotonic() - begun >= seconds:
                return
    except Exception as fault:  # noqa: BLE001  # told to whoever started it
        result.faults.append(repr(fault))
    finally:
        stop.set()


def run(backend: str, *, rounds: int = 1, seconds: float = 0.0) -> Found:
    """Governs and decides for so many rounds and seconds at least; gives what was seen, with every fault."""
    result, stop = Found(), threading.Event()
    with copied(backend, nothing) as made, ExitStack() as stack:
        clock = RunningClock()
        people = establish(made.url, made.folder, clock)
        here = stack.enter_context(opened(made.url, made.folder, clock, people))
        other = create_app(here.app.service.settings, here.clock, HERE)
        assert isinstance(other, Application)
        stack.callback(other.service.close)
        key, apps = machine(here.database, here.clock), (here.app, other)
        portals = [stack.enter_context(start_blocking_portal()) for _ in apps]
        here.app.service.sealer.start()
        governing = Governing(here, portals[0], result)
        calls = [
            portal.start_task_soon(call, app, key, stop, result) for app, portal in zip(apps, portals, strict=True)
        ]
        govern(governing, stop, result, rounds=rounds, seconds=seconds)
        for each in calls:
            each.result()
        here.app.service.sealer.seal_all()
        with here.database.read() as session:
            result.faults += faults(session, here, result.asked)
    return result


def faults(session: Session, here: Company, requests: list[Asked]) -> Iterator[str]:
    """Everything on record that is not as it was seen, or not as it must be."""
    recorded = activations(session)
    rows = session.exec(select(DecisionRow.line).order_by(col(DecisionRow.seq)))
    records = {record.decision_id: record for record in map(read_record, rows)}
    if len(records) != len(requests) or [each.seq for each in records.values()] != list(range(1, len(requests) + 1)):
        yield f"{len(requests)} were answered, {len(records)} are on record"
    for before, after in pairwise(records.values()):
        if after.decided_at < before.decided_at:
            yield f"{after.decision_id} was decided before {before.decision_id}, and recorded after it"
    for each in requests:
        yield from _wrong(each, records[each.decision_id], recorded)
    for each in requests[:: max(1, len(requests) // REPLAYED)]:
        verdict = replay(session, here.app.service.fact_cipher, each.decision_id).verdict
        if verdict != "same":
            yield f"{each.decision_id}: replayed, it is {verdict}"
    entries = verify_database(session, list(public_keys(here.app.service.settings.keys).values())).fault
    yield from verify_blocks(session).faults
    if entries is not None:
        yield entries.message


def _wrong(request: Asked, record: DecisionRecord, recorded: tuple[Activation, ...]) -> Iterator[str]:
    at = record.decided_at
    if not request.start <= at <= request.end:
        yield f"{record.decision_id}: decided at {at}, asked from {request.start} to {request.end}"
    for policy, digest in request.digests.items():
        active = active_at(recorded, policy, at, at)
        named = record.policies[policy].digest
        if not (active is not None and active.digest == named == digest):
            yield f"{record.decision_id}: {policy} by {named}, answered {digest}, active at {at} was {active}"


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seconds", type=float, default=60.0)
    parser.add_argument("--backend", action="append", choices=BACKENDS)
    options = parser.parse_args()
    wrong: list[str] = []
    for backend in options.backend or BACKENDS:
        result = run(backend, seconds=options.seconds)
        message = f"{result.activated} activated, {result.suspended} suspended, {result.digests} versions decided"
        print(f"{backend}: {len(result.asked):,} decisions, {message}", *result.faults[:20], sep="\n  ")  # noqa: T201  # a command
        wrong += result.faults
    raise SystemExit(1 if wrong else 0)


if __name__ == "__main__":
    main()
