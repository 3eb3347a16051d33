"""Decide: read the facts, evaluate the policies in stages, give the reasons.

A policy that takes an outcome of another stands after it; its fact is filled from there.
"""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from types import MappingProxyType, TracebackType
from typing import Self

from policy_service.compilers.evaluator import Slots
from policy_service.compilers.rules_engine import run_smoke_tests
from policy_service.decisions.benchmark_figures import fill_figures
from policy_service.decisions.decision import Decision, EngineName, Json, PolicyDecision
from policy_service.decisions.facts_reader import raw_text, unknown_fact_problems
from policy_service.decisions.override import AppliedOverride, Override, apply_override
from policy_service.decisions.previous import NO_PREVIOUS, PreviousByPolicy, PreviousOutcomes, fill_previous
from policy_service.decisions.served_policy import Alarm, EngineWatch, Health, ServedPolicy
from policy_service.decisions.version_build import REHEARSAL_SECONDS, Parts, assemble
from policy_service.decisions.window import PolicyStop
from policy_service.errors import FactProblem, FactsRejected, UnknownPolicies, UnknownSubjectKind, WrongSubjectKind
from policy_service.language.benchmark_set import BenchmarkSet
from policy_service.language.core import Core
from policy_service.language.diagnostics import did_you_mean
from policy_service.language.evaluate import scope_of
from policy_service.language.outcome import Decided, MissingFacts
from policy_service.language.policy import AS_OF, Fact, Policy
from policy_service.language.requirements import bind_figures, required_policies, topological_order
from policy_service.language.trace import trace
from policy_service.language.types import Value, format_value

NO_PARTS: Mapping[str, Parts] = MappingProxyType({})
NO_STOPS: Mapping[str, PolicyStop] = MappingProxyType({})
Plan = tuple[list[ServedPolicy], frozenset[str]]
ServedPolicies = dict[str, ServedPolicy]
"""Policies ready to serve, by id, each after those it needs."""
MAX_PLANS = 256
"""Capacity of the cache of evaluation plans."""


class Decider:
    """Decides about subjects by a set of policies, one version of each.

    Threads may share one; decisions are made one after another. Close it, or use it in `with`.

    Args:
        policies: one version of each policy, with those that they need.
        engine: the evaluator that answers; the other ones are its standby and its check.
        shadow_every: check each n-th answer of a policy against the second evaluator; 0 checks none.
        on_alarm: called when the engine fails or differs, in the thread that decides.

    Raises:
        PolicyError: the policies do not fit together.
        SmokeTestFailed: the engine cannot be trusted with one of them.
    """

    def __init__(
        self,
        policies: Iterable[Policy],
        *,
        engine: EngineName = "durable_rules",
        shadow_every: int = 0,
        on_alarm: Callable[[Alarm], None] | None = None,
    ) -> None:
        self._engine: EngineName = engine
        self._watch = EngineWatch(engine, shadow_every, on_alarm)
        self._lock = threading.RLock()
        self._in_service: dict[str, ServedPolicy] = {}
        self._plans: dict[tuple[str | None, tuple[str, ...] | None], Plan] = {}
        self.replace(policies)

    @property
    def health(self) -> Health:
        """The decider's counts so far."""
        return self._watch.health

    # the policies

    @property
    def policies(self) -> Mapping[str, Policy]:
        """The policies in service, by id, each after those it needs."""
        return {id_: served.policy for id_, served in self._in_service.items()}

    def replace(self, policies: Iterable[Policy]) -> None:
        """Put other policies in service.

        The old ones serve until the new ones are built and tested, and are then closed.

        Raises PolicyError, SmokeTestFailed; the old ones then stay in service.
        """
        self.put(self.prepare(policies))

    def prepare(
        self,
        policies: Iterable[Policy],
        parts: Mapping[str, Parts] = NO_PARTS,
        absent: Collection[str] = (),
    ) -> ServedPolicies:
        """Build and test policies beside those in service; a version already in service is reused.

        Args:
            policies: one version of each policy.
            parts: versions that another process has built and tested, by digest.
            absent: the policies that were ended, whose outcomes the others do without.

        Returns:
            The policies to hand to `put`, or to `discard`; after another `put` only to `discard`.

        Raises:
            PolicyError: the policies do not fit together.
            SmokeTestFailed: the engine cannot be trusted with one of them.
        """
        ordered = topological_order(bind_figures(policies), absent)
        in_service = self._in_service
        unchanged = {
            policy.id: in_service[policy.id]
            for policy in ordered
            if policy.id in in_service and _is_same(in_service[policy.id].policy, policy)
        }
        new = [policy for policy in ordered if policy.id not in unchanged and policy.digest not in parts]
        cores: dict[str, Core] = {}
        if self._engine == "durable_rules":
            run_smoke_tests(new, seconds=REHEARSAL_SECONDS, cores=cores)
        served: ServedPolicies = {}
        try:
            for policy in ordered:
                served[policy.id] = unchanged.get(policy.id) or self._serve(policy, parts.get(policy.digest), cores)
        except BaseException:
            for id_ in served.keys() - unchanged.keys():
                served[id_].close()
            raise
        return served

    def _serve(self, policy: Policy, parts: Parts | None, cores: Mapping[str, Core]) -> ServedPolicy:
        if parts is None:
            return ServedPolicy(policy, self._engine, cores.get(policy.digest))
        served = assemble(parts)
        served.bind(policy)
        return served

    def put(self, prepared: ServedPolicies) -> ServedPolicies:
        """Put prepared policies in service at once; return those that served before, closed.

        A caller in a hurry holds the result and drops it later: freeing a thousand rules takes milliseconds.
        """
        with self._lock:
            old, self._in_service = self._in_service, prepared
            self._plans = {}
            self._known_facts = frozenset(name for served in prepared.values() for name in served.policy.facts)
            self._has_previous = any(served.previous for served in prepared.values())
            _close(old, keep=prepared)
            return old

    def discard(self, prepared: ServedPolicies) -> None:
        """Close prepared policies that will not serve."""
        with self._lock:
            _close(prepared, keep=self._in_service)

    def close(self) -> None:
        """Release the engine's resources. Idempotent; deciding afterwards raises RuntimeError."""
        with self._lock:
            for served in self._in_service.values():
                served.close()
            self._in_service, self._plans = {}, {}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace_: TracebackType | None
    ) -> None:
        self.close()

    # deciding

    def decide(  # noqa: PLR0913  # what may be said of a question
        self,
        facts: Mapping[str, object],
        *,
        as_of: datetime.date,
        policies: Sequence[str] | None = None,
        kind: str | None = None,
        explain: bool = False,
        overrides: Mapping[str, Override] | None = None,
        stops: Mapping[str, PolicyStop] = NO_STOPS,
        benchmark_set: BenchmarkSet | None = None,
        previous: PreviousByPolicy = NO_PREVIOUS,
    ) -> Decision:
        """Decide about the subject with these facts.

        Args:
            facts: JSON values by name; decimals as Decimal or text, None for what is not known.
            as_of: the day that dates count against.
            policies: the policies to decide, by name; None for all about subjects of the `kind`. Those that they need
                are decided too, and answered when they decide or are stopped.
            kind: the kind of the subject; None for any.
            explain: add the trace of every rule.
            overrides: the overrides of the subject, by policy: their outcomes are answered, and other policies take
                them.
            stops: the policies that answer `suspended`, whatever their rules or overrides say.
            benchmark_set: the figures in force, which fill benchmark facts.
            previous: the last outcomes of the subject, by policy, which fill facts from there.

        Raises:
            FactsRejected: facts are unknown, mistyped, out of range or contradict a decision; carries all of them.
            UnknownPolicies: policies are not in service; carries all their names.
            WrongSubjectKind: policies are about another kind of subject; carries all of them.
            UnknownSubjectKind: no policy in service is about this kind.
            RuntimeError: the decider is closed, or has no policies.
        """
        with self._lock:
            plan, requested = self._plan(kind, None if policies is None else tuple(policies))
            problems = [] if self._known_facts.issuperset(facts) else unknown_fact_problems(facts, self._known_facts)
            today = as_of.toordinal()
            inputs_read = [(served, served.reader.slots(facts, problems)) for served in plan]
            if problems:
                raise FactsRejected(problems)
            decisions: dict[str, PolicyDecision] = {}
            inputs: dict[str, Slots] = {}
            digest = None
            used: dict[str, PreviousOutcomes] = {}
            for served, slots in inputs_read:
                supplied = self._fill(served, slots, decisions, problems)
                if served.benchmarks:
                    given, is_used = fill_figures(served.benchmarks, slots, benchmark_set, problems)
                    supplied = (*given, *supplied)
                    digest = benchmark_set.digest if benchmark_set is not None and is_used else digest
                if served.previous:
                    outcomes = previous.get(served.id, {})
                    supplied = (*fill_previous(served.previous, slots, outcomes, problems), *supplied)
                    used |= {served.id: outcomes} if outcomes else {}
                subject = (*slots, today)
                if served.id in stops:
                    decisions[served.id] = PolicyDecision(stops[served.id], (), "definition", served.writer)
                    inputs[served.id] = subject
                    continue
                result, served_by = served.answer(subject, self._watch)
                applied_override: AppliedOverride | None = None
                if overrides and (override := overrides.get(served.id)) is not None:
                    result, applied_override = apply_override(served.policy, result, override)
                decisions[served.id] = PolicyDecision(result, supplied, served_by, served.writer, applied_override)
                inputs[served.id] = subject
            if problems:
                raise FactsRejected(problems)
        answers = decisions
        if len(requested) < len(decisions):
            answers = {
                id_: entry
                for id_, entry in decisions.items()
                if id_ in requested or isinstance(entry.result, Decided | PolicyStop)
            }
        decision = Decision(as_of, answers, None, decisions, inputs, digest, used)
        return with_trace(decision) if explain else decision

    def reads_previous(self, kind: str | None, policies: Sequence[str] | None) -> tuple[str, ...]:
        """Return the policies among those a question evaluates that read the subject's previous outcomes."""
        if not self._has_previous:
            return ()
        with self._lock, suppress(UnknownPolicies, UnknownSubjectKind):
            plan, _ = self._plan(kind, None if policies is None else tuple(policies))
            return tuple(served.id for served in plan if served.previous)
        return ()

    def _plan(self, kind: str | None, policies: tuple[str, ...] | None) -> Plan:
        """Return the policies to evaluate, in order, and those requested.

        Cached, since callers repeat the same questions.
        """
        plan = self._plans.get((kind, policies))
        if plan is None:
            if len(self._plans) >= MAX_PLANS:
                self._plans.clear()
            plan = self._plans[kind, policies] = self._make_plan(kind, policies)
        return plan

    def _make_plan(self, kind: str | None, policies: tuple[str, ...] | None) -> Plan:
        if not self._in_service:
            raise RuntimeError("the decider is closed, or has no policies")
        kinds = {id_: served.policy.subject for id_, served in self._in_service.items()}
        if policies is None:
            policies = tuple(
                id_
                for id_, each in kinds.items()
                if kind in {None, each} and not self._in_service[id_].policy.has_figures
            )
            if kind is not None and not policies:
                raise UnknownSubjectKind(kind, kinds.values())
        if missing := [name for name in dict.fromkeys(policies) if name not in self._in_service]:
            hints = {name: hint for name in missing if (hint := did_you_mean(name, self._in_service))}
            raise UnknownPolicies(missing, hints)
        if others := {name: kinds[name] for name in policies if kind not in {None, kinds[name]}}:
            raise WrongSubjectKind(kind or "", others)
        required: set[str] = set()
        pending = list(policies)
        while pending:
            id_ = pending.pop()
            if id_ not in required:
                required.add(id_)
                pending.extend(required_policies(self._in_service[id_].policy) & self._in_service.keys())
        return [served for id_, served in self._in_service.items() if id_ in required], frozenset(policies)

    @staticmethod
    def _fill(
        served: ServedPolicy,
        slots: list[Value | None],
        decisions: Mapping[str, PolicyDecision],
        problems: list[FactProblem],
    ) -> tuple[str, ...]:
        """Fill in the outcomes of other policies; return the facts that the caller supplied instead."""
        if not served.requirements:
            return ()
        supplied: list[str] = []
        for slot, requirement in served.requirements:
            source, supplied_value = decisions.get(requirement.policy), slots[slot]
            name = list(served.policy.facts)[slot]
            if source is not None and isinstance(source.result, Decided):
                value = _outcome_for_fact(source.policy, source.result, requirement.outcome)
                if supplied_value is not None and supplied_value != value:
                    if served.policy.facts[name].replaceable:
                        supplied.append(name)
                        continue
                    problems.append(_contradiction(served.policy.facts[name], supplied_value, value))
                slots[slot] = value
            elif supplied_value is not None:
                supplied.append(name)
        return tuple(supplied)


def with_trace(decision: Decision) -> Decision:
    """Return a decision with its trace: for each rule whether it matched; if not, the failed condition and its values.

    Slow for many rules, since the definition evaluates each of them. Needs no decider.
    """
    traces: Json = {}
    for id_, entry in decision.policies.items():
        policy = entry.policy
        if isinstance(entry.rules_result, MissingFacts | PolicyStop):
            traces[id_] = []
            continue
        slots = decision.inputs[id_]
        facts = {name: value for name, value in zip(policy.facts, slots, strict=False) if value is not None}
        values = {name: format_value(policy.facts[name].type, value) for name, value in facts.items()} | {
            AS_OF: decision.as_of.isoformat()
        }
        traces[id_] = [
            {"rule": rule.rule, "matched": True}
            if rule.failed is None
            else {
                "rule": rule.rule,
                "matched": False,
                "failed": rule.failed,
                "saw": {name: values.get(name) for name in rule.names},
            }
            for rule in trace(policy.rules, scope_of(policy, facts, decision.as_of))
        ]
    return decision._replace(trace=traces)


def _is_same(one: Policy, other: Policy) -> bool:
    """Return True if two policies have the same text and take their facts from the same policies."""
    return one.digest == other.digest and one.facts == other.facts


def _close(served: ServedPolicies, *, keep: ServedPolicies) -> None:
    for id_, each in served.items():
        if keep.get(id_) is not each:
            each.close()


def _outcome_for_fact(policy: Policy, result: Decided, outcome: str) -> Value:
    """Return the value that a fact takes from another policy's answer: the outcome, or all listed outcomes as tags."""
    index = list(policy.outcomes).index(outcome)
    values = [entry[index] for entry in result.outcome]
    return frozenset(map(str, values)) if policy.returns_list else values[0]


def _contradiction(fact: Fact, supplied_value: Value, decided_value: Value) -> FactProblem:
    source = fact.requirement.policy if fact.requirement else ""
    expected = f"{raw_text(format_value(fact.type, decided_value))}, which {source} decides"
    hint = "leave it out: the service fills it"
    return FactProblem(fact.name, "contradiction", raw_text(format_value(fact.type, supplied_value)), expected, hint)
