"""`policy-service check`: what is wrong in policy files, each by itself and together."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from policy_service.cli.files import PolicyFile, read_files
from policy_service.cli.output import say, say_json
from policy_service.cli.status import FINE, FOUND_FAULT
from policy_service.language.diagnostics import counted


def run(paths: Sequence[Path], *, as_json: bool) -> int:
    """Prints every diagnostic and warning; gives the exit status, which warnings leave alone."""
    files = read_files(paths)
    faulty = [file for file in files if not file.is_fine]
    if as_json:
        say_json({"valid": not faulty, "files": [to_dict(file) for file in files]})
    else:
        for file in faulty:
            say(str(file.error))
        for file in files:
            lines = file.policy.text.splitlines() if file.warnings and file.policy else []
            for warning in file.warnings:
                say(warning.render(str(file.path), lines))
        say(conclusion(files))
    return FOUND_FAULT if faulty else FINE


def to_dict(file: PolicyFile) -> dict[str, object]:
    """One file as JSON."""
    policy = file.policy
    return {
        "file": str(file.path),
        "valid": file.is_fine,
        "policy": policy.id if policy else None,
        "version": policy.version if policy else None,
        "digest": policy.digest if policy else None,
        "diagnostics": [fault.to_dict() for fault in file.error.diagnostics] if file.error else [],
        "warnings": [warning.to_dict() for warning in file.warnings],
    }


def conclusion(files: Sequence[PolicyFile]) -> str:
    """The last line: how many files, how many faults and warnings."""
    faults = sum(len(file.error.diagnostics) + file.error.more for file in files if file.error)
    warnings = sum(len(file.warnings) for file in files)
    found = counted(faults, "fault") if faults else "fine"
    return f"{counted(len(files), 'file')}: {found}" + (f", {counted(warnings, 'warning')}" if warnings else "")
