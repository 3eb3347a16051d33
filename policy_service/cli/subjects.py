"""`policy-service subject …`: subjects' keys, and merges, for operators with the database and the folder of the keys.

None can be undone, so all require confirmation: at a terminal, or by `--yes`. The log names the command line.
"""

from __future__ import annotations

from policy_service.cli.command_line_actor import command_line
from policy_service.cli.output import print_line
from policy_service.cli.passwords import at_terminal
from policy_service.cli.status import EXIT_OK, UsageError
from policy_service.cli.storage import configured_keys, open_current_database
from policy_service.clock import SystemClock
from policy_service.decisions.encryption import DecryptionFailed
from policy_service.decisions.master_keys import KeyFileError, MasterKeys
from policy_service.decisions.merges import MergeRejected, merge_subjects
from policy_service.decisions.subjects import ErasureRejected, erase_subject, rotate_master_key
from policy_service.subject import InvalidSubject, Subject


def run_erase(subject: str, kind: str, reason: str, *, yes: bool) -> int:
    """Erase the sensitive facts of a subject; return the exit status. Raises UsageError."""
    _confirm(f"erase the sensitive facts of the {kind} {subject} for good", subject, yes=yes)
    try:
        with open_current_database() as database, database.write(SystemClock()) as transaction:
            erase_subject(transaction, command_line(), Subject(subject, kind), reason)
    except (ErasureRejected, InvalidSubject) as error:
        raise UsageError(str(error)) from None
    print_line(f"the sensitive facts of the {kind} {subject} cannot be read any more")
    print_line("backups still hold its key: rotate the master key, and destroy the copies of the old one")
    return EXIT_OK


def run_merge(subject: str, into: str, kind: str, reason: str, *, yes: bool) -> int:
    """Merge a subject into another of its kind; return the exit status. Raises UsageError."""
    _confirm(f"merge the {kind} {subject} into {into} for good", subject, yes=yes)
    try:
        with open_current_database() as database, database.write(SystemClock()) as transaction:
            merge_subjects(transaction, command_line(), Subject(subject, kind), Subject(into, kind), reason)
    except (MergeRejected, InvalidSubject) as error:
        raise UsageError(str(error)) from None
    print_line(f"the {kind} {subject} is part of {into}; decide about {into} again to bring its groups up to date")
    return EXIT_OK


def run_rotate_master_key(*, yes: bool) -> int:
    """Rotate the master key; return the exit status. Raises UsageError."""
    _confirm("take a new master key into use, and forget the one in use", "rotate", yes=yes)
    try:
        with open_current_database() as database:
            count = rotate_master_key(database, SystemClock(), MasterKeys(configured_keys()), command_line())
    except (KeyFileError, DecryptionFailed) as error:
        raise UsageError(str(error)) from None
    print_line(f"a new master key is in use; {count} keys of subjects were wrapped anew")
    print_line("back the new subjects.key up, and destroy the copies of the old one")
    return EXIT_OK


def _confirm(action: str, word: str, *, yes: bool) -> None:
    """Raise UsageError unless the action is confirmed."""
    if yes:
        return
    if not at_terminal():
        raise UsageError(f"this will {action}: say --yes to confirm")
    if input(f"This will {action}. Type {word} to confirm: ").strip() != word:
        raise UsageError("nothing was done")
