"""One decision: what came out, by which rule of which version, signed by whom; its replay and its proof."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import dataclass
from typing import ClassVar

from sqlmodel import Session

from api.auth.permissions import may_read
from api.kit.formats import UUID_TEXT
from api.kit.frame import Frame
from api.service import Service
from api.web.problems import CONFLICT, NOT_FOUND, ProblemError
from policy_service.approval.provenance import ActivationOrigin, activation_origins
from policy_service.decisions.corrections import corrections_of
from policy_service.decisions.encryption import DecryptionFailed, is_encrypted
from policy_service.decisions.proof import RecordProof, check_proof
from policy_service.decisions.record import DecisionRecord
from policy_service.decisions.record_queries import read_decision
from policy_service.decisions.record_versions import load_verified, versions_of
from policy_service.decisions.replay import replay_with_trace
from policy_service.decisions.subjects import ERASED
from policy_service.decisions.words.answers import PolicyAnswer, policy_answers
from policy_service.decisions.words.facts import FactView, fact_views
from policy_service.decisions.words.replay import ReplayView, replay_view
from policy_service.decisions.words.trace import RuleTrace, rule_traces
from policy_service.messages import Message
from policy_service.registry.model import active_at
from policy_service.registry.service import activations


@dataclass(frozen=True, slots=True)
class PolicyAnswerView:
    """One policy's answer, what put its version in force, and what became of each of its rules."""

    answer: PolicyAnswer
    is_requested: bool
    """Whether it was asked for; else another policy took its outcome."""
    origin: ActivationOrigin | None
    """None when the registry does not say what put the version in force at the instant of the decision."""
    rules: tuple[RuleTrace, ...]


@dataclass(frozen=True, slots=True)
class DecisionPage:
    """The whole of a decision."""

    template: ClassVar[str] = "decisions/one.html"
    frame: Frame
    record: DecisionRecord
    answers: tuple[PolicyAnswerView, ...]
    facts: tuple[FactView, ...]
    has_erased_facts: bool
    """Whether a sensitive fact cannot be read any more by anyone."""
    replay: ReplayView
    proof: RecordProof
    may_read_changes: bool
    """Whether the reader may open changes and suspensions."""
    may_read_log: bool
    """Whether the reader may open entries of the log."""
    corrected_by: tuple[str, ...]
    """The decisions that correct it."""


def decision_id(text: str) -> str:
    """The identifier of a decision in an address. Raises ProblemError when it is none."""
    if not UUID_TEXT.fullmatch(text):
        raise ProblemError(NOT_FOUND, Message("There is no such decision."))
    return text


def decision_page(service: Service, session: Session, frame: Frame, decision: str) -> DecisionPage:
    """The page of a decision. Raises UnknownDecision, ProblemError."""
    record = _read(session, decision)
    versions = versions_of(session, [record])[decision]
    reviewed = replay_with_trace(session, service.fact_cipher, decision, load=load_verified)
    erased = _erased_facts(service, session, record)
    origins = _origins(session, record)
    answers = policy_answers(record, versions, frame.lang)
    trace = reviewed.trace or {}
    actor = frame.actor
    return DecisionPage(
        frame=frame,
        record=record,
        answers=tuple(
            PolicyAnswerView(
                answer,
                answer.policy in record.requested,
                origins.get(answer.policy),
                rule_traces(answer, versions, trace, frame.lang),
            )
            for answer in answers
        ),
        facts=fact_views(record, versions, erased, frame.lang),
        has_erased_facts=bool(erased),
        replay=replay_view(reviewed.verdict, versions, frame.lang),
        proof=check_proof(session, record, service.settings.keys),
        may_read_changes=may_read(actor, "/changes/{change}"),
        may_read_log=may_read(actor, "/audit/entries/{seq}"),
        corrected_by=corrections_of(session, record),
    )


def _read(session: Session, decision: str) -> DecisionRecord:
    """The record. Raises UnknownDecision, ProblemError when what was kept is no record any more."""
    try:
        return read_decision(session, decision)
    except (ValueError, KeyError, TypeError, AttributeError):
        message = Message("The record of this decision was altered: the stored bytes are not a record.")
        raise ProblemError(CONFLICT, message) from None


def _erased_facts(service: Service, session: Session, record: DecisionRecord) -> Collection[str]:
    """The facts that cannot be read any more, since the key of the subject was deleted."""
    if not any(map(is_encrypted, record.facts.values())):
        return ()
    try:
        facts = service.fact_cipher.readable_facts(session, record.subject, record.decision_id, record.facts)
    except DecryptionFailed:
        return ()  # the replay says what is wrong
    return [name for name, value in facts.items() if value == ERASED]


def _origins(session: Session, record: DecisionRecord) -> dict[str, ActivationOrigin]:
    """Return the origins of the versions that answered, by policy, as recorded when the decision was made."""
    at = record.decided_at
    active = {policy: active_at(activations(session, policy), policy, at, at) for policy in record.outcomes}
    in_force = {
        policy: each
        for policy, each in active.items()
        if each is not None and each.digest == record.policies[policy].digest
    }
    origins = activation_origins(session, in_force.values())
    return {policy: origins[each.id] for policy, each in in_force.items()}
