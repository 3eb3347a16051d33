"""Verifies a decision's proof now: from its record to its block, its entry, a signed checkpoint."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Literal

from sqlmodel import Session

from policy_service.audit.checkpoints import read_checkpoint
from policy_service.audit.keys import public_keys
from policy_service.audit.proofs import InvalidProof, Proof, ProofUnavailable, verify_proof
from policy_service.decisions.block_store import BlockAltered, NotSealed, block_with, prove_decision
from policy_service.decisions.record import DecisionRecord
from policy_service.decisions.state_tables import BlockRow

ProofState = Literal["proved", "waiting", "broken"]


@dataclass(frozen=True, slots=True)
class RecordProof:
    """The block of a record, and the verification of its proof."""

    state: ProofState
    reason: str | None
    """Why there is no proof yet, or why it is invalid."""
    seq: int
    """The record's number."""
    block: int | None = None
    first: int | None = None
    last: int | None = None
    sealed_at: datetime | None = None
    entry: int | None = None
    root: str | None = None
    checkpoint: int | None = None
    """The number of entries that the signed checkpoint covers."""
    signed_at: datetime | None = None
    key: str | None = None
    """The fingerprint of the key that signed it."""


def check_proof(session: Session, record: DecisionRecord, keys: Path) -> RecordProof:
    """Return the proof of a record, verified with the public keys of the service."""
    block = block_with(session, record.seq)
    try:
        proof = verify_proof(prove_decision(session, record.decision_id), list(public_keys(keys).values()))
    except NotSealed as reason:
        return RecordProof("waiting", str(reason), record.seq)
    except (BlockAltered, InvalidProof) as error:
        return _record_proof(record, block, "broken", str(error))
    except ProofUnavailable as reason:
        return _record_proof(record, block, "waiting", str(reason))
    return _record_proof(record, block, "proved", None, proof)


def _record_proof(
    record: DecisionRecord, block: BlockRow | None, state: ProofState, reason: str | None, proof: Proof | None = None
) -> RecordProof:
    checkpoint = read_checkpoint(proof.checkpoint.encode()) if proof else None
    return RecordProof(
        state,
        reason,
        record.seq,
        block=block.number if block else None,
        first=block.first if block else None,
        last=block.last if block else None,
        sealed_at=block.sealed_at if block else None,
        entry=block.entry if block else None,
        root=block.root if block else None,
        checkpoint=checkpoint.extent.size if checkpoint else None,
        signed_at=datetime.fromisoformat(checkpoint.at) if checkpoint else None,
        key=checkpoint.key if checkpoint else None,
    )
