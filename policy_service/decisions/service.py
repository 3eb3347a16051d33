"""Decision service: decides about a subject, records the decision, and returns the recorded answer.

    decisions = open_decision_service(database, clock, zone, fact_cipher)
    answer = await decisions.decide(request, actor, key="4711", fingerprint=fingerprint_of("POST", path, body))

An idempotency key has one effect. While its first request is in flight, a retry waits for that answer; later it gets
the recorded one. A refusal is not stored, since it had no effect.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from typing import NamedTuple
from zoneinfo import ZoneInfo

from policy_service.actor import Actor
from policy_service.clock import Clock
from policy_service.database import Database
from policy_service.decisions.decision import EngineName
from policy_service.decisions.evaluation import Evaluation, Question
from policy_service.decisions.group import PendingDecision, RecordedAnswer
from policy_service.decisions.in_force import InForce, NotReady, VersionsChanging
from policy_service.decisions.request import DecisionRequest
from policy_service.decisions.served_policy import Alarm
from policy_service.decisions.subjects import FactCipher
from policy_service.decisions.version_build import Build
from policy_service.decisions.writer import DecisionWriter
from policy_service.errors import FactsRejected, UnknownPolicies, UnknownSubjectKind
from policy_service.idempotency import (
    IdempotencyKeyReused,
    RecordedResponse,
    ScopedKey,
    check_key,
    find_response,
    find_responses,
)
from policy_service.in_flight import RequestInFlight
from policy_service.messages import Message
from policy_service.subject import Subject

WAIT_SECONDS = 5.0
"""How long a request waits for an identical one in flight, or for other versions to come into force."""


IN_FLIGHT = Message("the request with this idempotency key is still in progress: ask again in a moment")


class _RequestTask(NamedTuple):
    fingerprint: str
    task: asyncio.Task[RecordedAnswer]


class DecisionService:
    """Decides and records, for one event loop and any number of threads."""

    def __init__(
        self,
        database: Database,
        zone: ZoneInfo,
        in_force: InForce,
        writer: DecisionWriter,
        *,
        wait_seconds: float = WAIT_SECONDS,
    ) -> None:
        self.in_force = in_force
        self.writer = writer
        self.batches = 0
        """The number of batches in flight."""
        self.singles = 0
        """The number of single decisions in flight."""
        self._database, self._zone, self._wait_seconds = database, zone, wait_seconds
        self._request_tasks: dict[ScopedKey, _RequestTask] = {}
        self._refresh_task: asyncio.Task[None] | None = None

    async def decide(
        self, request: DecisionRequest, actor: Actor, *, key: str | None = None, fingerprint: str = ""
    ) -> RecordedAnswer:
        """Decide about a subject and return the recorded answer.

        Raises FactsRejected, UnknownPolicies, WrongSubjectKind, UnknownSubjectKind; InvalidIdempotencyKey,
        IdempotencyKeyReused, RequestInFlight; NotReady, QueueFull, DatabaseUnavailable.
        """
        self.singles += 1
        try:
            return await self._decide_once(request, actor, key, fingerprint)
        finally:
            self.singles -= 1

    async def _decide_once(
        self, request: DecisionRequest, actor: Actor, key: str | None, fingerprint: str
    ) -> RecordedAnswer:
        if key is None:
            return await self._decide(request, actor, None, "")
        check_key(key)
        name = (actor.id, key)
        running = self._request_tasks.get(name)
        if running is None:
            task = asyncio.create_task(self._decide(request, actor, key, fingerprint))
            self._request_tasks[name] = _RequestTask(fingerprint, task)
            task.add_done_callback(lambda done: self._forget_task(name, done))
            return await asyncio.shield(task)
        if running.fingerprint != fingerprint:
            raise IdempotencyKeyReused
        try:
            answer = await asyncio.wait_for(asyncio.shield(running.task), self._wait_seconds)
        except TimeoutError:
            raise RequestInFlight(IN_FLIGHT) from None
        return answer._replace(outcomes=None)

    def decide_in_thread(
        self, request: DecisionRequest, actor: Actor, *, key: str | None = None, fingerprint: str = ""
    ) -> RecordedAnswer:
        """Like `decide`, for a thread, which blocks until the decision is recorded."""
        if key is not None:
            check_key(key)
        question = self._question_of(request)
        try:
            evaluation = self.in_force.evaluate(question)
        except VersionsChanging:
            self.in_force.refresh()  # in a thread there is time to wait for it
            evaluation = self.in_force.evaluate(question)
        return self.writer.submit(PendingDecision(evaluation, actor, key, fingerprint)).result()

    def recall(self, names: Iterable[ScopedKey]) -> dict[ScopedKey, RecordedResponse]:
        """Return the recorded answers under some keys. Raises DatabaseUnavailable."""
        with self._database.read() as session:
            return find_responses(session, names)

    def close(self) -> None:
        """Record what waits in the queue, then stop."""
        self.writer.close()
        self.in_force.close()

    async def _decide(
        self, request: DecisionRequest, actor: Actor, key: str | None, fingerprint: str
    ) -> RecordedAnswer:
        try:
            evaluation = await self.evaluate(request)
        except (FactsRejected, UnknownPolicies, UnknownSubjectKind, NotReady):
            if key is not None and (
                previous_answer := await asyncio.to_thread(self._recall_answer, (actor.id, key), fingerprint)
            ):
                return previous_answer
            raise
        return await self.writer.record(PendingDecision(evaluation, actor, key, fingerprint))

    def _question_of(self, request: DecisionRequest) -> Question:
        as_of = request.as_of or self.in_force.now().astimezone(self._zone).date()
        subject = Subject(request.subject, request.kind)
        policies = None if request.policies is None else tuple(dict.fromkeys(request.policies))
        return Question(subject, request.facts, as_of, policies, request.explain, request.corrects)

    async def evaluate(self, request: DecisionRequest, *, wait: bool = True) -> Evaluation:
        """Decide about a subject, for the writer to record; wait if other versions come into force.

        Raises FactsRejected, UnknownPolicies, UnknownSubjectKind, NotReady.
        """
        question, evaluate = self._question_of(request), self.in_force.evaluate
        is_slow = question.explain or bool(self.in_force.reads_previous(question))
        try:
            return await asyncio.to_thread(evaluate, question) if is_slow else evaluate(question)
        except VersionsChanging:
            if not wait:
                raise
            await self._wait_for_refresh()
            return await asyncio.to_thread(evaluate, question)

    async def _wait_for_refresh(self) -> None:
        """Wait until other versions are in service; concurrent callers share one refresh."""
        if self._refresh_task is None or self._refresh_task.done():
            self._refresh_task = asyncio.create_task(asyncio.to_thread(self.in_force.refresh))
        try:
            await asyncio.wait_for(asyncio.shield(self._refresh_task), self._wait_seconds)
        except TimeoutError:
            raise VersionsChanging from None

    def _recall_answer(self, name: ScopedKey, fingerprint: str) -> RecordedAnswer | None:
        """Return the recorded answer. Policies may have changed since, and reject what they accepted then."""
        with self._database.read() as session:
            stored = find_response(session, *name, fingerprint)
        return RecordedAnswer(stored.body, None) if stored else None

    def _forget_task(self, name: ScopedKey, task: asyncio.Task[RecordedAnswer]) -> None:
        del self._request_tasks[name]
        if not task.cancelled():
            task.exception()  # anyone who waited was told, or has gone


def open_decision_service(  # noqa: PLR0913  # what it works with
    database: Database,
    clock: Clock,
    zone: ZoneInfo,
    fact_cipher: FactCipher,
    *,
    engine: EngineName = "durable_rules",
    shadow_every: int = 0,
    on_alarm: Callable[[Alarm], None] | None = None,
    build: Build | None = None,
    on_change: Callable[[], None] | None = None,
) -> DecisionService:
    """Return a decision service with the versions in force, built as `InForce` says.

    Raises NotReady, DatabaseUnavailable.
    """
    in_force = InForce(
        database, clock, engine=engine, shadow_every=shadow_every, on_alarm=on_alarm, build=build, on_change=on_change
    )
    return DecisionService(database, zone, in_force, DecisionWriter(database, clock, in_force, fact_cipher))
