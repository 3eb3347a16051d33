"""Checks a policy's examples (their outcomes and rules), and its invariants on the examples' facts.

An invariant is only checked on the examples' facts; a monotonicity law also on every value of its fact in any example.
This finds mistakes, but proves nothing about all subjects.
"""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import assert_never

from policy_service.language.evaluate import holds, scope_of
from policy_service.language.outcome import (
    Conflict,
    Decided,
    MissingFacts,
    NoRuleMatched,
    Result,
    missing_facts,
)
from policy_service.language.policy import Always, Bilingual, Example, Invariant, Monotone, Policy, Total
from policy_service.language.types import ChoiceType, Exact, Value, format_value, to_exact

Facts = Mapping[str, Value]
Evaluate = Callable[[Facts, datetime.date], Result]
"""One evaluator of the policy in question."""

ANY_DAY = datetime.date(2000, 1, 1)
"""The day of an example without one, whose policy does not use the day."""


@dataclass(frozen=True, slots=True)
class Failure:
    """A failed example, or an invariant broken by an example's facts."""

    name: str
    expected: str
    actual: str
    title: Bilingual | None = None
    """The title of the example."""

    def to_dict(self) -> dict[str, object]:
        titled = {"title": self.title.to_dict()} if self.title else {}
        return {"name": self.name, **titled, "expected": self.expected, "found": self.actual}


def check_examples(policy: Policy, evaluate: Evaluate) -> tuple[Failure, ...]:
    """Return the examples that fail under one evaluator, in the author's order."""
    return tuple(failure for example in policy.examples if (failure := check_example(policy, example, evaluate)))


def check_example(policy: Policy, example: Example, evaluate: Evaluate) -> Failure | None:
    """Return how the example fails, or None. The right outcome by another rule fails."""
    result = evaluate(facts_of(example), day_of(example))
    if _agrees(policy, example, result):
        return None
    return Failure(example.name, _expected(policy, example), describe_result(policy, result), example.title)


def facts_of(example: Example) -> dict[str, Value]:
    """Return the example's facts, in stored form."""
    return dict(example.facts)


def day_of(example: Example) -> datetime.date:
    """Return the day the example is decided for."""
    return datetime.date.fromisoformat(example.as_of) if example.as_of else ANY_DAY


def _agrees(policy: Policy, example: Example, result: Result) -> bool:
    match result:
        case Decided():
            outcome = tuple(dict(zip(policy.outcomes, values, strict=True)) for values in result.outcome)
            same = example.outcome == (outcome if policy.returns_list else outcome[0])
            return example.status == "decided" and same and result.rules == example.rules
        case MissingFacts():
            return example.status == "missing_facts" and set(result.names) == set(example.missing)
        case NoRuleMatched():
            return example.status == "no_rule_matched"
        case Conflict():
            return example.status == "conflict" and example.rules in (None, result.rules)
        case _:
            assert_never(result)


def _expected(policy: Policy, example: Example) -> str:
    match example.status, example.outcome:
        case "missing_facts", _:
            return f"missing facts {', '.join(example.missing)}"
        case "decided", Mapping() as outcome:
            return f"{_outcome_text(policy, outcome)} by {', '.join(example.rules or ())}"
        case "decided", tuple() as outcomes:
            texts = "; ".join(_outcome_text(policy, outcome) for outcome in outcomes)
            return f"{texts} by {', '.join(example.rules or ())}"
        case status, _:
            return status.replace("_", " ") + (f" of {', '.join(example.rules)}" if example.rules else "")


def describe_result(policy: Policy, result: Result) -> str:
    """Return a result in a line."""
    match result:
        case Decided():
            outcomes = (
                _outcome_text(policy, dict(zip(policy.outcomes, values, strict=True))) for values in result.outcome
            )
            return f"{'; '.join(outcomes)} by {', '.join(result.rules)}"
        case MissingFacts():
            return f"missing facts {', '.join(result.names)}"
        case NoRuleMatched():
            return "no rule matched"
        case Conflict():
            return f"conflict of {', '.join(result.rules)}"
        case _:
            assert_never(result)


def _outcome_text(policy: Policy, outcome: Mapping[str, object]) -> str:
    kinds = {name: declared.type for name, declared in policy.outcomes.items()}
    return ", ".join(
        f"{name} {format_value(kinds[name], value) if isinstance(value, bool | int | str | frozenset) else value}"
        for name, value in outcome.items()
    )


# invariants


def check_invariants(policy: Policy, evaluate: Evaluate) -> tuple[Failure, ...]:
    """Return the invariants that fail, each with the first example that breaks it."""
    failures = (next(_breaks(policy, law, evaluate), None) for law in policy.invariants)
    return tuple(failure for failure in failures if failure is not None)


def _breaks(policy: Policy, invariant: Invariant, evaluate: Evaluate) -> Iterator[Failure]:
    for example in policy.examples:
        facts, day = facts_of(example), day_of(example)
        if missing_facts(policy, facts):
            continue
        match invariant.law:
            case Total():
                violation = _undecided(policy, facts, day, evaluate)
            case Monotone() as law:
                violation = _backward_step(policy, law, facts, day, evaluate)
            case Always() as law:
                violation = _counterexample(policy, law, facts, day, evaluate)
            case law:
                assert_never(law)
        if violation is not None:
            yield Failure(invariant.id, invariant.says.en, f"example `{example.name}`: {violation}")


def _undecided(policy: Policy, facts: Facts, day: datetime.date, evaluate: Evaluate) -> str | None:
    result = evaluate(facts, day)
    return None if isinstance(result, Decided) else describe_result(policy, result)


def _counterexample(policy: Policy, law: Always, facts: Facts, day: datetime.date, evaluate: Evaluate) -> str | None:
    scope = scope_of(policy, facts, day)
    result = evaluate(facts, day)
    if not isinstance(result, Decided) or not holds(law.when, scope):
        return None
    decided: dict[str, Exact] = {
        name: to_exact(outcome.type, value)
        for (name, outcome), value in zip(policy.outcomes.items(), result.outcome[0], strict=True)
    }
    return None if holds(law.always, {**scope, **decided}) else describe_result(policy, result)


def _backward_step(policy: Policy, law: Monotone, facts: Facts, day: datetime.date, evaluate: Evaluate) -> str | None:
    """Return two values of the fact, all else equal, between which the outcome moves the forbidden way."""
    if law.fact not in facts:
        return None
    kind = policy.facts[law.fact].type
    seen = {value for example in policy.examples if (value := facts_of(example).get(law.fact)) is not None}
    previous: tuple[Value, Value] | None = None
    for value in sorted(seen, key=lambda value: rank(kind, value), reverse=not law.rising):
        result = evaluate({**facts, law.fact: value}, day)
        if not isinstance(result, Decided):
            continue
        outcome = result.outcome[0][list(policy.outcomes).index(law.outcome)]
        if previous is not None and _moves_wrong(policy, law, previous[1], outcome):
            sides = [f"{law.fact} {format_value(kind, each)}" for each in (previous[0], value)]
            return f"{law.outcome} goes from {previous[1]} at {sides[0]} to {outcome} at {sides[1]}"
        previous = (value, outcome)
    return None


def _moves_wrong(policy: Policy, law: Monotone, before: Value, after: Value) -> bool:
    kind = policy.outcomes[law.outcome].type
    step = rank(kind, after) - rank(kind, before)
    return step < 0 if law.never_lowers else step > 0


def rank(kind: object, value: Value) -> int:
    """Return the position of a value in the order of its type; for an ordered choice, lower is worse."""
    if isinstance(kind, ChoiceType):
        index = kind.of.index(str(value))
        return -index if kind.ordered == "best-first" else index
    return int(value)  # type: ignore[arg-type]  # numbers, dates and durations are kept as int
