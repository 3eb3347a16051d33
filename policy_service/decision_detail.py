"""A decision in full: its answers with their rules, its facts, its replay and its proof, in words."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path

from sqlmodel import Session

from policy_service.approval.provenance import ActivationOrigin, activation_origins
from policy_service.decisions.corrections import corrections_of
from policy_service.decisions.encryption import DecryptionFailed, is_encrypted
from policy_service.decisions.proof import RecordProof, check_proof
from policy_service.decisions.record import DecisionRecord
from policy_service.decisions.record_versions import load_verified, versions_of
from policy_service.decisions.replay import replay_with_trace
from policy_service.decisions.subjects import ERASED, FactCipher
from policy_service.decisions.words.answers import PolicyAnswer, policy_answers
from policy_service.decisions.words.facts import FactView, fact_views
from policy_service.decisions.words.replay import ReplayView, replay_view
from policy_service.decisions.words.trace import RuleTrace, rule_traces
from policy_service.language.policy import Language
from policy_service.registry.service import activation_in_force


@dataclass(frozen=True, slots=True)
class AnswerDetail:
    """One policy's answer, the origin of its version, and the trace of each rule."""

    answer: PolicyAnswer
    is_requested: bool
    """True if the policy was requested; otherwise another policy uses its outcome."""
    origin: ActivationOrigin | None
    """None if the registry has no origin of the version at the time of the decision."""
    rules: tuple[RuleTrace, ...]


@dataclass(frozen=True, slots=True)
class DecisionDetail:
    """A decision in full."""

    record: DecisionRecord
    answers: tuple[AnswerDetail, ...]
    facts: tuple[FactView, ...]
    has_erased_facts: bool
    """True if a sensitive fact can no longer be decrypted."""
    replay: ReplayView
    proof: RecordProof
    corrected_by: tuple[str, ...]
    """The decisions that correct it."""


def read_decision_detail(
    session: Session, cipher: FactCipher, keys: Path, record: DecisionRecord, lang: Language
) -> DecisionDetail:
    """Return a decision in full; `keys` is the folder of signing keys. Raises UnknownDecision."""
    versions = versions_of(session, [record])[record.decision_id]
    reviewed = replay_with_trace(session, cipher, record.decision_id, load=load_verified)
    erased, origins = _erased_facts(session, cipher, record), _origins(session, record)
    return DecisionDetail(
        record=record,
        answers=tuple(
            AnswerDetail(
                answer,
                answer.policy in record.requested,
                origins.get(answer.policy),
                rule_traces(answer, versions, reviewed.trace or {}, lang),
            )
            for answer in policy_answers(record, versions, lang)
        ),
        facts=fact_views(record, versions, erased, lang),
        has_erased_facts=bool(erased),
        replay=replay_view(reviewed.verdict, versions, lang),
        proof=check_proof(session, record, keys),
        corrected_by=corrections_of(session, record),
    )


def _erased_facts(session: Session, cipher: FactCipher, record: DecisionRecord) -> Collection[str]:
    """Return the facts that can no longer be decrypted, since the key of the subject was deleted."""
    if not any(map(is_encrypted, record.facts.values())):
        return ()
    try:
        facts = cipher.readable_facts(session, record.subject, record.decision_id, record.facts)
    except DecryptionFailed:
        return ()  # the replay reports the error
    return [name for name, value in facts.items() if value == ERASED]


def _origins(session: Session, record: DecisionRecord) -> dict[str, ActivationOrigin]:
    """Return the origins of the versions that answered, by policy, as recorded when the decision was made."""
    at = record.decided_at
    active = {policy: activation_in_force(session, policy, at) for policy in record.outcomes}
    in_force = {
        policy: each
        for policy, each in active.items()
        if each is not None and each.digest == record.policies[policy].digest
    }
    origins = activation_origins(session, in_force.values())
    return {policy: origins[each.id] for policy, each in in_force.items()}
