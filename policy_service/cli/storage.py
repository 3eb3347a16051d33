"""The database a command works on, and its faults as sentences for the person who called it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import policy_service.tables  # noqa: F401  # declares all of them: what compares rows reads every table
from policy_service.audit.comparison import LogComparison, LogMismatch
from policy_service.audit.copies import Copy, copies_of
from policy_service.audit.guard import start_guard
from policy_service.audit.keys import KeyUnavailable
from policy_service.cli.status import UsageError
from policy_service.clock import SystemClock
from policy_service.database import Database, DatabaseUnavailable, Unavailable
from policy_service.language.diagnostics import PolicyError
from policy_service.migrations import NewerDatabase, is_current
from policy_service.paths import CHECKPOINT_COPIES, checkpoint_destinations, checkpoint_token, database_url, keys_folder

_MESSAGES: dict[Unavailable, str] = {
    "busy": "the database is busy: somebody else is writing; try again",
    "full": "the database is full: make room and try again",
    "replaced": "the database was replaced by another file meanwhile: call the command again",
    "gone": "the database cannot be reached: is the address right, and may this user read and write there?",
}


@contextmanager
def open_database(url: str) -> Iterator[Database]:
    """A database, closed at the end. Raises UsageError for what the person who called can mend."""
    try:
        database = Database(url, keys=configured_keys())
    except ValueError as error:
        raise UsageError(str(error)) from None
    try:
        yield database
    except DatabaseUnavailable as error:
        raise UsageError(_MESSAGES[error.reason]) from None
    except (NewerDatabase, PolicyError, KeyUnavailable) as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise UsageError(f"{error.filename}: {error.strerror}" if error.filename else str(error)) from None
    finally:
        database.close()


@contextmanager
def open_current_database() -> Iterator[Database]:
    """A database that was set up by this version of the service. Raises UsageError when it was not."""
    with open_database(database_url(os.environ)) as database:
        if not is_current(database):
            raise UsageError("the database was not set up by this version: run `policy-service init`")
        start_guard(database)
        yield database


def configured_keys() -> Path:
    """Return the folder of the private keys that the environment names."""
    return keys_folder(os.environ)


def configured_copies(file: Path | None = None) -> tuple[Copy, ...]:
    """The places that the environment names for checkpoints, or one file in their stead. Raises UsageError."""
    try:
        places = (str(file),) if file is not None else checkpoint_destinations(os.environ)
    except ValueError as error:
        raise UsageError(f"{CHECKPOINT_COPIES}: {error}") from None
    return copies_of(places, checkpoint_token(os.environ))


def refuse_difference(database: Database) -> None:
    """Raises UsageError while the log is not what was signed or what its copies hold: then nothing is signed."""
    try:
        LogComparison(database, SystemClock(), configured_keys(), configured_copies()).check()
    except LogMismatch as error:
        raise UsageError(
            f"nothing is signed: {error}; when the log is right as it is, say so: `policy-service audit settle`"
        ) from None
