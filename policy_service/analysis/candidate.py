"""Examines one candidate: runs its own examples, and those of the version in force."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from policy_service.analysis.difference import Difference, difference
from policy_service.analysis.example_run import ExampleRun, run_examples
from policy_service.analysis.examples import day_of, describe_result
from policy_service.analysis.lint import lint
from policy_service.language.diagnostics import Diagnostic
from policy_service.language.evaluate import evaluate
from policy_service.language.policy import Bilingual, Example, Policy
from policy_service.language.types import Value, ValueRejected, format_value, parse_value


@dataclass(frozen=True, slots=True)
class ChangedAnswer:
    """An example of the version in force with another answer by the candidate."""

    example: str
    before: str
    after: str
    title: Bilingual | None = None

    def to_dict(self) -> dict[str, object]:
        titled = {"title": self.title.to_dict()} if self.title else {}
        return {"example": self.example, **titled, "before": self.before, "after": self.after}


@dataclass(frozen=True, slots=True)
class CandidateReport:
    """The results for one candidate."""

    policy: Policy
    base: Policy | None
    difference: Difference
    example_run: ExampleRun
    changed_answers: tuple[ChangedAnswer, ...]
    warnings: tuple[Diagnostic, ...] = ()

    def to_dict(self) -> dict[str, object]:
        return {
            "policy": self.policy.id,
            "version": self.policy.version,
            "digest": self.policy.digest,
            "base": {"version": self.base.version, "digest": self.base.digest} if self.base else None,
            "difference": self.difference.to_dict(),
            "examples": len(self.policy.examples),
            "invariants_checked_on_the_examples": len(self.policy.invariants),
            "tried": self.example_run.to_dict(),
            "other_answers": [each.to_dict() for each in self.changed_answers],
            "warnings": [each.to_dict() for each in self.warnings],
        }


def examine_candidate(policy: Policy, base: Policy | None, *, is_smoke_tested: bool = False) -> CandidateReport:
    """Examine a candidate by itself and against the version in force.

    `is_smoke_tested` is True if the engine has accepted it.
    """
    changed = tuple(_changed_answers(base, policy)) if base else ()
    run = run_examples(policy, is_smoke_tested=is_smoke_tested)
    return CandidateReport(policy, base, difference(base, policy), run, changed, lint(policy))


def _changed_answers(base: Policy, policy: Policy) -> Iterator[ChangedAnswer]:
    for example in base.examples:
        before = describe_result(base, evaluate(base, example.facts, day_of(example)))
        after = _answer(base, policy, example)
        if after != before:
            yield ChangedAnswer(example.name, before, after, example.title)


def _answer(base: Policy, policy: Policy, example: Example) -> str:
    """Return the candidate's answer to an old example, with the facts it still has."""
    facts: dict[str, Value] = {}
    for name, value in example.facts.items():
        if name not in policy.facts:
            continue
        json_value = format_value(base.facts[name].type, value)
        try:
            facts[name] = parse_value(policy.facts[name].type, json_value)
        except ValueRejected as error:
            return f"{name} {json_value} is refused: expected {error.expected}"
    return describe_result(policy, evaluate(policy, facts, day_of(example)))
