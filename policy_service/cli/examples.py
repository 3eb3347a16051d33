"""`policy-service test`: runs every example with every evaluator, and every invariant on the examples."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from policy_service.analysis.example_run import pass_smoke_tests, run_examples
from policy_service.analysis.examples import Failure
from policy_service.cli.files import PolicyFile, read_files
from policy_service.cli.output import print_json, print_line, print_table
from policy_service.cli.status import EXIT_FAULT, EXIT_OK


@dataclass(frozen=True, slots=True)
class Report:
    """The result for one file: failures by engine and kind, and errors that prevented running it."""

    file: PolicyFile
    failures: Sequence[tuple[str, str, Failure]] = ()
    fault: str | None = None

    @property
    def passed(self) -> bool:
        """True if nothing failed."""
        return self.fault is None and not self.failures

    def to_dict(self) -> dict[str, object]:
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
    """Print the failures, with expected and actual results; return the exit status."""
    files = list(read_files(paths))
    is_smoke_tested = pass_smoke_tests(
        [file.policy for file in files if file.policy is not None and file.error is None]
    )
    reports = [report(file, is_smoke_tested=is_smoke_tested) for file in files]
    passed = all(each.passed for each in reports)
    if as_json:
        print_json({"passed": passed, "policies": [each.to_dict() for each in reports]})
    else:
        _print_reports(reports)
    return EXIT_OK if passed else EXIT_FAULT


def report(file: PolicyFile, *, is_smoke_tested: bool) -> Report:
    """Return the result for one file; `is_smoke_tested` is True if the engine has accepted its policy."""
    if file.policy is None or file.error is not None:
        return Report(file, fault=str(file.error))
    result = run_examples(file.policy, is_smoke_tested=is_smoke_tested)
    return Report(file, result.failures, result.error)


def _print_reports(reports: Sequence[Report]) -> None:
    for each in reports:
        if each.fault is not None:
            print_line(each.fault)
        for evaluator, kind, failure in each.failures:
            print_line(f"{each.file.path}: {kind} `{failure.name}` by {evaluator}")
            print_line(f"  expected {failure.expected}\n  found    {failure.actual}")
    print_table(
        ["policy", "version", "examples", "invariants, checked on the examples", "result"],
        [_row(each) for each in reports],
    )


def _row(each: Report) -> tuple[str, ...]:
    policy = each.file.policy
    result = "passed" if each.passed else "fault" if each.fault else "failed"
    if policy is None:
        return (str(each.file.path), "", "", "", result)
    failed = {
        kind: len({failure.name for _, failure_kind, failure in each.failures if failure_kind == kind})
        for kind in ("example", "invariant")
    }
    counts = (
        f"{len(items) - failed[kind]} of {len(items)}" if each.fault is None else "not tried"
        for kind, items in (("example", policy.examples), ("invariant", policy.invariants))
    )
    return (policy.id, policy.version, *counts, result)
