"""Review: submits a change, records its signatures, sends it back, or rejects it."""

from __future__ import annotations

from collections.abc import Callable

from sqlmodel import Session

from policy_service.actor import SERVICE, Actor, Role
from policy_service.approval.change import Action, Change, ChangeState, Meaning, Submission
from policy_service.approval.draft_check import CHANGE_MODIFIED, PreparedSubmission, ended_versions, submission_problems
from policy_service.approval.drafts import read_if_match
from policy_service.approval.errors import PermissionDenied, StaleChange, ValidationFailed
from policy_service.approval.forecast import base_versions
from policy_service.approval.policies import head_loader, record_meanings
from policy_service.approval.signature_validity import REVIEW_STATES
from policy_service.approval.signers import sign_off_version
from policy_service.approval.store import read_change, read_text, record_action, store_report
from policy_service.approval.tables import SubmittedVersionRow
from policy_service.approval.validation import validate_reason
from policy_service.approval.workflow import (
    check_meaning,
    require_author,
    require_permission,
)
from policy_service.approval.writers import writers_of
from policy_service.audit.events import (
    ChangeAnalysed,
    ChangeAnalysisEnded,
    ChangeRejected,
    ChangeSignedOff,
    ChangesRequested,
    ChangeSubmitted,
    Event,
)
from policy_service.audit.log import append
from policy_service.audit.row_verification import require_in_force_logged, require_logged
from policy_service.canonical import to_canonical_json
from policy_service.database import Transaction
from policy_service.messages import Message
from policy_service.registry.service import activations, record_version

BASIS_CHANGED = Message(
    "What is in force, or who must sign, changed while the submission was prepared: submit it again."
)
DIGEST_MISMATCH = Message("This change was altered since you read it. Read it again before signing.")


def analyse(transaction: Transaction, actor: Actor, change: str, *, expected: str) -> Change:
    """Start the analysis of a draft, which cannot be edited until it ends and is then submitted."""
    draft = read_if_match(transaction.session, change, expected)
    require_permission(draft, Action.ANALYSE, actor, transaction.now)
    analysed_change = record_action(transaction, draft, Action.ANALYSE, actor)
    append(transaction, actor, ChangeAnalysed(change))
    return analysed_change


def end_analysis(transaction: Transaction, actor: Actor, change: str, *, reason: str, expected: str) -> Change:
    """Return a change under analysis to draft, for its author, or for the service after a failure."""
    current = read_if_match(transaction.session, change, expected)
    if actor.kind != "service":
        require_permission(current, Action.END_ANALYSIS, actor, transaction.now)
    reason_text = validate_reason(reason)
    draft = record_action(transaction, current, Action.END_ANALYSIS, actor, reason=reason_text)
    append(transaction, actor, ChangeAnalysisEnded(change, reason_text))
    return draft


def submit(
    transaction: Transaction, actor: Actor, prepared: PreparedSubmission, *, expected: str, analysed: bool = False
) -> Change:
    """Freeze a draft: its texts, report and required signers. From now on signatures are on its digest.

    A change under analysis is submitted by the service, which `analysed` it, in the name of the actor who started the
    analysis. Raises UnknownChange, InvalidState, PermissionDenied, StaleChange, ValidationFailed.
    """
    session, now = transaction.session, transaction.now
    require_in_force_logged(session)
    record_meanings(transaction)
    draft = read_if_match(session, prepared.change, expected)
    if analysed and draft.state is ChangeState.UNDER_ANALYSIS:
        require_author(actor, Action.SUBMIT)
    else:
        require_permission(draft, Action.SUBMIT, actor, now)
    if draft.etag != prepared.etag:
        raise StaleChange(CHANGE_MODIFIED)
    all_activations = activations(session)
    if problems := submission_problems(
        session, draft, prepared.versions, ended_versions(draft, all_activations, now), now
    ):
        raise ValidationFailed(problems, (), prepared.report)
    start = draft.draft.effective.start
    load = head_loader(session)
    base = base_versions(all_activations, prepared.versions, start, now, load, draft.draft.ends)
    if base != prepared.bases or sign_off_version(session, now) != prepared.sign_off:
        raise StaleChange(BASIS_CHANGED)
    submission = _submission(session, draft, prepared, store_report(transaction, to_canonical_json(prepared.report)))
    if prepared.effect is not None:
        store_report(transaction, to_canonical_json(dict(prepared.effect.document)))
        store_report(transaction, prepared.effect.movers)
    if draft.kind == "change":
        for text in draft.draft.texts:
            record_version(transaction, actor, read_text(session, text), change=draft.id, policy=load(text))
    digest = submission.digest(draft.id)
    updated_change = record_action(transaction, draft, Action.SUBMIT, actor, submission=submission, digest=digest)
    number = len(updated_change.actions)
    session.add_all(
        SubmittedVersionRow(change=draft.id, number=number, policy=version.policy, effective_from=start)
        for version in (*prepared.versions, *prepared.ends)
    )
    session.flush()
    bundle = prepared.effect.bundle if prepared.effect else None
    append(transaction, actor, ChangeSubmitted(draft.id, digest, tuple(prepared.roles), bundle))
    return updated_change


def _submission(session: Session, draft: Change, prepared: PreparedSubmission, report: str) -> Submission:
    """Return the submission."""
    authors, effect = writers_of(session, {each.digest for each in prepared.versions}), prepared.effect
    return Submission(
        number=1 + sum(action_record.action is Action.SUBMIT for action_record in draft.actions),
        kind=draft.kind,
        title=draft.draft.title,
        reason=draft.draft.reason,
        versions=prepared.versions,
        effective=draft.draft.effective,
        report=report,
        simulation=effect.digest if effect else None,
        population=effect.population if effect else None,
        roles=prepared.roles,
        sign_off=prepared.sign_off,
        bases=prepared.bases,
        barred=frozenset().union(*authors.values()) - draft.contributors,
        ends=prepared.ends,
        afterwards=draft.draft.afterwards,
        evidence=draft.draft.evidence,
    )


def sign_off(  # noqa: PLR0913  # what a signature says
    transaction: Transaction, actor: Actor, change: str, *, role: Role, digest: str, meaning: Meaning, reason: str
) -> Change:
    """Record a person's signature in one role on the digest shown to them; return the change.

    Raises UnknownChange, InvalidState, PermissionDenied, StaleChange (another digest), ValidationFailed.
    """
    record_meanings(transaction)
    require_logged(transaction.session, "change", change)
    current = read_change(transaction.session, change)
    require_permission(current, Action.SIGN_OFF, actor, transaction.now, role=role)
    if digest != current.digest:
        raise StaleChange(DIGEST_MISMATCH)
    if (possible := check_meaning(role, meaning)) is not True:
        raise PermissionDenied(possible)
    reason_text = validate_reason(reason)
    about = {"role": role, "digest": digest, "meaning": meaning, "reason": reason_text}
    updated_change = record_action(transaction, current, Action.SIGN_OFF, actor, **about)
    append(transaction, actor, ChangeSignedOff(change, digest, role, actor.printed_name, meaning, reason_text))
    return updated_change


def request_changes(transaction: Transaction, actor: Actor, change: str, *, reason: str, expected: str) -> Change:
    """Return a change to its author."""
    return _decide(transaction, actor, change, Action.REQUEST_CHANGES, ChangesRequested, reason, expected)


def return_drifted(transaction: Transaction, change: str, reason: str) -> Change:
    """Return a change to its author, as the service, because its effect differs from the simulation; `reason` says how.

    Does nothing if the change is no longer under review. Raises UnknownChange, TamperedRecord.
    """
    require_logged(transaction.session, "change", change)
    current = read_change(transaction.session, change)
    if current.state not in REVIEW_STATES:
        return current
    about = {"reason": reason, "digest": current.digest}
    updated_change = record_action(transaction, current, Action.REQUEST_CHANGES, SERVICE, **about)
    append(transaction, SERVICE, ChangesRequested(change, reason))
    return updated_change


def reject(transaction: Transaction, actor: Actor, change: str, *, reason: str, expected: str) -> Change:
    """Reject a change for good.

    Raises UnknownChange, InvalidState, PermissionDenied, StaleChange, ValidationFailed.
    """
    return _decide(transaction, actor, change, Action.REJECT, ChangeRejected, reason, expected)


def _decide(  # noqa: PLR0913, PLR0917  # who does what to which change and why
    transaction: Transaction,
    actor: Actor,
    change: str,
    action: Action,
    event: Callable[[str, str], Event],
    reason: str,
    expected: str,
) -> Change:
    current = read_if_match(transaction.session, change, expected)
    require_permission(current, action, actor, transaction.now)
    reason_text = validate_reason(reason)
    updated_change = record_action(transaction, current, action, actor, reason=reason_text, digest=current.digest)
    append(transaction, actor, event(change, reason_text))
    return updated_change
