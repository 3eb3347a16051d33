"""`policy-service check`: reports errors in policy files, individually and together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from policy_service.cli.files import PolicyFile, read_files
from policy_service.cli.output import print_json, print_line
from policy_service.cli.status import EXIT_FAULT, EXIT_OK
from policy_service.language.diagnostics import pluralize


def run(paths: Sequence[Path], *, as_json: bool) -> int:
    """Print every diagnostic and warning; return the exit status, which ignores warnings."""
    files = read_files(paths)
    invalid = [file for file in files if not file.is_fine]
    if as_json:
        print_json({"valid": not invalid, "files": [to_dict(file) for file in files]})
    else:
        for file in invalid:
            print_line(str(file.error))
        for file in files:
            lines = file.loaded.text.splitlines() if file.warnings and file.loaded else []
            for warning in file.warnings:
                print_line(warning.render(str(file.path), lines))
        print_line(conclusion(files))
    return EXIT_FAULT if invalid else EXIT_OK


def to_dict(file: PolicyFile) -> dict[str, object]:
    """Return one file as JSON."""
    policy = file.policy or file.benchmark_set
    return {
        "file": str(file.path),
        "valid": file.is_fine,
        "policy": file.policy.id if file.policy else None,
        "benchmark_set": file.benchmark_set.id if file.benchmark_set else None,
        "version": policy.version if policy else None,
        "digest": policy.digest if policy else None,
        "diagnostics": [fault.to_dict() for fault in file.error.diagnostics] if file.error else [],
        "warnings": [warning.to_dict() for warning in file.warnings],
    }


def conclusion(files: Sequence[PolicyFile]) -> str:
    """Return the last line: the numbers of files, errors and warnings."""
    faults = sum(len(file.error.diagnostics) + file.error.more for file in files if file.error)
    warnings = sum(len(file.warnings) for file in files)
    result = pluralize(faults, "fault") if faults else "fine"
    return f"{pluralize(len(files), 'file')}: {result}" + (f", {pluralize(warnings, 'warning')}" if warnings else "")
