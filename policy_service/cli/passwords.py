"""A new password for an account: typed twice at a terminal, or the first line of standard input; never an argument."""

from __future__ import annotations

import getpass
import os
import sys

from policy_service.cli.status import UsageError
from policy_service.identity.passwords import WORDS, hash_password, password_error, words_of


def new_hash(name: str, printed_name: str) -> str:
    """Return the hash of a new password, after prompting for it. Raises UsageError."""
    password = _ask(name)
    words = words_of(os.environ.get(WORDS) or "")
    if (error := password_error(password, name, printed_name, *words)) is not None:
        raise UsageError(f"the password will not do: expected {error}")
    return hash_password(password)


def _ask(name: str) -> str:
    if not at_terminal():
        return sys.stdin.buffer.readline().decode("utf-8-sig", errors="replace").rstrip("\r\n")
    password = getpass.getpass(f"Password of {name}: ")
    if getpass.getpass("The same again: ") != password:
        raise UsageError("the two passwords differ")
    return password


def at_terminal() -> bool:
    """Return True if input comes from a terminal."""
    return sys.stdin is not None and getattr(sys.stdin, "isatty", bool)()
