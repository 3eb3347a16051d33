"""Suspends, ratifies and ends: writes the rows of suspensions, and their activations."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlmodel import Session

from policy_service.actor import Actor, Role
from policy_service.approval.errors import InvalidState, PermissionDenied
from policy_service.approval.forecast import LAST_SEQ, compatibility_problems, ordinary_activations
from policy_service.approval.policies import head_loader, record_meanings
from policy_service.approval.suspension import (
    RATIFIED_LENGTH,
    SUSPENSION_LENGTH,
    Suspension,
    can_end_suspension,
    can_ratify_suspension,
    find_fallback,
    last_removals,
    may_end_suspension,
    may_ratify_suspension,
    may_suspend_version,
)
from policy_service.approval.suspension_queries import read_suspension, read_suspensions, suspension_from_rows
from policy_service.approval.tables import RatificationRow, SuspensionEndRow, SuspensionRow
from policy_service.approval.validation import validate_reason
from policy_service.approval.writers import meanings_of, writers_of
from policy_service.audit.events import PolicyStopped, PolicySuspended, SuspensionEnded, SuspensionRatified
from policy_service.audit.log import append
from policy_service.audit.row_verification import require_in_force_logged, require_logged
from policy_service.clock import timestamp
from policy_service.database import Transaction
from policy_service.messages import Message
from policy_service.registry import service as registry
from policy_service.registry.model import Activation, ActivationKind, Period, active_at


@dataclass(frozen=True, slots=True)
class SuspensionPreview:
    """The effect of a suspension: the suspended version, and its fallback."""

    suspended: Activation
    fallback: Activation | None
    """None if there is no fallback, so that the policy would answer that it is suspended."""
    previous: tuple[Suspension, ...]
    """Earlier suspensions of the policy, oldest first."""


def suspend(  # noqa: PLR0913  # what a suspension says
    transaction: Transaction, actor: Actor, *, policy: str, version: str, role: Role, reason: str
) -> Suspension:
    """Suspend the version in force at once, for `SUSPENSION_LENGTH`; the previous version applies, or none."""
    session, now = transaction.session, transaction.now
    require_in_force_logged(session)
    record_meanings(transaction)
    preview = preview_suspension(session, actor, policy, version, now)
    for each in preview.previous:
        require_logged(session, "suspension", each.id)
    suspended, applied, until = preview.suspended, preview.fallback or preview.suspended, now + SUSPENSION_LENGTH
    _require_permission(may_suspend_version(policy, suspended.digest, preview.previous, actor, now, role))
    reason_text = validate_reason(reason)
    row = SuspensionRow(
        id=transaction.new_id(),
        policy=policy,
        version=version,
        digest=suspended.digest,
        fallback=applied.version,
        fallback_digest=applied.digest,
        actor=actor.id,
        actor_name=actor.name,
        printed_name=actor.printed_name,
        role=role,
        reason=reason_text,
        at=now,
        until=until,
    )
    session.add(row)
    session.flush()
    signature = (row.id, role, actor.printed_name, reason_text, timestamp(until))
    if preview.fallback is None:
        append(transaction, actor, PolicyStopped(policy, version, *signature))
    else:
        append(transaction, actor, PolicySuspended(policy, version, preview.fallback.version, *signature))
    kind = ActivationKind.SUSPENSION if preview.fallback else ActivationKind.STOP
    _activate(transaction, actor, applied, Period(now, until), kind, row.id)
    return suspension_from_rows(row, None, None)


def ratify(transaction: Transaction, actor: Actor, suspension: str, *, role: Role, reason: str) -> Suspension:
    """Record another person's signature: the suspension lasts for `RATIFIED_LENGTH` from its beginning."""
    session, now = transaction.session, transaction.now
    require_in_force_logged(session)
    require_logged(session, "suspension", suspension)
    current = read_suspension(session, suspension)
    _require_state(can_ratify_suspension(current, now))
    _require_permission(may_ratify_suspension(current, actor, now, role))
    reason_text = validate_reason(reason)
    until = current.signature.at + RATIFIED_LENGTH
    all_activations = registry.activations(session)
    activation = next(each for each in all_activations if each.suspension == current.id)
    # It has the same beginning, so that activations that began meanwhile still take precedence.
    period = Period(activation.effective.start, until)
    if not activation.is_stop and (problems := _fallback_problems(session, all_activations, activation, period, now)):
        raise InvalidState(*problems)
    row = RatificationRow(
        suspension=suspension,
        actor=actor.id,
        actor_name=actor.name,
        printed_name=actor.printed_name,
        role=role,
        reason=reason_text,
        at=now,
        until=until,
    )
    session.add(row)
    session.flush()
    event = SuspensionRatified(current.policy, suspension, role, actor.printed_name, reason_text, timestamp(until))
    append(transaction, actor, event)
    _activate(transaction, actor, activation, period, activation.kind, suspension)
    return read_suspension(session, suspension)


def end_suspension(transaction: Transaction, actor: Actor, suspension: str, *, role: Role, reason: str) -> Suspension:
    """End a suspension now: what would be in force without it applies again."""
    session, now = transaction.session, transaction.now
    require_in_force_logged(session)
    require_logged(session, "suspension", suspension)
    current = read_suspension(session, suspension)
    _require_state(can_end_suspension(current, now))
    _require_permission(may_end_suspension(actor, now, role))
    reason_text = validate_reason(reason)
    row = SuspensionEndRow(
        suspension=suspension,
        actor=actor.id,
        actor_name=actor.name,
        printed_name=actor.printed_name,
        reason=reason_text,
        at=now,
    )
    session.add(row)
    session.flush()
    append(transaction, actor, SuspensionEnded(current.policy, current.version, suspension, reason_text))
    first, *others = [each for each in registry.activations(session) if each.suspension == suspension]
    for each in others:
        registry.record_cancellation(transaction, actor, each)
    registry.end_activation(transaction, actor, first)
    return read_suspension(session, suspension)


def preview_suspension(
    session: Session, actor: Actor, policy: str, version: str | None, now: datetime
) -> SuspensionPreview:
    """Return the effect if this actor suspended the version in force now.

    Raises InvalidState if it cannot be suspended.
    """
    all_activations, previous = registry.activations(session), read_suspensions(session, policy)
    if version is None:
        active = active_at(all_activations, policy, now, now)
        version = active.version if active else ""
    suspended = _version_in_force(all_activations, policy, version, now)
    return SuspensionPreview(
        suspended, _find_fallback(session, actor, all_activations, suspended, previous, now), tuple(previous)
    )


def _find_fallback(  # noqa: PLR0913, PLR0917  # who suspends what, and all that went before
    session: Session,
    actor: Actor,
    all_activations: Sequence[Activation],
    suspended: Activation,
    previous: Sequence[Suspension],
    now: datetime,
) -> Activation | None:
    """Return the fallback of a suspended version; None if there is none."""
    of_policy = [each for each in ordinary_activations(all_activations) if each.policy == suspended.policy]
    digests = {suspended.digest, *(each.digest for each in of_policy), *(each.digest for each in previous)}
    meanings, authors = meanings_of(session, digests), writers_of(session, digests)
    removed_at = last_removals(of_policy, previous, meanings, now)

    def fits(candidate: Activation) -> bool:
        start, meaning = candidate.effective.start, meanings[candidate.digest]
        return (
            meaning != meanings[suspended.digest]
            and not (meaning in removed_at and removed_at[meaning] >= start)
            and actor.id not in authors[candidate.digest]
            and not _fallback_problems(session, all_activations, candidate, Period(now, now + SUSPENSION_LENGTH), now)
        )

    return find_fallback(of_policy, suspended, now, fits)


def _version_in_force(all_activations: Sequence[Activation], policy: str, version: str, now: datetime) -> Activation:
    """Return the activation of the version in force. Raises InvalidState if another version, or none, is in force."""
    active = active_at(all_activations, policy, now, now)
    if active is None:
        raise InvalidState(
            Message("No version of {policy} is in force, so there is nothing to suspend.", policy=policy[:140])
        )
    if active.is_stop:
        raise InvalidState(Message("{policy} is suspended already; no version applies.", policy=policy))
    if active.version != version:
        raise InvalidState(
            Message(
                "{policy} {active} is in force, not {version}: read it again.",
                policy=policy,
                active=active.version,
                version=version[:40],
            )
        )
    return active


def _fallback_problems(
    session: Session, all_activations: Sequence[Activation], applied: Activation, period: Period, now: datetime
) -> list[str]:
    """List why the other policies would be incompatible with the fallback."""
    load = head_loader(session)
    kind = ActivationKind.SUSPENSION
    hypothetical = Activation(LAST_SEQ, "planned", applied.policy, applied.version, applied.digest, kind, period, now)
    known_problems = set(compatibility_problems(all_activations, now, now, load))
    return [
        problem
        for problem in compatibility_problems((*all_activations, hypothetical), now, now, load)
        if problem not in known_problems
    ]


def _activate(  # noqa: PLR0913, PLR0917  # what an activation says
    transaction: Transaction,
    actor: Actor,
    activation: Activation,
    period: Period,
    kind: ActivationKind,
    suspension: str,
) -> Activation:
    version_name = (activation.policy, activation.version, activation.digest)
    row = registry.read_version(transaction.session, *version_name)
    return registry.activate(transaction, actor, row, period, kind, suspension=suspension)


def _require_state(possible: Literal[True] | str) -> None:
    if possible is not True:
        raise InvalidState(possible)


def _require_permission(allowed: Literal[True] | str) -> None:
    if allowed is not True:
        raise PermissionDenied(allowed)
