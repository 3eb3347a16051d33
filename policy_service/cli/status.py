"""How a command ends: the three exit statuses, and the fault of being called wrongly."""

from typing import Final

FINE: Final = 0
FOUND_FAULT: Final = 1
USAGE: Final = 2


class UsageFault(Exception):
    """The command was called wrongly; the message says how, for the person who called it."""
