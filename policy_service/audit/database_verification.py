"""Verification of the log in the database, and of all rows that it covers.

One pass reads the entries, and checks their MACs and the columns that repeat the lines. Then the rows that the entries
record are compared with the stored ones.
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

from policy_service.audit.chain import GENESIS, Entry, InvalidEntry, read_entry
from policy_service.audit.checkpoints import SignedExtent, read_checkpoint
from policy_service.audit.diagnosis import sequence_break
from policy_service.audit.events import LogKeyAdded
from policy_service.audit.expected_rows import ExpectedRows
from policy_service.audit.identity import log_id, refuse_other_log
from policy_service.audit.keys import InvalidSignedLine, PublicKey
from policy_service.audit.log import last_entry
from policy_service.audit.log_key import LogKey, key_id_of
from policy_service.audit.merkle import InvalidPath, tree_from
from policy_service.audit.tables import AuditAbout, AuditEntry, Checkpoint
from policy_service.audit.verdict import LogFault, LogVerdict, VerificationFailed
from policy_service.audit.verify import OF_CHECKPOINT, LogVerifier, PartTick, say_nothing
from policy_service.canonical import digest
from policy_service.messages import Message

_FETCH_SIZE = 5_000
"""Rows per query."""
_END = (float("inf"), "")
"""Sorts after the last row of `audit_about`."""


def verify_database(
    session: Session,
    trusted: Sequence[PublicKey],
    external_checkpoints: Iterable[SignedExtent] = (),
    on_progress: PartTick = say_nothing,
    keys: Mapping[str, LogKey] | None = None,
) -> LogVerdict:
    """Verify the log up to the first fault, then compare all covered rows with its entries.

    `external_checkpoints` are those of the copies; `keys` are the MAC keys, without which MACs are not checked.
    """
    external_checkpoints = tuple(external_checkpoints)
    verifier, fault = LogVerifier(trusted, external_checkpoints), None
    with ExitStack() as results, ExpectedRows() as shadow:
        rows = _StoredRows(session, results, shadow, keys)
        try:
            refuse_other_log(log_id(session), external_checkpoints, trusted)
            verifier.verify_lines(rows.lines(), rows.compare, partial(on_progress, "entries"))
            rows.finish()
            verifier.finish()
        except VerificationFailed as broken:
            fault = broken.fault
            rows.collect_all_rows()
        verdict = verifier.verdict(fault)
        comparison = (0, 0, []) if not shadow.has_state else shadow.compare(session, keys, on_progress)
    faults = () if fault is None else (fault,)
    return replace(verdict, faults=faults, macs=None if not keys else rows.macs).with_rows(*comparison)


def verify_tail(
    session: Session,
    trusted: Sequence[PublicKey],
    external_checkpoints: Iterable[SignedExtent] = (),
    *,
    entries: int = 1_000,
) -> LogFault | None:
    """Check the last entries and checkpoints, quickly, at start-up; return the first fault."""
    last = last_entry(session)  # whole, because a start relies on its instant
    size = last.seq if last else 0
    external_checkpoints = tuple(external_checkpoints)
    try:
        refuse_other_log(log_id(session), external_checkpoints, trusted)
        digests = _tail_digests(session, max(0, size - entries))
        for checkpoint in (*_last_checkpoints(session), *external_checkpoints[-1:]):
            _compare_tail(checkpoint, size, digests, trusted)
    except VerificationFailed as broken:
        return broken.fault
    return None


def _mac_of_no_key(seq: int) -> Message:
    return Message("entry {seq} was added or altered: its MAC is of no key of the log", seq=seq)


class _StoredRows:
    """The stored rows as lines of the log, and what must match each line."""

    def __init__(
        self, session: Session, results: ExitStack, shadow: ExpectedRows, keys: Mapping[str, LogKey] | None
    ) -> None:
        self.macs = 0
        self._session = session
        self._results = results
        self._shadow = shadow
        self._keys = keys or {}
        self._row = (0, "", "", "", "")
        self._mac: str | None = None
        self._key_ids: set[str] = set()
        self._about = self._read(AuditAbout.seq, AuditAbout.about)
        self._next: Any = next(self._about, _END)

    def lines(self) -> Iterator[bytes]:
        """Yield every entry, and every checkpoint after the entry it counts to."""
        checkpoints = self._read(Checkpoint.size, _text(Checkpoint.at), Checkpoint.line, Checkpoint.peaks)
        checkpoint = next(checkpoints, None)
        columns = (AuditEntry.seq, _text(AuditEntry.at), AuditEntry.event, AuditEntry.actor)
        for seq, at, event, actor, line_digest, line, mac in self._read(
            *columns, AuditEntry.digest, AuditEntry.line, AuditEntry.mac
        ):
            self._row = (seq, at, event, actor, line_digest)
            self._check_mac(seq, event, line, mac)
            yield line
            while checkpoint is not None and checkpoint.size <= seq:
                yield _verified_line(checkpoint)
                checkpoint = next(checkpoints, None)
        while checkpoint is not None:
            yield _verified_line(checkpoint)
            checkpoint = next(checkpoints, None)

    def compare(self, entry: Entry, line_digest: str) -> None:
        """Compare an entry's line with the columns that repeat it. Raises VerificationFailed."""
        seq = self._row[0]
        if self._row[4] != line_digest:
            raise _digest_mismatch(seq)
        if self._row != (entry.seq, entry.at, entry.event, entry.by.id, line_digest):
            message = Message("entry {seq} was altered: its columns do not match its line", seq=seq)
            raise VerificationFailed(message, seq)
        about = set()
        while self._next[0] <= seq:
            about.add(self._next[1])
            self._next = next(self._about, _END)
        if about != set(entry.about):
            message = Message("entry {seq} was altered: the objects it is listed under do not match its line", seq=seq)
            raise VerificationFailed(message, seq)
        self._shadow.add_entry(seq, entry.rows, entry.rows_state)

    def _check_mac(self, seq: int, event: str, line: bytes, mac: str | None) -> None:
        """Check the MAC of an entry: from the first key on, each entry has one by a key that the log named."""
        previous, self._mac = self._mac, mac
        if event == LogKeyAdded.name:
            with suppress(InvalidEntry, KeyError):  # what is no entry is told by whoever reads it
                self._key_ids.add(read_entry(line).body["log_key"])
        if mac is not None and key_id_of(mac) not in self._key_ids:
            raise VerificationFailed(_mac_of_no_key(seq), seq)
        if previous is not None and mac is None:
            raise VerificationFailed(Message("entry {seq} was added or altered: it has no MAC", seq=seq), seq)
        key = self._keys.get(key_id_of(mac))
        if key is not None:
            if not key.verifies(mac, "entry", line):
                message = Message("entry {seq} was added or altered: its MAC is not that of the log's key", seq=seq)
                raise VerificationFailed(message, seq)
            self.macs += 1

    def collect_all_rows(self) -> None:
        """Collect the rows recorded by all entries, despite a fault, so that they can be compared."""
        self._shadow.clear()
        for seq, line in self._read(AuditEntry.seq, AuditEntry.line):
            with suppress(InvalidEntry):
                entry = read_entry(line)
                self._shadow.add_entry(seq, entry.rows, entry.rows_state)

    def finish(self) -> None:
        """Check that the last entry's key is in the folder, and that no row refers to a missing entry."""
        if self._keys and self._row[0] and key_id_of(self._mac) not in self._keys:
            raise VerificationFailed(_mac_of_no_key(self._row[0]), self._row[0])
        seq = self._next[0]
        if seq != _END[0]:
            message = Message("entry {seq} was removed: what it was about is still there", seq=seq)
            raise VerificationFailed(message, int(seq))

    def _read(self, *columns: Any) -> Iterator[Any]:  # noqa: ANN401  # SQLModel's
        """Yield the columns of several tables' rows, in the order of the first table."""
        query = sqlalchemy.select(*columns).order_by(columns[0])
        result = self._session.connection().execute(query, execution_options={"yield_per": _FETCH_SIZE})
        self._results.callback(result.close)
        return iter(result)


def _text(column: Any) -> Any:  # noqa: ANN401  # SQLModel's
    """Return an instant as stored text, not parsed and formatted again."""
    return type_coerce(column, String).label(column.key)


def _verified_line(row: Row[Any]) -> bytes:
    """Return the line of a checkpoint whose columns match it. Raises VerificationFailed."""
    try:
        checkpoint = read_checkpoint(row.line)
        root = tree_from(row.size, row.peaks).root()
    except (InvalidSignedLine, InvalidPath):
        raise VerificationFailed(Message("the checkpoint of {count} entries was altered", count=row.size)) from None
    if (row.size, row.at, root) != (checkpoint.extent.size, checkpoint.at, checkpoint.extent.root):
        raise VerificationFailed(
            Message(
                "the checkpoint of {count} entries was altered: its columns do not match its line",
                count=row.size,
            )
        )
    line: bytes = row.line
    return line


def _tail_digests(session: Session, after: int) -> dict[int, str]:
    """Return the digests of the entries after one, checking that they form a chain. Raises VerificationFailed."""
    query = select(AuditEntry.seq, AuditEntry.digest, AuditEntry.line).where(col(AuditEntry.seq) > after)
    digests: dict[int, str] = {}
    seq, previous = after, None if after else GENESIS
    for number, stored_digest, line in session.exec(query.order_by(col(AuditEntry.seq))):
        seq += 1
        try:
            entry = read_entry(line)
        except InvalidEntry:
            entry = None
        if entry is None or entry.seq != number or digest(line) != stored_digest:
            raise _digest_mismatch(number)
        if number != seq:
            values = {"seq": seq, "found": number, "before": seq - 1}
            raise VerificationFailed(
                Message("entry {seq} was removed: entry {found} follows entry {before}", **values), seq
            )
        if previous not in {None, entry.previous}:
            raise sequence_break(seq - 1, seq)
        digests[seq] = previous = stored_digest
    return digests


def _last_checkpoints(session: Session) -> Iterator[SignedExtent]:
    columns: tuple[Any, ...] = (Checkpoint.size, _text(Checkpoint.at), Checkpoint.line, Checkpoint.peaks)
    query = sqlalchemy.select(*columns).order_by(col(Checkpoint.size).desc()).limit(1)
    for row in session.connection().execute(query):
        yield read_checkpoint(_verified_line(row))


def _compare_tail(checkpoint: SignedExtent, size: int, digests: dict[int, str], trusted: Sequence[PublicKey]) -> None:
    """Compare one checkpoint with the end of the log. Raises VerificationFailed."""
    extent = checkpoint.extent
    for key in trusted:
        if key.id == checkpoint.key and not checkpoint.is_signed_by(key):
            raise VerificationFailed(
                Message(
                    "the checkpoint of {count} entries was altered: its signature is not that of its key",
                    count=extent.size,
                )
            )
    if extent.size > size:
        message = Message(
            "entry {seq} was removed, with all behind it: a checkpoint records {count} entries",
            seq=size + 1,
            count=extent.size,
        )
        raise VerificationFailed(message, size + 1)
    if digests.get(extent.size, extent.head) != extent.head:
        message = Message("entry {seq} was altered: it is not the one {signed}", seq=extent.size, signed=OF_CHECKPOINT)
        raise VerificationFailed(message, extent.size)


def _digest_mismatch(seq: int) -> VerificationFailed:
    return VerificationFailed(
        Message("entry {seq} was altered: its line is not the one its digest was made of", seq=seq), seq
    )
