"""Records and signs overrides. Governance policies are evaluated before the transaction, and compared in it.

prepared = prepare_override(session, governance, actor, request, now)   # slow at first: governance is built
override = record_override(transaction, actor, prepared)                # rejected if the inputs have changed
override = sign_override(transaction, other, override.id, …)            # by each required role but the recorder's
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Any

from sqlalchemy import or_
from sqlmodel import Session, col, func, select

from policy_service.actor import Actor, Role
from policy_service.approval.change import Meaning, Version
from policy_service.approval.errors import OperationRejected
from policy_service.approval.governance_facts import governing_version
from policy_service.approval.override_authority import (
    OVERRIDES,
    OverrideAuthority,
    decide_authority,
    signers_of,
)
from policy_service.approval.signers import GovernanceEvaluator, sign_off_version
from policy_service.audit.events import OverrideRecorded, OverrideSigned
from policy_service.audit.log import append
from policy_service.audit.row_verification import require_account_logged, require_in_force_logged, require_logged
from policy_service.canonical import to_canonical_json
from policy_service.clock import timestamp
from policy_service.database import Transaction
from policy_service.decisions.outcomes import InvalidOutcome, read_outcome, text_problems, write_outcome
from policy_service.decisions.override import (
    Override,
    can_sign_override,
    may_override,
    may_sign_override,
    reason_problems,
    term_problems,
)
from policy_service.decisions.override_store import (
    GOVERNANCE,
    OverridePermissionDenied,
    OverrideRejected,
    last_override_seq,
    overrides_of_subject,
    read_override,
)
from policy_service.decisions.state_tables import OverrideEndRow, OverrideRow, OverrideSignatureRow
from policy_service.language.outcome import Values
from policy_service.language.policy import Policy
from policy_service.language.types import NumberType
from policy_service.messages import Message
from policy_service.overrides.signature_validity import read_with_signature_validity
from policy_service.registry.policy_cache import load_head
from policy_service.registry.service import activation_in_force
from policy_service.subject import Subject, subject_errors

UNSIGNED_LOOKBACK = timedelta(days=30)
"""How long an override that applied without all signatures is counted."""
BASIS_CHANGED = Message("The versions or the overrides in force changed while this was prepared: send it again.")


@dataclass(frozen=True, slots=True)
class OverrideRequest:
    """A requested override."""

    subject: Subject
    policy: str
    outcome: object
    """The outcome that replaces the rules' answer, as JSON."""
    role: Role
    reason: str
    until: datetime


@dataclass(frozen=True, slots=True)
class PreparedOverride:
    """All data for recording an override, computed from one state of the database."""

    request: OverrideRequest
    actor: str
    version: Version
    """The version in force that is overridden."""
    outcome: Any
    """The outcome in stored form."""
    facts: Mapping[str, Any]
    """The facts given to the governance policy."""
    authority: OverrideAuthority
    signers: tuple[Role, ...]
    """The roles that sign changes of the policy."""
    sign_off: Version | None
    """The version of `governance/sign_off` used; None if one signature suffices."""


@dataclass(frozen=True, slots=True)
class _CheckedRequest:
    """A request, checked against the registry and the other overrides."""

    version: Version
    outcome: Any
    facts: Mapping[str, Any]


def prepare_override(
    session: Session, governance: GovernanceEvaluator, actor: Actor, request: OverrideRequest, now: datetime
) -> PreparedOverride:
    """Determine how far the override reaches, and which other roles must sign it. The first call is slow."""
    _require_permission(may_override(actor, request.role, now))
    checked = _check_request(session, actor, request, now)
    try:
        authority = decide_authority(session, governance, checked.facts, now)
        roles, sign_off = tuple[Role, ...](), None
        if authority.verdict in {"provisional", "needs_signers"}:
            roles, sign_off = signers_of(session, governance, load_head(session, checked.version.digest), now)
    except OperationRejected as rejection:
        raise OverrideRejected(rejection.messages) from rejection
    if problems := list(_authority_problems(authority, checked.facts)):
        raise OverrideRejected(problems)
    return PreparedOverride(
        request, actor.id, checked.version, checked.outcome, checked.facts, authority, roles, sign_off
    )


def record_override(transaction: Transaction, actor: Actor, prepared: PreparedOverride) -> Override:
    """Record an override of a policy's rules for a subject, as far as one signature reaches."""
    now, session, request, authority = transaction.now, transaction.session, prepared.request, prepared.authority
    require_in_force_logged(session)
    _require_permission(may_override(actor, request.role, now))
    checked = _check_request(session, actor, request, now)
    prepared_basis = (prepared.actor, prepared.version, prepared.facts, authority.policy, prepared.sign_off)
    sign_off = sign_off_version(session, now) if prepared.sign_off else None
    governing = governing_version(session, OVERRIDES, now)
    if (actor.id, checked.version, checked.facts, governing, sign_off) != prepared_basis:
        raise OverrideRejected([BASIS_CHANGED])
    missing_roles = tuple(role for role in prepared.signers if role is not request.role)
    row = OverrideRow(
        seq=last_override_seq(session) + 1,
        id=transaction.new_id(),
        subject=request.subject.id,
        kind=request.subject.kind,
        policy=request.policy,
        version=checked.version.version,
        outcome=to_canonical_json(checked.outcome),
        role=request.role,
        actor=actor.id,
        printed_name=actor.printed_name,
        reason=request.reason,
        recorded_at=now,
        until=request.until,
        verdict=authority.verdict if missing_roles else "allowed",
        signers=" ".join(missing_roles),
        lapses_at=now + timedelta(days=authority.provisional_days) if missing_roles else None,
        decided_by=to_canonical_json(decided_by := _decided_by(prepared)),
    )
    session.add(row)
    session.flush()
    event = OverrideRecorded(
        row.id,
        *request.subject,
        request.policy,
        checked.outcome,
        request.role,
        actor.printed_name,
        request.reason,
        timestamp(request.until),
        checked.version.version,
        str(row.verdict),
        missing_roles,
        timestamp(row.lapses_at) if row.lapses_at else None,
        decided_by,
    )
    append(transaction, actor, event)
    return read_override(session, row.id)


def sign_override(  # noqa: PLR0913  # what a signature says
    transaction: Transaction, actor: Actor, override: str, *, role: Role, digest: str, reason: str
) -> Override:
    """Record another person's signature in a missing role, on the digest shown to them; return the override.

    With the last required signature, all of which must count, the override applies to its end. Raises UnknownOverride,
    OverridePermissionDenied, OverrideRejected.
    """
    now, session = transaction.now, transaction.session
    require_logged(session, "override", override)
    current = read_with_signature_validity(session, override, now)
    if (possible := can_sign_override(current, now)) is not True:
        raise OverrideRejected([possible])
    _require_permission(may_sign_override(current, actor, role, now))
    if problems := reason_problems(reason):
        raise OverrideRejected(problems)
    if digest != current.digest:
        raise OverrideRejected([Message("The override has changed since you read it. Read it again before signing.")])
    for signer in (current.actor, *(each.actor for each in current.signatures)):
        require_account_logged(session, signer)
    ratifies = current.missing_roles == (role,)
    earlier_count = sum(each.role == role for each in current.signatures)
    row = OverrideSignatureRow(
        override=override,
        role=f"{role}/{earlier_count + 1}" if earlier_count else role,
        actor=actor.id,
        printed_name=actor.printed_name,
        meaning=Meaning.APPROVED,
        reason=reason,
        digest=digest,
        signed_at=now,
        ratifies=ratifies,
    )
    session.add(row)
    session.flush()
    event = OverrideSigned(
        override,
        *current.subject,
        current.policy,
        role,
        actor.printed_name,
        Meaning.APPROVED,
        reason,
        digest,
        ratifies,
    )
    append(transaction, actor, event)
    return read_with_signature_validity(session, override, now)


# ------------------------------------------------------------------------------------------------- the checks


def _check_request(session: Session, actor: Actor, request: OverrideRequest, now: datetime) -> _CheckedRequest:
    """Return the checked request. Raises OverrideRejected with every reason."""
    subject, policy = request.subject, request.policy
    problems: list[str] = [_subject_problem(part, problem) for part, problem in subject_errors(subject).items()]
    problems += term_problems(request.until, request.reason, now)
    active = activation_in_force(session, policy, now)
    version = load_head(session, active.digest) if active is not None and not active.is_stop else None
    values: tuple[Values, ...] = ()
    outcome: Any = None
    if active is not None and active.is_stop:
        problems.append(Message("{policy} is suspended, so there is nothing to override.", policy=policy))
    elif version is None:
        problems.append(Message("{policy} is not in force.", policy=policy))
    elif version.domain == GOVERNANCE:
        problems.append(Message("Policies of governance cannot be overridden."))
    else:
        if version.subject != subject.kind:
            names = {"policy": policy, "other": version.subject, "kind": subject.kind}
            problems.append(Message("{policy} is about a subject of the kind `{other}`, not `{kind}`.", **names))
        try:
            values = read_outcome(version, request.outcome)
            outcome = write_outcome(version, values)
            problems += text_problems(outcome)
        except InvalidOutcome as error:
            problems += error.problems
    if not problems and any(each.is_open(now) for each in overrides_of_subject(session, subject, policy)):
        problems.append(
            Message(
                "{subject} already has an override of {policy}: end that override first.",
                subject=subject.id,
                policy=policy,
            )
        )
    if problems or version is None:
        raise OverrideRejected(problems)
    facts = {**_outcome_facts(version, values), **_history_facts(session, actor, request, now)}
    return _CheckedRequest(Version(version.id, version.version, version.digest), outcome, facts)


def _subject_problem(part: str, problem: str) -> Message:
    """Return the message for a problem of a subject's identifier or kind."""
    if part == "kind":
        return Message("The kind of the subject: {fault}.", fault=problem)
    return Message("The subject: {fault}.", fault=problem)


def _outcome_facts(policy: Policy, values: Sequence[Values]) -> dict[str, Any]:
    """Return the facts of the outcome: whether it is money, and the total amount."""
    money = [
        (position, declared.type)
        for position, declared in enumerate(policy.outcomes.values())
        if isinstance(declared.type, NumberType) and declared.type.kind == "money"
    ]
    facts: dict[str, Any] = {"domain": policy.domain, "outcome_kind": "money" if money else "other"}
    if money and all(kind.currency == "CNY" for _, kind in money):
        amounts = (
            Decimal(int(str(entry[position]))).scaleb(-kind.scale) for entry in values for position, kind in money
        )
        facts["amount"] = str(sum(map(abs, amounts), Decimal()))
    return facts


def _history_facts(session: Session, actor: Actor, request: OverrideRequest, now: datetime) -> dict[str, Any]:
    """Return the facts of the other overrides and the term."""
    subject = request.subject
    of_same_subject = overrides_of_subject(session, subject)
    running = [each for each in of_same_subject if each.is_open(now)]
    unsigned = [each for each in of_same_subject if each.policy == request.policy and _ran_unsigned(each, now)]
    return {
        "days": -((now - request.until) // timedelta(days=1)),
        "running_of_policy": _count_open(session, now, col(OverrideRow.policy) == request.policy),
        "running_of_subject": len(running),
        "running_of_person": _count_open(session, now, col(OverrideRow.actor) == actor.id),
        "unsigned_before": len(unsigned),
        "signed": [request.role.value],
    }


def _ran_unsigned(override: Override, now: datetime) -> bool:
    """Return True if an override recently applied with one signature alone."""
    return (
        override.starts_at is not None and override.ratified_at is None and override.ends_at > now - UNSIGNED_LOOKBACK
    )


def _count_open(session: Session, now: datetime, condition: Any) -> int:  # noqa: ANN401  # SQLAlchemy's
    """Count the overrides that apply or may still apply."""
    is_ratified = (
        select(OverrideSignatureRow.override)
        .where(OverrideSignatureRow.override == OverrideRow.id, col(OverrideSignatureRow.ratifies))
        .exists()
    )
    lapses = col(OverrideRow.lapses_at)
    query = select(func.count()).select_from(OverrideRow).join(OverrideEndRow, isouter=True)
    query = query.where(condition, col(OverrideEndRow.override).is_(None), col(OverrideRow.until) > now)
    return session.exec(query.where(or_(lapses.is_(None), lapses > now, is_ratified))).one()


def _authority_problems(authority: OverrideAuthority, facts: Mapping[str, Any]) -> Iterator[str]:
    """Yield why governance does not allow this override by any signature."""
    policy = authority.policy
    version_name = {"policy": policy.policy if policy else OVERRIDES, "version": policy.version if policy else ""}
    if authority.verdict == "refused":
        because = authority.because
        reason = f"{because.zh} {because.en}" if because else ""
        names = {**version_name, "rule": authority.rule, "reason": reason}
        yield Message("{policy} {version} rejects this override by its rule `{rule}`: {reason}", **names)
    elif facts["days"] > authority.max_days:
        yield Message(
            "{policy} {version} allows this override at most {most} days; it would last {days}.",
            **version_name,
            most=authority.max_days,
            days=facts["days"],
        )


def _decided_by(prepared: PreparedOverride) -> dict[str, Any]:
    """Return the governance versions and facts that determined reach and signers, as JSON."""
    authority, sign_off = prepared.authority, prepared.sign_off
    return {
        "overrides": authority.policy.to_dict() if authority.policy else None,
        "rule": authority.rule,
        "sign_off": sign_off.to_dict() if sign_off else None,
        "facts": dict(prepared.facts),
    }


def _require_permission(allowed: object) -> None:
    if allowed is not True:
        raise OverridePermissionDenied([str(allowed)])
