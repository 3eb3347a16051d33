"""`policy-service subject …`: the keys of subjects, by whoever has the database and the folder of the keys.

Neither can be undone, so both ask first: at a terminal, or by `--yes`. The log names the command line.
"""

from __future__ import annotations

import os

from policy_service.cli.acting import command_line
from policy_service.cli.output import say
from policy_service.cli.passwords import at_terminal
from policy_service.cli.status import FINE, UsageFault
from policy_service.cli.storage import opened_current
from policy_service.clock import SystemClock
from policy_service.decisions.master_keys import KeyFileFault, MasterKeys
from policy_service.decisions.secrecy import Broken
from policy_service.decisions.subjects import SubjectRefused, erase_subject, rotate_master
from policy_service.places import database_url, keys_folder
from policy_service.subject import InvalidSubject, Subject


def run_erase(subject: str, kind: str, reason: str, *, yes: bool) -> int:
    """Erases the sensitive facts of a subject; gives the exit status. Raises UsageFault."""
    _confirm(f"erase the sensitive facts of the {kind} {subject} for good", subject, yes=yes)
    try:
        with opened_current(database_url(os.environ)) as database, database.write(SystemClock()) as transaction:
            erase_subject(transaction, command_line(), Subject(subject, kind), reason)
    except (SubjectRefused, InvalidSubject) as error:
        raise UsageFault(str(error)) from None
    say(f"the sensitive facts of the {kind} {subject} cannot be read any more")
    say("backups still hold its key: rotate the master key, and destroy the copies of the old one")
    return FINE


def run_rotate_master_key(*, yes: bool) -> int:
    """Takes a new master key into use, and forgets the old one; gives the exit status. Raises UsageFault."""
    _confirm("take a new master key into use, and forget the one in use", "rotate", yes=yes)
    try:
        with opened_current(database_url(os.environ)) as database:
            count = rotate_master(database, SystemClock(), MasterKeys(keys_folder(os.environ)), command_line())
    except (KeyFileFault, Broken) as error:
        raise UsageFault(str(error)) from None
    say(f"a new master key is in use; {count} keys of subjects were wrapped anew")
    say("back the new subjects.key up, and destroy the copies of the old one")
    return FINE


def _confirm(what: str, word: str, *, yes: bool) -> None:
    """Raises UsageFault unless the person means it."""
    if yes:
        return
    if not at_terminal():
        raise UsageFault(f"this will {what}: say --yes to confirm")
    if input(f"This will {what}. Type {word} to confirm: ").strip() != word:
        raise UsageFault("nothing was done")
