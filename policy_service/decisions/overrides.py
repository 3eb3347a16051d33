"""The exceptions on record: read, listed, ended by people, kept in memory for the decisions."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any

import msgspec
from sqlmodel import Session, SQLModel, col, func, select

from policy_service.actor import Actor, Role
from policy_service.audit.events import OverrideEnded
from policy_service.audit.guard import OVERRIDES, faults_in
from policy_service.audit.log import append
from policy_service.audit.telling import demand_told
from policy_service.damaged import row_of
from policy_service.database import Lane, LaneName, Transaction, borne_out, count
from policy_service.decisions.overriding import (
    OverrideSignature,
    Overriding,
    may_end,
    overrides_at,
    reason_problems,
)
from policy_service.decisions.records import check_lookup
from policy_service.decisions.state_tables import OverrideEndRow, OverrideRow, OverrideSignatureRow
from policy_service.sentences import Sentence, together
from policy_service.subject import Subject

GOVERNANCE = "governance"
"""The domain nobody is excepted from: who must sign is decided by its rules alone."""
PAGE = 100
"""Exceptions told at once."""
AT_ONCE = 500
"""Exceptions whose signatures are read at once."""
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


def end_override(transaction: Transaction, actor: Actor, override: str, *, role: Role, reason: str) -> Overriding:
    """Ends an exception before its end. Raises OverrideRefused."""
    now, session = transaction.now, transaction.session
    if (allowed := may_end(actor, role, now)) is not True:
        raise Forbidden([allowed])
    demand_told(session, "override", override)
    found = read_override(session, override)
    problems = reason_problems(reason)
    if not found.is_open(now):
        problems.append(Sentence("The exception has already ended."))
    if problems:
        raise OverrideRefused(problems)
    session.add(OverrideEndRow(override=override, actor=actor.id, reason=reason, recorded_at=now))
    session.flush()
    append(transaction, actor, OverrideEnded(override, *found.subject, found.policy, reason))
    return read_override(session, override)


def read_override(session: Session, override: str) -> Overriding:
    """One exception. Raises UnknownOverride."""
    found = _read(session, _EVERY.where(col(OverrideRow.id) == override))
    if not found:
        raise UnknownOverride([Sentence("There is no such exception.")])
    return found[0][1]


def read_overrides(  # noqa: PLR0913  # the filters
    session: Session,
    *,
    subject: str | None = None,
    kind: str | None = None,
    policy: str | None = None,
    active_at: datetime | None = None,
    over_at: datetime | None = None,
    waiting_at: datetime | None = None,
    after: int | None = None,
    newest_first: bool = False,
    limit: int = PAGE,
) -> list[tuple[int, Overriding]]:
    """Exceptions in the order of recording, or the newest first, each with its number. Raises InvalidSubject.

    `subject` is an identifier, `kind` None is any kind. `active_at` asks for those that apply at an instant, `over_at`
    for those that have ended or lapsed by then, `waiting_at` for those that then wait for signatures; `after` is the
    number of the last one seen.
    """
    seq = col(OverrideRow.seq)
    query = _EVERY
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
    ended, lapses = col(OverrideEndRow.recorded_at), col(OverrideRow.lapses_at)
    unsigned = lapses.is_not(None) & ~_RATIFIED
    if active_at is not None:
        query = query.where(col(OverrideRow.recorded_at) <= active_at, col(OverrideRow.until) > active_at)
        query = query.where(ended.is_(None) | (ended > active_at))
        applies = (col(OverrideRow.verdict) == "provisional") & (lapses > active_at)
        query = query.where(~unsigned | applies)
    if over_at is not None:
        lapsed = unsigned & (lapses <= over_at)
        query = query.where((col(OverrideRow.until) <= over_at) | (ended <= over_at) | lapsed)
    if waiting_at is not None:
        query = query.where(unsigned, lapses > waiting_at, col(OverrideRow.until) > waiting_at, ended.is_(None))
    return _read(session, query.order_by(seq.desc() if newest_first else seq).limit(limit))


class Book:
    """The exceptions that may apply, in memory, so that asking costs nothing when there are none.

    `refresh` looks at the database again, in a snapshot or a transaction of the caller's; whoever watches the lane
    `governance` calls it when that moved.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._seen = -1
        self._state: tuple[int, ...] | None = None
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
            state = (
                last_number(session),
                *(_count(session, table) for table in (OverrideEndRow, OverrideSignatureRow)),
            )
            if state != self._state:
                self._by_subject = _unended(session)
                self._state = state
            self._seen = moved

    def active_overrides(self, subject: Subject, at: datetime) -> Mapping[str, Overriding]:
        """The exceptions that apply to the subject at an instant, by policy."""
        found = self._by_subject.get(subject)
        return overrides_at(found, subject, at) if found else {}


# -------------------------------------------------------------------------------------------------- the rows


_EVERY: Any = select(OverrideRow, OverrideEndRow.recorded_at).join(OverrideEndRow, isouter=True)
"""The exceptions, each with the instant at which a person ended it."""
_RATIFIED = (
    select(OverrideSignatureRow.override)
    .where(OverrideSignatureRow.override == OverrideRow.id, col(OverrideSignatureRow.ratifies))
    .exists()
)
"""Whether everybody who must has signed an exception."""


def _read(session: Session, query: Any) -> list[tuple[int, Overriding]]:  # noqa: ANN401  # SQLModel's
    """Exceptions with their numbers and signatures, in the order of the query."""
    rows = session.exec(query).all()
    signed = _signatures(session, [row.id for row, _ in rows if row.signers])
    return [(row.seq, _overriding(row, ended_at, signed[row.id])) for row, ended_at in rows]


def _signatures(session: Session, names: Sequence[str]) -> Mapping[str, list[OverrideSignature]]:
    """The signatures on exceptions, by exception, in the order of time."""
    found: dict[str, list[OverrideSignature]] = defaultdict(list)
    for start in range(0, len(names), AT_ONCE):
        some = names[start : start + AT_ONCE]
        query = select(OverrideSignatureRow).where(col(OverrideSignatureRow.override).in_(some))
        for row in session.exec(query.order_by(col(OverrideSignatureRow.signed_at))):
            found[row.override].append(
                OverrideSignature(
                    row.actor,
                    row.printed_name,
                    _role("override_signature", row.override, row.role.partition("/")[0]),
                    row.meaning,
                    row.reason,
                    row.digest,
                    row.signed_at,
                    row.ratifies,
                )
            )
    return found


def _unended(session: Session) -> dict[Subject, tuple[Overriding, ...]]:
    """The exceptions that may apply: that nobody ended and that are not long past, by subject."""
    at = session.exec(select(Lane.at).where(Lane.name == LaneName.GOVERNANCE)).one()
    past = borne_out(session, at) - timedelta(days=1)
    query = _EVERY.where(col(OverrideEndRow.override).is_(None), col(OverrideRow.until) > past)
    found: dict[Subject, list[Overriding]] = {}
    for _, overriding in _read(session, query):
        if overriding.starts_at is not None and overriding.ends_at > past:
            found.setdefault(overriding.subject, []).append(overriding)
    return {subject: tuple(each) for subject, each in found.items()}


def of_subject(session: Session, subject: Subject, policy: str | None = None) -> list[Overriding]:
    """Every exception of a subject, from one policy or from all, in the order of recording."""
    query = _EVERY.where(col(OverrideRow.subject) == subject.id, col(OverrideRow.kind) == subject.kind)
    query = query if policy is None else query.where(col(OverrideRow.policy) == policy)
    return [each for _, each in _read(session, query.order_by(col(OverrideRow.seq)))]


def last_number(session: Session) -> int:
    """The number of the exception recorded last; 0 when there is none."""
    return session.exec(select(func.max(OverrideRow.seq))).one() or 0


def _role(table: str, override: str, role: str) -> Role:
    with row_of(table, override):
        return Role(role)


def _outcome(row: OverrideRow) -> dict[str, Any] | list[dict[str, Any]]:
    """What is decided instead: an object, or a list of them for a policy that lists."""
    with row_of("override", row.id):
        return msgspec.json.decode(row.outcome or b"", type=dict[str, Any] | list[dict[str, Any]])


def _decided_by(row: OverrideRow) -> dict[str, Any] | None:
    if row.decided_by is None:
        return None
    with row_of("override", row.id):
        return msgspec.json.decode(row.decided_by, type=dict[str, Any])


def _count(session: Session, table: type[SQLModel]) -> int:
    return session.exec(select(func.count()).select_from(table)).one()


def _overriding(row: OverrideRow, ended_at: datetime | None, signatures: Sequence[OverrideSignature]) -> Overriding:
    return Overriding(
        id=row.id,
        subject=Subject(row.subject, row.kind),
        policy=row.policy,
        version=row.version,
        outcome=_outcome(row),
        role=_role("override", row.id, row.role),
        printed_name=row.printed_name,
        reason=row.reason,
        recorded_at=row.recorded_at,
        until=row.until,
        ended_at=ended_at,
        actor=row.actor,
        verdict=row.verdict,
        signers=tuple(row.signers.split()) if row.signers else (),
        lapses_at=row.lapses_at,
        signatures=tuple(signatures),
        decided_by=_decided_by(row),
    )
