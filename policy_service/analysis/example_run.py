"""Runs a policy's examples and invariants with every evaluator."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial

from policy_service.analysis.examples import Evaluate, Failure, check_examples, check_invariants
from policy_service.compilers.python_source import compile_python
from policy_service.compilers.rules_engine import (
    EngineFault,
    EngineLimitError,
    SmokeTestFailed,
    compile_engine,
    run_smoke_tests,
)
from policy_service.language.evaluate import evaluate
from policy_service.language.policy import Policy

SMOKE_TEST_SECONDS = 20.0
BATCH_SECONDS = 5.0
"""Time limit for testing many policies together; one takes some milliseconds."""
EVALUATORS = ("definition", "durable_rules", "python")
"""The evaluators, by the names in settings."""


@dataclass(frozen=True, slots=True)
class ExampleRun:
    """The result of running examples: failures by engine and kind, or why the engine rejected the policy."""

    failures: tuple[tuple[str, str, Failure], ...] = ()
    error: str | None = None

    @property
    def passed(self) -> bool:
        """True if nothing failed."""
        return self.error is None and not self.failures

    def to_dict(self) -> dict[str, object]:
        return {
            "evaluators": list(EVALUATORS),
            "passed": self.passed,
            "failures": [
                {"evaluator": evaluator, "kind": kind, **failure.to_dict()}
                for evaluator, kind, failure in self.failures
            ],
            "fault": self.error,
        }


def pass_smoke_tests(policies: Sequence[Policy]) -> bool:
    """Return True if the engine accepts all policies in one child process; False does not say which failed."""
    try:
        run_smoke_tests(policies, seconds=BATCH_SECONDS)
    except (SmokeTestFailed, EngineLimitError, EngineFault):
        return False
    return True


def run_examples(policy: Policy, *, is_smoke_tested: bool = False) -> ExampleRun:
    """Test one policy; the engine first in a child process, unless it passed there with others."""
    try:
        if not is_smoke_tested:
            run_smoke_tests([policy], seconds=SMOKE_TEST_SECONDS)
        with evaluators(policy) as by_name:
            return ExampleRun(tuple(_failures(policy, by_name)))
    except (SmokeTestFailed, EngineLimitError, EngineFault) as error:
        return ExampleRun(error=f"the rules engine cannot be trusted with it: {error}")


@contextmanager
def evaluators(policy: Policy) -> Iterator[Mapping[str, Evaluate]]:
    """Yield every evaluator of a policy, by name."""
    with ExitStack() as stack:
        engine, python = compile_engine(policy), compile_python(policy)
        stack.callback(engine.close)
        stack.callback(python.close)
        yield {"definition": partial(evaluate, policy), "durable_rules": engine.evaluate, "python": python.evaluate}


def _failures(policy: Policy, by_name: Mapping[str, Evaluate]) -> Iterator[tuple[str, str, Failure]]:
    for name, evaluator in by_name.items():
        for failure in check_examples(policy, evaluator):
            yield name, "example", failure
        for failure in check_invariants(policy, evaluator):
            yield name, "invariant", failure
