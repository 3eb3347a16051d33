"""Checks the database and the keys at start-up: the service only starts if they are set up and sound.

Slow checks are left to `policy-service audit verify`. The start only checks the newest records, where an interruption,
a restored backup or lost disk writes would show.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from sqlmodel import Session

from policy_service.audit.comparison import copy_difference
from policy_service.audit.copies import Copy, FileCopy, Unreachable
from policy_service.audit.database_verification import verify_tail
from policy_service.audit.guard import guard_of
from policy_service.audit.keys import KeyUnavailable, PublicKey, public_keys
from policy_service.audit.service import current_signer
from policy_service.database import Database, DatabaseUnavailable
from policy_service.database.engines import printable_address
from policy_service.database.file_check import is_large
from policy_service.decisions.block_store import verify_blocks
from policy_service.decisions.in_force import NotReady
from policy_service.decisions.master_keys import KeyFileError, MasterKeys
from policy_service.errors import StartupError
from policy_service.integrity import DamagedRecord
from policy_service.migrations import NewerDatabase, has_tables, is_current
from policy_service.migrations.self_check import self_check
from policy_service.registry.checks import check_files, verify_versions
from policy_service.registry.service import UnknownVersion

TAIL_BLOCKS = 2
"""The number of newest sealed blocks recomputed from their records."""


class NotInitialisedError(StartupError):
    """The database is missing, not set up, or does not answer; the message says what to do."""

    status = 3


class KeysMissingError(NotInitialisedError):
    """A key is missing or unusable; the message says what to do."""

    status = 4


class NotSoundError(StartupError):
    """The stored data were altered or lost; the message has a line for each fault."""

    status = 5


@contextmanager
def startup_errors() -> Iterator[None]:
    """Turn errors that prevent deciding from the stored data into StartupError."""
    try:
        yield
    except NotReady as error:
        raise StartupError(str(error)) from error
    except (DamagedRecord, UnknownVersion) as error:
        raise NotSoundError(str(error)) from error
    except DatabaseUnavailable as error:
        raise NotInitialisedError(str(error)) from error


def open_database(url: str, keys: Path) -> Database:
    """Return the database at an address, with the folder of the log's keys.

    Raises NotInitialisedError, NotSoundError, ValueError for an unsupported address.
    """
    database = Database(url, keys=keys)
    address = printable_address(url)
    reason = None
    try:
        if database.file and not database.file.is_file():
            reason = f"there is no database at {address}: run `policy-service init`"
        elif not is_current(database):
            state = "was set up by an earlier version of the service" if has_tables(database) else "is not set up"
            reason = f"the database at {address} {state}: run `policy-service init`"
    except NewerDatabase as error:
        reason = str(error)
    except DatabaseUnavailable:
        with suppress(DatabaseUnavailable):
            require_sound(self_check(database))
        reason = f"the database at {address} does not answer"
    if reason is not None:
        database.close()
        raise NotInitialisedError(reason)
    return database


def open_keys(database: Database, keys: Path) -> MasterKeys:
    """Return the master keys, after checking that the signing key of the log is present too."""
    try:
        with database.read() as session:
            current_signer(session, keys)
        return MasterKeys(keys)
    except (KeyUnavailable, KeyFileError) as error:
        raise KeysMissingError(
            f"{error}: run `policy-service init`, or set POLICY_SERVICE_KEYS to the folder of the keys"
        ) from None


def check_soundness(database: Database, keys: Path, copies: Sequence[Copy]) -> None:
    """Raise NotSoundError with every fault found at start-up, DatabaseUnavailable."""
    faults = self_check(database)
    if not faults:
        try:
            faults = _copy_faults(database, keys, copies)
            with database.read() as session:
                faults = [*_faults(session, keys), *faults]
        except DamagedRecord as error:
            faults = [str(error)]
    require_sound(faults)


def require_sound(faults: Sequence[str]) -> None:
    """Raise NotSoundError if there are faults."""
    if faults:
        raise NotSoundError("what is on record is not what was written:\n" + "\n".join(faults))


def edited_files(database: Database, folder: Path) -> tuple[str, ...]:
    """Return a message for each policy file of a folder that was edited after it was submitted."""
    with database.read() as session:
        try:
            return tuple(sentence.removeprefix(f"{folder}/") for sentence in check_files(session, folder))
        except OSError as error:
            return (f"the policy files cannot be compared with what was submitted: {error.strerror}",)


def _faults(session: Session, keys: Path) -> list[str]:
    tail = verify_tail(session, list(public_keys(keys).values()))
    return [
        *([f"the log: {tail.message}"] if tail else []),
        *_guard_faults(session),
        # of a large database behind the start, but for those in force, which are compared as they are loaded
        *([] if is_large(session.connection()) else verify_versions(session)),
        *verify_blocks(session, TAIL_BLOCKS).faults,
    ]


def _copy_faults(database: Database, keys: Path, copies: Sequence[Copy]) -> list[str]:
    trusted = list(public_keys(keys).values())
    return [fault for copy in copies if (fault := _copy_fault(database, copy, trusted)) is not None]


def _copy_fault(database: Database, copy: Copy, trusted: Sequence[PublicKey]) -> str | None:
    """Return the mismatch of a copy of the checkpoints; an unreachable store is retried later."""
    try:
        fault = copy_difference(database, copy, trusted)
        if fault is None and isinstance(copy, FileCopy):
            copy.prepare()
    except Unreachable:
        return None
    except OSError as error:
        return f"checkpoints cannot be copied to {copy.location}: {error.strerror}"
    return fault


def _guard_faults(session: Session) -> list[str]:
    """Return the rows of versions in force and of permissions that do not match the log.

    Rows that no entry records are ignored, and do not prevent the start.
    """
    guard = guard_of(session)
    if guard is None:
        return []
    guard.refresh(session)
    return guard.broken
