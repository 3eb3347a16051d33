"""The database a command works on, and its faults as sentences for the person who called it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import policy_service.tables  # noqa: F401  # declares all of them: what compares rows reads every table
from policy_service.audit.comparison import Comparison, LogDiffers
from policy_service.audit.copies import Copy, copies_of
from policy_service.audit.keys import NoKey
from policy_service.cli.status import UsageFault
from policy_service.clock import SystemClock
from policy_service.database import Database, DatabaseUnavailable, Unavailable
from policy_service.language.diagnostics import PolicyError
from policy_service.migrations import NewerDatabase, is_current
from policy_service.places import CHECKPOINT_COPIES, checkpoint_places, checkpoint_token, keys_folder

_WHY: dict[Unavailable, str] = {
    "busy": "the database is busy: somebody else is writing; try again",
    "full": "the database is full: make room and try again",
    "replaced": "the database was replaced by another file meanwhile: call the command again",
    "gone": "the database cannot be reached: is the address right, and may this user read and write there?",
}


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """A database, closed at the end. Raises UsageFault for what the person who called can mend."""
    try:
        database = Database(url, keys=keys_folder(os.environ))
    except ValueError as error:
        raise UsageFault(str(error)) from None
    try:
        yield database
    except DatabaseUnavailable as error:
        raise UsageFault(_WHY[error.reason]) from None
    except (NewerDatabase, PolicyError, NoKey) as error:
        raise UsageFault(str(error)) from None
    except OSError as error:
        raise UsageFault(f"{error.filename}: {error.strerror}" if error.filename else str(error)) from None
    finally:
        database.close()


@contextmanager
def opened_current(url: str) -> Iterator[Database]:
    """A database that was set up by this version of the service. Raises UsageFault when it was not."""
    with opened(url) as database:
        if not is_current(database):
            raise UsageFault("the database was not set up by this version: run `policy-service init`")
        yield database


def configured_copies(file: Path | None = None) -> tuple[Copy, ...]:
    """The places that the environment names for checkpoints, or one file in their stead. Raises UsageFault."""
    try:
        places = (str(file),) if file is not None else checkpoint_places(os.environ)
    except ValueError as error:
        raise UsageFault(f"{CHECKPOINT_COPIES}: {error}") from None
    return copies_of(places, checkpoint_token(os.environ))


def refuse_difference(database: Database) -> None:
    """Raises UsageFault while the log is not what was signed or what its copies hold: then nothing is signed."""
    try:
        Comparison(database, SystemClock(), keys_folder(os.environ), configured_copies()).check()
    except LogDiffers as error:
        raise UsageFault(
            f"nothing is signed: {error}; when the log is right as it is, say so: `policy-service audit settle`"
        ) from None
