"""Emergency suspension: one director takes a version out of force at once; the previous version applies, or none.

| who                                | what                          | lasts                                      |
|------------------------------------|-------------------------------|--------------------------------------------|
| one director                       | suspends, with a reason       | 72 hours, and ends by itself               |
| another person who signs           | ratifies, with a reason       | 30 days from the beginning, ends by itself |
| any person who signs               | ends it, with a reason        |                                            |

The fallback is derived from the ordinary activations: the version in force just before the suspended one began, unless
it was rolled back or suspended since, or the suspending director wrote it (`find_fallback`). If there is none that is
compatible with the other policies, no version applies, and the policy answers that it is suspended. Policies of the
domain `governance` cannot be suspended, since one person could then reduce the number of signatures alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from policy_service.actor import DIRECTORS, Actor, Role
from policy_service.approval.change import Person
from policy_service.approval.workflow import ALLOWED, SIGNERS, check_role, check_signing_role, role_names
from policy_service.clock import timestamp
from policy_service.messages import Message
from policy_service.registry.model import Activation, ActivationKind

SUSPENSION_LENGTH = timedelta(hours=72)
"""Duration of a suspension with one signature."""
RATIFIED_LENGTH = timedelta(days=30)
"""Duration of a ratified suspension, from its beginning."""
GOVERNANCE = "governance"
SUSPEND_CLAUSE = Message("A policy is suspended")
RATIFY_CLAUSE = Message("A suspension is ratified")
END_CLAUSE = Message("A suspension is ended")
"""The beginnings of messages about actions on a suspension, to be completed by the roles."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature on a suspension."""

    by: Person
    role: Role
    reason: str
    at: datetime
    until: datetime
    """Until when this signature makes the suspension last."""

    def to_dict(self) -> dict[str, Any]:
        return {
            "by": self.by.to_dict(),
            "role": self.role,
            "reason": self.reason,
            "at": timestamp(self.at),
            "until": timestamp(self.until),
        }


@dataclass(frozen=True, slots=True)
class SuspensionEnd:
    """The early end of a suspension."""

    by: Person
    reason: str
    at: datetime

    def to_dict(self) -> dict[str, Any]:
        return {"by": self.by.to_dict(), "reason": self.reason, "at": timestamp(self.at)}


@dataclass(frozen=True, slots=True)
class Suspension:
    """A suspended version, and its fallback; None if no version applies."""

    id: str
    policy: str
    version: str
    digest: str
    fallback: str | None
    fallback_digest: str | None
    signature: Signature
    ratification: Signature | None = None
    end: SuspensionEnd | None = None

    @property
    def until(self) -> datetime:
        """Until when it lasts, or lasted."""
        return self.end.at if self.end else (self.ratification or self.signature).until

    def is_active(self, now: datetime) -> bool:
        """Return True if it is active now."""
        return self.signature.at <= now < self.until

    def to_dict(self) -> dict[str, Any]:
        return {
            "suspension": self.id,
            "policy": self.policy,
            "version": self.version,
            "digest": self.digest,
            "fallback": self.fallback,
            "fallback_digest": self.fallback_digest,
            "signed": self.signature.to_dict(),
            "ratified": self.ratification.to_dict() if self.ratification else None,
            "ended": self.end.to_dict() if self.end else None,
            "until": timestamp(self.until),
        }


def find_fallback(
    ordinary: Iterable[Activation], suspended: Activation, now: datetime, fits: Callable[[Activation], bool]
) -> Activation | None:
    """Return the newest activation in force before `suspended` began that `fits`; None if there is none.

    Versions of an ended policy are no fallback.
    """
    of_policy = [each for each in ordinary if each.policy == suspended.policy and each.is_known_at(now)]
    cutoff = suspended.effective.start
    while True:
        covering = [
            each
            for each in of_policy
            if each.effective.start < cutoff and (each.effective.until is None or each.effective.until >= cutoff)
        ]
        candidate = max(covering, key=lambda each: (each.effective.start, each.seq), default=None)
        if candidate is None or candidate.is_ending:
            return None
        if fits(candidate):
            return candidate
        cutoff = candidate.effective.start


def is_of_governance(policy: str) -> bool:
    """Return True if a policy governs the service itself, such as the required signers."""
    return policy.partition("/")[0] == GOVERNANCE


def last_removals(
    ordinary: Iterable[Activation], suspensions: Iterable[Suspension], meanings: Mapping[str, str], now: datetime
) -> dict[str, datetime]:
    """Return when each text, by its meaning, was last suspended, rolled back or ended; `meanings` by digest.

    A rollback removes everything that began after the version it returns to; an ending removes everything.
    """
    removed_at: dict[str, datetime] = {}
    for each in suspensions:
        meaning = meanings[each.digest]
        removed_at[meaning] = max(each.signature.at, removed_at.get(meaning, each.signature.at))
    in_order = sorted(
        (each for each in ordinary if each.is_known_at(now) and each.effective.start <= now),
        key=lambda each: (each.effective.start, each.seq),
    )
    for position, removal in enumerate(in_order):
        if removal.kind is ActivationKind.ROLLBACK or removal.is_ending:
            earlier = in_order[:position]
            target = None if removal.is_ending else meanings[removal.digest]
            last = max((index for index, each in enumerate(earlier) if meanings[each.digest] == target), default=-1)
            for meaning in {meanings[each.digest] for each in earlier[last + 1 :]}:
                removed_at[meaning] = max(removal.effective.start, removed_at.get(meaning, removal.effective.start))
    return removed_at


def may_suspend_version(  # noqa: PLR0913, PLR0917  # who, what, when, and what went before
    policy: str, digest: str, previous: Iterable[Suspension], actor: Actor, now: datetime, role: Role | None
) -> Literal[True] | str:
    """Return True if this actor alone may suspend this version, else the reason."""
    if is_of_governance(policy):
        return Message("Who must sign cannot be suspended: that takes a signed change.")
    allowed = _may_sign(actor, now, role, frozenset(DIRECTORS), SUSPEND_CLAUSE)
    if allowed is not True:
        return allowed
    for each in previous:
        is_repeated = each.digest == digest and each.signature.by.id == actor.id and each.ratification is None
        if is_repeated and now < each.signature.at + RATIFIED_LENGTH:
            return Message(
                "You suspended this version before and nobody ratified it, so another director must do it now."
            )
    return ALLOWED


def can_end_suspension(suspension: Suspension, now: datetime) -> Literal[True] | str:
    """Return True if anyone can end the suspension now, else the reason."""
    return ALLOWED if suspension.is_active(now) else Message("The suspension is over.")


def can_ratify_suspension(suspension: Suspension, now: datetime) -> Literal[True] | str:
    """Return True if anyone can ratify the suspension now, else the reason."""
    if suspension.is_active(now) and suspension.ratification is not None:
        return Message("{person} ratified the suspension already.", person=suspension.ratification.by.printed_name)
    return can_end_suspension(suspension, now)


def may_ratify_suspension(
    suspension: Suspension, actor: Actor, now: datetime, role: Role | None
) -> Literal[True] | str:
    """Return True if this actor may ratify the suspension, else the reason."""
    if actor.id == suspension.signature.by.id:
        return Message("You suspended it, so another person must ratify it.")
    return _may_sign(actor, now, role, SIGNERS, RATIFY_CLAUSE)


def may_end_suspension(actor: Actor, now: datetime, role: Role | None) -> Literal[True] | str:
    """Return True if this actor may end a suspension, else the reason."""
    return _may_sign(actor, now, role, SIGNERS, END_CLAUSE)


def _may_sign(
    actor: Actor, now: datetime, role: Role | None, roles: frozenset[Role], clause: str
) -> Literal[True] | str:
    allowed = check_role(actor, roles, clause)
    if allowed is not True:
        return allowed
    if role not in roles:
        return Message("Say in which role you sign: {roles}.", roles=role_names(roles))
    return check_signing_role(actor, role, now)
