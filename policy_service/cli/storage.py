"""The database a command works on, and its faults as sentences for the person who called it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from policy_service.cli.status import UsageFault
from policy_service.database import Database, DatabaseUnavailable, Unavailable
from policy_service.language.diagnostics import PolicyError
from policy_service.migrations import NewerDatabase, is_current

_WHY: dict[Unavailable, str] = {
    "busy": "the database is busy: somebody else is writing; try again",
    "full": "the database is full: make room and try again",
    "gone": "the database cannot be reached: is the address right, and may this user read and write there?",
}


@contextmanager
def opened(url: str) -> Iterator[Database]:
    """A database, closed at the end. Raises UsageFault for what the person who called can mend."""
    try:
        database = Database(url)
    except ValueError as error:
        raise UsageFault(str(error)) from None
    try:
        yield database
    except DatabaseUnavailable as error:
        raise UsageFault(_WHY[error.reason]) from None
    except (NewerDatabase, PolicyError) as error:
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
