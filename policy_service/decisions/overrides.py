"""The exceptions on record: made and ended by people, kept in memory for the decisions."""

from __future__ import annotations

import threading
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta

import msgspec
from sqlmodel import Session, col, func, select

from policy_service.actor import Actor, Role
from policy_service.audit.events import OverrideEnded, OverrideRecorded
from policy_service.audit.guard import OVERRIDES, faults_in
from policy_service.audit.log import append
from policy_service.canonical import canonical
from policy_service.clock import timestamp
from policy_service.database import Lane, LaneName, Transaction, count
from policy_service.decisions.overriding import (
    OutcomeUnfit,
    Overriding,
    may_end,
    may_override,
    overrides_at,
    read_outcome,
    reason_problems,
    term_problems,
    text_problems,
    write_outcome,
)
from policy_service.decisions.records import check_lookup
from policy_service.decisions.state_tables import OverrideEndRow, OverrideRow
from policy_service.language.policy import Policy
from policy_service.registry.loaded import load_head
from policy_service.registry.model import active_at
from policy_service.registry.service import activations
from policy_service.sentences import Sentence, together
from policy_service.subject import Subject, faults_of

GOVERNANCE = "governance"
"""The domain nobody is excepted from: who must sign is decided by its rules alone."""
PAGE = 100
"""Exceptions told at once."""
LAST = 2**31 - 1
"""The greatest number an exception can have."""


class OverrideRefused(Exception):
    """An exception is not made, or not ended; `problems` has a sentence for each reason."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(together(self.problems))


class Forbidden(OverrideRefused):
    """Because the actor may not."""


class UnknownOverride(OverrideRefused):
    """Because there is no such exception."""


def record_override(  # noqa: PLR0913  # what an exception says
    transaction: Transaction,
    actor: Actor,
    *,
    subject: Subject,
    policy: str,
    outcome: object,
    role: Role,
    reason: str,
    until: datetime,
) -> Overriding:
    """Excepts a subject from the rules of a policy from now on. Raises OverrideRefused with every reason."""
    now, session = transaction.now, transaction.session
    if (allowed := may_override(actor, role, now)) is not True:
        raise Forbidden([allowed])
    problems = [_said_of(part, fault) for part, fault in faults_of(subject).items()] + term_problems(until, reason, now)
    version = _in_force(session, policy, now)
    written: object = None
    if version is None:
        problems.append(Sentence("{policy} is not in force.", policy=policy))
    elif version.domain == GOVERNANCE:
        problems.append(Sentence("Nobody is excepted from the rules of governance."))
    else:
        if version.subject != subject.kind:
            told = {"policy": policy, "other": version.subject, "kind": subject.kind}
            problems.append(Sentence("{policy} is about a subject of the kind `{other}`, not `{kind}`.", **told))
        try:
            written = write_outcome(version, read_outcome(version, outcome))
            problems += text_problems(written)
        except OutcomeUnfit as unfit:
            problems += unfit.problems
    if not problems and overrides_at(_of_subject(session, subject), subject, now).get(policy) is not None:
        problems.append(
            Sentence(
                "{subject} is already excepted from {policy}: end that exception first.",
                subject=subject.id,
                policy=policy,
            )
        )
    if problems or version is None:
        raise OverrideRefused(problems)
    row = OverrideRow(
        seq=_last(session) + 1,
        id=transaction.new_id(),
        subject=subject.id,
        kind=subject.kind,
        policy=policy,
        version=version.version,
        outcome=canonical(written),
        role=role,
        actor=actor.id,
        printed_name=actor.printed_name,
        reason=reason,
        recorded_at=now,
        until=until,
    )
    session.add(row)
    session.flush()
    said = (row.id, *subject, policy, written, role, actor.printed_name, reason, timestamp(until), version.version)
    append(transaction, actor, OverrideRecorded(*said))
    return _overriding(row, None)


def end_override(transaction: Transaction, actor: Actor, override: str, *, role: Role, reason: str) -> Overriding:
    """Ends an exception before its end. Raises OverrideRefused."""
    now, session = transaction.now, transaction.session
    if (allowed := may_end(actor, role, now)) is not True:
        raise Forbidden([allowed])
    found = read_override(session, override)
    problems = reason_problems(reason)
    if not found.covers(now):
        problems.append(Sentence("The exception has already ended."))
    if problems:
        raise OverrideRefused(problems)
    session.add(OverrideEndRow(override=override, actor=actor.id, reason=reason, recorded_at=now))
    session.flush()
    append(transaction, actor, OverrideEnded(override, *found.subject, found.policy, reason))
    return read_override(session, override)


def read_override(session: Session, override: str) -> Overriding:
    """One exception. Raises UnknownOverride."""
    row = session.exec(select(OverrideRow).where(OverrideRow.id == override)).first()
    if row is None:
        raise UnknownOverride([Sentence("There is no such exception.")])
    end = session.get(OverrideEndRow, override)
    return _overriding(row, end.recorded_at if end else None)


def read_overrides(  # noqa: PLR0913  # the filters
    session: Session,
    *,
    subject: str | None = None,
    kind: str | None = None,
    policy: str | None = None,
    active_at: datetime | None = None,
    over_at: datetime | None = None,
    after: int | None = None,
    newest_first: bool = False,
    limit: int = PAGE,
) -> list[tuple[int, Overriding]]:
    """Exceptions in the order of recording, or the newest first, each with its number. Raises InvalidSubject.

    `subject` is an identifier, `kind` None is any kind. `active_at` asks for those that apply at an instant, `over_at`
    for those that have ended by then; `after` is the number of the last one seen.
    """
    seq = col(OverrideRow.seq)
    query = select(OverrideRow, OverrideEndRow.recorded_at).join(OverrideEndRow, isouter=True)
    if after is not None:
        place = min(after, LAST)
        query = query.where(seq < place if newest_first else seq > place)
    if subject is not None:
        check_lookup(session, subject, kind)
        query = query.where(OverrideRow.subject == subject)
    if kind is not None:
        query = query.where(OverrideRow.kind == kind)
    if policy is not None:
        query = query.where(OverrideRow.policy == policy)
    if active_at is not None:
        ended = col(OverrideEndRow.recorded_at)
        query = query.where(OverrideRow.recorded_at <= active_at, OverrideRow.until > active_at)
        query = query.where(ended.is_(None) | (ended > active_at))
    if over_at is not None:
        query = query.where((col(OverrideRow.until) <= over_at) | (col(OverrideEndRow.recorded_at) <= over_at))
    rows = session.exec(query.order_by(seq.desc() if newest_first else seq).limit(limit))
    return [(row.seq, _overriding(row, ended_at)) for row, ended_at in rows]


class Book:
    """The exceptions that may apply, in memory, so that asking costs nothing when there are none.

    `refresh` looks at the database again, in a snapshot or a transaction of the caller's; whoever watches the lane
    `governance` calls it when that moved.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen = -1
        self._state: tuple[int, int] | None = None
        self._by_subject: Mapping[Subject, tuple[Overriding, ...]] = {}

    def refresh(self, session: Session) -> None:
        """Takes up what was made and ended since; nothing is read when the governance lane stood still.

        A snapshot older than what was taken up before is left alone, so that nothing is forgotten again.
        """
        moved = count(session)
        with self._lock:
            if moved <= self._seen:
                return
            if faults_in(session, OVERRIDES):  # what was known before goes on
                self._seen = moved
                return
            state = (_last(session), session.exec(select(func.count()).select_from(OverrideEndRow)).one())
            if state != self._state:
                self._by_subject = _unended(session)
                self._state = state
            self._seen = moved

    def active_overrides(self, subject: Subject, at: datetime) -> Mapping[str, Overriding]:
        """The exceptions that apply to the subject at an instant, by policy."""
        found = self._by_subject.get(subject)
        return overrides_at(found, subject, at) if found else {}


# -------------------------------------------------------------------------------------------------- the rows


def _unended(session: Session) -> dict[Subject, tuple[Overriding, ...]]:
    """The exceptions that nobody ended and that are not long past, by subject; asking looks at the instant."""
    past = session.exec(select(Lane.at).where(Lane.name == LaneName.GOVERNANCE)).one() - timedelta(days=1)
    query = select(OverrideRow).join(OverrideEndRow, isouter=True).where(col(OverrideEndRow.override).is_(None))
    query = query.where(OverrideRow.until > past)
    found: dict[Subject, list[Overriding]] = {}
    for row in session.exec(query):
        overriding = _overriding(row, None)
        found.setdefault(overriding.subject, []).append(overriding)
    return {subject: tuple(each) for subject, each in found.items()}


def _said_of(part: str, fault: str) -> Sentence:
    """What is wrong with the identifier or the kind of a subject, as a sentence."""
    if part == "kind":
        return Sentence("The kind of the subject: {fault}.", fault=fault)
    return Sentence("The subject: {fault}.", fault=fault)


def _of_subject(session: Session, subject: Subject) -> list[Overriding]:
    query = (
        select(OverrideRow, OverrideEndRow.recorded_at)
        .join(OverrideEndRow, isouter=True)
        .where(OverrideRow.subject == subject.id, OverrideRow.kind == subject.kind)
    )
    return [_overriding(row, ended_at) for row, ended_at in session.exec(query)]


def _in_force(session: Session, policy: str, now: datetime) -> Policy | None:
    activation = active_at(activations(session, policy), policy, now, now)
    return load_head(session, activation.digest) if activation is not None else None


def _last(session: Session) -> int:
    return session.exec(select(func.max(OverrideRow.seq))).one() or 0


def _overriding(row: OverrideRow, ended_at: datetime | None) -> Overriding:
    return Overriding(
        id=row.id,
        subject=Subject(row.subject, row.kind),
        policy=row.policy,
        version=row.version,
        outcome=msgspec.json.decode(row.outcome),
        role=row.role,
        printed_name=row.printed_name,
        reason=row.reason,
        recorded_at=row.recorded_at,
        until=row.until,
        ended_at=ended_at,
    )
