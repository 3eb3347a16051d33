"""Suspends, ratifies and ends: rows of suspensions, and the activations that make them felt."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlmodel import Session, and_, col, func, not_, select

from policy_service.actor import Actor, Role
from policy_service.approval.change import Person
from policy_service.approval.forecast import END, misfits, ordinary
from policy_service.approval.policies import heads, note_meanings
from policy_service.approval.refusals import Forbidden, OutOfState, UnknownChange
from policy_service.approval.suspension import (
    ALONE,
    RATIFIED,
    Ended,
    Signature,
    Suspension,
    can_end,
    can_ratify,
    fallback,
    may_end,
    may_ratify,
    may_suspend,
    taken_out,
)
from policy_service.approval.tables import RatificationRow, SuspensionEndRow, SuspensionRow
from policy_service.approval.words import reason_of
from policy_service.approval.writers import meanings_of, writers_of
from policy_service.audit.events import PolicyStopped, PolicySuspended, SuspensionEnded, SuspensionRatified
from policy_service.audit.log import append
from policy_service.audit.telling import demand_in_force, demand_told
from policy_service.clock import timestamp
from policy_service.damaged import row_of
from policy_service.database import Instant, Transaction
from policy_service.registry import service as registry
from policy_service.registry.model import Activation, ActivationKind, Period, active_at
from policy_service.sentences import Sentence


@dataclass(frozen=True, slots=True)
class Prospect:
    """What a suspension would do: the version that goes out of force, and the one that would apply in its place."""

    suspended: Activation
    fallback: Activation | None
    """None when none would, so that the policy would answer that it is suspended."""
    earlier: tuple[Suspension, ...]
    """The suspensions of the policy so far, oldest first."""


Standing = Literal["running", "unratified", "over"]
"""Whether a suspension lasts, lasts by one signature, or is over."""


@dataclass(frozen=True, slots=True)
class WantedSuspensions:
    """Which suspensions to list; what is None does not matter."""

    policy: str | None = None
    standing: Standing | None = None


def list_suspensions(  # noqa: PLR0913  # which, in which order, how many
    session: Session,
    wanted: WantedSuspensions,
    now: datetime,
    *,
    newest_first: bool = True,
    cursor: str | None = None,
    limit: int = 50,
) -> tuple[list[Suspension], str | None]:
    """Suspensions that are wanted, behind the cursor of the page before; and the next cursor, None at the end."""
    row, second, last = SuspensionRow, RatificationRow, SuspensionEndRow
    query = (
        select(row, second, last)
        .join(second, col(second.suspension) == col(row.id), isouter=True)
        .join(last, col(last.suspension) == col(row.id), isouter=True)
    )
    runs = and_(col(last.suspension).is_(None), func.coalesce(col(second.until), col(row.until), type_=Instant()) > now)
    if wanted.policy is not None:
        query = query.where(col(row.policy) == wanted.policy)
    standing = {
        None: (),
        "running": (runs,),
        "unratified": (runs, col(second.suspension).is_(None)),
        "over": (not_(runs),),
    }
    query = query.where(*standing[wanted.standing])
    if cursor is not None:
        query = query.where(col(row.id) < cursor if newest_first else col(row.id) > cursor)
    order = col(row.id).desc() if newest_first else col(row.id)
    found = [_suspension(*each) for each in session.exec(query.order_by(order).limit(limit + 1))]
    return found[:limit], found[limit - 1].id if len(found) > limit else None


def suspensions(session: Session, policy: str | None = None) -> list[Suspension]:
    """The suspensions of a policy, or of all, oldest first."""
    query = select(SuspensionRow).order_by(col(SuspensionRow.at), col(SuspensionRow.id))
    rows = session.exec(query if policy is None else query.where(SuspensionRow.policy == policy)).all()
    names = [row.id for row in rows]
    ratified = session.exec(select(RatificationRow).where(col(RatificationRow.suspension).in_(names)))
    ended = session.exec(select(SuspensionEndRow).where(col(SuspensionEndRow.suspension).in_(names)))
    second = {row.suspension: row for row in ratified}
    last = {row.suspension: row for row in ended}
    return [_suspension(row, second.get(row.id), last.get(row.id)) for row in rows]


def read_suspension(session: Session, suspension: str) -> Suspension:
    """One suspension. Raises UnknownChange."""
    row = session.get(SuspensionRow, suspension)
    if row is None:
        raise UnknownChange(Sentence("There is no suspension {suspension}.", suspension=repr(suspension[:40])))
    return _suspension(row, session.get(RatificationRow, suspension), session.get(SuspensionEndRow, suspension))


def suspend(  # noqa: PLR0913  # what a suspension says
    transaction: Transaction, actor: Actor, *, policy: str, version: str, role: Role, reason: str
) -> Suspension:
    """Takes the version in force out of force at once, for `ALONE`; the version before applies, or none.

    Raises Forbidden, OutOfState, Unfit.
    """
    session, now = transaction.session, transaction.now
    demand_in_force(session)
    note_meanings(transaction)
    found = prospect(session, actor, policy, version, now)
    for each in found.earlier:
        demand_told(session, "suspension", each.id)
    suspended, instead, until = found.suspended, found.fallback or found.suspended, now + ALONE
    _demand(may_suspend(policy, suspended.digest, found.earlier, actor, now, role))
    said = reason_of(reason)
    row = SuspensionRow(
        id=transaction.new_id(),
        policy=policy,
        version=version,
        digest=suspended.digest,
        fallback=instead.version,
        fallback_digest=instead.digest,
        actor=actor.id,
        actor_name=actor.name,
        printed_name=actor.printed_name,
        role=role,
        reason=said,
        at=now,
        until=until,
    )
    session.add(row)
    session.flush()
    signed = (row.id, role, actor.printed_name, said, timestamp(until))
    if found.fallback is None:
        append(transaction, actor, PolicyStopped(policy, version, *signed))
    else:
        append(transaction, actor, PolicySuspended(policy, version, found.fallback.version, *signed))
    kind = ActivationKind.SUSPENSION if found.fallback else ActivationKind.STOP
    _activate(transaction, actor, instead, Period(now, until), kind, row.id)
    return _suspension(row, None, None)


def ratify(transaction: Transaction, actor: Actor, suspension: str, *, role: Role, reason: str) -> Suspension:
    """Another person's signature, by which the suspension lasts for `RATIFIED` from its beginning.

    Raises UnknownChange, OutOfState, Forbidden, Unfit.
    """
    session, now = transaction.session, transaction.now
    demand_in_force(session)
    demand_told(session, "suspension", suspension)
    found = read_suspension(session, suspension)
    _demand_possible(can_ratify(found, now))
    _demand(may_ratify(found, actor, now, role))
    said = reason_of(reason)
    until = found.signed.at + RATIFIED
    known = registry.activations(session)
    mine = next(each for each in known if each.suspension == found.id)
    # From the same beginning, so that whatever else took effect meanwhile still comes later and goes on.
    period = Period(mine.effective.start, until)
    if not mine.is_stop and (wrong := _misfits(session, known, mine, period, now)):
        raise OutOfState(*wrong)
    row = RatificationRow(
        suspension=suspension,
        actor=actor.id,
        actor_name=actor.name,
        printed_name=actor.printed_name,
        role=role,
        reason=said,
        at=now,
        until=until,
    )
    session.add(row)
    session.flush()
    event = SuspensionRatified(found.policy, suspension, role, actor.printed_name, said, timestamp(until))
    append(transaction, actor, event)
    _activate(transaction, actor, mine, period, mine.kind, suspension)
    return read_suspension(session, suspension)


def end_suspension(transaction: Transaction, actor: Actor, suspension: str, *, role: Role, reason: str) -> Suspension:
    """Ends a suspension now: what would be in force without it applies again.

    Raises UnknownChange, OutOfState, Forbidden, Unfit.
    """
    session, now = transaction.session, transaction.now
    demand_in_force(session)
    demand_told(session, "suspension", suspension)
    found = read_suspension(session, suspension)
    _demand_possible(can_end(found, now))
    _demand(may_end(actor, now, role))
    said = reason_of(reason)
    row = SuspensionEndRow(
        suspension=suspension,
        actor=actor.id,
        actor_name=actor.name,
        printed_name=actor.printed_name,
        reason=said,
        at=now,
    )
    session.add(row)
    session.flush()
    append(transaction, actor, SuspensionEnded(found.policy, found.version, suspension, said))
    first, *more = [each for each in registry.activations(session) if each.suspension == suspension]
    for each in more:
        registry.take_back(transaction, actor, each)
    registry.end_now(transaction, actor, first)
    return read_suspension(session, suspension)


def prospect(session: Session, actor: Actor, policy: str, version: str | None, now: datetime) -> Prospect:
    """What would happen if this actor suspended the version in force now.

    Raises OutOfState when nobody can suspend it.
    """
    known, earlier = registry.activations(session), suspensions(session, policy)
    if version is None:
        active = active_at(known, policy, now, now)
        version = active.version if active else ""
    suspended = _suspended(known, policy, version, now)
    return Prospect(suspended, _falls_back(session, actor, known, suspended, earlier, now), tuple(earlier))


def _falls_back(  # noqa: PLR0913, PLR0917  # who suspends what, and all that went before
    session: Session,
    actor: Actor,
    known: Sequence[Activation],
    suspended: Activation,
    earlier: Sequence[Suspension],
    now: datetime,
) -> Activation | None:
    """What applies in place of a suspended version; None when nothing does."""
    mine = [each for each in ordinary(known) if each.policy == suspended.policy]
    digests = {suspended.digest, *(each.digest for each in mine), *(each.digest for each in earlier)}
    means, wrote = meanings_of(session, digests), writers_of(session, digests)
    out = taken_out(mine, earlier, means, now)

    def fits(candidate: Activation) -> bool:
        began, meaning = candidate.effective.start, means[candidate.digest]
        return (
            meaning != means[suspended.digest]
            and not (meaning in out and out[meaning] >= began)
            and actor.id not in wrote[candidate.digest]
            and not _misfits(session, known, candidate, Period(now, now + ALONE), now)
        )

    return fallback(mine, suspended, now, fits)


def _suspended(known: Sequence[Activation], policy: str, version: str, now: datetime) -> Activation:
    """The activation of the version in force. Raises OutOfState when another version is, or none."""
    active = active_at(known, policy, now, now)
    if active is None:
        raise OutOfState(
            Sentence("No version of {policy} is in force, so there is nothing to suspend.", policy=policy[:140])
        )
    if active.is_stop:
        raise OutOfState(Sentence("{policy} is suspended already; no version applies.", policy=policy))
    if active.version != version:
        raise OutOfState(
            Sentence(
                "{policy} {active} is in force, not {version}: read it again.",
                policy=policy,
                active=active.version,
                version=version[:40],
            )
        )
    return active


def _misfits(
    session: Session, known: Sequence[Activation], found: Activation, period: Period, now: datetime
) -> list[str]:
    """Why the other policies could not work with the version fallen back to; a sentence each."""
    load = heads(session)
    kind = ActivationKind.SUSPENSION
    planned = Activation(END, "planned", found.policy, found.version, found.digest, kind, period, now)
    before = set(misfits(known, now, now, load))
    return [told for told in misfits((*known, planned), now, now, load) if told not in before]


def _activate(  # noqa: PLR0913, PLR0917  # what an activation says
    transaction: Transaction,
    actor: Actor,
    activation: Activation,
    period: Period,
    kind: ActivationKind,
    suspension: str,
) -> Activation:
    named = (activation.policy, activation.version, activation.digest)
    row = registry.read_version(transaction.session, *named)
    return registry.activate(transaction, actor, row, period, kind, suspension=suspension)


def _demand_possible(possible: Literal[True] | str) -> None:
    if possible is not True:
        raise OutOfState(possible)


def _demand(allowed: Literal[True] | str) -> None:
    if allowed is not True:
        raise Forbidden(allowed)


def _suspension(row: SuspensionRow, second: RatificationRow | None, last: SuspensionEndRow | None) -> Suspension:
    ended = Ended(Person(last.actor, last.actor_name, last.printed_name), last.reason, last.at) if last else None
    return Suspension(
        row.id,
        row.policy,
        row.version,
        row.digest,
        None if row.fallback_digest == row.digest else row.fallback,
        None if row.fallback_digest == row.digest else row.fallback_digest,
        _signature(row),
        _signature(second) if second else None,
        ended,
    )


def _signature(row: SuspensionRow | RatificationRow) -> Signature:
    by = Person(row.actor, row.actor_name, row.printed_name)
    with row_of(row.__tablename__, row.suspension if isinstance(row, RatificationRow) else row.id):
        return Signature(by, Role(row.role), row.reason, row.at, row.until)
