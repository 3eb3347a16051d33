"""Seals decision records in blocks, verifies the blocks, and proves that a record is in one."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import msgspec
from sqlmodel import Session, col, func, select

from policy_service.actor import SERVICE
from policy_service.audit.events import DecisionsSealed
from policy_service.audit.log import append
from policy_service.audit.merkle import NotAPath, root_of
from policy_service.audit.proofs import NotProvable, prove_entry
from policy_service.audit.service import checkpoint, keep_elsewhere, unsigned
from policy_service.audit.tables import AuditEntry
from policy_service.clock import Clock
from policy_service.database import Database, DatabaseUnavailable, Transaction
from policy_service.decisions.sealing import (
    Sealed,
    SealReport,
    block_faults,
    gaps,
    leaves_of,
    record_fault,
    record_proof,
)
from policy_service.decisions.state_tables import BlockRow
from policy_service.decisions.tables import DecisionRow
from policy_service.sentences import Sentence

BLOCK = 1_000
"""Records in a block, at most."""
EVERY = 10.0
"""Seconds between two looks for records to seal."""
MAX_FAULTS = 20
"""Faults a verification tells; the first is what matters."""


class NotSealable(Exception):
    """The records are not those that were written, so they are not sealed; the message names the first fault."""


class NotSealed(LookupError):
    """The decision cannot be proved: there is no such record, or it is in no block yet."""


class NotAsSealed(NotProvable):
    """The decision cannot be proved: the records of its block are not those that were sealed."""


def seal(transaction: Transaction, *, at_most: int = BLOCK) -> BlockRow | None:
    """Seals the records after the last sealed one; None when there are none. Raises NotSealable.

    Records are numbered and committed under the lock of the lane `decisions`, so when one is seen all before it are:
    none can turn up later between two that are sealed.
    """
    session = transaction.session
    last = last_block(session)
    first = last.last + 1 if last else 1
    rows = _records(session, first, first + at_most - 1)
    if not rows:
        return None
    number = last.number + 1 if last else 1
    faults = gaps([row.seq for row in rows], first, rows[-1].seq)
    faults += [fault for row in rows if (fault := record_fault(row)) is not None]
    if faults:
        raise NotSealable(Sentence("block {block} cannot be sealed: {fault}", block=number, fault=faults[0]))
    root = root_of(leaves_of(rows))
    entry = append(transaction, SERVICE, DecisionsSealed(number, first, rows[-1].seq, root))
    row = BlockRow(number=number, first=first, last=rows[-1].seq, root=root, entry=entry.seq, sealed_at=transaction.now)
    session.add(row)
    session.flush()
    return row


def last_block(session: Session) -> BlockRow | None:
    """The newest block."""
    return session.exec(select(BlockRow).order_by(col(BlockRow.number).desc()).limit(1)).first()


def block_with(session: Session, seq: int) -> BlockRow | None:
    """The block a record is sealed in; None while it is in none."""
    return session.exec(select(BlockRow).where(BlockRow.first <= seq, BlockRow.last >= seq)).first()


def sealed_of(row: BlockRow) -> Sealed:
    """What a row says that it seals."""
    return Sealed(row.number, row.first, row.last, row.root)


def unsealed(session: Session) -> int:
    """How many records are in no block yet."""
    last = last_block(session)
    return session.exec(
        select(func.count()).select_from(DecisionRow).where(DecisionRow.seq > (last.last if last else 0))
    ).one()


def prove_decision(session: Session, decision: str) -> dict[str, Any]:
    """The proof that a decision is on record, for `audit.proofs.verify_proof`.

    Raises NotSealed, NotAsSealed, NotProvable when no checkpoint covers its block yet.
    """
    row = session.exec(select(DecisionRow.seq, DecisionRow.line).where(DecisionRow.id == decision)).first()
    if row is None:
        raise NotSealed(Sentence("There is no such decision."))
    seq, line = row
    found = block_with(session, seq)
    if found is None:
        raise NotSealed(Sentence("The decision is not sealed yet: ask again in a moment."))
    block = sealed_of(found)
    try:
        record = record_proof(block, digests_of(session, block), seq, line)
    except NotAPath as fault:
        raise NotAsSealed(str(fault)) from None
    return {**prove_entry(session, found.entry), "record": record}


def digests_of(session: Session, block: Sealed) -> list[str]:
    """The digests that the records of a block were written with, in their order: its leaves."""
    seq = col(DecisionRow.seq)
    query = select(DecisionRow.digest).where(seq >= block.first, seq <= block.last)
    return list(session.exec(query.order_by(seq)))


# ------------------------------------------------------------------------------------------------ verifying


def verify_blocks(session: Session, last: int | None = None) -> SealReport:
    """Makes the newest `last` blocks again, or all of them, from the records, and looks at the records in none yet."""
    report = SealReport()
    newest = last_block(session)
    sealed_to = newest.last if newest else 0
    total = newest.number if newest else 0
    start = 1 if last is None else max(1, total - last + 1)
    report.faults += _log_faults(session, start, total)
    for block in _blocks(session, start, total, report):
        rows = _records(session, block.first, block.last)
        report.blocks += 1
        report.records += len(rows)
        report.faults += block_faults(block, rows)
        session.expunge_all()
        if len(report.faults) >= MAX_FAULTS:
            break
    else:
        _verify_tail(session, sealed_to + 1, report)
    del report.faults[MAX_FAULTS:]
    return report


def _blocks(session: Session, start: int, total: int, report: SealReport) -> Iterator[Sealed]:
    """The blocks from `start` on; one that is missing, or does not begin where the one before ended, is a fault."""
    before = session.get(BlockRow, start - 1)
    first = before.last + 1 if before else 1
    for number in range(start, total + 1):
        row = session.get(BlockRow, number)
        if row is None:
            report.faults.append(Sentence("block {block} was removed", block=number))
            continue
        block = sealed_of(row)
        if block.first != first and not report.faults:
            report.faults.append(
                Sentence(
                    "block {block} begins with record {found}, not with {first}",
                    block=number,
                    found=block.first,
                    first=first,
                )
            )
        first = block.last + 1
        yield block


def _log_faults(session: Session, start: int, total: int) -> list[str]:
    """Where the blocks and the audit log do not say the same."""
    before = session.get(BlockRow, start - 1)
    entries = select(AuditEntry.seq, AuditEntry.line).where(
        AuditEntry.event == DecisionsSealed.name, AuditEntry.seq > (before.entry if before else 0)
    )
    said = [(seq, msgspec.json.decode(line)["body"]) for seq, line in session.exec(entries)]
    by_block = {body["block"]: (seq, body) for seq, body in said}
    faults: list[str] = []
    for number in sorted({*range(start, total + 1), *by_block}):
        row = session.get(BlockRow, number)
        there = row and (
            row.entry,
            {"block": row.number, "first": row.first, "last": row.last, "root": row.root},
        )
        if there is not None and there != by_block.get(number):
            faults.append(Sentence("block {block} is not what the audit log says was sealed", block=number))
        elif there is None and number > total:
            faults.append(Sentence("block {block} was removed", block=number))
    return faults


def _verify_tail(session: Session, first: int, report: SealReport) -> None:
    """The records that are in no block yet."""
    while rows := _records(session, first, first + BLOCK - 1):
        report.records += len(rows)
        report.faults += gaps([row.seq for row in rows], first, rows[-1].seq)
        report.faults += [fault for row in rows if (fault := record_fault(row)) is not None]
        first += BLOCK
        session.expunge_all()
    beyond = session.exec(select(func.min(DecisionRow.seq)).where(DecisionRow.seq >= first)).one()
    if beyond is not None:
        report.faults.append(Sentence("decision record {seq} was removed", seq=first))


def _records(session: Session, first: int, last: int) -> list[DecisionRow]:
    query = select(DecisionRow).where(DecisionRow.seq >= first, DecisionRow.seq <= last)
    return list(session.exec(query.order_by(col(DecisionRow.seq))))


# ------------------------------------------------------------------------------------------------ the sealer


class Sealer:
    """A thread that seals what was recorded and signs what the log grew by, every few seconds and at the end."""

    def __init__(  # noqa: PLR0913  # where, when, and whom to tell
        self,
        database: Database,
        clock: Clock,
        keys: Path,
        *,
        elsewhere: Path | None = None,
        every: float = EVERY,
        alarm: Callable[[str], None] | None = None,
    ) -> None:
        """`keys` is the folder of the log's private key, `elsewhere` the file that checkpoints are kept in too."""
        self._database = database
        self._clock = clock
        self._keys = keys
        self._elsewhere = elsewhere
        self._every = every
        self._alarm = alarm
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="sealer", daemon=True)

    def start(self) -> None:
        """Begins to seal."""
        self._thread.start()

    def close(self) -> None:
        """Seals what is left, then stops."""
        self._closing.set()
        if self._thread.is_alive():
            self._thread.join()

    def seal_all(self) -> int:
        """Seals all records there are, signs the log, and gives the number of blocks.

        Raises NotSealable, DatabaseUnavailable, NoKey.
        """
        blocks = signed = 0
        while self._left():
            with self._database.write(self._clock) as transaction:
                sealed = seal(transaction)
                checkpoint(transaction, self._keys)
            blocks += sealed is not None
            signed += 1
        if signed and self._elsewhere is not None:
            with self._database.read() as session:
                keep_elsewhere(session, self._elsewhere)
        return blocks

    def _left(self) -> bool:
        """Whether there is anything to seal or sign; looking does not disturb those who watch the governance lane."""
        with self._database.read() as session:
            return unsealed(session) > 0 or unsigned(session) > 0

    def _run(self) -> None:
        closing = False
        while not closing:
            closing = self._closing.wait(self._every)
            try:
                self.seal_all()
            except DatabaseUnavailable:
                continue  # there is another time
            except Exception as error:  # noqa: BLE001  # whatever it is, somebody is told, and there is another time
                if self._alarm is not None:
                    self._alarm(Sentence("decision records are not being sealed: {error}", error=str(error)))
