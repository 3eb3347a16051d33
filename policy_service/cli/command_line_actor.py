"""The actor of a command that writes: the command line, with the operating system's user."""

from __future__ import annotations

import os
import pwd
from functools import cache

from policy_service.actor import COMMAND_LINE, Actor


@cache
def command_line() -> Actor:
    """Return the actor of this process, named after its user, whatever the environment says."""
    user = os.getuid()
    try:
        name = pwd.getpwuid(user).pw_name
    except KeyError:
        name = f"uid-{user}"
    return Actor(COMMAND_LINE, name, f"{name} (command line)", frozenset(), "command_line")
