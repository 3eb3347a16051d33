"""Decides: reads the facts, asks the policies in stages, tells why.

A policy that takes an outcome of another stands after it; its fact is filled from there.
"""

from __future__ import annotations

import datetime
import threading
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from types import MappingProxyType, TracebackType
from typing import Self

from policy_service.compilers.evaluator import Slots
from policy_service.compilers.rules_engine import rehearse
from policy_service.decisions.building import REHEARSAL_SECONDS, Parts, assemble
from policy_service.decisions.decision import Decision, EngineName, Json, PolicyDecision
from policy_service.decisions.overriding import Excepted, Overriding, apply
from policy_service.decisions.reading import show, unknown
from policy_service.decisions.served import Alarm, Health, Served, Watch
from policy_service.decisions.window import Stopped
from policy_service.errors import FactProblem, FactsRefused, OtherKind, UnknownKind, UnknownPolicies
from policy_service.language.diagnostics import did_you_mean
from policy_service.language.evaluate import scope_of
from policy_service.language.outcome import Decided, MissingFacts
from policy_service.language.policy import AS_OF, Fact, Policy
from policy_service.language.requirements import in_stages, needed
from policy_service.language.trace import trace
from policy_service.language.types import Value, write

NOTHING_BUILT: Mapping[str, Parts] = MappingProxyType({})
NOTHING_STOPPED: Mapping[str, Stopped] = MappingProxyType({})
Plan = tuple[list[Served], frozenset[str]]
Prepared = dict[str, Served]
"""Policies that are ready to serve, by id, those that others need first."""
MAX_PLANS = 256
"""Ways of asking that are remembered."""


class Decider:
    """Decides about subjects by a set of policies, one version of each.

    Not for several threads at once in the sense of speed: decisions are made one after another. Raises PolicyError
    when the policies do not fit together, EngineTrialError when the engine cannot be trusted with one of them.
    """

    def __init__(
        self,
        policies: Iterable[Policy],
        *,
        engine: EngineName = "durable_rules",
        shadow_every: int = 0,
        alarm: Callable[[Alarm], None] | None = None,
    ) -> None:
        self._engine: EngineName = engine
        self._watch = Watch(engine, shadow_every, alarm)
        self._lock = threading.RLock()
        self._served: dict[str, Served] = {}
        self._plans: dict[tuple[str | None, tuple[str, ...] | None], Plan] = {}
        self.replace(policies)

    @property
    def health(self) -> Health:
        """What the decider has seen so far."""
        return self._watch.health

    # the policies

    @property
    def policies(self) -> Mapping[str, Policy]:
        """The policies in service, by id, those that others need first."""
        return {id_: served.policy for id_, served in self._served.items()}

    def replace(self, policies: Iterable[Policy]) -> None:
        """Puts other policies in service.

        Until all of them are built and tried the old ones go on; then they are closed.
        """
        self.put(self.prepare(policies))

    def prepare(
        self,
        policies: Iterable[Policy],
        built: Mapping[str, Parts] = NOTHING_BUILT,
        absent: Collection[str] = (),
    ) -> Prepared:
        """Builds and tries policies beside those in service, of which it takes what is the same.

        `built` are those that another process has built and tried, by their digests; `absent` are the policies that
        were ended, whose outcomes the others do without. Hand the result to `put`, or to
        `discard`; after another `put` only to `discard`.
        """
        ordered = in_stages(policies, absent)
        in_service = self._served
        kept = {
            policy.id: in_service[policy.id]
            for policy in ordered
            if policy.id in in_service and in_service[policy.id].policy.digest == policy.digest
        }
        if self._engine == "durable_rules":
            new = [policy for policy in ordered if policy.id not in kept and policy.digest not in built]
            rehearse(new, seconds=REHEARSAL_SECONDS)
        served: Prepared = {}
        try:
            for policy in ordered:
                served[policy.id] = kept.get(policy.id) or self._serve(policy, built.get(policy.digest))
        except BaseException:
            for id_ in served.keys() - kept.keys():
                served[id_].close()
            raise
        return served

    def _serve(self, policy: Policy, parts: Parts | None) -> Served:
        return Served(policy, self._engine) if parts is None else assemble(parts)

    def put(self, prepared: Prepared) -> Prepared:
        """Puts what was prepared in service, at once; closes and gives what served before.

        Whoever is in a hurry keeps that, and lets it go later: a thousand rules take milliseconds to be freed.
        """
        with self._lock:
            old, self._served = self._served, prepared
            self._plans = {}
            self._known = frozenset(name for served in prepared.values() for name in served.policy.facts)
            _close(old, keep=prepared)
            return old

    def discard(self, prepared: Prepared) -> None:
        """Closes what was prepared and will not serve."""
        with self._lock:
            _close(prepared, keep=self._served)

    def close(self) -> None:
        """Gives back what the engine holds. Closing twice is fine; deciding afterwards is not."""
        with self._lock:
            for served in self._served.values():
                served.close()
            self._served, self._plans = {}, {}

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
        overrides: Mapping[str, Overriding] | None = None,
        stopped: Mapping[str, Stopped] = NOTHING_STOPPED,
    ) -> Decision:
        """What the policies decide about the subject with these facts on the day `as_of`.

        `facts` are JSON values; decimals as Decimal or text, None for what is not known. `policies` left out asks all
        that are about subjects of the `kind`, of any kind where that is left out too. Policies that those asked for
        need are decided too, and answered when they decide or are stopped. `overrides` are the exceptions made for the
        subject, by policy: what they say is answered, and is what other policies take. `stopped` are the policies that
        answer that they are suspended, whatever their rules or exceptions say. Raises FactsRefused with every problem,
        UnknownPolicies with every name, OtherKind with every policy that is about another kind, UnknownKind.
        """
        with self._lock:
            plan, asked = self._plan(kind, None if policies is None else tuple(policies))
            problems = [] if self._known.issuperset(facts) else unknown(facts, self._known)
            today = as_of.toordinal()
            read = [(served, served.reader.slots(facts, problems)) for served in plan]
            if problems:
                raise FactsRefused(problems)
            decided: dict[str, PolicyDecision] = {}
            seen: dict[str, Slots] = {}
            for served, slots in read:
                supplied = self._fill(served, slots, decided, problems)
                subject = (*slots, today)
                if served.id in stopped:
                    decided[served.id] = PolicyDecision(stopped[served.id], (), "definition", served.writer)
                    seen[served.id] = subject
                    continue
                result, served_by = served.answer(subject, self._watch)
                excepted: Excepted | None = None
                if overrides and (overriding := overrides.get(served.id)) is not None:
                    result, excepted = apply(served.policy, result, overriding)
                decided[served.id] = PolicyDecision(result, supplied, served_by, served.writer, excepted)
                seen[served.id] = subject
            if problems:
                raise FactsRefused(problems)
        answered = decided
        if len(asked) < len(decided):
            answered = {
                id_: entry
                for id_, entry in decided.items()
                if id_ in asked or isinstance(entry.result, Decided | Stopped)
            }
        decision = Decision(as_of, answered, None, decided, seen)
        return explained(decision) if explain else decision

    def _plan(self, kind: str | None, policies: tuple[str, ...] | None) -> Plan:
        """The policies to decide, in order, and those asked for; remembered, as callers ask for the same again."""
        plan = self._plans.get((kind, policies))
        if plan is None:
            if len(self._plans) >= MAX_PLANS:
                self._plans.clear()
            plan = self._plans[kind, policies] = self._make_plan(kind, policies)
        return plan

    def _make_plan(self, kind: str | None, policies: tuple[str, ...] | None) -> Plan:
        if not self._served:
            raise RuntimeError("the decider is closed, or has no policies")
        kinds = {id_: served.policy.subject for id_, served in self._served.items()}
        if policies is None:
            policies = tuple(id_ for id_, each in kinds.items() if kind in {None, each})
            if kind is not None and not policies:
                raise UnknownKind(kind, kinds.values())
        if absent := [name for name in dict.fromkeys(policies) if name not in self._served]:
            hints = {name: hint for name in absent if (hint := did_you_mean(name, self._served))}
            raise UnknownPolicies(absent, hints)
        if others := {name: kinds[name] for name in policies if kind not in {None, kinds[name]}}:
            raise OtherKind(kind or "", others)
        wanted: set[str] = set()
        open_ = list(policies)
        while open_:
            id_ = open_.pop()
            if id_ not in wanted:
                wanted.add(id_)
                open_.extend(needed(self._served[id_].policy) & self._served.keys())
        return [served for id_, served in self._served.items() if id_ in wanted], frozenset(policies)

    @staticmethod
    def _fill(
        served: Served,
        slots: list[Value | None],
        decided: Mapping[str, PolicyDecision],
        problems: list[FactProblem],
    ) -> tuple[str, ...]:
        """Fills in the outcomes of other policies; gives the facts with `from:` that the caller supplied."""
        if not served.requirements and not served.benchmarks:
            return ()
        supplied = [name for slot, name in served.benchmarks if slots[slot] is not None]
        for slot, requirement in served.requirements:
            source, given = decided.get(requirement.policy), slots[slot]
            name = list(served.policy.facts)[slot]
            if source is not None and isinstance(source.result, Decided):
                value = slots[slot] = _taken(source.policy, source.result, requirement.outcome)
                if given is not None and given != value:
                    problems.append(_contradiction(served.policy.facts[name], given, value))
            elif given is not None:
                supplied.append(name)
        return tuple(supplied)


def explained(decision: Decision) -> Decision:
    """A decision with its trace: for each rule whether it matched; if not, what failed and the values it saw.

    It goes through every rule by the definition, so it is slow for many rules, and needs no decider.
    """
    told: Json = {}
    for id_, entry in decision.policies.items():
        policy = entry.policy
        if isinstance(entry.said, MissingFacts | Stopped):
            told[id_] = []
            continue
        slots = decision.seen[id_]
        facts = {name: value for name, value in zip(policy.facts, slots, strict=False) if value is not None}
        values = {name: write(policy.facts[name].type, value) for name, value in facts.items()} | {
            AS_OF: decision.as_of.isoformat()
        }
        told[id_] = [
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
    return decision._replace(trace=told)


def _close(served: Prepared, *, keep: Prepared) -> None:
    for id_, each in served.items():
        if keep.get(id_) is not each:
            each.close()


def _taken(policy: Policy, result: Decided, outcome: str) -> Value:
    """What a fact takes from another policy's answer: the outcome, or all that are listed as tags."""
    index = list(policy.outcomes).index(outcome)
    values = [entry[index] for entry in result.outcome]
    return frozenset(map(str, values)) if policy.lists else values[0]


def _contradiction(fact: Fact, given: Value, decided: Value) -> FactProblem:
    source = fact.requirement.policy if fact.requirement else ""
    expected = f"{show(write(fact.type, decided))}, which {source} decides"
    hint = "leave it out: the service fills it"
    return FactProblem(fact.name, "contradiction", show(write(fact.type, given)), expected, hint)
