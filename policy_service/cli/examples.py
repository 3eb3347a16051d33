"""`policy-service test`: every example by every evaluator, and every invariant on the examples."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from policy_service.analysis.examples import Evaluate, Failure, check_examples, check_invariants
from policy_service.cli.files import PolicyFile, read_files
from policy_service.cli.output import say, say_json, say_table
from policy_service.cli.status import FINE, FOUND_FAULT
from policy_service.compilers.python_source import compile_python
from policy_service.compilers.rules_engine import EngineTrialError, compile_engine, rehearse
from policy_service.language.evaluate import evaluate
from policy_service.language.policy import Policy

REHEARSAL_SECONDS = 20.0


@dataclass(frozen=True, slots=True)
class Report:
    """What came of one file: failures by evaluator and kind, and faults that kept it from being tried."""

    file: PolicyFile
    failures: Sequence[tuple[str, str, Failure]] = ()
    fault: str | None = None

    @property
    def passed(self) -> bool:
        """Whether nothing failed."""
        return self.fault is None and not self.failures

    def to_dict(self) -> dict[str, object]:
        """As JSON."""
        policy = self.file.policy
        return {
            "file": str(self.file.path),
            "passed": self.passed,
            "policy": policy.id if policy else None,
            "version": policy.version if policy else None,
            "examples": len(policy.examples) if policy else 0,
            "invariants_checked_on_the_examples": len(policy.invariants) if policy else 0,
            "failures": [
                {"evaluator": evaluator, "kind": kind, **failure.to_dict()}
                for evaluator, kind, failure in self.failures
            ],
            "fault": self.fault,
        }


def run(paths: Sequence[Path], *, as_json: bool) -> int:
    """Prints what failed, expected and found; gives the exit status."""
    reports = [report(file) for file in read_files(paths)]
    passed = all(each.passed for each in reports)
    if as_json:
        say_json({"passed": passed, "policies": [each.to_dict() for each in reports]})
    else:
        _tell(reports)
    return FINE if passed else FOUND_FAULT


def report(file: PolicyFile) -> Report:
    """Tries one file."""
    if file.policy is None or file.error is not None:
        return Report(file, fault=str(file.error))
    try:
        rehearse([file.policy], seconds=REHEARSAL_SECONDS)
    except EngineTrialError as error:
        return Report(file, fault=f"the rules engine cannot be trusted with it: {error}")
    with evaluators(file.policy) as named:
        return Report(file, list(_failures(file.policy, named)))


@contextmanager
def evaluators(policy: Policy) -> Iterator[Mapping[str, Evaluate]]:
    """Every evaluator of a policy, by the name of its setting."""
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


def _tell(reports: Sequence[Report]) -> None:
    for each in reports:
        if each.fault is not None:
            say(each.fault)
        for evaluator, kind, failure in each.failures:
            say(f"{each.file.path}: {kind} `{failure.name}` by {evaluator}")
            say(f"  expected {failure.expected}\n  found    {failure.found}")
    say_table(
        ["policy", "version", "examples", "invariants, checked on the examples", "result"],
        [_row(each) for each in reports],
    )


def _row(each: Report) -> tuple[str, ...]:
    policy = each.file.policy
    result = "passed" if each.passed else "fault" if each.fault else "failed"
    if policy is None:
        return (str(each.file.path), "", "", "", result)
    failed = {
        kind: len({failure.name for _, found, failure in each.failures if found == kind})
        for kind in ("example", "invariant")
    }
    counts = (
        f"{len(items) - failed[kind]} of {len(items)}" if each.fault is None else "not tried"
        for kind, items in (("example", policy.examples), ("invariant", policy.invariants))
    )
    return (policy.id, policy.version, *counts, result)
