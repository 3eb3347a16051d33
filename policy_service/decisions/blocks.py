"""Blocks of decision records, as values: checks a record, computes a block's root and a record's path.

    record line ──SHA-256──► leaf ──┐
    record line ──SHA-256──► leaf ──┴─► Merkle root of the block ──► audit entry `decisions_sealed` ──► checkpoint

The leaves are digests of the stored lines, in which sensitive facts are encrypted; so proofs still verify after a
subject is erased.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import Any

from policy_service.audit.merkle import InvalidPath, path, root_of
from policy_service.canonical import digest
from policy_service.clock import timestamp
from policy_service.decisions.record import is_archived, read_record
from policy_service.decisions.tables import DecisionRow
from policy_service.messages import Message

MAX_GAPS = 20
"""Maximum number of faults a report lists; all are counted."""


@dataclass(frozen=True, slots=True)
class Block:
    """The records that a block seals, and their root."""

    number: int
    first: int
    last: int
    root: str


@dataclass(slots=True)
class BlockReport:
    """The result of verifying blocks: a message for each fault, in order."""

    blocks: int = 0
    records: int = 0
    """Records checked, unsealed ones included."""
    faults: list[str] = field(default_factory=list)
    untold: int = 0
    """Faults that are counted but not listed."""

    def tell(self, faults: Sequence[str]) -> None:
        """Count the faults, and list them up to the limit."""
        room = MAX_GAPS - len(self.faults)
        self.faults += faults[:room]
        self.untold += len(faults[room:])

    def to_dict(self) -> dict[str, Any]:
        return {"blocks": self.blocks, "records": self.records, "faults": list(self.faults)}


def leaves_of(rows: Sequence[DecisionRow]) -> list[str]:
    """Return the leaves of a block: digests computed from the lines, not those the rows claim.

    An archived line is in the archive alone, so its leaf is the row's digest.
    """
    return [row.digest if is_archived(row.line) else digest(row.line) for row in rows]


def record_fault(row: DecisionRow, archived_to: int = 0) -> str | None:
    """Return the fault of a single record; None if it has none. Records up to `archived_to` are in archives."""
    alteration = find_alteration(row, archived_to)
    return (
        None if alteration is None else Message("decision record {seq} was altered: {how}", seq=row.seq, how=alteration)
    )


def find_alteration(row: DecisionRow, archived_to: int = 0) -> str | None:
    """Return how a record was altered, as the end of a sentence; None if it was not."""
    if digest(row.line) != row.digest and not (is_archived(row.line) and row.seq <= archived_to):
        return Message("it does not have the digest it was written with")
    try:
        record = read_record(row.line)
    except (ValueError, KeyError, TypeError, AttributeError):
        return Message("its line is no record")
    identity = (record.seq, record.decision_id, *record.subject, record.by["id"])
    instants = (record.as_of.isoformat(), timestamp(record.decided_at))
    if identity != (row.seq, row.id, row.subject, row.kind, row.actor) or instants != (
        _text(row.as_of),
        _text(row.decided_at),
    ):
        return Message("its columns do not match its line")
    return None


def _text(value: object) -> str:
    """Return a stored day or instant as text; an invalid value unchanged."""
    match value:
        case datetime():
            return timestamp(value)
        case date():
            return value.isoformat()
        case _:
            return str(value)


def block_faults(block: Block, rows: Sequence[DecisionRow], archived_to: int = 0) -> list[str]:
    """List the faults of a block's records: each missing or altered record, else the fault of the block as a whole."""
    faults = find_gaps([row.seq for row in rows], block.first, block.last)
    faults += [fault for row in rows if (fault := record_fault(row, archived_to)) is not None]
    if not faults and root_of(leaves_of(rows)) != block.root:
        faults = [
            Message(
                "decision records {first} to {last} are not those that were sealed as block {block}",
                first=block.first,
                last=block.last,
                block=block.number,
            )
        ]
    return faults


def find_gaps(seqs: Sequence[int], first: int, last: int) -> list[str]:
    """Return a message for each missing record from `first` to `last`; the caller ensures that the range is small."""
    present = set(seqs)
    return [
        Message("decision record {seq} was removed", seq=seq) for seq in range(first, last + 1) if seq not in present
    ]


def record_proof(block: Block, leaves: Sequence[str], seq: int, line: bytes) -> dict[str, Any]:
    """Prove that a record is in its block: its line and its path to the root; the `record` of `audit.proofs`.

    `leaves` are the stored digests of the block's records; the root shows whether they are the sealed ones. Raises
    InvalidPath if one is missing or no digest.
    """
    index, size = seq - block.first, block.last - block.first + 1
    if len(leaves) != size:
        raise InvalidPath(
            Message(
                "decision records {first} to {last} are not those that were sealed as block {block}",
                first=block.first,
                last=block.last,
                block=block.number,
            )
        )
    return {"line": line.decode(), "index": index, "size": size, "path": path(leaves, index)}
