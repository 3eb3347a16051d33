"""`policy-service regulations`: what decides each row of a regulation."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import typer

from policy_service.cli.output import print_line
from policy_service.cli.status import EXIT_FAULT, EXIT_OK, UsageError
from policy_service.language.diagnostics import PolicyError
from policy_service.language.load import load_folder, newest
from policy_service.regulations.coverage import Status, coverage_of, rows_cited_by
from policy_service.regulations.page import regulation_page
from policy_service.regulations.regulation import load_regulations, unknown_rows
from policy_service.shipped import shipped_policies


def run(folder: Path | None, lang: Literal["zh", "en"]) -> int:
    """Print each regulation of a folder, or those that are shipped; return the exit status.

    A row that nothing does, and a row that is cited and is not there, are faults. Raises UsageError.
    """
    folder = folder or shipped_policies()
    try:
        regulations, policies = load_regulations(folder), newest(load_folder(folder))
    except PolicyError as error:
        print_line(str(error))
        return EXIT_FAULT
    except OSError as error:
        raise UsageError(f"{folder} cannot be read: {error.strerror}") from None
    if not regulations:
        raise UsageError(f"{folder} holds no regulations")
    faults = []
    for regulation in regulations:
        coverage = coverage_of(regulation, policies)
        print_line(regulation_page(coverage, lang).rstrip())
        faults += [f"{each.row.id}: nothing decides it" for each in coverage.rows if each.status is Status.NOTHING]
    for policy in policies:
        unknown = unknown_rows(regulations, rows_cited_by(policy))
        faults += [f"{policy.id} {policy.version}: cites {row}, which no regulation has" for row in unknown]
    for fault in faults:
        typer.echo(fault, err=True)
    return EXIT_FAULT if faults else EXIT_OK
