"""That a decision is in the log, checked here and now: from its record to its block, its entry, a signed checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from sqlmodel import Session

from policy_service.audit.checkpoints import read_checkpoint
from policy_service.audit.keys import public_keys
from policy_service.audit.proofs import NotProvable, NotProved, Proof, verify_proof
from policy_service.decisions.record import Record
from policy_service.decisions.seals import NotAsSealed, NotSealed, block_with, prove_decision
from policy_service.decisions.state_tables import BlockRow

State = Literal["proved", "waiting", "broken"]


@dataclass(frozen=True, slots=True)
class Sealing:
    """Where a record is sealed, and whether the proof of it holds."""

    state: State
    why: str | None
    """Why there is no proof yet, or why it does not hold."""
    seq: int
    """The record's number."""
    block: int | None = None
    first: int | None = None
    last: int | None = None
    sealed_at: datetime | None = None
    entry: int | None = None
    root: str | None = None
    checkpoint: int | None = None
    """How many entries the signed checkpoint covers."""
    signed_at: datetime | None = None
    key: str | None = None
    """The fingerprint of the key that signed it."""


def sealing_of(session: Session, record: Record, keys: Path) -> Sealing:
    """The proof of a record, verified with the public keys of the service."""
    block = block_with(session, record.seq)
    try:
        proof = verify_proof(prove_decision(session, record.decision_id), list(public_keys(keys).values()))
    except NotSealed as reason:
        return Sealing("waiting", str(reason), record.seq)
    except (NotAsSealed, NotProved) as fault:
        return _sealed(record, block, "broken", str(fault))
    except NotProvable as reason:
        return _sealed(record, block, "waiting", str(reason))
    return _sealed(record, block, "proved", None, proof)


def _sealed(
    record: Record, block: BlockRow | None, state: State, why: str | None, proof: Proof | None = None
) -> Sealing:
    signed = read_checkpoint(proof.checkpoint.encode()) if proof else None
    return Sealing(
        state,
        why,
        record.seq,
        block=block.number if block else None,
        first=block.first if block else None,
        last=block.last if block else None,
        sealed_at=block.sealed_at if block else None,
        entry=block.entry if block else None,
        root=block.root if block else None,
        checkpoint=signed.extent.size if signed else None,
        signed_at=datetime.fromisoformat(signed.at) if signed else None,
        key=signed.key if signed else None,
    )
