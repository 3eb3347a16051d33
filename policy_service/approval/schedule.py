"""Scheduling: what everybody signed is put in force from its day; until that day it can be taken back."""

from __future__ import annotations

from collections.abc import Sequence

from policy_service.actor import Actor
from policy_service.approval.change import Action, Change, Submission
from policy_service.approval.checking import new_misfits
from policy_service.approval.drafts import seen
from policy_service.approval.forecast import Planned, bases, disturbed, misfits, planned, proposed, unlike, without
from policy_service.approval.policies import heads, note_meanings
from policy_service.approval.refusals import OutOfState
from policy_service.approval.signers import in_force
from policy_service.approval.store import changes_named, record
from policy_service.approval.words import reason_of
from policy_service.approval.workflow import acted_by, demand
from policy_service.audit.events import ChangeCancelled, ChangeScheduled
from policy_service.audit.log import append
from policy_service.audit.telling import demand_account, demand_in_force
from policy_service.clock import timestamp
from policy_service.database import Transaction
from policy_service.registry import service as registry
from policy_service.registry.model import Activation
from policy_service.sentences import Sentence, in_turn


def schedule(transaction: Transaction, actor: Actor, change: str, *, expected: str) -> Change:
    """Puts a change that has all its signatures in force over the period that was signed.

    Raises UnknownChange, OutOfState (with everything that stands against it), Forbidden, Stale.
    """
    session, now = transaction.session, transaction.now
    demand_in_force(session)
    note_meanings(transaction)
    found = seen(session, change, expected)
    for signature in found.signatures:
        demand_account(session, signature.by.id)
    demand(found, Action.SCHEDULE, actor, now)
    submission = found.submitted
    if wrong := _obstacles(transaction, found, submission):
        raise OutOfState(*wrong)
    for version, kind, effective in _plan(found, submission):
        row = registry.read_version(session, version.policy, version.version, version.digest)
        registry.activate(transaction, actor, row, effective, kind, change=change)
    acted = acted_by(found, Action.SCHEDULE, actor, now, digest=found.digest)
    moved = record(transaction, found, acted)
    start, until = submission.effective.start, submission.effective.until
    event = ChangeScheduled(change, str(found.digest), timestamp(start), timestamp(until) if until else None)
    append(transaction, actor, event)
    return moved


def _obstacles(transaction: Transaction, change: Change, submission: Submission) -> list[str]:
    """What stands against putting in force what was signed."""
    session, now, load = transaction.session, transaction.now, heads(transaction.session)
    start, known = submission.effective.start, registry.activations(session)
    wrong: list[str] = []
    if start <= now:
        day = timestamp(start)
        wrong.append(
            Sentence("The day that was signed, {day}, has passed: ask for another one and submit again.", day=day)
        )
    if in_force(session, now) != submission.sign_off:
        wrong.append(
            Sentence("Who must sign was decided by a policy that is no longer in force: submit the change again.")
        )
    ends = [version.policy for version in submission.ends]
    if drift := unlike(submission.bases, bases(known, submission.versions, start, now, load, ends)):
        versions = in_turn(drift)
        wrong.append(
            Sentence(
                "What was signed was compared with other versions ({versions}): submit it again.", versions=versions
            )
        )
    names = {version.policy for version in (*submission.versions, *submission.ends)}
    wrong += [
        Sentence(
            "{policy} {version} is scheduled for the same instant already.", policy=each.policy, version=each.version
        )
        for each in known
        if each.policy in names and each.effective.start == start and each.known(now)
    ]
    plan = _plan(change, submission)
    wrong += new_misfits(session, change, plan, known, now)
    afterwards = (*known, *proposed(change.id, plan, now))
    return wrong + _told(disturbed(known, afterwards, _scheduled(transaction, known), now, load))


def _plan(change: Change, submission: Submission) -> tuple[Planned, ...]:
    """What was signed, as activations."""
    return planned(submission.versions, submission.ends, submission.afterwards, submission.effective, change.kind)


def cancel(transaction: Transaction, actor: Actor, change: str, *, reason: str, expected: str) -> Change:
    """Takes a scheduled change back before its day. Raises UnknownChange, OutOfState, Forbidden, Stale, Unfit."""
    session, now, load = transaction.session, transaction.now, heads(transaction.session)
    demand_in_force(session)
    found = seen(session, change, expected)
    demand(found, Action.CANCEL, actor, now)
    said = reason_of(reason)
    known = registry.activations(session)
    left = without(known, change, now)
    others = [other for other in _scheduled(transaction, known) if other.id != change]
    before = set(misfits(known, now, now, load))
    wrong = [told for told in misfits(left, now, now, load) if told not in before]
    if wrong := wrong + _told(disturbed(known, left, others, now, load)):
        raise OutOfState(*wrong)
    for each in known:
        if each.change == change and each.known(now):
            registry.cancel(transaction, actor, each)
    moved = record(transaction, found, acted_by(found, Action.CANCEL, actor, now, reason=said))
    append(transaction, actor, ChangeCancelled(change, said))
    return moved


def _scheduled(transaction: Transaction, known: Sequence[Activation]) -> list[Change]:
    """The changes that are scheduled and have not begun."""
    now = transaction.now
    waiting = {each.change for each in known if each.change and each.effective.start > now and each.known(now)}
    return changes_named(transaction.session, waiting)


def _told(others: Sequence[Change]) -> list[str]:
    return [
        Sentence(
            "“{title}”, scheduled from {start}, was compared with what would then be in force, and this would alter "
            "it: cancel that change first.",
            title=other.draft.title,
            start=timestamp(other.draft.effective.start),
        )
        for other in others
    ]
