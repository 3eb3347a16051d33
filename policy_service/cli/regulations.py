"""`policy-service regulations`: what decides each row of a regulation."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

import typer

from policy_service.cli.output import say
from policy_service.cli.status import FINE, FOUND_FAULT, UsageFault
from policy_service.language.diagnostics import PolicyError
from policy_service.language.load import load_folder, newest
from policy_service.regulations.coverage import Status, cover, rows_of
from policy_service.regulations.page import regulation_page
from policy_service.regulations.regulation import load_regulations, unknown_rows
from policy_service.shipped import shipped_policies


def run(folder: Path | None, lang: Literal["zh", "en"]) -> int:
    """Prints each regulation of a folder, or those that are shipped; gives the exit status.

    A row that nothing does, and a row that is cited and is not there, are faults. Raises UsageFault.
    """
    folder = folder or shipped_policies()
    try:
        regulations, policies = load_regulations(folder), newest(load_folder(folder))
    except PolicyError as error:
        say(str(error))
        return FOUND_FAULT
    except OSError as error:
        raise UsageFault(f"{folder} cannot be read: {error.strerror}") from None
    if not regulations:
        raise UsageFault(f"{folder} holds no regulations")
    faults = []
    for regulation in regulations:
        coverage = cover(regulation, policies)
        say(regulation_page(coverage, lang).rstrip())
        faults += [f"{each.row.id}: nothing decides it" for each in coverage.rows if each.status is Status.NOTHING]
    for policy in policies:
        unknown = unknown_rows(regulations, rows_of(policy))
        faults += [f"{policy.id} {policy.version}: cites {row}, which no regulation has" for row in unknown]
    for fault in faults:
        typer.echo(fault, err=True)
    return FOUND_FAULT if faults else FINE
