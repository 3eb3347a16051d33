"""The desk: asked about a subject, it decides, records, and answers what was recorded.

    decisions = open_decisions(database, clock, zone, secrets)
    answer = await decisions.decide(request, actor, key="4711", fingerprint=fingerprint_of("POST", path, body))

One idempotency key has one effect. While its first request is under way, the same request waits for that answer;
later it finds it on record. A refusal is not kept, as nothing was done.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import NamedTuple
from zoneinfo import ZoneInfo

from policy_service.actor import Actor
from policy_service.clock import Clock
from policy_service.database import Database
from policy_service.decisions.building import Build
from policy_service.decisions.decision import EngineName
from policy_service.decisions.group import Answer, Item
from policy_service.decisions.in_force import InForce, Made, NotReady, Question, Turning
from policy_service.decisions.request import DecisionRequest
from policy_service.decisions.served import Alarm
from policy_service.decisions.subjects import Secrets
from policy_service.decisions.writer import Writer
from policy_service.errors import FactsRefused, UnknownKind, UnknownPolicies
from policy_service.idempotency import KeyReused, Name, Stored, check_key, recall, recall_all
from policy_service.sentences import Sentence
from policy_service.subject import Subject

PATIENCE_SECONDS = 5.0
"""How long a request waits for the same one before it, or for other versions to come into force."""


class InFlight(Exception):
    """The same request is still under way."""

    def __init__(self) -> None:
        super().__init__(Sentence("the request with this idempotency key is still under way: ask again in a moment"))


class _Flight(NamedTuple):
    fingerprint: str
    answer: asyncio.Task[Answer]


class Decisions:
    """Decides and records, for one event loop and any number of threads."""

    def __init__(
        self,
        database: Database,
        zone: ZoneInfo,
        in_force: InForce,
        writer: Writer,
        *,
        patience: float = PATIENCE_SECONDS,
    ) -> None:
        self.in_force = in_force
        self.writer = writer
        self.batches = 0
        """How many batches are under way."""
        self.singles = 0
        """How many single decisions are."""
        self._database, self._zone, self._patience = database, zone, patience
        self._flights: dict[Name, _Flight] = {}
        self._turning: asyncio.Task[None] | None = None

    async def decide(
        self, request: DecisionRequest, actor: Actor, *, key: str | None = None, fingerprint: str = ""
    ) -> Answer:
        """Decides about a subject and gives the answer that was recorded.

        Raises FactsRefused, UnknownPolicies, OtherKind, UnknownKind; KeyRefused, KeyReused, InFlight; NotReady, Busy,
        DatabaseUnavailable.
        """
        self.singles += 1
        try:
            return await self._single(request, actor, key, fingerprint)
        finally:
            self.singles -= 1

    async def _single(self, request: DecisionRequest, actor: Actor, key: str | None, fingerprint: str) -> Answer:
        if key is None:
            return await self._decide(request, actor, None, "")
        check_key(key)
        name = (actor.id, key)
        flight = self._flights.get(name)
        if flight is None:
            task = asyncio.create_task(self._decide(request, actor, key, fingerprint))
            self._flights[name] = _Flight(fingerprint, task)
            task.add_done_callback(lambda done: self._landed(name, done))
            return await asyncio.shield(task)
        if flight.fingerprint != fingerprint:
            raise KeyReused
        try:
            answer = await asyncio.wait_for(asyncio.shield(flight.answer), self._patience)
        except TimeoutError:
            raise InFlight from None
        return answer._replace(outcomes=None)

    def decide_here(
        self, request: DecisionRequest, actor: Actor, *, key: str | None = None, fingerprint: str = ""
    ) -> Answer:
        """The same in a thread, which waits until it is recorded."""
        if key is not None:
            check_key(key)
        question = self._question(request)
        try:
            made = self.in_force.make(question)
        except Turning:
            self.in_force.refresh()  # in a thread there is time to wait for it
            made = self.in_force.make(question)
        return self.writer.submit(Item(made, actor, key, fingerprint)).result()

    def recall(self, names: Iterable[Name]) -> dict[Name, tuple[str, Stored]]:
        """What was answered under some keys, each with the fingerprint of its request. Raises DatabaseUnavailable."""
        with self._database.read() as session:
            return recall_all(session, names)

    def close(self) -> None:
        """Records what waits, and ends."""
        self.writer.close()
        self.in_force.close()

    async def _decide(self, request: DecisionRequest, actor: Actor, key: str | None, fingerprint: str) -> Answer:
        try:
            made = await self.make(request)
        except (FactsRefused, UnknownPolicies, UnknownKind, NotReady):
            if key is not None and (told := await asyncio.to_thread(self._told, (actor.id, key), fingerprint)):
                return told
            raise
        return await self.writer.record(Item(made, actor, key, fingerprint))

    def _question(self, request: DecisionRequest) -> Question:
        as_of = request.as_of or self.in_force.now().astimezone(self._zone).date()
        subject = Subject(request.subject, request.kind)
        policies = None if request.policies is None else tuple(dict.fromkeys(request.policies))
        return Question(subject, request.facts, as_of, policies, request.explain)

    async def make(self, request: DecisionRequest, *, wait: bool = True) -> Made:
        """Decides about a subject, for the writer to record; waits when other versions come into force.

        Raises FactsRefused, UnknownPolicies, UnknownKind, NotReady.
        """
        question, make = self._question(request), self.in_force.make
        try:
            return await asyncio.to_thread(make, question) if question.explain else make(question)
        except Turning:
            if not wait:
                raise
            await self._turned()
            return await asyncio.to_thread(make, question) if question.explain else make(question)

    async def _turned(self) -> None:
        """Waits until other versions are in service; all wait for the same."""
        if self._turning is None or self._turning.done():
            self._turning = asyncio.create_task(asyncio.to_thread(self.in_force.refresh))
        try:
            await asyncio.wait_for(asyncio.shield(self._turning), self._patience)
        except TimeoutError:
            raise Turning from None

    def _told(self, name: Name, fingerprint: str) -> Answer | None:
        """What was answered before. Policies may have changed since, and refuse what they took then."""
        with self._database.read() as session:
            stored = recall(session, *name, fingerprint)
        return Answer(stored.body, None) if stored else None

    def _landed(self, name: Name, done: asyncio.Task[Answer]) -> None:
        del self._flights[name]
        if not done.cancelled():
            done.exception()  # whoever waited was told, or has gone


def open_decisions(  # noqa: PLR0913  # what it works with
    database: Database,
    clock: Clock,
    zone: ZoneInfo,
    secrets: Secrets,
    *,
    engine: EngineName = "durable_rules",
    shadow_every: int = 0,
    alarm: Callable[[Alarm], None] | None = None,
    build: Build | None = None,
    changed: Callable[[], None] | None = None,
) -> Decisions:
    """A desk with the versions in force, built as `InForce` says. Raises NotReady, DatabaseUnavailable."""
    in_force = InForce(
        database, clock, engine=engine, shadow_every=shadow_every, alarm=alarm, build=build, changed=changed
    )
    return Decisions(database, zone, in_force, Writer(database, clock, in_force, secrets))
