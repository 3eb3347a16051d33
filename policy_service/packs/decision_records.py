"""The sampled decisions of a pack: each record, the verdict of its replay, and the proof that it was sealed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from policy_service.audit.merkle import InvalidPath
from policy_service.audit.tables import AuditEntry
from policy_service.canonical import to_canonical_json_unchecked
from policy_service.clock import timestamp
from policy_service.decisions.block_store import block_of, block_with, digests_of
from policy_service.decisions.blocks import record_proof
from policy_service.decisions.encryption import is_encrypted
from policy_service.decisions.masking import MASK
from policy_service.decisions.record import DecisionRecord, decode_fact, previous_json, read_row
from policy_service.decisions.replay import replay
from policy_service.decisions.state_tables import BlockRow
from policy_service.decisions.subjects import FactCipher
from policy_service.decisions.tables import DecisionRow
from policy_service.packs.archive import Archive
from policy_service.packs.contents import PackContents
from policy_service.packs.entries import LogNotSigned, Proofs
from policy_service.packs.site import PackedDecision
from policy_service.packs.texts import StepCallback
from policy_service.packs.times import both_times
from policy_service.subject import CUSTOMER

DECISIONS = "decisions/decisions.csv"
HEADINGS = (
    "seq",
    "decision",
    "subject",
    "kind",
    "as_of",
    "decided_at",
    "by",
    "policies",
    "outcomes",
    "replay",
    "proved",
)


def write_decisions(  # noqa: PLR0913, PLR0917  # what a decision is told from
    archive: Archive,
    session: Session,
    contents: PackContents,
    proofs: Proofs,
    fact_cipher: FactCipher,
    zone: ZoneInfo,
    step: StepCallback,
) -> list[PackedDecision]:
    """Write every sampled decision; return them with the verdicts."""
    archive.add_json("decisions/sample.json", contents.sample.to_dict())
    prover, packed, rows = _Prover(session, proofs), list[PackedDecision](), []
    for row in contents.sample.rows:
        record, folder = read_row(row.seq, row.line), f"decisions/{row.seq}-{row.id}"
        verdict = replay(session, fact_cipher, row.id).to_dict()
        proof = prover.prove(row)
        shown = readable(record)
        archive.add_json(f"{folder}/record.json", shown)
        archive.add_json(f"{folder}/replay.json", verdict)
        if proof is not None:
            archive.add_json(f"{folder}/proof.json", proof)
        rows.append(decision_cells(shown, verdict["verdict"], zone, is_proved=proof is not None))
        packed.append(PackedDecision(folder, record, shown, verdict["verdict"], proof is not None))
        step()
    if rows:
        archive.add_table(DECISIONS, HEADINGS, rows)
    missing = sum(row[-1] == "no" for row in rows)
    if missing:
        contents.add_omission(
            f"{missing} 项决定尚未封存或签名，没有证明。",
            f"{missing} decisions are not sealed or signed yet: they have no proof.",
        )
    return packed


def readable(record: DecisionRecord) -> dict[str, Any]:
    """Return a record for display; a sensitive fact is shown as present, without its value.

    The kind `customer` is left out, as in records from before kinds, so that their packs still verify.
    """
    return {
        "decision_id": record.decision_id,
        "seq": record.seq,
        "subject": record.subject.id,
        **({"kind": record.subject.kind} if record.subject.kind != CUSTOMER else {}),
        "as_of": record.as_of.isoformat(),
        "decided_at": timestamp(record.decided_at),
        "by": dict(record.by),
        "facts": {name: _readable_value(value) for name, value in record.facts.items()},
        "asked": list(record.requested),
        "policies": {name: used._asdict() for name, used in record.policies.items()},
        "outcomes": record.outcomes,
        "engine": dict(record.engine),
        "benchmark_set": record.benchmark_set,
        "overrides": list(record.overrides),
        **({"previous": previous_json(record.previous)} if record.previous else {}),
    }


def _readable_value(value: Any) -> Any:  # noqa: ANN401  # JSON
    if is_encrypted(value):
        return MASK
    fact = decode_fact(value)
    return fact if isinstance(fact, bool | int | str | list | None) else str(fact)


def decision_cells(
    record: Mapping[str, Any], verdict: object, zone: ZoneInfo | None, *, is_proved: bool
) -> tuple[object, ...]:
    """Return a record in the form of `readable` as a table row. Raises KeyError and the like for invalid data."""
    return (
        record["seq"],
        record["decision_id"],
        record["subject"],
        record.get("kind", CUSTOMER),
        record["as_of"],
        both_times(record["decided_at"], zone),
        record["by"]["name"],
        " ".join(f"{name}@{each['version']}" for name, each in record["policies"].items()),
        to_canonical_json_unchecked({name: each.get("outcome") for name, each in record["outcomes"].items()}).decode(),
        verdict,
        "yes" if is_proved else "no",
    )


class _Prover:
    """Proves decisions; the records of a block are read once."""

    def __init__(self, session: Session, proofs: Proofs) -> None:
        self._session = session
        self._proofs = proofs
        self._block: BlockRow | None = None
        self._leaves: list[str] = []

    def prove(self, row: DecisionRow) -> dict[str, Any] | None:
        """Return the proof of a decision; None while no signed entry covers its block. Raises LogNotSigned."""
        block = self._block
        if block is None or not block.first <= row.seq <= block.last:
            self._block = block = block_with(self._session, row.seq)
            self._leaves = digests_of(self._session, block_of(block)) if block is not None else []
        entry = self._session.get(AuditEntry, block.entry) if block is not None else None
        if block is None or entry is None or not self._proofs.covers(entry.seq):
            return None
        try:
            record = record_proof(block_of(block), self._leaves, row.seq, row.line)
        except InvalidPath as fault:
            raise LogNotSigned(str(fault)) from None
        return {**self._proofs.proof(entry), "record": record}
