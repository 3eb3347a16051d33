"""Review: a change is submitted, signed by those who must, sent back, or rejected."""

from __future__ import annotations

from sqlmodel import Session

from policy_service.actor import Actor, Role
from policy_service.approval.change import Acted, Action, Change, Meaning, Submission
from policy_service.approval.checking import STALE, Prepared, ended, obstacles
from policy_service.approval.drafts import seen
from policy_service.approval.forecast import bases
from policy_service.approval.policies import heads, note_meanings
from policy_service.approval.refusals import Forbidden, Stale, Unfit
from policy_service.approval.signers import in_force
from policy_service.approval.store import keep_report, read_change, read_text, record
from policy_service.approval.tables import SubmittedRow
from policy_service.approval.words import reason_of
from policy_service.approval.workflow import acted_by, can_mean, demand
from policy_service.approval.writers import writers_of
from policy_service.audit.events import ChangeRejected, ChangeSignedOff, ChangesRequested, ChangeSubmitted
from policy_service.audit.log import append
from policy_service.audit.telling import demand_in_force, demand_told
from policy_service.canonical import canonical
from policy_service.database import Transaction
from policy_service.registry.service import activations, record_version
from policy_service.sentences import Sentence

MOVED_ON = Sentence("What is in force, or who must sign, changed while the submission was prepared: submit it again.")
OTHER_DIGEST = Sentence("What you were shown is not what is submitted now: read the change again before signing.")


def submit(transaction: Transaction, actor: Actor, prepared: Prepared, *, expected: str) -> Change:
    """Freezes a draft: its texts, its report and who must sign; from here on only its digest is signed.

    Raises UnknownChange, OutOfState, Forbidden, Stale, Unfit.
    """
    session, now = transaction.session, transaction.now
    demand_in_force(session)
    note_meanings(transaction)
    draft = seen(session, prepared.change, expected)
    demand(draft, Action.SUBMIT, actor, now)
    if draft.etag != prepared.etag:
        raise Stale(STALE)
    known = activations(session)
    if wrong := obstacles(session, draft, prepared.versions, ended(draft, known, now), now):
        raise Unfit(wrong, (), prepared.report)
    start = draft.draft.effective.start
    load = heads(session)
    there = bases(known, prepared.versions, start, now, load, draft.draft.ends)
    if there != prepared.bases or in_force(session, now) != prepared.sign_off:
        raise Stale(MOVED_ON)
    submission = _submission(session, draft, prepared, keep_report(transaction, canonical(prepared.report)))
    if draft.kind == "change":
        for text in draft.draft.texts:
            record_version(transaction, actor, read_text(session, text), change=draft.id, policy=load(text))
    digest = submission.digest(draft.id)
    acted = acted_by(draft, Action.SUBMIT, actor, now, submission=submission, digest=digest)
    moved = record(transaction, draft, acted)
    session.add_all(
        SubmittedRow(change=draft.id, number=acted.number, policy=version.policy, effective_from=start)
        for version in (*prepared.versions, *prepared.ends)
    )
    session.flush()
    append(transaction, actor, ChangeSubmitted(draft.id, digest, tuple(prepared.roles)))
    return moved


def _submission(session: Session, draft: Change, prepared: Prepared, report: str) -> Submission:
    """What is submitted."""
    wrote = writers_of(session, {each.digest for each in prepared.versions})
    return Submission(
        number=1 + sum(acted.action is Action.SUBMIT for acted in draft.acted),
        kind=draft.kind,
        title=draft.draft.title,
        reason=draft.draft.reason,
        versions=prepared.versions,
        effective=draft.draft.effective,
        report=report,
        simulation=None,
        population=None,
        roles=prepared.roles,
        sign_off=prepared.sign_off,
        bases=prepared.bases,
        barred=frozenset().union(*wrote.values()) - draft.contributors,
        ends=prepared.ends,
        afterwards=draft.draft.afterwards,
    )


def sign_off(  # noqa: PLR0913  # what a signature says
    transaction: Transaction, actor: Actor, change: str, *, role: Role, digest: str, meaning: Meaning, reason: str
) -> Change:
    """One person's signature, in one role, on the digest that the person was shown.

    Raises UnknownChange, OutOfState, Forbidden, Stale (another digest), Unfit.
    """
    note_meanings(transaction)
    demand_told(transaction.session, "change", change)
    found = read_change(transaction.session, change)
    demand(found, Action.SIGN_OFF, actor, transaction.now, role=role)
    if digest != found.digest:
        raise Stale(OTHER_DIGEST)
    if (possible := can_mean(role, meaning)) is not True:
        raise Forbidden(possible)
    said = reason_of(reason)
    acted = acted_by(
        found, Action.SIGN_OFF, actor, transaction.now, role=role, digest=digest, meaning=meaning, reason=said
    )
    moved = record(transaction, found, acted)
    append(transaction, actor, ChangeSignedOff(change, digest, role, actor.printed_name, meaning, said))
    return moved


def request_changes(transaction: Transaction, actor: Actor, change: str, *, reason: str, expected: str) -> Change:
    """Sends a change back to its author. Raises UnknownChange, OutOfState, Forbidden, Stale, Unfit."""
    acted, moved = _decide(transaction, actor, change, Action.REQUEST_CHANGES, reason, expected)
    append(transaction, actor, ChangesRequested(change, acted.reason))
    return moved


def reject(transaction: Transaction, actor: Actor, change: str, *, reason: str, expected: str) -> Change:
    """Refuses a change for good. Raises UnknownChange, OutOfState, Forbidden, Stale, Unfit."""
    acted, moved = _decide(transaction, actor, change, Action.REJECT, reason, expected)
    append(transaction, actor, ChangeRejected(change, acted.reason))
    return moved


def _decide(  # noqa: PLR0913, PLR0917  # who does what to which change and why
    transaction: Transaction, actor: Actor, change: str, action: Action, reason: str, expected: str
) -> tuple[Acted, Change]:
    found = seen(transaction.session, change, expected)
    demand(found, action, actor, transaction.now)
    acted = acted_by(found, action, actor, transaction.now, reason=reason_of(reason), digest=found.digest)
    return acted, record(transaction, found, acted)
