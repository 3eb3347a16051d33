"""Seals decision records in blocks, verifies the blocks, and proves that a record is in one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from typing import Any, cast

import msgspec
import sqlalchemy
from sqlmodel import Session, col, func, select

from policy_service.actor import SERVICE
from policy_service.audit.coverage import read_rows
from policy_service.audit.events import DecisionsSealed
from policy_service.audit.log import append
from policy_service.audit.merkle import InvalidPath, root_of
from policy_service.audit.proofs import ProofUnavailable, prove_entry
from policy_service.audit.tables import AuditEntry
from policy_service.database import Transaction
from policy_service.database.declared import table_of
from policy_service.decisions.blocks import (
    Block,
    BlockReport,
    block_faults,
    find_gaps,
    record_fault,
    record_proof,
)
from policy_service.decisions.macs import read_mac_keys
from policy_service.decisions.record_queries import last_archived_seq, require_in_database
from policy_service.decisions.state_tables import BlockRow
from policy_service.decisions.tables import DecisionRow
from policy_service.errors import PolicyServiceError
from policy_service.messages import Message

_DECISIONS = table_of(DecisionRow)
_B = table_of(BlockRow).c
_NEWEST = sqlalchemy.select(func.max(_DECISIONS.c.seq))
_LAST_BLOCK = sqlalchemy.select(_B.number, _B.first, _B.last, _B.root).order_by(_B.number.desc()).limit(1)
BLOCK_SIZE = 1_000
"""Records in a block, at most."""
FETCH_SIZE = 20
"""Records that are looked at before others have their turn."""


class SealingFailed(Exception):
    """The records are not those that were written, so they are not sealed; the message names the first fault."""


class NotSealed(PolicyServiceError, LookupError):
    """The decision cannot be proved: there is no such record, or it is in no block yet."""

    kind = "conflict"
    retry_seconds = 10


class BlockAltered(ProofUnavailable):
    """The decision cannot be proved: the records of its block are not those that were sealed."""


def seal(transaction: Transaction, *, max_records: int = BLOCK_SIZE) -> BlockRow | None:
    """Seal the records after the last sealed one; None when there are none. Raises SealingFailed."""
    session = transaction.session
    block = next_block(session, last_sealed(session), max_records=max_records)
    return None if block is None else add_block(transaction, block)


def next_block(
    session: Session, previous: Block, *, max_records: int = BLOCK_SIZE, pause: Callable[[], object] = lambda: None
) -> Block | None:
    """Return the block that comes after another, worked out from its records; None when there are none.

    Raises SealingFailed.

    That takes a while, and needs no transaction that writes: records are numbered and committed under the lock of the
    lane `decisions`, so when one is seen all before it are, and none can turn up later between two. `pause` is called
    between some records and the next, so that others have their turn.
    """
    number, first = previous.number + 1, previous.last + 1
    leaves: list[str] = []
    macs = read_mac_keys(session)
    while rows := _next_records(session, first + len(leaves), min(FETCH_SIZE, max_records - len(leaves))):
        start = first + len(leaves)
        faults = find_gaps([row.seq for row in rows], start, min(rows[-1].seq, start + FETCH_SIZE))
        faults += [fault for row in rows if (fault := record_fault(row) or macs.mac_fault(row)) is not None]
        if faults:
            raise SealingFailed(Message("block {block} cannot be sealed: {fault}", block=number, fault=faults[0]))
        leaves += [row.digest for row in rows]  # each is that of its line, or there were a fault
        pause()
    return Block(number, first, first + len(leaves) - 1, root_of(leaves)) if leaves else None


def add_block(transaction: Transaction, block: Block) -> BlockRow | None:
    """Add a block to the log; None when another process has sealed its records meanwhile."""
    session = transaction.session
    previous = last_sealed(session)
    if (block.number, block.first) != (previous.number + 1, previous.last + 1):
        return None
    entry = append(transaction, SERVICE, DecisionsSealed(block.number, block.first, block.last, block.root))
    row = BlockRow(
        number=block.number,
        first=block.first,
        last=block.last,
        root=block.root,
        entry=entry.seq,
        sealed_at=transaction.now,
    )
    session.add(row)
    session.flush()
    return row


def last_sealed(session: Session) -> Block:
    """Return the newest block; before the first there is one with nothing in it."""
    last = session.connection().execute(_LAST_BLOCK).first()
    return Block(*last) if last else Block(0, 1, 0, "")


def newest_record(session: Session) -> int:
    """Return the number of the newest record; 0 when there is none."""
    return session.connection().execute(_NEWEST).scalar() or 0


def last_block(session: Session) -> BlockRow | None:
    """Return the newest block."""
    return session.exec(select(BlockRow).order_by(col(BlockRow.number).desc()).limit(1)).first()


def block_with(session: Session, seq: int) -> BlockRow | None:
    """Return the block a record is sealed in; None while it is in none."""
    return session.exec(select(BlockRow).where(BlockRow.first <= seq, BlockRow.last >= seq)).first()


def block_of(row: BlockRow) -> Block:
    """Return the block that a row records."""
    return Block(row.number, row.first, row.last, row.root)


def count_unsealed(session: Session) -> int:
    """Count the records in no block yet."""
    last = last_block(session)
    return session.exec(
        select(func.count()).select_from(DecisionRow).where(DecisionRow.seq > (last.last if last else 0))
    ).one()


def prove_decision(session: Session, decision: str) -> dict[str, Any]:
    """Return the proof that a decision is on record, for `audit.proofs.verify_proof`.

    Raises NotSealed, BlockAltered, ProofUnavailable when no checkpoint covers its block yet.
    """
    row = session.exec(select(DecisionRow.seq, DecisionRow.line).where(DecisionRow.id == decision)).first()
    if row is None:
        raise NotSealed(Message("There is no such decision."))
    seq, line = row
    require_in_database(session, seq, line)
    block_row = block_with(session, seq)
    if block_row is None:
        raise NotSealed(Message("The decision is not sealed yet: ask again in a moment."))
    block = block_of(block_row)
    try:
        record = record_proof(block, digests_of(session, block), seq, line)
    except InvalidPath as error:
        raise BlockAltered(str(error)) from None
    return {**prove_entry(session, block_row.entry), "record": record}


def digests_of(session: Session, block: Block) -> list[str]:
    """Return the digests that the records of a block were written with, in their order: its leaves."""
    seq = col(DecisionRow.seq)
    query = select(DecisionRow.digest).where(seq >= block.first, seq <= block.last)
    return list(session.exec(query.order_by(seq)))


# ------------------------------------------------------------------------------------------------ verifying


def verify_blocks(
    session: Session,
    last: int | None = None,
    *,
    report: BlockReport | None = None,
    tick: Callable[[int], object] = lambda _: None,
) -> BlockReport:
    """Make the newest `last` blocks again, or all of them, from the records, and look at the records in none yet.

    What is found goes into `report`, also when a row cannot be read; `tick` is called with the number of records read.
    """
    report = report or BlockReport()
    newest = last_block(session)
    sealed_to = newest.last if newest else 0
    total = newest.number if newest else 0
    start = 1 if last is None else max(1, total - last + 1)
    archived_to = last_archived_seq(session)
    report.tell(_log_faults(session, start))
    for block in _blocks(session, start, report):
        if block.last - block.first >= BLOCK_SIZE:
            continue  # no block is so large: the log says otherwise, and so does the report by now
        rows = _records(session, block.first, block.last)
        report.blocks += 1
        report.records += len(rows)
        report.tell(block_faults(block, rows, archived_to))
        tick(report.records)
    _verify_tail(session, sealed_to + 1, report)
    tick(report.records)
    return report


def _rows(session: Session, start: int) -> Iterator[BlockRow]:
    """Return the rows of the blocks from a number on. What a row claims is followed nowhere: it may be anything."""
    query = select(BlockRow).where(BlockRow.number >= start).order_by(col(BlockRow.number))
    return iter(session.exec(query, execution_options={"yield_per": FETCH_SIZE}))


def _blocks(session: Session, start: int, report: BlockReport) -> Iterator[Block]:
    """Yield the blocks from `start` on; one that does not begin where the one before ended is a fault."""
    previous = session.get(BlockRow, start - 1)
    first = previous.last + 1 if previous else 1
    for block in map(block_of, _rows(session, start)):
        if block.first != first and not report.faults:
            fields = {"block": block.number, "found": block.first, "first": first}
            report.tell([Message("block {block} begins with record {found}, not with {first}", **fields)])
        first = block.last + 1
        yield block


def _log_faults(session: Session, start: int) -> list[str]:
    """List where the blocks and the audit log disagree."""
    previous = session.get(BlockRow, start - 1)
    entries = select(AuditEntry.seq, AuditEntry.line).where(
        AuditEntry.event == DecisionsSealed.name, AuditEntry.seq > (previous.entry if previous else 0)
    )
    logged = [(seq, msgspec.json.decode(line)["body"]) for seq, line in session.exec(entries)]
    by_block = {body["block"]: (seq, body) for seq, body in logged}
    stored = {
        row.number: (row.entry, {"block": row.number, "first": row.first, "last": row.last, "root": row.root})
        for row in _rows(session, start)
    }
    faults: list[str] = []
    for number in sorted(stored.keys() | by_block.keys()):
        if number not in stored:
            faults.append(Message("block {block} was removed", block=number))
        elif stored[number] != by_block.get(number):
            faults.append(Message("block {block} is not what the audit log says was sealed", block=number))
    return faults


def _verify_tail(session: Session, first: int, report: BlockReport) -> None:
    """The records that are in no block yet."""
    macs = read_mac_keys(session)
    while rows := _records(session, first, first + BLOCK_SIZE - 1):
        report.records += len(rows)
        report.tell(find_gaps([row.seq for row in rows], first, rows[-1].seq))
        report.tell([fault for row in rows if (fault := record_fault(row) or macs.mac_fault(row)) is not None])
        first += BLOCK_SIZE
    beyond = session.exec(select(func.min(DecisionRow.seq)).where(DecisionRow.seq >= first)).one()
    if beyond is not None:
        report.tell([Message("decision record {seq} was removed", seq=first)])


def _next_records(session: Session, first: int, limit: int) -> Sequence[DecisionRow]:
    """Return the records from a number on, wherever the first of them stands.

    They are read as rows of the table: no entry records them one by one, so there is nothing for the guard to compare.
    """
    query = _DECISIONS.select().where(_DECISIONS.c.seq >= first).order_by(_DECISIONS.c.seq)
    rows = session.connection().execute(query.limit(limit)).all() if limit else ()
    return cast("Sequence[DecisionRow]", rows)


def _records(session: Session, first: int, last: int) -> list[DecisionRow]:
    """Return the records as they are kept: an instant that is none must not keep the others from being verified."""
    seq = col(DecisionRow.seq)
    return [DecisionRow(**row) for row in read_rows(session.connection(), _DECISIONS, seq >= first, seq <= last)]
