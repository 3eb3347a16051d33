"""`policy-service explain`: a policy file in sentences and tables."""

from __future__ import annotations

from pathlib import Path
from typing import Literal

from policy_service.cli.output import print_line
from policy_service.cli.status import EXIT_FAULT, EXIT_OK, UsageError
from policy_service.compilers.prose import explain
from policy_service.language.diagnostics import PolicyError
from policy_service.language.load import load


def run(path: Path, lang: Literal["zh", "en"]) -> int:
    """Print the policy, or its errors; return the exit status."""
    try:
        print_line(explain(load(path), lang))
    except PolicyError as error:
        print_line(str(error))
        return EXIT_FAULT
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from None
    return EXIT_OK
