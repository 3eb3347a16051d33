"""Stores overrides: reads, lists and ends them, and caches the active ones for decisions."""

from __future__ import annotations

import threading
from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, ClassVar

import msgspec
from sqlmodel import Session, SQLModel, col, func, select

from policy_service.actor import Actor, Role
from policy_service.audit.coverage import column_values, row_key
from policy_service.audit.events import OverrideEnded
from policy_service.audit.guard import OVERRIDES, usable
from policy_service.audit.log import append
from policy_service.audit.row_verification import require_logged
from policy_service.canonical import check_digest
from policy_service.database import Lane, LaneName, Transaction, borne_out, log_size
from policy_service.database.declared import row_count
from policy_service.decisions.override import (
    Override,
    OverrideSignature,
    may_end_override,
    overrides_at,
    reason_problems,
)
from policy_service.decisions.record_queries import check_lookup
from policy_service.decisions.state_tables import OverrideEndRow, OverrideRow, OverrideSignatureRow
from policy_service.errors import ErrorKind, PolicyServiceError
from policy_service.integrity import reading_row
from policy_service.messages import Message, join_sentences
from policy_service.subject import Subject

GOVERNANCE = "governance"
"""The domain that cannot be overridden: its rules alone determine who must sign."""
PAGE_SIZE = 100
"""Overrides per query."""
FETCH_SIZE = 500
"""Overrides per query of signatures."""
MAX_SEQ = 2**31 - 1
"""The greatest possible number of an override."""


class OverrideRejected(PolicyServiceError):
    """An override cannot be recorded or ended; `problems` has a message for each reason."""

    kind: ClassVar[ErrorKind] = "override-unfit"

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = tuple(problems)
        super().__init__(join_sentences(self.problems))

    @property
    def extensions(self) -> Mapping[str, object]:
        """Return the reasons, if the request is at fault."""
        return {"reasons": list(self.problems)} if self.kind == "override-unfit" else {}


class OverridePermissionDenied(OverrideRejected):
    """The actor may not record, sign or end the override."""

    kind = "not-allowed"


class UnknownOverride(OverrideRejected):
    """There is no such override."""

    kind = "not-found"


def end_override(transaction: Transaction, actor: Actor, override: str, *, role: Role, reason: str) -> Override:
    """End an override early. Raises UnknownOverride, OverridePermissionDenied, OverrideRejected."""
    now, session = transaction.now, transaction.session
    if (allowed := may_end_override(actor, role, now)) is not True:
        raise OverridePermissionDenied([allowed])
    require_logged(session, "override", override)
    current = read_override(session, override)
    problems = reason_problems(reason)
    if not current.is_open(now):
        problems.append(Message("The override has already ended."))
    if problems:
        raise OverrideRejected(problems)
    session.add(OverrideEndRow(override=override, actor=actor.id, reason=reason, recorded_at=now))
    session.flush()
    append(transaction, actor, OverrideEnded(override, *current.subject, current.policy, reason))
    return read_override(session, override)


@dataclass(frozen=True, slots=True)
class OverrideEnd:
    """The early end of an override: the actor, time and reason."""

    actor: str
    at: datetime
    reason: str


def read_override_end(session: Session, override: str) -> OverrideEnd | None:
    """Return the early end of an override; None if it was not ended."""
    row = session.get(OverrideEndRow, override)
    return None if row is None else OverrideEnd(row.actor, row.recorded_at, row.reason)


def read_override(session: Session, override: str) -> Override:
    """Return one override. Raises UnknownOverride."""
    overrides = _read(session, _ALL_OVERRIDES.where(col(OverrideRow.id) == override))
    if not overrides:
        raise UnknownOverride([Message("There is no such override.")])
    return overrides[0][1]


def read_overrides(  # noqa: PLR0913  # the filters
    session: Session,
    *,
    subject: str | None = None,
    kind: str | None = None,
    policy: str | None = None,
    active_at: datetime | None = None,
    over_at: datetime | None = None,
    waiting_at: datetime | None = None,
    ending_by: datetime | None = None,
    after: int | None = None,
    newest_first: bool = False,
    limit: int = PAGE_SIZE,
) -> list[tuple[int, Override]]:
    """Return overrides with their numbers, in order of recording or newest first. Raises InvalidSubject.

    `subject` is an identifier, `kind` None is any kind. `active_at` selects those that apply at an instant, `over_at`
    those ended or lapsed by then, `waiting_at` those that then wait for signatures, `ending_by` those that are planned
    to end by then, the first end first. `after` is the number of the last one seen.
    """
    seq = col(OverrideRow.seq)
    query = _ALL_OVERRIDES
    if after is not None:
        after_seq = min(after, MAX_SEQ)
        query = query.where(seq < after_seq if newest_first else seq > after_seq)
    if subject is not None:
        check_lookup(session, subject, kind)
        query = query.where(OverrideRow.subject == subject)
    if kind is not None:
        query = query.where(OverrideRow.kind == kind)
    if policy is not None:
        query = query.where(OverrideRow.policy == policy)
    ended_at, lapses_at = col(OverrideEndRow.recorded_at), col(OverrideRow.lapses_at)
    is_unsigned = lapses_at.is_not(None) & ~_RATIFIED
    if active_at is not None:
        query = query.where(col(OverrideRow.recorded_at) <= active_at, col(OverrideRow.until) > active_at)
        query = query.where(ended_at.is_(None) | (ended_at > active_at))
        applies = (col(OverrideRow.verdict) == "provisional") & (lapses_at > active_at)
        query = query.where(~is_unsigned | applies)
    if over_at is not None:
        lapsed = is_unsigned & (lapses_at <= over_at)
        query = query.where((col(OverrideRow.until) <= over_at) | (ended_at <= over_at) | lapsed)
    if waiting_at is not None:
        query = query.where(
            is_unsigned, lapses_at > waiting_at, col(OverrideRow.until) > waiting_at, ended_at.is_(None)
        )
    if ending_by is not None:
        query = query.where(col(OverrideRow.until) <= ending_by).order_by(col(OverrideRow.until))
    return _read(session, query.order_by(seq.desc() if newest_first else seq).limit(limit))


class OverrideCache:
    """The overrides that may apply, in memory, so that a decision without overrides needs no query.

    `refresh` reads the database in the caller's snapshot or transaction; call it when the log has grown.
    """

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._epoch = -1
        self._row_counts: tuple[object, ...] | None = None
        self._by_subject: Mapping[Subject, tuple[Override, ...]] = {}

    def refresh(self, session: Session) -> None:
        """Load the overrides recorded and ended since the last call; no query if the log has not grown.

        A snapshot older than the loaded state is ignored, so that no override is lost.
        """
        epoch = log_size(session)
        with self._lock:
            if epoch <= self._epoch:
                return
            faults, left_out = usable(session, OVERRIDES)
            if faults:  # what was known before goes on
                self._epoch = epoch
                return
            row_counts = (
                last_override_seq(session),
                *(row_count(session, table) for table in (OverrideEndRow, OverrideSignatureRow)),
                left_out,
            )
            if row_counts != self._row_counts:
                self._by_subject = _open_overrides(session, left_out)
                self._row_counts = row_counts
            self._epoch = epoch

    def active_overrides(self, subject: Subject, at: datetime) -> Mapping[str, Override]:
        """Return the overrides that apply to the subject at an instant, by policy."""
        overrides = self._by_subject.get(subject)
        return overrides_at(overrides, subject, at) if overrides else {}


# -------------------------------------------------------------------------------------------------- the rows


_ALL_OVERRIDES: Any = select(OverrideRow, OverrideEndRow.recorded_at).join(OverrideEndRow, isouter=True)
"""Selects the overrides, each with the time at which a person ended it."""
_SIGNATURE = SQLModel.metadata.tables["override_signature"]
_RATIFIED = (
    select(OverrideSignatureRow.override)
    .where(OverrideSignatureRow.override == OverrideRow.id, col(OverrideSignatureRow.ratifies))
    .exists()
)
"""True if everyone required has signed an override."""


def _read(session: Session, query: Any, without: Collection[str] = ()) -> list[tuple[int, Override]]:  # noqa: ANN401  # SQLModel's
    """Return overrides with their numbers and signatures, excluding some keys, in the order of the query."""
    rows = session.exec(query).all()
    signatures = _signatures(session, [row.id for row, _ in rows if row.signers], without)
    return [(row.seq, _override_of(row, ended_at, signatures[row.id])) for row, ended_at in rows]


def _signatures(
    session: Session, names: Sequence[str], without: Collection[str]
) -> Mapping[str, list[OverrideSignature]]:
    """Return the signatures by override, in order of time."""
    signatures: dict[str, list[OverrideSignature]] = defaultdict(list)
    for start in range(0, len(names), FETCH_SIZE):
        page = names[start : start + FETCH_SIZE]
        query = select(OverrideSignatureRow).where(col(OverrideSignatureRow.override).in_(page))
        for row in session.exec(query.order_by(col(OverrideSignatureRow.signed_at))):
            if without and row_key(_SIGNATURE, column_values(row)) in without:
                continue
            signatures[row.override].append(
                OverrideSignature(
                    row.actor,
                    row.printed_name,
                    _role("override_signature", row.override, row.role.partition("/")[0]),
                    row.meaning,
                    row.reason,
                    _signed_digest(row),
                    row.signed_at,
                    row.ratifies,
                )
            )
    return signatures


def _open_overrides(session: Session, left_out: Mapping[str, frozenset[str]]) -> dict[Subject, tuple[Override, ...]]:
    """Return the overrides that may apply, by subject: not ended early, nor long past; excluding some rows."""
    at = session.exec(select(Lane.at).where(Lane.name == LaneName.GOVERNANCE)).one()
    long_past = borne_out(session, at) - timedelta(days=1)
    end = col(OverrideEndRow.override)
    query = _ALL_OVERRIDES.where(end.is_(None) | end.in_(left_out["override_end"]), col(OverrideRow.until) > long_past)
    query = query.where(col(OverrideRow.seq).not_in([*map(int, left_out["override"])]))
    by_subject: dict[Subject, list[Override]] = {}
    for _, read in _read(session, query, left_out["override_signature"]):
        override = replace(read, ended_at=None)
        if override.starts_at is not None and override.ends_at > long_past:
            by_subject.setdefault(override.subject, []).append(override)
    return {subject: tuple(each) for subject, each in by_subject.items()}


def overrides_of_subject(session: Session, subject: Subject, policy: str | None = None) -> list[Override]:
    """Return every override of a subject, of one policy or of all, in order of recording."""
    query = _ALL_OVERRIDES.where(col(OverrideRow.subject) == subject.id, col(OverrideRow.kind) == subject.kind)
    query = query if policy is None else query.where(col(OverrideRow.policy) == policy)
    return [each for _, each in _read(session, query.order_by(col(OverrideRow.seq)))]


def last_override_seq(session: Session) -> int:
    """Return the number of the override recorded last; 0 if there is none."""
    return session.exec(select(func.max(OverrideRow.seq))).one() or 0


def _role(table: str, override: str, role: str) -> Role:
    with reading_row(table, override):
        return Role(role)


def _signed_digest(row: OverrideSignatureRow) -> str:
    with reading_row("override_signature", row.override):
        return check_digest(row.digest)


def _signers(row: OverrideRow) -> tuple[Role, ...]:
    with reading_row("override", row.id):
        signers = tuple(map(Role, (row.signers or "").split()))
        if not signers and row.verdict not in {None, "allowed"}:
            raise ValueError(row.verdict)
        return signers


def _outcome(row: OverrideRow) -> dict[str, Any] | list[dict[str, Any]]:
    """Return the outcome of the override: an object, or a list of them for a policy that lists."""
    with reading_row("override", row.id):
        return msgspec.json.decode(row.outcome or b"", type=dict[str, Any] | list[dict[str, Any]])


def _decision_basis(row: OverrideRow) -> dict[str, Any] | None:
    if row.decided_by is None:
        return None
    with reading_row("override", row.id):
        return msgspec.json.decode(row.decided_by, type=dict[str, Any])


def _override_of(row: OverrideRow, ended_at: datetime | None, signatures: Sequence[OverrideSignature]) -> Override:
    return Override(
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
        signers=_signers(row),
        lapses_at=row.lapses_at,
        signatures=tuple(signatures),
        decided_by=_decision_basis(row),
    )
