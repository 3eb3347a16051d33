"""Options of the command line are bounded where they are declared, so that no number goes further than it can."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import typer

from policy_service.cli import audit_commands
from policy_service.cli.app import app
from policy_service.packs.scope import MAX_SAMPLE


def options(command: Any, *path: str) -> Iterator[tuple[str, Any]]:  # noqa: ANN401  # Typer's
    """Every option of a command and of those below it, by its name."""
    for option in command.params:
        yield " ".join((*path, option.name)), option
    for name, each in getattr(command, "commands", {}).items():
        yield from options(each, *path, name)


def test_every_number_has_two_bounds() -> None:
    numbers = {
        name: (getattr(option, "min", None), getattr(option, "max", None))
        for name, option in options(typer.main.get_command(app))
        if option.type_descriptor.annotation in {int, int | None}
    }
    assert {"reevaluate max_age", "run max_age", "serve port", "audit pack sample"} <= numbers.keys()
    assert [name for name, bounds in numbers.items() if None in bounds] == []


def test_a_bound_that_is_said_twice_is_the_same() -> None:
    assert audit_commands.MAX_SAMPLE == MAX_SAMPLE
