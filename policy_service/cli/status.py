"""Exit statuses of commands, and the error of wrong usage."""

from typing import Final

EXIT_OK: Final = 0
EXIT_FAULT: Final = 1
EXIT_USAGE: Final = 2


class UsageError(Exception):
    """The command was called wrongly; the message says how, for the person who called it."""
