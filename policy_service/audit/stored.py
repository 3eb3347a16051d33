"""Verification of the log in the database, and of all rows that it covers.

The walk reads the entries; beside it go the columns that repeat what the lines say, and the MACs. Then the rows that
the entries tell of are compared with those that are there.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, suppress
from dataclasses import replace
from functools import partial
from typing import Any

import sqlalchemy
from sqlalchemy import Row, String, type_coerce
from sqlmodel import Session, col, select

from policy_service.audit.chain import GENESIS, Entry, NotAnEntry, read_entry
from policy_service.audit.checkpoints import SignedExtent, read_checkpoint
from policy_service.audit.diagnosis import not_following
from policy_service.audit.identity import log_id, refuse_other_log
from policy_service.audit.keys import Damaged, PublicKey
from policy_service.audit.log import last_entry
from policy_service.audit.log_key import LogKey, id_of
from policy_service.audit.merkle import NotAPath, tree_from
from policy_service.audit.shadow import Shadow
from policy_service.audit.tables import AuditAbout, AuditEntry, Checkpoint
from policy_service.audit.verdict import Broken, Fault, Verdict
from policy_service.audit.verify import OF_CHECKPOINT, PartTick, Walk, say_nothing
from policy_service.canonical import digest
from policy_service.sentences import Sentence

_AT_ONCE = 5_000
"""Rows fetched at a time."""
_END = (float("inf"), "")
"""What comes behind the last row of what entries are about."""


def verify_database(
    session: Session,
    trusted: Sequence[PublicKey],
    kept: Iterable[SignedExtent] = (),
    tick: PartTick = say_nothing,
    keys: Mapping[str, LogKey] | None = None,
) -> Verdict:
    """Reads the log up to the first fault, then compares all covered rows with what its entries say of them.

    `kept` are the checkpoints kept elsewhere; `keys` those of the MACs, which are not checked without.
    """
    kept = tuple(kept)
    walk, fault = Walk(trusted, kept), None
    with ExitStack() as results, Shadow() as shadow:
        rows = _Stored(session, results, shadow, keys)
        try:
            refuse_other_log(log_id(session), kept, trusted)
            walk.follow(rows.lines(), rows.compare, partial(tick, "entries"))
            rows.finish()
            walk.finish()
        except Broken as broken:
            fault = broken.fault
            rows.take_all()
        verdict = walk.verdict(fault)
        found = (0, 0, []) if not shadow.is_begun else shadow.compare(session, keys, tick)
    told = () if fault is None else (fault,)
    return replace(verdict, faults=told, macs=None if not keys else rows.macs).with_more(*found)


def verify_tail(
    session: Session, trusted: Sequence[PublicKey], kept: Iterable[SignedExtent] = (), *, entries: int = 1_000
) -> Fault | None:
    """A quick look for the start of the service, at the last entries and checkpoints; the first fault it sees."""
    last = last_entry(session)
    size = last.seq if last else 0
    kept = tuple(kept)
    try:
        refuse_other_log(log_id(session), kept, trusted)
        digests = _follow_tail(session, max(0, size - entries))
        for checkpoint in (*_last_checkpoints(session), *kept[-1:]):
            _compare_tail(checkpoint, size, digests, trusted)
    except Broken as broken:
        return broken.fault
    return None


class _Stored:
    """The rows as the lines of a walk, and what must agree with each line."""

    def __init__(self, session: Session, results: ExitStack, shadow: Shadow, keys: Mapping[str, LogKey] | None) -> None:
        self.macs = 0
        self._session = session
        self._results = results
        self._shadow = shadow
        self._keys = keys or {}
        self._row = (0, "", "", "", "")
        self._mac: str | None = None
        self._about = self._read(AuditAbout.seq, AuditAbout.about)
        self._next: Any = next(self._about, _END)

    def lines(self) -> Iterator[bytes]:
        """Every entry, and every checkpoint behind the entry it counts to."""
        checkpoints = self._read(Checkpoint.size, _text(Checkpoint.at), Checkpoint.line, Checkpoint.peaks)
        checkpoint = next(checkpoints, None)
        columns = (AuditEntry.seq, _text(AuditEntry.at), AuditEntry.event, AuditEntry.actor)
        for seq, at, event, actor, hashed, line, mac in self._read(
            *columns, AuditEntry.digest, AuditEntry.line, AuditEntry.mac
        ):
            self._row = (seq, at, event, actor, hashed)
            self._check_mac(seq, line, mac)
            yield line
            while checkpoint is not None and checkpoint.size <= seq:
                yield _agreed(checkpoint)
                checkpoint = next(checkpoints, None)
        while checkpoint is not None:
            yield _agreed(checkpoint)
            checkpoint = next(checkpoints, None)

    def compare(self, entry: Entry, here: str) -> None:
        """What stands beside the line of an entry. Raises Broken."""
        seq = self._row[0]
        if self._row[4] != here:
            raise _other_line(seq)
        if self._row != (entry.seq, entry.at, entry.event, entry.by.id, here):
            told = Sentence("entry {seq} was altered: the columns beside its line say something else", seq=seq)
            raise Broken(told, seq)
        about = set()
        while self._next[0] <= seq:
            about.add(self._next[1])
            self._next = next(self._about, _END)
        if about != set(entry.about):
            told = Sentence("entry {seq} was altered: what it is said to be about is not what its line says", seq=seq)
            raise Broken(told, seq)
        self._shadow.take(seq, entry.rows, entry.rows_state)

    def _check_mac(self, seq: int, line: bytes, mac: str | None) -> None:
        """The MAC of an entry, where there is one from the first that has one. Raises Broken."""
        before, self._mac = self._mac, mac
        if before is not None and mac is None:
            raise Broken(Sentence("entry {seq} was added or altered: it has no MAC", seq=seq), seq)
        key = self._keys.get(id_of(mac))
        if key is not None:
            if not key.made(mac, "entry", line):
                told = Sentence("entry {seq} was added or altered: its MAC is not that of the log's key", seq=seq)
                raise Broken(told, seq)
            self.macs += 1

    def take_all(self) -> None:
        """What all entries say of rows, in spite of a fault: so these are compared all the same."""
        self._shadow.clear()
        for seq, line in self._read(AuditEntry.seq, AuditEntry.line):
            with suppress(NotAnEntry):
                entry = read_entry(line)
                self._shadow.take(seq, entry.rows, entry.rows_state)

    def finish(self) -> None:
        """The last entry is under a key of the folder; nothing is about entries that are not there. Raises Broken."""
        if self._keys and self._row[0] and id_of(self._mac) not in self._keys:
            told = Sentence("entry {seq} was added or altered: its MAC is of no key of the log", seq=self._row[0])
            raise Broken(told, self._row[0])
        seq = self._next[0]
        if seq != _END[0]:
            told = Sentence("entry {seq} was removed: what it was about is still there", seq=seq)
            raise Broken(told, int(seq))

    def _read(self, *columns: Any) -> Iterator[Any]:  # noqa: ANN401  # SQLModel's
        """The columns of a table's rows, in the order of the first."""
        query = sqlalchemy.select(*columns).order_by(columns[0])
        result = self._session.connection().execute(query, execution_options={"yield_per": _AT_ONCE})
        self._results.callback(result.close)
        return iter(result)


def _text(column: Any) -> Any:  # noqa: ANN401  # SQLModel's
    """An instant as the text it is kept as, not read and written again."""
    return type_coerce(column, String).label(column.key)


def _agreed(row: Row[Any]) -> bytes:
    """The line of a checkpoint whose columns say the same. Raises Broken."""
    try:
        checkpoint = read_checkpoint(row.line)
        parts = tree_from(row.size, row.peaks).root()
    except (Damaged, NotAPath):
        raise Broken(Sentence("the checkpoint of {count} entries was altered", count=row.size)) from None
    if (row.size, row.at, parts) != (checkpoint.extent.size, checkpoint.at, checkpoint.extent.root):
        raise Broken(
            Sentence(
                "the checkpoint of {count} entries was altered: its columns do not say what its line says",
                count=row.size,
            )
        )
    line: bytes = row.line
    return line


def _follow_tail(session: Session, after: int) -> dict[int, str]:
    """The digests of the entries behind one, which must follow from each other. Raises Broken."""
    query = select(AuditEntry.seq, AuditEntry.digest, AuditEntry.line).where(col(AuditEntry.seq) > after)
    digests: dict[int, str] = {}
    seq, previous = after, None if after else GENESIS
    for number, kept, line in session.exec(query.order_by(col(AuditEntry.seq))):
        seq += 1
        try:
            entry = read_entry(line)
        except NotAnEntry:
            entry = None
        if entry is None or entry.seq != number or digest(line) != kept:
            raise _other_line(number)
        if number != seq:
            told = {"seq": seq, "found": number, "before": seq - 1}
            raise Broken(Sentence("entry {seq} was removed: entry {found} follows entry {before}", **told), seq)
        if previous not in {None, entry.previous}:
            raise not_following(seq - 1, seq)
        digests[seq] = previous = kept
    return digests


def _last_checkpoints(session: Session) -> Iterator[SignedExtent]:
    columns: tuple[Any, ...] = (Checkpoint.size, _text(Checkpoint.at), Checkpoint.line, Checkpoint.peaks)
    query = sqlalchemy.select(*columns).order_by(col(Checkpoint.size).desc()).limit(1)
    for row in session.connection().execute(query):
        yield read_checkpoint(_agreed(row))


def _compare_tail(checkpoint: SignedExtent, size: int, digests: dict[int, str], trusted: Sequence[PublicKey]) -> None:
    """One checkpoint against the end of the log. Raises Broken."""
    extent = checkpoint.extent
    for key in trusted:
        if key.id == checkpoint.key and not checkpoint.is_by(key):
            raise Broken(
                Sentence(
                    "the checkpoint of {count} entries was altered: its signature is not that of its key",
                    count=extent.size,
                )
            )
    if extent.size > size:
        told = Sentence(
            "entry {seq} was removed, with all behind it: a checkpoint tells of {count} entries",
            seq=size + 1,
            count=extent.size,
        )
        raise Broken(told, size + 1)
    if digests.get(extent.size, extent.head) != extent.head:
        told = Sentence("entry {seq} was altered: it is not the one {signed}", seq=extent.size, signed=OF_CHECKPOINT)
        raise Broken(told, extent.size)


def _other_line(seq: int) -> Broken:
    return Broken(Sentence("entry {seq} was altered: its line is not the one its digest was made of", seq=seq), seq)
