"""A new password for an account: typed twice at a terminal, or the first line of standard input; never an argument."""

from __future__ import annotations

import getpass
import os
import sys

from policy_service.cli.status import UsageFault
from policy_service.identity.passwords import WORDS, fault_of, hash_password, words_of


def new_hash(name: str, printed_name: str) -> str:
    """The hash of a new password, which is asked for. Raises UsageFault."""
    password = _ask(name)
    words = words_of(os.environ.get(WORDS) or "")
    if (fault := fault_of(password, name, printed_name, *words)) is not None:
        raise UsageFault(f"the password will not do: expected {fault}")
    return hash_password(password)


def _ask(name: str) -> str:
    if not at_terminal():
        return sys.stdin.buffer.readline().decode("utf-8-sig", errors="replace").rstrip("\r\n")
    password = getpass.getpass(f"Password of {name}: ")
    if getpass.getpass("The same again: ") != password:
        raise UsageFault("the two passwords differ")
    return password


def at_terminal() -> bool:
    """Whether somebody types."""
    return sys.stdin is not None and getattr(sys.stdin, "isatty", bool)()
