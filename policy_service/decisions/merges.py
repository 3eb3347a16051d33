"""Merges: two subjects turn out to be the same customer. The merge is an entry in the log and nothing else.

    merge_subjects(transaction, actor, Subject("C-17"), into=Subject("C17"), reason="one company, two numbers")

Nothing is moved: records, overrides and keys stay with the identifier they were made for. Group lists contain only the
remaining subject, by its own decisions. Later decisions about the other one are recorded, but appear in no list.
"""

from __future__ import annotations

from typing import ClassVar, Literal

from sqlmodel import Session, col, select

from policy_service.actor import Actor, Role
from policy_service.audit.events import SubjectsMerged
from policy_service.audit.log import append
from policy_service.clock import timestamp
from policy_service.database import Transaction
from policy_service.decisions.groups.merged import read_merges
from policy_service.decisions.groups.service import forget_subject
from policy_service.decisions.macs import last_erasures
from policy_service.decisions.override import reason_problems
from policy_service.decisions.record_queries import check_lookup
from policy_service.decisions.tables import DecisionRow
from policy_service.errors import ErrorKind, PolicyServiceError
from policy_service.messages import Message, join_sentences
from policy_service.subject import Subject


class MergeRejected(PolicyServiceError):
    """Two subjects cannot be merged; the message says why."""

    kind: ClassVar[ErrorKind] = "conflict"


class MergePermissionDenied(MergeRejected):
    """The actor may not merge subjects."""

    kind = "not-allowed"


def may_merge(actor: Actor) -> Literal[True] | str:
    """Return True if the actor may merge subjects (compliance, or the command line), else the reason."""
    if actor.is_system or (actor.kind == "person" and Role.COMPLIANCE in actor.roles):
        return True
    return actor.pending_reason([Role.COMPLIANCE]) or Message("Only compliance may merge subjects.")


def merge_subjects(transaction: Transaction, actor: Actor, subject: Subject, into: Subject, reason: str) -> None:
    """Record that a subject is the same as another, which remains, and remove it from the group lists.

    Raises MergePermissionDenied, MergeRejected with every reason, InvalidSubject.
    """
    if (allowed := may_merge(actor)) is not True:
        raise MergePermissionDenied(allowed)
    if actor.kind == "person" and not actor.is_fresh(transaction.now):
        raise MergePermissionDenied(Message("Confirm who you are first: enter your password again."))
    session = transaction.session
    for each in (subject, into):
        check_lookup(session, *each)
    if problems := [*reason_problems(reason), *merge_problems(session, subject, into)]:
        raise MergeRejected(join_sentences(problems))
    forget_subject(session, subject)
    append(transaction, actor, SubjectsMerged(*subject, into.id, reason))


def merge_problems(session: Session, subject: Subject, into: Subject) -> list[str]:
    """List the reasons why two subjects cannot be merged."""
    if subject == into:
        return [Message("A subject is not merged with itself.")]
    if subject.kind != into.kind:
        kinds = {"one": subject.kind, "other": into.kind}
        return [Message("Subjects of two kinds are not merged: {one} and {other}.", **kinds)]
    merges, problems = read_merges(session, [subject.id, into.id]), list[str]()
    for each in (subject, into):
        if each in merges:
            names = {"subject": each.id, "into": merges[each].id}
            problems.append(Message("{subject} was merged into {into} already.", **names))
        elif (problem := _record_problem(session, each)) is not None:
            problems.append(problem)
    return problems


def _record_problem(session: Session, subject: Subject) -> str | None:
    """Return an error if nothing is on record about a subject."""
    query = select(DecisionRow.decided_at).where(DecisionRow.subject == subject.id, DecisionRow.kind == subject.kind)
    decided_at = session.exec(query.order_by(col(DecisionRow.seq).desc()).limit(1)).first()
    if decided_at is None:
        return Message("Nothing was decided about {subject}.", subject=subject.id)
    if timestamp(decided_at) <= last_erasures(session, [subject.id]).get(subject, ""):
        return Message("{subject} was erased, and nothing was decided about it since.", subject=subject.id)
    return None
