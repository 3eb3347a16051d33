"""One policy in service: the engine answers, a second evaluator checks it and serves as its standby.

Every `shadow_every`-th answer of the engine is compared with the second evaluator's. If they differ, the reference
evaluator decides which of the two serves from then on. If the engine fails, the second evaluator answers, and the
engine, which rebuilds itself, is tried again next time. Either event raises an alarm.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable
from dataclasses import dataclass

from policy_service.compilers.evaluator import Evaluator, Slots
from policy_service.compilers.python_source import compile_python
from policy_service.compilers.rules_engine import EngineFault, compile_engine
from policy_service.decisions.benchmark_figures import benchmark_slots
from policy_service.decisions.decision import EngineName, ResultWriter
from policy_service.decisions.facts_reader import FactsReader
from policy_service.decisions.previous import previous_slots
from policy_service.language.core import Core
from policy_service.language.evaluate import evaluate
from policy_service.language.lower import lower
from policy_service.language.outcome import MissingFacts, Result
from policy_service.language.policy import Policy
from policy_service.messages import Message


@dataclass(frozen=True, slots=True)
class Alarm:
    """The engine failed, or answered differently from the second evaluator."""

    policy: str
    version: str
    reason: str


@dataclass(frozen=True, slots=True)
class Health:
    """The counts since the decider was created: policies decided, checked, and answered by the standby engine."""

    engine: EngineName
    decisions: int = 0
    shadow_checks: int = 0
    differences: int = 0
    fallbacks: int = 0


class EngineWatch:
    """Counts the answers of a decider's policies, and raises alarms."""

    def __init__(self, engine: EngineName, shadow_every: int, on_alarm: Callable[[Alarm], None] | None) -> None:
        self.engine: EngineName = engine
        self.shadow_every = shadow_every
        self.alarm = on_alarm
        self.decisions = self.shadow_checks = self.differences = self.fallbacks = 0

    @property
    def health(self) -> Health:
        """The counts so far."""
        return Health(self.engine, self.decisions, self.shadow_checks, self.differences, self.fallbacks)

    def is_check_due(self) -> bool:
        """Count an answer; return True if it must be compared."""
        self.decisions += 1
        return self.shadow_every > 0 and self.decisions % self.shadow_every == 0

    def fall_back(self, policy: Policy, reason: str) -> None:
        """Count an answer of the standby engine, and raise an alarm."""
        self.fallbacks += 1
        if self.alarm is not None:
            self.alarm(Alarm(policy.id, policy.version, reason))


class ServedPolicy:
    """One version of a policy, ready to answer."""

    def __init__(self, policy: Policy, engine: EngineName, core: Core | None = None) -> None:
        """`core` is the lowered form of the policy, if known. Raises EngineLimitError, EngineFault."""
        core = core or lower(policy)
        self.policy = policy
        self.id = policy.id
        self.reader = FactsReader(policy)
        self.writer = ResultWriter(policy)
        self.python = compile_python(policy, core)
        self.engine: Evaluator | None = compile_engine(policy, core) if engine == "durable_rules" else None
        self.served_by: EngineName = engine
        self.bind(policy)

    def bind(self, policy: Policy) -> None:
        """Take facts from the sources of this version, which has the same text; the compiled rules are reused."""
        self.policy = policy
        facts = enumerate(policy.facts.values())
        self.requirements = tuple((slot, fact.requirement) for slot, fact in facts if fact.requirement is not None)
        self.benchmarks = benchmark_slots(policy)
        self.previous = previous_slots(policy)

    def answer(self, slots: Slots, watch: EngineWatch) -> tuple[Result, EngineName]:
        """Decide by the policy; return the result and the engine that gave it."""
        is_check_due = watch.is_check_due()
        if self.served_by == "python":
            return self.python.decide(slots), "python"
        if self.served_by == "definition" or self.engine is None:
            return self.evaluate_definition(slots), "definition"
        try:
            result = self.engine.decide(slots)
        except EngineFault as fault:
            watch.fall_back(self.policy, Message("the engine failed: {fault}", fault=str(fault)))
            return self.python.decide(slots), "python"
        if is_check_due and not isinstance(result, MissingFacts):
            return self.compare(slots, result, watch)
        return result, "durable_rules"

    def compare(self, slots: Slots, result: Result, watch: EngineWatch) -> tuple[Result, EngineName]:
        """Return the engine's answer if the second evaluator agrees, else that of the reference evaluator."""
        watch.shadow_checks += 1
        second = self.python.decide(slots)
        if second == result:
            return result, "durable_rules"
        definition_result = self.evaluate_definition(slots)
        watch.differences += 1
        self.served_by = "python" if definition_result == second else "definition"
        reason = Message("the engine and the standby engine differ; {engine} serves from now on", engine=self.served_by)
        watch.fall_back(self.policy, reason)
        return definition_result, self.served_by

    def evaluate_definition(self, slots: Slots) -> Result:
        """Return the result of the reference evaluator."""
        facts = {name: value for name, value in zip(self.policy.facts, slots, strict=False) if value is not None}
        return evaluate(self.policy, facts, datetime.date.fromordinal(int(slots[-1])))  # type: ignore[arg-type]  # the day

    def close(self) -> None:
        """Release what the engine holds."""
        if self.engine is not None:
            self.engine.close()
