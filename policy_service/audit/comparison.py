"""Compares the log with its signed checkpoints: at start-up, and by the sealer before every signature.

The log is compared with the last checkpoint made by this process, and with the newest ones in every copy: the log's
first n entries must have the root and head of a checkpoint of n entries. A copy must hold at least as many checkpoints
as were sent to it. After a mismatch nothing is signed until the operator settles it (`policy-service audit settle`),
not even after a restart. An unreachable copy is no mismatch: it is reported, and tried again later.
"""

from __future__ import annotations

import platform
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import msgspec
from sqlmodel import Session, col, func, select

from policy_service.actor import Actor
from policy_service.audit.checkpoints import SignedExtent, read_checkpoint
from policy_service.audit.copies import NEWEST, Copy, CopyContents, FileCopy
from policy_service.audit.database_verification import verify_database, verify_tail
from policy_service.audit.events import LogSettled
from policy_service.audit.identity import log_id
from policy_service.audit.keys import InvalidSignedLine, PublicKey, public_key, public_keys
from policy_service.audit.log import append, log_length
from policy_service.audit.log_key import LogKey
from policy_service.audit.service import extent_at, last_checkpoint, signing_keys
from policy_service.audit.tables import AuditEntry, Checkpoint, CheckpointCopy
from policy_service.audit.verdict import CopyComparison, LogVerdict
from policy_service.audit.verify import PartTick, say_nothing
from policy_service.clock import Clock
from policy_service.database import Database, LaneName, Transaction
from policy_service.errors import PolicyServiceError
from policy_service.integrity import READ_ERRORS
from policy_service.messages import Message, plain_text, rebuild_message

LOG_LOCATION = "log"
"""The location under which a mismatch with this process's own checkpoint is stored."""
PAUSE, MAX_PAUSE = 10.0, 600.0
"""Seconds until a place that did not answer is asked again: twice as many each time, up to the longest."""


@dataclass(frozen=True, slots=True)
class _CopyState:
    """The number of checkpoints sent to a copy, and the entries that the newest covers."""

    count: int = 0
    size: int = 0


class LogMismatch(PolicyServiceError):
    """The log does not match its checkpoints, so nothing more is signed; the message says what differs."""

    kind = "conflict"

    def __init__(self, difference: str, *, is_new: bool) -> None:
        self.is_new = is_new
        """True if it was found just now."""
        super().__init__(difference)

    @property
    def detail(self) -> str:
        """Return what to do about it; the location is only told to the operator."""
        return Message("the log is not what was signed: `policy-service audit verify` says where")


class LogComparison:
    """Compares the log with this process's own checkpoint and with the copies; used by one thread."""

    def __init__(self, database: Database, clock: Clock, keys: Path, copies: Sequence[Copy] = ()) -> None:
        """`keys` is the folder of the log's private keys."""
        self._database = database
        self._clock = clock
        self._keys = keys
        self._copies = copies
        self._last_signed: SignedExtent | None = None
        self._settlements = 0
        self._pauses: dict[str, tuple[float, float]] = {}
        self.difference: str | None = None
        """The mismatch because of which nothing is signed; None if there is none."""
        self.copy_errors: dict[str, Message] = {}
        """Why a copy could not be updated last time, by its location."""

    def check(self) -> None:
        """Compare the log. Raises LogMismatch, DatabaseUnavailable."""
        with self._database.read() as session:
            settlements = _count_settlements(session)
            if self.difference is None and (difference := recorded_difference(session)) is not None:
                self.difference, self._settlements = difference, settlements
            if self.difference is not None and self._settlements == settlements:
                raise LogMismatch(self.difference, is_new=False)
            if self.difference is not None:
                self.difference = self._last_signed = None
            self._settlements = settlements
            mismatch = self._find_mismatch(session)
        if mismatch is not None:
            location, self.difference = mismatch
            with self._database.write(self._clock, LaneName.DECISIONS) as transaction:
                _store_copy_state(transaction, location, difference=self.difference)
            raise LogMismatch(self.difference, is_new=True)

    def set_last_signed(self, line: bytes) -> None:
        """Store a checkpoint made by this process, after its transaction committed."""
        self._last_signed = read_checkpoint(line)

    def copy_all(self) -> None:
        """Send every copy the checkpoints it lacks. Raises DatabaseUnavailable."""
        for copy in self._copies if self.difference is None else ():
            self._call_copy(copy, partial(copy_checkpoints, self._database, self._clock, copy))

    def _find_mismatch(self, session: Session) -> tuple[str, str] | None:
        """Return the first mismatch, and the location under which it is stored."""
        trusted, last_signed = list(public_keys(self._keys).values()), self._last_signed
        if last_signed is not None:
            behind = max(0, log_length(session) - last_signed.extent.size)
            if fault := verify_tail(session, trusted, [last_signed], entries=behind + 1):
                return LOG_LOCATION, fault.message
            source = Message("the last checkpoint that this process made")
            if conflict := disagreement(session, last_signed, source, trusted):
                return LOG_LOCATION, conflict
        for copy in self._copies:
            difference = self._call_copy(copy, partial(copy_difference, self._database, copy, trusted))
            if difference is not None:
                return _copy_key(session, copy), difference
        return None

    def _call_copy(self, copy: Copy, operation: Callable[[], str | None]) -> str | None:
        """Call a copy; return None while it is unreachable."""
        length, until = self._pauses.get(copy.location, (0.0, 0.0))
        if time.monotonic() < until:
            return None
        try:
            result = operation()
        except (OSError, InvalidSignedLine) as error:
            length = min(max(PAUSE, 2 * length), MAX_PAUSE)
            self._pauses[copy.location] = length, time.monotonic() + length
            reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            message = Message("checkpoints are not copied to {place}: {why}", place=copy.location, why=reason)
            self.copy_errors = {**self.copy_errors, copy.location: message}
            return None
        self._pauses.pop(copy.location, None)
        self.copy_errors = {
            location: message for location, message in self.copy_errors.items() if location != copy.location
        }
        return result


def copy_checkpoints(database: Database, clock: Clock, copy: Copy) -> None:
    """Send a copy the checkpoints it lacks."""
    with database.read() as session:
        key = _copy_key(session, copy)
        copy_state = _copy_state(session, key)
        newest = session.exec(select(func.max(Checkpoint.size))).one() or 0
        if copy_state.size >= newest:
            return
        contents = copy.inspect(copy_state.count)
        if contents.count < copy_state.count or contents.size > newest:
            return  # that is a difference, for the next comparison to tell
        query = select(Checkpoint.size, Checkpoint.line).where(Checkpoint.size > contents.size)
        rows = list(session.exec(query.order_by(col(Checkpoint.size))))
    rows = rows if copy.takes_history or contents.count else rows[-1:]
    count = copy.add(contents.count, [line for _, line in rows])
    added = rows[: count - contents.count]
    size = added[-1][0] if added else contents.size
    with database.write(clock, LaneName.DECISIONS) as transaction:
        if count >= _copy_state(transaction.session, key).count:  # else another process has copied more meanwhile
            _store_copy_state(transaction, key, count=count, size=size)


def copy_difference(database: Database, copy: Copy, keys: Sequence[PublicKey]) -> str | None:
    """Return the difference between the log and the newest checkpoints of a copy. Raises OSError, DatabaseUnavailable.

    The copy is read between two snapshots, because other processes sign and copy meanwhile.
    """
    with database.read() as session:
        copy_state = _copy_state(session, _copy_key(session, copy))
    try:
        contents = copy.inspect(copy_state.count)
    except InvalidSignedLine as error:
        return Message("a copy of the checkpoints was altered: {fault}", fault=str(error))
    with database.read() as session:
        differences = (disagreement(session, each, copy.location, keys) for each in contents.newest)
        difference = next((each for each in differences if each is not None), None)
    return difference or _shortfall(copy, contents, copy_state)


def disagreement(session: Session, checkpoint: SignedExtent, source: str, keys: Sequence[PublicKey]) -> Message | None:
    """Return how the log and a checkpoint differ; None if they match. `keys` are those of the folder."""
    log, count = log_id(session), checkpoint.extent.size
    logged_keys = (public_key(body["public_key"]) for body in signing_keys(session))
    if not any(checkpoint.is_signed_by(key) for key in (*keys, *logged_keys)):
        if checkpoint.log not in {None, log}:
            return Message(
                "{where} holds a checkpoint of another log, {other}; this log is {log}",
                where=source,
                other=str(checkpoint.log),
                log=str(log),
            )
        return Message(
            "the checkpoint of {count} entries in {where} is signed with no key of the log", count=count, where=source
        )
    extent = extent_at(session, count)
    if extent is None:
        return Message(
            "the log ends at entry {end}, and {where} records {count} entries",
            end=log_length(session),
            where=source,
            count=count,
        )
    if extent != checkpoint.extent:
        return Message(
            "the first {count} entries of the log are not those that {where} records", count=count, where=source
        )
    return None


def recorded_difference(session: Session) -> str | None:
    """Return the mismatch found by the last comparison; None if there was none, or it was settled."""
    query = select(CheckpointCopy.difference).where(col(CheckpointCopy.difference).is_not(None))
    encoded = session.exec(query.order_by(col(CheckpointCopy.copied_at)).limit(1)).first()
    if encoded is None:
        return None
    try:
        return str(_decode_message(msgspec.json.decode(encoded)))
    except READ_ERRORS:
        return Message("the log was found to differ from what was signed")


def settle(  # noqa: PLR0913, PLR0917  # who says so, of what, and why
    database: Database, clock: Clock, actor: Actor, keys: Path, copies: Sequence[Copy], reason: str
) -> str | None:
    """Accept the log as it is, with what its copies hold now; return the settled mismatch, None if there was none.

    Raises LogMismatch while a copy holds checkpoints of another log, InvalidSignedLine, OSError, DatabaseUnavailable.
    """
    trusted = list(public_keys(keys).values())
    copy_states = []
    with database.read() as session:
        difference = recorded_difference(session)
        for copy in copies:
            checkpoints = _read_or_nothing(copy)
            for each in checkpoints[-NEWEST:]:
                if conflict := disagreement(session, each, copy.location, trusted):
                    raise LogMismatch(conflict, is_new=False)
            copy_state = _copy_state(session, _copy_key(session, copy))
            difference = difference or _shortfall(copy, CopyContents(len(checkpoints)), copy_state)
            copy_states.append(
                (_copy_key(session, copy), len(checkpoints), checkpoints[-1].extent.size if checkpoints else 0)
            )
    if difference is None:
        return None
    with database.write(clock) as transaction:
        session = transaction.session
        for row in session.exec(select(CheckpointCopy)):
            row.difference = None
            session.add(row)
        for location, count, size in copy_states:
            _store_copy_state(transaction, location, count=count, size=size)
        append(transaction, actor, LogSettled(plain_text(difference), reason))
    return difference


def _read_or_nothing(copy: Copy) -> list[SignedExtent]:
    try:
        return copy.read()
    except FileNotFoundError:
        return []


@dataclass(frozen=True, slots=True)
class ExternalCheckpoints:
    """The checkpoints of every copy in the order of their sizes, and the state of each copy."""

    checkpoints: Sequence[SignedExtent] = ()
    comparisons: Sequence[CopyComparison] = ()


NOTHING_EXTERNAL = ExternalCheckpoints()


def read_copies(database: Database, copies: Sequence[Copy]) -> ExternalCheckpoints:
    """Read every copy. A snapshot that is taken afterwards contains all that was copied. Raises DatabaseUnavailable."""
    external: dict[bytes, SignedExtent] = {}
    comparisons = []
    for copy in copies:
        with database.read() as session:
            checkpoints, fault = _read_copy(session, copy)
        external |= {each.line: each for each in checkpoints}
        newest = checkpoints[-1] if checkpoints else None
        size, at = (newest.extent.size, newest.at) if newest else (None, None)
        comparisons.append(CopyComparison(copy.location, len(checkpoints), size, at, fault))
    return ExternalCheckpoints(sorted(external.values(), key=lambda each: each.extent.size), comparisons)


def verify_log(
    session: Session,
    trusted: Sequence[PublicKey],
    external: ExternalCheckpoints = NOTHING_EXTERNAL,
    on_progress: PartTick = say_nothing,
    keys: Mapping[str, LogKey] | None = None,
) -> LogVerdict:
    """Verify the database like `verify_database`, against every checkpoint of every copy."""
    verdict = verify_database(session, trusted, external.checkpoints, on_progress, keys)
    return replace(verdict, copies=tuple(external.comparisons))


def _read_copy(session: Session, copy: Copy) -> tuple[list[SignedExtent], str | None]:
    """Return every checkpoint of a copy, and why it cannot be relied on."""
    copy_state = _copy_state(session, _copy_key(session, copy))
    try:
        checkpoints = copy.read()
    except FileNotFoundError:
        if copy_state.count:
            return [], _shortfall(copy, CopyContents(0, is_missing=True), copy_state)
        if last_checkpoint(session) is None:
            return [], None
        return [], Message("{place} is missing: there is nothing to compare the log with", place=copy.location)
    except (InvalidSignedLine, OSError) as error:
        reason = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return [], Message("{place} cannot be read: {why}", place=copy.location, why=reason)
    return checkpoints, _shortfall(copy, CopyContents(len(checkpoints)), copy_state)


def _shortfall(copy: Copy, contents: CopyContents, copy_state: _CopyState) -> Message | None:
    if contents.count >= copy_state.count:
        return None
    if contents.is_missing:
        return Message(
            "{place} is missing: {known} checkpoints were copied there", place=copy.location, known=copy_state.count
        )
    return Message(
        "{place} holds {count} checkpoints, and {known} were copied there",
        place=copy.location,
        count=contents.count,
        known=copy_state.count,
    )


def _copy_state(session: Session, location: str) -> _CopyState:
    row = session.get(CheckpointCopy, location)
    return _CopyState(row.count, row.size) if row is not None else _CopyState()


def _copy_key(session: Session, copy: Copy) -> str:
    """Return the name of a copy in the database; machines that share a database have their own files."""
    shared = session.get_bind().dialect.name == "postgresql" and isinstance(copy, FileCopy)
    return f"{platform.node()}:{copy.location}" if shared else copy.location


def _store_copy_state(
    transaction: Transaction,
    location: str,
    *,
    count: int | None = None,
    size: int | None = None,
    difference: str | None = None,
) -> None:
    session = transaction.session
    row = session.get(CheckpointCopy, location)
    row = row or CheckpointCopy(location=location, count=0, size=0, copied_at=transaction.now)
    row.copied_at = transaction.now
    row.count, row.size = row.count if count is None else count, row.size if size is None else size
    if difference is not None:
        row.difference = msgspec.json.encode(_encode_message(difference)).decode()
    session.add(row)
    session.flush()


def _encode_message(value: object) -> object:
    """Return a message as JSON that pages can still translate: its pattern and its values."""
    if isinstance(value, Message):
        return [value.pattern, {name: _encode_message(each) for name, each in value.values.items()}]
    return value


def _decode_message(value: Any) -> Any:  # noqa: ANN401  # JSON
    """Return a message from the JSON of `_encode_message`."""
    if isinstance(value, list):
        pattern, values = value
        return rebuild_message(pattern, {name: _decode_message(each) for name, each in values.items()})
    return value


def _count_settlements(session: Session) -> int:
    """Count the settled mismatches."""
    return session.exec(select(func.count()).where(AuditEntry.event == LogSettled.name)).one()
