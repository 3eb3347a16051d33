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
_LAST_BLOCK = sqlalchemy.select(_B.number, _B.first, _B.last, _B.root).order_by(_B.number.desc()).limit(1)
BLOCK_SIZE = 1_000
"""Maximum number of records in a block."""
FETCH_SIZE = 20
"""Records read before other threads can run."""


class SealingFailed(Exception):
    """The records were altered, so they are not sealed; the message names the first fault."""


class NotSealed(PolicyServiceError, LookupError):
    """The decision cannot be proved: there is no such record, or it is not sealed yet."""

    kind = "conflict"
    retry_seconds = 10


class BlockAltered(ProofUnavailable):
    """The decision cannot be proved: the records of its block differ from those that were sealed."""


def seal(transaction: Transaction, *, max_records: int = BLOCK_SIZE) -> BlockRow | None:
    """Seal the records after the last sealed one; return None if there are none. Raises SealingFailed."""
    session = transaction.session
    block = next_block(session, last_sealed(session), max_records=max_records)
    return None if block is None else add_block(transaction, block)


def next_block(
    session: Session, previous: Block, *, max_records: int = BLOCK_SIZE, pause: Callable[[], object] = lambda: None
) -> Block | None:
    """Compute the block after `previous` from its records; None if there are none. Raises SealingFailed.

    This takes a while, and needs no write transaction: records are numbered and committed under the lock of the lane
    `decisions`, so once a record is visible all earlier ones are, and none appear between them later. `pause` is called
    between batches of records, so that other threads can run.
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
    """Add a block to the log; return None if another process sealed its records first."""
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
    """Return the newest block; an empty one if nothing was sealed yet."""
    last = session.connection().execute(_LAST_BLOCK).first()
    return Block(*last) if last else Block(0, 1, 0, "")


def block_with(session: Session, seq: int) -> BlockRow | None:
    """Return the block in which a record is sealed; None if it is not sealed yet."""
    return session.exec(select(BlockRow).where(BlockRow.first <= seq, BlockRow.last >= seq)).first()


def block_of(row: BlockRow) -> Block:
    """Return the block that a row stores."""
    return Block(row.number, row.first, row.last, row.root)


def count_unsealed(session: Session) -> int:
    """Count the records that are not sealed yet."""
    query = select(func.count()).select_from(DecisionRow)
    return session.exec(query.where(DecisionRow.seq > last_sealed(session).last)).one()


def prove_decision(session: Session, decision: str) -> dict[str, Any]:
    """Return the proof that a decision is on record, for `audit.proofs.verify_proof`.

    Raises NotSealed, BlockAltered, and ProofUnavailable if no checkpoint covers its block yet.
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
    """Return the stored digests of a block's records in order: its leaves."""
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
    """Recompute the newest `last` blocks, or all, from the records, and check the unsealed records.

    Faults are added to `report`, also if a row cannot be read. `tick` is called with the number of records read.
    """
    report = report or BlockReport()
    newest = last_sealed(session)
    start = 1 if last is None else max(1, newest.number - last + 1)
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
    _verify_tail(session, newest.last + 1, report)
    tick(report.records)
    return report


def _rows(session: Session, start: int) -> Iterator[BlockRow]:
    """Yield the rows of the blocks from a number on. Nothing else relies on what a row claims: it may be forged."""
    query = select(BlockRow).where(BlockRow.number >= start).order_by(col(BlockRow.number))
    return iter(session.exec(query, execution_options={"yield_per": FETCH_SIZE}))


def _blocks(session: Session, start: int, report: BlockReport) -> Iterator[Block]:
    """Yield the blocks from `start` on; report a fault for one that does not begin where the previous one ended."""
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
    """Check the records that are not sealed yet."""
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
    """Return the records from a number on, wherever the numbering resumes.

    They are read without the guard: no audit entry records them one by one, so there is nothing to compare.
    """
    query = _DECISIONS.select().where(_DECISIONS.c.seq >= first).order_by(_DECISIONS.c.seq)
    rows = session.connection().execute(query.limit(limit)).all() if limit else ()
    return cast("Sequence[DecisionRow]", rows)


def _records(session: Session, first: int, last: int) -> list[DecisionRow]:
    """Return the records as stored, unparsed: an invalid instant must not prevent verifying the others."""
    seq = col(DecisionRow.seq)
    return [DecisionRow(**row) for row in read_rows(session.connection(), _DECISIONS, seq >= first, seq <= last)]
