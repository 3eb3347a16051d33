"""Re-evaluation: decides about the subjects of a policy again, from their latest recorded facts.

    scope = Reevaluation("tiering/rfm_value", as_of=day, max_age=31)
    counts = reevaluate(Reevaluator(service, database, clock, cipher), actor, scope, on_undecided=undecided.append)

The log names who started it. Its decisions are recorded like any others, by the actor `REEVALUATION`, with lower
priority than single ones.

The subjects are those for which the policy was evaluated before, or all of its kind if it is new. Dependent policies
that were evaluated for the subject before are decided with it. The idempotency key of a decision consists of its day,
subject and versions: so an interrupted re-evaluation resumes, and a repeated one decides once.

| reason        | why nothing was recorded about a subject, or about a policy                        |
|---------------|------------------------------------------------------------------------------------|
| erased        | all that was decided about it was before it was erased                             |
| archived      | the facts of its decisions are in an archive                                       |
| too-old       | a fact that is needed is older than `max_age` days                                 |
| missing-facts | facts that are not optional were not given in its latest decisions                 |
| rejected      | the version in force does not take a value that an earlier one took                |
| suspended     | the policy is suspended, and no version stands in its place                        |
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from enum import StrEnum
from functools import cached_property, partial
from typing import NamedTuple

from sqlmodel import Session, select

from policy_service.actor import Actor
from policy_service.audit.events import ReevaluationStarted
from policy_service.audit.log import append
from policy_service.canonical import to_canonical_json_unchecked
from policy_service.clock import Clock
from policy_service.database import Database
from policy_service.decisions.evaluation import Evaluation, Question
from policy_service.decisions.group import PendingDecision, RecordedAnswer, RecordResult
from policy_service.decisions.groups.tables import OutcomePeriod
from policy_service.decisions.in_force import VersionsChanging
from policy_service.decisions.recorded_facts import FactsReader, LatestFacts, count_subjects, next_subjects
from policy_service.decisions.service import DecisionService
from policy_service.decisions.subjects import FactCipher
from policy_service.decisions.window import PolicyStop
from policy_service.decisions.writer import MAX_LINES_BESIDE
from policy_service.errors import FactsRejected, PolicyServiceError, UnknownPolicies
from policy_service.language.outcome import MissingFacts
from policy_service.language.policy import Policy
from policy_service.language.requirements import required_policies, with_required_policies
from policy_service.messages import Message
from policy_service.subject import Subject

REEVALUATION = Actor("reevaluation", "reevaluation", "policy-service (re-evaluation)", frozenset(), "service")
"""The actor of re-evaluations."""
MAX_AGE = 31
"""Default maximum age of facts, days."""
YIELD_SECONDS = 0.005
"""How long subjects wait for single decisions in flight, after each part read."""
UNANSWERED = frozenset({"missing_facts", "suspended"})
SERVICE_FILLS = frozenset({"contradiction", "unknown-fact"})
"""The error codes of facts that are dropped: the service fills them now, or no version in force reads them."""
MAX_ATTEMPTS = 20
"""Maximum number of attempts to decide about a subject while other versions come into force."""


HEADINGS = ("subject", "kind", "policy", "reason", "facts", "told_on")
"""The headings of the file of undecided subjects."""


class Reason(StrEnum):
    """The reason why a subject was not decided; see the table above."""

    ERASED = "erased"
    ARCHIVED = "archived"
    TOO_OLD = "too-old"
    MISSING_FACTS = "missing-facts"
    REJECTED = "rejected"
    SUSPENDED = "suspended"


class ReevaluationRejected(PolicyServiceError):
    """The re-evaluation cannot run; the message says why."""

    kind = "request-refused"


@dataclass(frozen=True, slots=True)
class Reevaluation:
    """A re-evaluation: a policy, a day, and the maximum age of facts in days."""

    policy: str
    as_of: date
    max_age: int = MAX_AGE


class Undecided(NamedTuple):
    """A subject and a policy that were not decided, with the reason."""

    subject: str
    kind: str
    policy: str
    reason: Reason
    facts: tuple[str, ...] = ()
    """The facts that are missing, rejected or too old."""
    told_on: date | None = None
    """The day of the oldest of them."""

    def cells(self) -> tuple[str, ...]:
        """Return the entry as a row of a file with `HEADINGS`."""
        told_on = self.told_on.isoformat() if self.told_on else ""
        return self.subject, self.kind, self.policy, self.reason, " ".join(self.facts), told_on


@dataclass(frozen=True, slots=True)
class ReevaluationCounts:
    """The numbers of subjects that were decided, already current, and not decided, by reason."""

    decided: int = 0
    current: int = 0
    """The number of subjects already decided for the day by the versions in force."""
    undecided: Mapping[str, int] = field(default_factory=dict)


class _Plan:
    """The policies of a re-evaluation, and the facts they read."""

    def __init__(self, policy: str, in_force: Mapping[str, Policy], *, is_new: bool) -> None:
        self.policies, self._is_new, self._policy = in_force, is_new, policy
        self._facts: dict[tuple[str, ...], frozenset[str]] = {}

    @cached_property
    def candidates(self) -> tuple[str, ...]:
        """The policy, and those about the same kind that depend on it, directly or not."""
        chosen, kind = {self._policy}, self.policies[self._policy].subject
        for id_, policy in self.policies.items():  # those that others need come first
            if policy.subject == kind and not chosen.isdisjoint(required_policies(policy)):
                chosen.add(id_)
        return tuple(id_ for id_ in self.policies if id_ in chosen)

    def of(self, evaluated: Collection[str]) -> tuple[str, ...]:
        """Return the policies to decide about a subject, from those evaluated about it before.

        None if it is not concerned.
        """
        chosen = tuple(id_ for id_ in self.candidates if id_ in evaluated or (self._is_new and id_ == self._policy))
        return chosen if self._policy in chosen else ()

    def facts(self, policies: Sequence[str]) -> frozenset[str]:
        """Return the facts that some policies, and those they need, read."""
        key = tuple(policies)
        if key not in self._facts:
            chained = (with_required_policies(self.policies[id_], self.policies) for id_ in key)
            self._facts[key] = frozenset(name for chain in chained for each in chain for name in each.facts)
        return self._facts[key]


class Reevaluator(NamedTuple):
    """The service, database and keys that a re-evaluation uses."""

    service: DecisionService
    database: Database
    clock: Clock
    cipher: FactCipher


def reevaluate(  # noqa: PLR0913  # with what, for whom, what, and who is told
    reevaluator: Reevaluator,
    actor: Actor,
    scope: Reevaluation,
    *,
    on_undecided: Callable[[Undecided], object],
    on_progress: Callable[[int, int], object] = lambda *_: None,
    is_cancelled: Callable[[], bool] = lambda: False,
) -> ReevaluationCounts:
    """Decide about all subjects of a policy again; call it in a thread.

    Raises ReevaluationRejected, NotReady, QueueFull, DatabaseUnavailable, DamagedRecord; what was recorded until then
    remains, and the next call resumes.
    """
    service, database, clock, cipher = reevaluator
    policies = service.in_force.decider.policies
    if scope.policy not in policies:
        raise ReevaluationRejected(Message("The policy {policy} is not in force.", policy=scope.policy))
    kind = policies[scope.policy].subject
    with database.read() as session:
        plan = _Plan(scope.policy, policies, is_new=not _was_decided(session, scope.policy))
        total = count_subjects(session, kind)
    with database.write(clock) as transaction:
        append(transaction, actor, ReevaluationStarted(scope.policy, scope.as_of.isoformat(), scope.max_age))
    run = _Run(service, scope, plan, on_undecided)
    after, done = "", 0
    while not is_cancelled():
        with database.read() as session:
            subjects = next_subjects(session, kind, after, MAX_LINES_BESIDE)
            reader = FactsReader(session, cipher, kind, scope.as_of)
            latest = list(reader.read(subjects, plan.facts(plan.candidates)))
        if not subjects:
            break
        run.decide(latest)
        after, done = subjects[-1], done + len(subjects)
        on_progress(done, max(done, total))
        if service.singles:
            time.sleep(YIELD_SECONDS)
    return run.counts()


class _Run:
    """Decides about one group of subjects after another."""

    def __init__(
        self,
        service: DecisionService,
        scope: Reevaluation,
        plan: _Plan,
        on_undecided: Callable[[Undecided], object],
    ) -> None:
        self._service, self._scope, self._plan = service, scope, plan
        self._on_undecided = on_undecided
        self._decided = self._current = 0
        self._undecided: Counter[str] = Counter()

    def counts(self) -> ReevaluationCounts:
        """Return the counts so far."""
        return ReevaluationCounts(self._decided, self._current, dict(self._undecided))

    def decide(self, latest: Sequence[LatestFacts]) -> None:
        """Decide about some subjects, and record the decisions."""
        items = list(filter(None, map(self._pending, latest)))
        if not items:
            return
        for item, result in zip(items, self._service.writer.submit_lines(items).result(), strict=True):
            self._count(item, result)

    def _count(self, item: PendingDecision, result: RecordResult) -> None:
        match result:
            case FactsRejected():
                self._reject(item.evaluation.question, result)
            case Exception():
                raise result
            case RecordedAnswer(outcomes=None):
                self._current += 1
            case _:
                self._decided += 1

    def _pending(self, latest: LatestFacts) -> PendingDecision | None:
        """Return the decision about a subject, to be recorded; None if there is none."""
        scope, policies = self._scope, self._plan.of(latest.evaluated)
        if latest.newest is None:
            for reason, evaluated in ((Reason.ERASED, latest.erased), (Reason.ARCHIVED, latest.archived)):
                if scope.policy in evaluated:
                    self._leave(latest.subject, scope.policy, reason)
                    break
            return None
        if not policies:
            return None
        if self._is_current(latest, policies):
            self._current += 1
            return None
        needed = self._plan.facts(policies)
        told_on = {name: day for name, day in latest.told_on.items() if name in needed}
        if old := [name for name, day in told_on.items() if (scope.as_of - day).days > scope.max_age]:
            self._leave(latest.subject, scope.policy, Reason.TOO_OLD, old, min(told_on[name] for name in old))
            return None
        facts = {name: value for name, value in latest.facts.items() if name in needed}
        evaluation = self._evaluate(Question(latest.subject, facts, scope.as_of, policies))
        if evaluation is None:
            return None
        fingerprint = self._fingerprint(latest.subject, evaluation.question.policies or ())
        return PendingDecision(evaluation, REEVALUATION, f"again {fingerprint}", fingerprint)

    def _is_current(self, latest: LatestFacts, policies: Sequence[str]) -> bool:
        """Return True if the newest record has answers for the day by the versions in force."""
        record, stops = latest.newest, self._service.in_force.window.stops
        return (
            record is not None
            and record.as_of == self._scope.as_of
            and all(
                id_ in record.outcomes
                and record.outcomes[id_]["digest"] == self._plan.policies[id_].digest
                and record.outcomes[id_]["status"] not in UNANSWERED
                and id_ not in stops
                for id_ in policies
            )
        )

    def _evaluate(self, question: Question) -> Evaluation | None:
        """Decide about a subject. Policies that give no answer are left out; None if the first gives none."""
        in_force = self._service.in_force
        for _ in range(MAX_ATTEMPTS):
            try:
                evaluation = in_force.evaluate(question)
            except VersionsChanging:
                in_force.refresh()
                continue
            except UnknownPolicies as error:
                raise ReevaluationRejected(str(error)) from None
            except FactsRejected as error:
                own = {each.fact for each in error.problems if each.code in SERVICE_FILLS}
                if len(own) < len(error.problems):
                    self._reject(question, error)
                    return None
                question = question._replace(facts={n: v for n, v in question.facts.items() if n not in own})
                continue
            policies = question.policies or ()
            if not self._is_answered(evaluation, self._scope.policy):
                return None
            others = [id_ for id_ in policies if id_ != self._scope.policy]
            answered = (self._scope.policy, *filter(partial(self._is_answered, evaluation), others))
            if len(answered) == len(policies):
                return evaluation
            question = question._replace(policies=answered)
        raise VersionsChanging

    def _is_answered(self, evaluation: Evaluation, policy: str) -> bool:
        """Return True if a policy gives an answer; otherwise report the reason."""
        match evaluation.decision.policies[policy].result:
            case MissingFacts(names):
                self._leave(evaluation.question.subject, policy, Reason.MISSING_FACTS, names)
            case PolicyStop():
                self._leave(evaluation.question.subject, policy, Reason.SUSPENDED)
            case _:
                return True
        return False

    def _reject(self, question: Question, error: FactsRejected) -> None:
        names = [each.fact for each in error.problems]
        self._leave(question.subject, self._scope.policy, Reason.REJECTED, names)

    def _leave(
        self, subject: Subject, policy: str, reason: Reason, facts: Iterable[str] = (), told_on: date | None = None
    ) -> None:
        self._undecided[reason.value] += 1
        self._on_undecided(Undecided(*subject, policy, reason, tuple(sorted(facts)), told_on))

    def _fingerprint(self, subject: Subject, policies: Sequence[str]) -> str:
        """Return the idempotency key of a decision: its day, subject and versions."""
        digests = [self._plan.policies[id_].digest for id_ in policies]
        line = to_canonical_json_unchecked([self._scope.as_of.isoformat(), *subject, digests])
        return f"sha256:{hashlib.sha256(line).hexdigest()}"


def _was_decided(session: Session, policy: str) -> bool:
    return session.exec(select(OutcomePeriod.policy).where(OutcomePeriod.policy == policy).limit(1)).first() is not None
