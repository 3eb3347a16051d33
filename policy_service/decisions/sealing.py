"""Blocks of decision records, as values: whether a record is what was written, what a block's root is, a record's path.

    record line ──SHA-256──► leaf ──┐
    record line ──SHA-256──► leaf ──┴─► Merkle root of the block ──► audit entry `decisions_sealed` ──► checkpoint

The leaves are digests of what is stored, sensitive facts sealed; so erasing a subject leaves every proof as it was.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from policy_service.audit.merkle import NotAPath, path, root_of
from policy_service.canonical import digest
from policy_service.clock import timestamp
from policy_service.decisions.record import read_record
from policy_service.decisions.tables import DecisionRow
from policy_service.sentences import Sentence

MANY = 20
"""Faults that a report tells; all are counted."""


@dataclass(frozen=True, slots=True)
class Sealed:
    """Which records a block seals, and under what root."""

    number: int
    first: int
    last: int
    root: str


@dataclass(slots=True)
class SealReport:
    """What a verification of blocks found; every fault is a sentence, the first one first."""

    blocks: int = 0
    records: int = 0
    """Records looked at, those not sealed yet included."""
    faults: list[str] = field(default_factory=list)
    untold: int = 0
    """How many more there are."""

    @property
    def is_sound(self) -> bool:
        """Whether nothing was altered, removed or added."""
        return not self.faults

    def tell(self, faults: Sequence[str]) -> None:
        """Counts what was found, and takes it up as long as it is not too much."""
        room = MANY - len(self.faults)
        self.faults += faults[:room]
        self.untold += len(faults[room:])

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"blocks": self.blocks, "records": self.records, "faults": list(self.faults)}


def leaves_of(rows: Sequence[DecisionRow]) -> list[str]:
    """The leaves of a block: the digests of the lines themselves, whatever the rows say they are."""
    return [digest(row.line) for row in rows]


def record_fault(row: DecisionRow) -> str | None:
    """What is wrong with a record, seen alone; None when nothing is."""
    how = how_altered(row)
    return None if how is None else Sentence("decision record {seq} was altered: {how}", seq=row.seq, how=how)


def how_altered(row: DecisionRow) -> str | None:
    """How a record is not what was written, as the end of a sentence; None when it is."""
    if digest(row.line) != row.digest:
        return Sentence("it does not have the digest it was written with")
    try:
        record = read_record(row.line)
    except (ValueError, KeyError, TypeError, AttributeError):
        return Sentence("its line is no record")
    said = (record.seq, record.decision_id, *record.subject, record.by["id"])
    when = (record.as_of.isoformat(), timestamp(record.decided_at))
    if said != (row.seq, row.id, row.subject, row.kind, row.actor) or when != (_text(row.as_of), _text(row.decided_at)):
        return Sentence("its columns do not say what its line says")
    return None


def _text(value: object) -> str:
    """A day or an instant as it is kept; what is kept and is none stays what it is."""
    match value:
        case datetime():
            return timestamp(value)
        case date():
            return value.isoformat()
        case _:
            return str(value)


def block_faults(block: Sealed, rows: Sequence[DecisionRow]) -> list[str]:
    """What is wrong with the records of a block: each that was removed or altered, else the block as a whole."""
    faults = gaps([row.seq for row in rows], block.first, block.last)
    faults += [fault for row in rows if (fault := record_fault(row)) is not None]
    if not faults and root_of(leaves_of(rows)) != block.root:
        faults = [
            Sentence(
                "decision records {first} to {last} are not those that were sealed as block {block}",
                first=block.first,
                last=block.last,
                block=block.number,
            )
        ]
    return faults


def gaps(found: Sequence[int], first: int, last: int) -> list[str]:
    """A sentence for each record from `first` to `last` that is not there: the caller knows that they are not many."""
    there = set(found)
    return [
        Sentence("decision record {seq} was removed", seq=seq) for seq in range(first, last + 1) if seq not in there
    ]


def record_proof(block: Sealed, leaves: Sequence[str], seq: int, line: bytes) -> dict[str, Any]:
    """That a record is in its block: its line and its path to the root; the `record` of `audit.proofs`.

    `leaves` are the digests the block's records were written with: whether they are those that were sealed says the
    root. Raises NotAPath when one is missing, or is no digest.
    """
    index, size = seq - block.first, block.last - block.first + 1
    if len(leaves) != size:
        raise NotAPath(
            Sentence(
                "decision records {first} to {last} are not those that were sealed as block {block}",
                first=block.first,
                last=block.last,
                block=block.number,
            )
        )
    return {"line": line.decode(), "index": index, "size": size, "path": path(leaves, index)}
