"""Scheduling: puts a fully signed change in force from its day; until then it can be cancelled."""

from __future__ import annotations

from collections.abc import Sequence

from policy_service.actor import Actor
from policy_service.approval.change import Action, Change, Submission
from policy_service.approval.draft_check import new_compatibility_problems
from policy_service.approval.drafts import read_if_match
from policy_service.approval.errors import InvalidState
from policy_service.approval.first_versions import first_version_problems, unsigned_first_versions
from policy_service.approval.forecast import (
    PlannedActivation,
    affected_changes,
    base_versions,
    compatibility_problems,
    plan_activations,
    proposed_activations,
    version_differences,
    without_change,
)
from policy_service.approval.policies import head_loader, record_meanings
from policy_service.approval.signers import sign_off_version
from policy_service.approval.store import read_changes, record_action
from policy_service.approval.validation import validate_reason
from policy_service.approval.workflow import require_permission
from policy_service.audit.events import ChangeCancelled, ChangeScheduled
from policy_service.audit.log import append
from policy_service.audit.row_verification import require_account_logged, require_in_force_logged
from policy_service.clock import timestamp
from policy_service.database import Transaction
from policy_service.messages import Message, join_semicolon
from policy_service.registry import service as registry
from policy_service.registry.model import Activation


def schedule(transaction: Transaction, actor: Actor, change: str, *, expected: str) -> Change:
    """Put a fully signed change in force over the signed period.

    Raises UnknownChange, InvalidState (with every reason), PermissionDenied, StaleChange.
    """
    session, now = transaction.session, transaction.now
    require_in_force_logged(session)
    record_meanings(transaction)
    current = read_if_match(session, change, expected)
    for signature in current.signatures:
        require_account_logged(session, signature.by.id)
    require_permission(current, Action.SCHEDULE, actor, now)
    submission = current.frozen_submission
    if problems := _scheduling_problems(transaction, current, submission):
        raise InvalidState(*problems)
    replaced = unsigned_first_versions(registry.activations(session), now) if current.kind == "first_versions" else {}
    for version, kind, effective in _plan(current, submission):
        if version.policy in replaced:
            registry.record_cancellation(transaction, actor, replaced[version.policy])
        row = registry.read_version(session, version.policy, version.version, version.digest)
        registry.activate(transaction, actor, row, effective, kind, change=change)
    updated_change = record_action(transaction, current, Action.SCHEDULE, actor, digest=current.digest)
    start, until = submission.effective.start, submission.effective.until
    event = ChangeScheduled(change, str(current.digest), timestamp(start), timestamp(until) if until else None)
    append(transaction, actor, event)
    return updated_change


def _scheduling_problems(transaction: Transaction, change: Change, submission: Submission) -> list[str]:
    """List what prevents the signed versions from being put in force."""
    session, now, load = transaction.session, transaction.now, head_loader(transaction.session)
    start, all_activations = submission.effective.start, registry.activations(session)
    problems: list[str] = []
    if change.kind == "first_versions":
        problems += first_version_problems(all_activations, submission.versions, start, now)
    elif start <= now:
        day = timestamp(start)
        problems.append(
            Message("The day that was signed, {day}, has passed: ask for another one and submit again.", day=day)
        )
    if sign_off_version(session, now) != submission.sign_off:
        problems.append(
            Message("Who must sign was decided by a policy that is no longer in force: submit the change again.")
        )
    ends = [version.policy for version in submission.ends]
    if differences := version_differences(
        submission.bases, base_versions(all_activations, submission.versions, start, now, load, ends)
    ):
        versions = join_semicolon(differences)
        problems.append(
            Message(
                "What was signed was compared with other versions ({versions}): submit it again.", versions=versions
            )
        )
    names = {version.policy for version in (*submission.versions, *submission.ends)}
    problems += [
        Message(
            "{policy} {version} is scheduled for the same instant already.", policy=each.policy, version=each.version
        )
        for each in all_activations
        if change.kind != "first_versions"
        and each.policy in names
        and each.effective.start == start
        and each.is_known_at(now)
    ]
    plan = _plan(change, submission)
    problems += new_compatibility_problems(session, change, plan, all_activations, now)
    activations_after = (*all_activations, *proposed_activations(change.id, plan, now))
    return problems + _conflict_messages(
        affected_changes(all_activations, activations_after, _scheduled(transaction, all_activations), now, load)
    )


def _plan(change: Change, submission: Submission) -> tuple[PlannedActivation, ...]:
    """Return the planned activations of the signed versions."""
    return plan_activations(
        submission.versions, submission.ends, submission.afterwards, submission.effective, change.kind
    )


def cancel(transaction: Transaction, actor: Actor, change: str, *, reason: str, expected: str) -> Change:
    """Cancel a scheduled change before its day."""
    session, now, load = transaction.session, transaction.now, head_loader(transaction.session)
    require_in_force_logged(session)
    current = read_if_match(session, change, expected)
    require_permission(current, Action.CANCEL, actor, now)
    reason_text = validate_reason(reason)
    all_activations = registry.activations(session)
    remaining = without_change(all_activations, change, now)
    others = [other for other in _scheduled(transaction, all_activations) if other.id != change]
    known_problems = set(compatibility_problems(all_activations, now, now, load))
    problems = [
        problem for problem in compatibility_problems(remaining, now, now, load) if problem not in known_problems
    ]
    if problems := problems + _conflict_messages(affected_changes(all_activations, remaining, others, now, load)):
        raise InvalidState(*problems)
    for each in all_activations:
        if each.change == change and each.is_known_at(now):
            registry.cancel(transaction, actor, each)
    updated_change = record_action(transaction, current, Action.CANCEL, actor, reason=reason_text)
    append(transaction, actor, ChangeCancelled(change, reason_text))
    return updated_change


def _scheduled(transaction: Transaction, all_activations: Sequence[Activation]) -> list[Change]:
    """Return the changes that are scheduled and have not begun."""
    now = transaction.now
    change_ids = {
        each.change for each in all_activations if each.change and each.effective.start > now and each.is_known_at(now)
    }
    return read_changes(transaction.session, change_ids)


def _conflict_messages(others: Sequence[Change]) -> list[str]:
    return [
        Message(
            "“{title}”, scheduled from {start}, was compared with what would then be in force, and this would alter "
            "it: cancel that change first.",
            title=other.draft.title,
            start=timestamp(other.draft.effective.start),
        )
        for other in others
    ]
