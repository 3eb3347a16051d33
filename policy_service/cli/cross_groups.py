"""`policy-service cross-groups`: writes a policy file from a statement of dimensions."""

from __future__ import annotations

from pathlib import Path

import typer

from policy_service.cli.output import print_line
from policy_service.cli.status import EXIT_FAULT, EXIT_OK, UsageError
from policy_service.cross_groups.policy_file import Heading, write_cross_groups
from policy_service.errors import CrossGroupsRejected
from policy_service.language.diagnostics import PolicyError
from policy_service.language.load import load_folder, newest
from policy_service.shipped import shipped_policies


def run(statement: str, heading: Heading, folder: Path | None, output: Path | None) -> int:
    """Write the policy file, to a new file or to standard output; return the exit status.

    The dimensions are searched in the newest versions below `folder`, or in the shipped ones. Raises UsageError.
    """
    folder = folder or shipped_policies()
    try:
        text = write_cross_groups(statement, heading, newest(load_folder(folder)))
        if output is None:
            print_line(text.rstrip())
        else:
            with output.open("x", encoding="utf-8", newline="\n") as file:
                file.write(text)
    except (CrossGroupsRejected, PolicyError) as error:
        typer.echo(str(error), err=True)
        return EXIT_FAULT
    except FileExistsError:
        raise UsageError(f"{output} is there already") from None
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}") from None
    return EXIT_OK
