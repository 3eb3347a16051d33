"""The proof that an entry is in the signed log, step by step, for display."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from policy_service.audit.checkpoints import read_checkpoint
from policy_service.audit.merkle import sibling_ranges
from policy_service.audit.proofs import prove_entry


@dataclass(frozen=True, slots=True)
class ProofStep:
    """One step up the tree: the sibling root, and its side."""

    first: int
    last: int
    """The last entry under `root`."""
    root: str
    is_left: bool


@dataclass(frozen=True, slots=True)
class Inclusion:
    """The proof that an entry is in the log that a checkpoint signs."""

    steps: tuple[ProofStep, ...]
    size: int
    at: datetime
    root: str
    checkpoint: str
    """The signed line."""


def read_inclusion(session: Session, seq: int) -> Inclusion:
    """Prove that an entry is in the log, under the newest checkpoint. Raises ProofUnavailable."""
    proof = prove_entry(session, seq)
    checkpoint = read_checkpoint(proof["checkpoint"].encode())
    extent, at = checkpoint.extent, datetime.fromisoformat(checkpoint.at)
    path = _steps(seq, extent.size, proof["path"])
    return Inclusion(path, extent.size, at, extent.root, proof["checkpoint"])


def _steps(seq: int, size: int, path: Sequence[str]) -> tuple[ProofStep, ...]:
    """Return the steps of a path, each with the range of entries it covers."""
    ranges = sibling_ranges(seq - 1, size)
    return tuple(
        ProofStep(start + 1, stop, root, is_left=stop < seq) for (start, stop), root in zip(ranges, path, strict=True)
    )
