"""Tries a policy by every evaluator there is: its examples, and its laws on the examples' facts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from policy_service.analysis.examples import Evaluate, Failure, check_examples, check_invariants
from policy_service.compilers.python_source import compile_python
from policy_service.compilers.rules_engine import (
    EngineFault,
    EngineLimitError,
    EngineTrialError,
    compile_engine,
    rehearse,
)
from policy_service.language.evaluate import evaluate
from policy_service.language.policy import Policy

REHEARSAL_SECONDS = 20.0
EVALUATORS = ("definition", "durable_rules", "python")
"""The evaluators, by the names of their settings."""


@dataclass(frozen=True, slots=True)
class Tried:
    """What came of it: failures by evaluator and kind, or why the engine did not take the policy at all."""

    failures: tuple[tuple[str, str, Failure], ...] = ()
    fault: str | None = None

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return self.fault is None and not self.failures

    def to_dict(self) -> dict[str, object]:
        """As JSON."""
        return {
            "evaluators": list(EVALUATORS),
            "passed": self.passed,
            "failures": [
                {"evaluator": evaluator, "kind": kind, **failure.to_dict()}
                for evaluator, kind, failure in self.failures
            ],
            "fault": self.fault,
        }


def try_policy(policy: Policy) -> Tried:
    """Tries one policy; the engine first in a process of its own."""
    try:
        rehearse([policy], seconds=REHEARSAL_SECONDS)
        with evaluators(policy) as named:
            return Tried(tuple(_failures(policy, named)))
    except (EngineTrialError, EngineLimitError, EngineFault) as error:
        return Tried(fault=f"the rules engine cannot be trusted with it: {error}")


@contextmanager
def evaluators(policy: Policy) -> Iterator[Mapping[str, Evaluate]]:
    """Every evaluator of a policy, by its name."""
    with ExitStack() as stack:
        engine, python = compile_engine(policy), compile_python(policy)
        stack.callback(engine.close)
        stack.callback(python.close)
        yield {"definition": partial(evaluate, policy), "durable_rules": engine.evaluate, "python": python.evaluate}


def _failures(policy: Policy, named: Mapping[str, Evaluate]) -> Iterator[tuple[str, str, Failure]]:
    for name, evaluator in named.items():
        for failure in check_examples(policy, evaluator):
            yield name, "example", failure
        for failure in check_invariants(policy, evaluator):
            yield name, "invariant", failure
