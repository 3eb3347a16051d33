"""`policy-service test`: every example by every evaluator, and every invariant on the examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from policy_service.analysis.examples import Failure
from policy_service.analysis.trial import try_policy
from policy_service.cli.files import PolicyFile, read_files
from policy_service.cli.output import say, say_json, say_table
from policy_service.cli.status import FINE, FOUND_FAULT


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
    tried = try_policy(file.policy)
    return Report(file, tried.failures, tried.fault)


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
