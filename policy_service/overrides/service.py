"""Records and signs exceptions: what governance decides is asked before the transaction, and compared in it.

prepared = prepare_override(session, signers, actor, asked, now)     slow at first: policies of governance are built
override = record_override(transaction, actor, prepared)             refused when what was asked about has changed
override = sign_override(transaction, other, override.id, …)         by each of those who must, beside who recorded it
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
from policy_service.approval.reach import OVERRIDES, Reach, overrides_version, reach_of, signers_of
from policy_service.approval.refusals import Refused
from policy_service.approval.signers import Signers, in_force
from policy_service.audit.events import OverrideRecorded, OverrideSigned
from policy_service.audit.log import append
from policy_service.audit.telling import demand_account, demand_in_force, demand_told
from policy_service.canonical import canonical
from policy_service.clock import timestamp
from policy_service.database import Transaction
from policy_service.decisions.outcomes import OutcomeUnfit, read_outcome, text_problems, write_outcome
from policy_service.decisions.overrides import (
    GOVERNANCE,
    Forbidden,
    OverrideRefused,
    last_number,
    of_subject,
    read_override,
)
from policy_service.decisions.overriding import (
    Overriding,
    can_sign_override,
    may_override,
    may_sign_override,
    reason_problems,
    term_problems,
)
from policy_service.decisions.state_tables import OverrideEndRow, OverrideRow, OverrideSignatureRow
from policy_service.language.outcome import Values
from policy_service.language.policy import Policy
from policy_service.language.types import NumberType
from policy_service.overrides.counting import read_as_it_counts
from policy_service.registry.loaded import load_head
from policy_service.registry.model import active_at
from policy_service.registry.service import activations
from policy_service.sentences import Sentence
from policy_service.subject import Subject, faults_of

LOOKS_BACK = timedelta(days=30)
"""How long an override counts that ran without all signatures."""
MOVED_ON = Sentence("What is in force, or what is excepted already, changed while this was prepared: send it again.")


@dataclass(frozen=True, slots=True)
class AskedOverride:
    """An exception that a person asks for."""

    subject: Subject
    policy: str
    outcome: object
    """JSON: what is answered instead."""
    role: Role
    reason: str
    until: datetime


@dataclass(frozen=True, slots=True)
class PreparedOverride:
    """All that recording an exception needs, worked out from one state of the database."""

    asked: AskedOverride
    actor: str
    version: Version
    """The version in force that is overridden."""
    outcome: Any
    """As it is kept."""
    facts: Mapping[str, Any]
    """What governance was asked about."""
    reach: Reach
    signers: tuple[Role, ...]
    """Who signs a change of the policy."""
    sign_off: Version | None
    """By which version of `governance/sign_off`; None where one signature is enough."""


@dataclass(frozen=True, slots=True)
class _Checked:
    """What is asked for, as far as the registry and the other exceptions allow it."""

    version: Version
    outcome: Any
    facts: Mapping[str, Any]


def prepare_override(
    session: Session, signers: Signers, actor: Actor, asked: AskedOverride, now: datetime
) -> PreparedOverride:
    """Asks governance how far the exception reaches, and who else must sign it. Slow at first.

    Raises Forbidden, OverrideRefused with every reason.
    """
    _demand(may_override(actor, asked.role, now))
    checked = _checked(session, actor, asked, now)
    try:
        reach = reach_of(session, signers, checked.facts, now)
        roles, sign_off = tuple[Role, ...](), None
        if reach.verdict in {"provisional", "needs_signers"}:
            roles, sign_off = signers_of(session, signers, load_head(session, checked.version.digest), now)
    except Refused as refused:
        raise OverrideRefused(refused.sentences) from refused
    if problems := list(_out_of_reach(reach, checked.facts)):
        raise OverrideRefused(problems)
    return PreparedOverride(asked, actor.id, checked.version, checked.outcome, checked.facts, reach, roles, sign_off)


def record_override(transaction: Transaction, actor: Actor, prepared: PreparedOverride) -> Overriding:
    """Excepts a subject from the rules of a policy, as far as one signature reaches.

    Raises Forbidden, OverrideRefused with every reason.
    """
    now, session, asked, reach = transaction.now, transaction.session, prepared.asked, prepared.reach
    demand_in_force(session)
    _demand(may_override(actor, asked.role, now))
    checked = _checked(session, actor, asked, now)
    seen = (prepared.actor, prepared.version, prepared.facts, reach.policy, prepared.sign_off)
    sign_off = in_force(session, now) if prepared.sign_off else None
    if (actor.id, checked.version, checked.facts, overrides_version(session, now), sign_off) != seen:
        raise OverrideRefused([MOVED_ON])
    owed = tuple(role for role in prepared.signers if role is not asked.role)
    row = OverrideRow(
        seq=last_number(session) + 1,
        id=transaction.new_id(),
        subject=asked.subject.id,
        kind=asked.subject.kind,
        policy=asked.policy,
        version=checked.version.version,
        outcome=canonical(checked.outcome),
        role=asked.role,
        actor=actor.id,
        printed_name=actor.printed_name,
        reason=asked.reason,
        recorded_at=now,
        until=asked.until,
        verdict=reach.verdict if owed else "allowed",
        signers=" ".join(owed),
        lapses_at=now + timedelta(days=reach.provisional_days) if owed else None,
        decided_by=canonical(decided_by := _decided_by(prepared)),
    )
    session.add(row)
    session.flush()
    event = OverrideRecorded(
        row.id,
        *asked.subject,
        asked.policy,
        checked.outcome,
        asked.role,
        actor.printed_name,
        asked.reason,
        timestamp(asked.until),
        checked.version.version,
        str(row.verdict),
        owed,
        timestamp(row.lapses_at) if row.lapses_at else None,
        decided_by,
    )
    append(transaction, actor, event)
    return read_override(session, row.id)


def sign_override(  # noqa: PLR0913  # what a signature says
    transaction: Transaction, actor: Actor, override: str, *, role: Role, digest: str, reason: str
) -> Overriding:
    """Another person's signature on an exception, in a role that is owed, on what the person was shown.

    With the last of them the exception lasts to its end: all count then. Raises UnknownOverride, Forbidden,
    OverrideRefused.
    """
    now, session = transaction.now, transaction.session
    demand_told(session, "override", override)
    found = read_as_it_counts(session, override, now)
    if (possible := can_sign_override(found, now)) is not True:
        raise OverrideRefused([possible])
    _demand(may_sign_override(found, actor, role, now))
    if problems := reason_problems(reason):
        raise OverrideRefused(problems)
    if digest != found.digest:
        raise OverrideRefused([Sentence("What you were shown is not this exception: read it again before signing.")])
    for signer in (found.actor, *(each.actor for each in found.signatures)):
        demand_account(session, signer)
    ratifies = found.owed == (role,)
    before = sum(each.role == role for each in found.signatures)
    row = OverrideSignatureRow(
        override=override,
        role=f"{role}/{before + 1}" if before else role,
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
        *found.subject,
        found.policy,
        role,
        actor.printed_name,
        Meaning.APPROVED,
        reason,
        digest,
        ratifies,
    )
    append(transaction, actor, event)
    return read_as_it_counts(session, override, now)


# ------------------------------------------------------------------------------------------------- the checks


def _checked(session: Session, actor: Actor, asked: AskedOverride, now: datetime) -> _Checked:
    """What is asked for, as far as it can be. Raises OverrideRefused with every reason."""
    subject, policy = asked.subject, asked.policy
    problems: list[str] = [_of_subject(part, fault) for part, fault in faults_of(subject).items()]
    problems += term_problems(asked.until, asked.reason, now)
    active = active_at(activations(session, policy), policy, now, now)
    version = load_head(session, active.digest) if active is not None and not active.is_stop else None
    values: tuple[Values, ...] = ()
    written: Any = None
    if active is not None and active.is_stop:
        problems.append(Sentence("{policy} is suspended, so there is nothing to except from.", policy=policy))
    elif version is None:
        problems.append(Sentence("{policy} is not in force.", policy=policy))
    elif version.domain == GOVERNANCE:
        problems.append(Sentence("Nobody is excepted from the rules of governance."))
    else:
        if version.subject != subject.kind:
            told = {"policy": policy, "other": version.subject, "kind": subject.kind}
            problems.append(Sentence("{policy} is about a subject of the kind `{other}`, not `{kind}`.", **told))
        try:
            values = read_outcome(version, asked.outcome)
            written = write_outcome(version, values)
            problems += text_problems(written)
        except OutcomeUnfit as unfit:
            problems += unfit.problems
    if not problems and any(each.is_open(now) for each in of_subject(session, subject, policy)):
        problems.append(
            Sentence(
                "{subject} is already excepted from {policy}: end that exception first.",
                subject=subject.id,
                policy=policy,
            )
        )
    if problems or version is None:
        raise OverrideRefused(problems)
    facts = {**_of_outcome(version, values), **_of_others(session, actor, asked, now)}
    return _Checked(Version(version.id, version.version, version.digest), written, facts)


def _of_subject(part: str, fault: str) -> Sentence:
    """What is wrong with the identifier or the kind of a subject, as a sentence."""
    if part == "kind":
        return Sentence("The kind of the subject: {fault}.", fault=fault)
    return Sentence("The subject: {fault}.", fault=fault)


def _of_outcome(policy: Policy, values: Sequence[Values]) -> dict[str, Any]:
    """What the outcome says: whether it is about money, and how much in all."""
    money = [
        (place, declared.type)
        for place, declared in enumerate(policy.outcomes.values())
        if isinstance(declared.type, NumberType) and declared.type.kind == "money"
    ]
    facts: dict[str, Any] = {"domain": policy.domain, "outcome_kind": "money" if money else "other"}
    if money and all(kind.currency == "CNY" for _, kind in money):
        amounts = (Decimal(int(str(entry[place]))).scaleb(-kind.scale) for entry in values for place, kind in money)
        facts["amount"] = str(sum(map(abs, amounts), Decimal()))
    return facts


def _of_others(session: Session, actor: Actor, asked: AskedOverride, now: datetime) -> dict[str, Any]:
    """What the other exceptions and the term say."""
    subject = asked.subject
    mine = of_subject(session, subject)
    running = [each for each in mine if each.is_open(now)]
    unsigned = [each for each in mine if each.policy == asked.policy and _ran_unsigned(each, now)]
    return {
        "days": -((now - asked.until) // timedelta(days=1)),
        "running_of_policy": _open(session, now, col(OverrideRow.policy) == asked.policy),
        "running_of_subject": len(running),
        "running_of_person": _open(session, now, col(OverrideRow.actor) == actor.id),
        "unsigned_before": len(unsigned),
        "signed": [asked.role.value],
    }


def _ran_unsigned(each: Overriding, now: datetime) -> bool:
    """Whether an exception applied in the last days by one signature alone."""
    return each.starts_at is not None and each.ratified_at is None and each.ends_at > now - LOOKS_BACK


def _open(session: Session, now: datetime, wanted: Any) -> int:  # noqa: ANN401  # SQLAlchemy's
    """How many exceptions apply or may still apply."""
    signed = (
        select(OverrideSignatureRow.override)
        .where(OverrideSignatureRow.override == OverrideRow.id, col(OverrideSignatureRow.ratifies))
        .exists()
    )
    lapses = col(OverrideRow.lapses_at)
    query = select(func.count()).select_from(OverrideRow).join(OverrideEndRow, isouter=True)
    query = query.where(wanted, col(OverrideEndRow.override).is_(None), col(OverrideRow.until) > now)
    return session.exec(query.where(or_(lapses.is_(None), lapses > now, signed))).one()


def _out_of_reach(reach: Reach, facts: Mapping[str, Any]) -> Iterator[str]:
    """Why governance does not let anybody make this exception."""
    policy = reach.policy
    name = {"policy": policy.policy if policy else OVERRIDES, "version": policy.version if policy else ""}
    if reach.verdict == "refused":
        why = reach.because
        reason = f"{why.zh} {why.en}" if why else ""
        told = {**name, "rule": reach.rule, "reason": reason}
        yield Sentence("{policy} {version} refuses this exception by its rule `{rule}`: {reason}", **told)
    elif facts["days"] > reach.max_days:
        yield Sentence(
            "{policy} {version} lets this exception last {most} days at most; it would last {days}.",
            **name,
            most=reach.max_days,
            days=facts["days"],
        )


def _decided_by(prepared: PreparedOverride) -> dict[str, Any]:
    """By what it was decided how far the exception reaches and who must sign, as JSON."""
    reach, sign_off = prepared.reach, prepared.sign_off
    return {
        "overrides": reach.policy.to_dict() if reach.policy else None,
        "rule": reach.rule,
        "sign_off": sign_off.to_dict() if sign_off else None,
        "facts": dict(prepared.facts),
    }


def _demand(allowed: object) -> None:
    if allowed is not True:
        raise Forbidden([str(allowed)])
