"""Whether the log is still the one that was signed: asked at the start, and by the sealer before every signature.

It is compared with the last checkpoint that this process made, and with the newest that every place elsewhere holds:
the log's first n entries must have the root and the head that a checkpoint of n entries tells. A place must hold no
fewer checkpoints than it was given. On a difference nothing is signed, until the operator has settled it
(`policy-service audit settle`), after a restart too. A place that does not answer is no difference: it is told, and
asked again later.
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
from policy_service.audit.copies import NEWEST, Copy, FileCopy, Seen
from policy_service.audit.events import LogSettled
from policy_service.audit.identity import log_id
from policy_service.audit.keys import Damaged, PublicKey, public_key, public_keys
from policy_service.audit.log import append, last_entry
from policy_service.audit.log_key import LogKey
from policy_service.audit.service import extent_at, last_checkpoint, signing_keys
from policy_service.audit.stored import verify_database, verify_tail
from policy_service.audit.tables import AuditEntry, Checkpoint, CheckpointCopy
from policy_service.audit.verdict import Compared, Verdict
from policy_service.audit.verify import PartTick, say_nothing
from policy_service.clock import Clock
from policy_service.database import Database, LaneName, Transaction
from policy_service.sentences import Sentence, plain, rebuilt

LOG = "log"
"""Where a difference from what this process signed is remembered, beside those of places."""
PAUSE, LONGEST_PAUSE = 10.0, 600.0
"""Seconds until a place that did not answer is asked again: twice as many each time, up to the longest."""


@dataclass(frozen=True, slots=True)
class _Known:
    """How many checkpoints a place was given, and how many entries the newest of them covers."""

    count: int = 0
    size: int = 0


class LogDiffers(Exception):
    """The log is not what was signed, so nothing more is signed; the message says what differs."""

    def __init__(self, difference: str, *, is_new: bool) -> None:
        self.is_new = is_new
        """Whether it was found just now."""
        super().__init__(difference)


class Comparison:
    """The log, what this process signed of it, and the places elsewhere; used by one thread."""

    def __init__(self, database: Database, clock: Clock, keys: Path, copies: Sequence[Copy] = ()) -> None:
        """`keys` is the folder of the log's private keys."""
        self._database = database
        self._clock = clock
        self._keys = keys
        self._copies = copies
        self._signed: SignedExtent | None = None
        self._settled = 0
        self._pauses: dict[str, tuple[float, float]] = {}
        self.difference: str | None = None
        """What differs, while nothing is signed for it."""
        self.troubles: dict[str, Sentence] = {}
        """Why a place was not given its checkpoints when it was last asked, by its location."""

    def check(self) -> None:
        """Compares. Raises LogDiffers, DatabaseUnavailable."""
        with self._database.read() as session:
            settled = _settled(session)
            if self.difference is None and (found := recorded_difference(session)) is not None:
                self.difference, self._settled = found, settled
            if self.difference is not None and self._settled == settled:
                raise LogDiffers(self.difference, is_new=False)
            if self.difference is not None:
                self.difference = self._signed = None
            self._settled = settled
            found_at = self._find(session)
        if found_at is not None:
            location, self.difference = found_at
            with self._database.write(self._clock, LaneName.DECISIONS) as transaction:
                _remember(transaction, location, difference=self.difference)
            raise LogDiffers(self.difference, is_new=True)

    def signed(self, line: bytes) -> None:
        """Takes note of a checkpoint that this process made; its transaction is over."""
        self._signed = read_checkpoint(line)

    def copy(self) -> None:
        """Gives every place the checkpoints that it lacks. Raises DatabaseUnavailable."""
        for copy in self._copies if self.difference is None else ():
            self._ask(copy, partial(copy_checkpoints, self._database, self._clock, copy))

    def _find(self, session: Session) -> tuple[str, str] | None:
        """The first difference, and where it is remembered."""
        trusted, signed = list(public_keys(self._keys).values()), self._signed
        last = last_entry(session)
        if signed is not None:
            behind = max(0, (last.seq if last else 0) - signed.extent.size)
            if fault := verify_tail(session, trusted, [signed], entries=behind + 1):
                return LOG, fault.sentence
            which = Sentence("the last checkpoint that this process made")
            if disagreeing := disagreement(session, signed, which, trusted):
                return LOG, disagreeing
        for copy in self._copies:
            found = self._ask(copy, partial(difference_at, session, copy, trusted))
            if found is not None:
                return _key(session, copy), found
        return None

    def _ask(self, copy: Copy, question: Callable[[], str | None]) -> str | None:
        """What a place answers; None while it does not."""
        length, until = self._pauses.get(copy.location, (0.0, 0.0))
        if time.monotonic() < until:
            return None
        try:
            answer = question()
        except (OSError, Damaged) as error:
            length = min(max(PAUSE, 2 * length), LONGEST_PAUSE)
            self._pauses[copy.location] = length, time.monotonic() + length
            why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
            told = Sentence("checkpoints are not copied to {place}: {why}", place=copy.location, why=why)
            self.troubles = {**self.troubles, copy.location: told}
            return None
        self._pauses.pop(copy.location, None)
        self.troubles = {place: told for place, told in self.troubles.items() if place != copy.location}
        return answer


def copy_checkpoints(database: Database, clock: Clock, copy: Copy) -> None:
    """Gives a place the checkpoints that it does not have yet. Raises Damaged, OSError, DatabaseUnavailable."""
    with database.read() as session:
        key = _key(session, copy)
        known = _known(session, key)
        newest = session.exec(select(func.max(Checkpoint.size))).one() or 0
        if known.size >= newest:
            return
        seen = copy.look(known.count)
        if seen.count < known.count or seen.size > newest:
            return  # that is a difference, for the next comparison to tell
        query = select(Checkpoint.size, Checkpoint.line).where(Checkpoint.size > seen.size)
        rows = list(session.exec(query.order_by(col(Checkpoint.size))))
    rows = rows if copy.takes_history or seen.count else rows[-1:]
    count = copy.add(seen.count, [line for _, line in rows])
    added = rows[: count - seen.count]
    size = added[-1][0] if added else seen.size
    with database.write(clock, LaneName.DECISIONS) as transaction:
        _remember(transaction, key, count=count, size=size)


def difference_at(session: Session, copy: Copy, keys: Sequence[PublicKey]) -> str | None:
    """What differs between the log and the newest checkpoints of a place. Raises OSError."""
    known = _known(session, _key(session, copy))
    try:
        seen = copy.look(known.count)
    except Damaged as error:
        return Sentence("a copy of the checkpoints was altered: {fault}", fault=str(error))
    found = (disagreement(session, each, copy.location, keys) for each in seen.newest)
    return next((each for each in found if each is not None), None) or _fewer(copy, seen, known)


def disagreement(session: Session, checkpoint: SignedExtent, where: str, keys: Sequence[PublicKey]) -> Sentence | None:
    """What the log and a checkpoint do not agree in; None when they agree. `keys` are those of the folder."""
    log, count = log_id(session), checkpoint.extent.size
    named = (public_key(body["public_key"]) for body in signing_keys(session))
    if not any(checkpoint.is_by(key) for key in (*keys, *named)):
        if checkpoint.log not in {None, log}:
            return Sentence(
                "{where} holds a checkpoint of another log, {other}; this log is {log}",
                where=where,
                other=str(checkpoint.log),
                log=str(log),
            )
        return Sentence(
            "the checkpoint of {count} entries in {where} is signed with no key of the log", count=count, where=where
        )
    extent = extent_at(session, count)
    if extent is None:
        last = last_entry(session)
        return Sentence(
            "the log ends at entry {end}, and {where} tells of {count} entries",
            end=last.seq if last else 0,
            where=where,
            count=count,
        )
    if extent != checkpoint.extent:
        return Sentence(
            "the first {count} entries of the log are not those that {where} tells of", count=count, where=where
        )
    return None


def recorded_difference(session: Session) -> str | None:
    """What differed when the log was last compared; None when nothing did, or it was settled."""
    query = select(CheckpointCopy.difference).where(col(CheckpointCopy.difference).is_not(None))
    written = session.exec(query.order_by(col(CheckpointCopy.copied_at)).limit(1)).first()
    if written is None:
        return None
    try:
        return str(_whole(msgspec.json.decode(written)))
    except (msgspec.MsgspecError, KeyError, ValueError, IndexError, TypeError):
        return Sentence("the log was found to differ from what was signed")


def settle(  # noqa: PLR0913, PLR0917  # who says so, of what, and why
    database: Database, clock: Clock, actor: Actor, keys: Path, copies: Sequence[Copy], reason: str
) -> str | None:
    """Takes the log for right as it is, with what its copies hold now; gives the difference that was, None for none.

    Raises LogDiffers while a copy still holds what is not of this log, Damaged, OSError, DatabaseUnavailable.
    """
    trusted = list(public_keys(keys).values())
    holds = []
    with database.read() as session:
        difference = recorded_difference(session)
        for copy in copies:
            found = _read_or_nothing(copy)
            for each in found[-NEWEST:]:
                if told := disagreement(session, each, copy.location, trusted):
                    raise LogDiffers(told, is_new=False)
            known = _known(session, _key(session, copy))
            difference = difference or _fewer(copy, Seen(len(found)), known)
            holds.append((_key(session, copy), len(found), found[-1].extent.size if found else 0))
    if difference is None:
        return None
    with database.write(clock) as transaction:
        session = transaction.session
        for row in session.exec(select(CheckpointCopy)):
            row.difference = None
            session.add(row)
        for location, count, size in holds:
            _remember(transaction, location, count=count, size=size)
        append(transaction, actor, LogSettled(plain(difference), reason))
    return difference


def _read_or_nothing(copy: Copy) -> list[SignedExtent]:
    try:
        return copy.read()
    except FileNotFoundError:
        return []


def verify_log(
    session: Session,
    trusted: Sequence[PublicKey],
    copies: Sequence[Copy] = (),
    tick: PartTick = say_nothing,
    keys: Mapping[str, LogKey] | None = None,
) -> Verdict:
    """As `verify_database`, against every checkpoint of every place."""
    kept: dict[bytes, SignedExtent] = {}
    compared = []
    for copy in copies:
        found, fault = _read(session, copy)
        kept |= {each.line: each for each in found}
        newest = found[-1] if found else None
        size, at = (newest.extent.size, newest.at) if newest else (None, None)
        compared.append(Compared(copy.location, len(found), size, at, fault))
    in_order = sorted(kept.values(), key=lambda each: each.extent.size)
    return replace(verify_database(session, trusted, in_order, tick, keys), compared=tuple(compared))


def _read(session: Session, copy: Copy) -> tuple[list[SignedExtent], str | None]:
    """Every checkpoint of a place, and why it cannot be relied on."""
    known = _known(session, _key(session, copy))
    try:
        found = copy.read()
    except FileNotFoundError:
        if known.count:
            return [], _fewer(copy, Seen(0, is_missing=True), known)
        if last_checkpoint(session) is None:
            return [], None
        return [], Sentence("{place} is missing: there is nothing to compare the log with", place=copy.location)
    except (Damaged, OSError) as error:
        why = error.strerror if isinstance(error, OSError) and error.strerror else str(error)
        return [], Sentence("{place} cannot be read: {why}", place=copy.location, why=why)
    return found, _fewer(copy, Seen(len(found)), known)


def _fewer(copy: Copy, seen: Seen, known: _Known) -> Sentence | None:
    if seen.count >= known.count:
        return None
    if seen.is_missing:
        return Sentence(
            "{place} is missing: {known} checkpoints were copied there", place=copy.location, known=known.count
        )
    return Sentence(
        "{place} holds {count} checkpoints, and {known} were copied there",
        place=copy.location,
        count=seen.count,
        known=known.count,
    )


def _known(session: Session, location: str) -> _Known:
    row = session.get(CheckpointCopy, location)
    return _Known(row.count, row.size) if row is not None else _Known()


def _key(session: Session, copy: Copy) -> str:
    """The name of a place in the database; several machines that share one each have their own files."""
    shared = session.get_bind().dialect.name == "postgresql" and isinstance(copy, FileCopy)
    return f"{platform.node()}:{copy.location}" if shared else copy.location


def _remember(
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
        row.difference = msgspec.json.encode(_parts(difference)).decode()
    session.add(row)
    session.flush()


def _parts(value: object) -> object:
    """A sentence as JSON, which pages can still translate: its pattern, and what was put into it."""
    if isinstance(value, Sentence):
        return [value.pattern, {name: _parts(each) for name, each in value.values.items()}]
    return value


def _whole(value: Any) -> Any:  # noqa: ANN401  # JSON
    """A sentence as `_parts` wrote it."""
    if isinstance(value, list):
        pattern, values = value
        return rebuilt(pattern, {name: _whole(each) for name, each in values.items()})
    return value


def _settled(session: Session) -> int:
    """How often a difference was settled."""
    return session.exec(select(func.count()).where(AuditEntry.event == LogSettled.name)).one()
