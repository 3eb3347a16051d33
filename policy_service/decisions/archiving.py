"""Moves old decision records to an archive file, block by block, without losing any on failure.

    write FILE.unfinished ──► read it back, compare ──► FILE ──► entry `decisions_archived` ──► lines move, in parts

Before the audit entry is written, only the file exists. After it, each part moves in its own transaction, and running
the same command again resumes an interrupted move. A line moves only if the file matches the entry.
"""

from __future__ import annotations

import gzip
import hashlib
import os
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any, ClassVar

import sqlalchemy
from sqlmodel import Session, col, select

from policy_service.actor import Actor
from policy_service.append_only import update_allowed
from policy_service.audit.events import DecisionsArchived
from policy_service.audit.identity import log_id
from policy_service.audit.log import append
from policy_service.clock import Clock, timestamp
from policy_service.database import Database, LaneName
from policy_service.database.declared import table_of
from policy_service.decisions.archive_file import (
    ArchiveHead,
    InvalidArchive,
    file_digest,
    read_blocks,
    read_head,
    remainder_of,
    write_block,
    write_head,
)
from policy_service.decisions.block_store import block_of
from policy_service.decisions.blocks import Block, block_faults
from policy_service.decisions.macs import read_mac_keys
from policy_service.decisions.record import is_archived
from policy_service.decisions.record_queries import list_archives, seq_range
from policy_service.decisions.state_tables import BlockRow
from policy_service.decisions.tables import DecisionRow
from policy_service.errors import ErrorKind, PolicyServiceError
from policy_service.messages import Message

PART_SIZE = 5_000
"""Records moved per transaction."""
FETCH_SIZE = 1_000
_DECISIONS = table_of(DecisionRow)
_C = _DECISIONS.c


class ArchiveRejected(PolicyServiceError):
    """Nothing was archived; the message says why."""

    kind: ClassVar[ErrorKind] = "conflict"


def archive(  # noqa: PLR0913  # what moves where, by whom, and whom to tell
    database: Database,
    clock: Clock,
    actor: Actor,
    *,
    before: datetime,
    retention: timedelta,
    file: Path,
    on_progress: Callable[[int, int], object] = lambda _done, _of: None,
) -> DecisionsArchived:
    """Move the records decided before an instant to an archive, or resume an interrupted move."""
    with database.read() as session:
        archives = list_archives(session)
        is_interrupted = bool(archives) and bool(_unmoved(session, archives[-1], archives[-1].first, 1))
    if is_interrupted:
        return _move(database, clock, archives[-1], file, on_progress)
    with database.read() as session:
        if file.exists():
            raise ArchiveRejected(Message("{file} is there already, and is never written over.", file=str(file)))
        blocks = _blocks(session, archives[-1].last if archives else 0, before, clock.now() - retention)
        head = ArchiveHead(log_id(session) or "", len(archives) + 1, blocks[0].first, blocks[-1].last)
        remainder = _write(session, file, head, blocks, on_progress)
    found = DecisionsArchived(
        head.number, head.first, head.last, file.name, file_digest(file), remainder, timestamp(before)
    )
    with database.write(clock) as transaction:
        append(transaction, actor, found)
    return _move(database, clock, found, file, on_progress)


def _blocks(session: Session, archived: int, before: datetime, kept_from: datetime) -> list[Block]:
    """Return the sealed blocks after the archived ones whose records were all decided before an instant."""
    if before > kept_from:
        raise ArchiveRejected(
            Message(
                "Records from {day} on stay in the database: state that day or one before, or shorten the retention.",
                day=f"{kept_from.astimezone(before.tzinfo):%Y-%m-%d}",
            )
        )
    _, end = seq_range(session, None, before)
    query = select(BlockRow).where(col(BlockRow.first) > archived, col(BlockRow.last) < end)
    blocks = [block_of(row) for row in session.exec(query.order_by(col(BlockRow.number)))]
    if not blocks:
        raise ArchiveRejected(Message("No sealed block of records lies wholly before that day."))
    return blocks


def _write(
    session: Session,
    file: Path,
    head: ArchiveHead,
    blocks: Sequence[Block],
    on_progress: Callable[[int, int], object],
) -> str:
    """Write the file and read it back; return the digest of the lines that remain."""
    unfinished, total = file.with_name(f".{file.name}.unfinished"), head.last - head.first + 1
    keys, remainder = read_mac_keys(session), hashlib.sha256()
    try:
        with unfinished.open("wb") as raw:
            os.fchmod(raw.fileno(), 0o600)
            with gzip.GzipFile("", "wb", fileobj=raw, mtime=0) as out:
                write_head(out, head)
                for block in blocks:
                    rows = _rows(session, block.first, block.last)
                    faults = block_faults(block, rows) + [each for row in rows if (each := keys.mac_fault(row))]
                    if faults:
                        raise ArchiveRejected(Message("Nothing is archived: {fault}.", fault=faults[0]))
                    write_block(out, block, [row.line for row in rows])
                    for row in rows:
                        remainder.update(remainder_of(row.line, head.number) + b"\n")
                    on_progress(block.last - head.first + 1, 2 * total)
            raw.flush()
            os.fsync(raw.fileno())
        if [each.block for each in read_blocks(unfinished)] != list(blocks):
            raise InvalidArchive(Message("the archive was not written as it should be"))
        unfinished.replace(file)
    finally:
        unfinished.unlink(missing_ok=True)
    return f"sha256:{remainder.hexdigest()}"


def _rows(session: Session, first: int, last: int) -> list[DecisionRow]:
    rows = session.connection().execute(
        sqlalchemy.select(_DECISIONS).where(_C.seq >= first, _C.seq <= last).order_by(_C.seq)
    )
    return [DecisionRow(**row) for row in rows.mappings()]


def _move(
    database: Database, clock: Clock, archived: DecisionsArchived, file: Path, on_progress: Callable[[int, int], object]
) -> DecisionsArchived:
    """Replace each line by its remainder, if the file matches the entry."""
    if not file.is_file() or file_digest(file) != archived.digest:
        raise ArchiveRejected(
            Message(
                "The move to {file} was interrupted: name that file again, unaltered, and it goes on.",
                file=archived.file_name,
            )
        )
    total, start = archived.last - archived.first + 1, archived.first
    while True:
        with database.write(clock, LaneName.DECISIONS) as transaction:
            connection = transaction.session.connection()
            rows = _unmoved(transaction.session, archived, start, PART_SIZE)
            if not rows:
                return archived
            stays = [{"at_seq": seq, "stays": remainder_of(line, archived.archive)} for seq, line in rows]
            with update_allowed(connection, _DECISIONS):
                statement = sqlalchemy.update(_DECISIONS).where(_C.seq == sqlalchemy.bindparam("at_seq"))
                connection.execute(statement.values(line=sqlalchemy.bindparam("stays")), stays)
        start = rows[-1][0] + 1
        on_progress(total + start - archived.first, 2 * total)


def _unmoved(session: Session, archived: DecisionsArchived, start: int, limit: int) -> list[tuple[int, bytes]]:
    """Return a page of archived records, from a number on, whose lines have not moved yet."""
    mark = remainder_of(b"{}", archived.archive)[:-1]
    query = sqlalchemy.select(_C.seq, _C.line).where(
        _C.seq >= start,
        _C.seq <= archived.last,
        sqlalchemy.func.substr(_C.line, 1, len(mark)) != sqlalchemy.literal(mark, sqlalchemy.LargeBinary),
    )
    rows = session.connection().execute(query.order_by(_C.seq).limit(limit))
    return [(seq, line) for seq, line in rows]


# ----------------------------------------------------------------------------------------------- verification


def archive_faults(
    session: Session, files: Sequence[Path] = (), tick: Callable[[int], object] = lambda _: None
) -> Iterator[str]:
    """Yield a message for each archive whose records differ from its entry; given the file, for each record."""
    archives = list_archives(session)
    by_digest, done = {each.digest: each for each in archives}, 0
    for each in archives:
        sha256 = hashlib.sha256()
        for row in _stream(session, each):
            sha256.update((row.line if is_archived(row.line) else remainder_of(row.line, each.archive)) + b"\n")
            done += 1
            if not done % FETCH_SIZE:
                tick(done)
        if f"sha256:{sha256.hexdigest()}" != each.remainder:
            yield Message("what stays of the records in archive {number} was altered", number=each.archive)
    for file in files:
        try:
            archived = by_digest.get(file_digest(file))
            if archived is None:
                number = read_head(file).number
                yield Message(
                    "{file} is not archive {number} of this log: no entry has its digest", file=file.name, number=number
                )
                continue
            yield from _file_faults(session, archived, file)
        except InvalidArchive as error:
            yield Message("{file}: {fault}", file=file.name, fault=str(error))


def _file_faults(session: Session, archived: DecisionsArchived, file: Path) -> Iterator[str]:
    """Compare the lines of an archive with the remaining rows."""
    for block, lines in read_blocks(file):
        rows = {row.seq: row for row in _rows(session, block.first, block.last)}
        for seq, line in enumerate(lines, block.first):
            row = rows.get(seq)
            stays = remainder_of(line, archived.archive)
            if row is None or row.line not in {line, stays}:
                yield Message("decision record {seq} is not what {file} says", seq=seq, file=file.name)


def _stream(session: Session, archived: DecisionsArchived) -> Iterator[sqlalchemy.Row[Any, Any]]:
    query = sqlalchemy.select(_C.seq, _C.line).where(_C.seq >= archived.first, _C.seq <= archived.last)
    rows = session.connection().execute(query.order_by(_C.seq), execution_options={"yield_per": FETCH_SIZE})
    try:
        yield from rows
    finally:
        rows.close()
