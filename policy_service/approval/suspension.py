"""Emergency suspension: one director takes a version out of force at once; the version before applies, or none.

| who                                | what                          | lasts                                      |
|------------------------------------|-------------------------------|--------------------------------------------|
| one director                       | suspends, with a reason       | 72 hours, and ends by itself               |
| another person who signs           | ratifies, with a reason       | 30 days from the beginning, ends by itself |
| any person who signs               | ends it, with a reason        |                                            |

The version before is worked out from the ordinary activations: what was in force just before the suspended version
began, was neither rolled back nor suspended since, and says nothing that the suspending director wrote (`fallback`).
Where there is none that the other policies can work with, none applies, and the policy answers that it is suspended.
Who must sign (domain `governance`) cannot be suspended, or one person could lower the number of signatures alone.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from policy_service.actor import DIRECTORS, Actor, Role
from policy_service.approval.change import Person
from policy_service.approval.workflow import ENOUGH, SIGNERS, may_sign_in, may_take_part, words
from policy_service.clock import timestamp
from policy_service.registry.model import Activation, ActivationKind
from policy_service.sentences import Sentence

ALONE = timedelta(hours=72)
"""How long a suspension lasts that one person signed."""
RATIFIED = timedelta(days=30)
"""How long one lasts that two people signed, from its beginning."""
GOVERNANCE = "governance"
SUSPENDED = Sentence("A policy is suspended")
SECONDED = Sentence("A suspension is ratified")
ENDED = Sentence("A suspension is ended")
"""What is done with a suspension: the beginnings of sentences that say by whom."""


@dataclass(frozen=True, slots=True)
class Signature:
    """A signature on a suspension."""

    by: Person
    role: Role
    reason: str
    at: datetime
    until: datetime
    """Until when the suspension lasts by it."""

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "by": self.by.to_dict(),
            "role": self.role,
            "reason": self.reason,
            "at": timestamp(self.at),
            "until": timestamp(self.until),
        }


@dataclass(frozen=True, slots=True)
class Ended:
    """That a suspension was ended before its end."""

    by: Person
    reason: str
    at: datetime

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {"by": self.by.to_dict(), "reason": self.reason, "at": timestamp(self.at)}


@dataclass(frozen=True, slots=True)
class Suspension:
    """A version of a policy taken out of force, and the one that applies in its place; None where none does."""

    id: str
    policy: str
    version: str
    digest: str
    fallback: str | None
    fallback_digest: str | None
    signed: Signature
    ratified: Signature | None = None
    ended: Ended | None = None

    @property
    def until(self) -> datetime:
        """Until when it lasts, or lasted."""
        return self.ended.at if self.ended else (self.ratified or self.signed).until

    def runs(self, now: datetime) -> bool:
        """Whether it lasts now."""
        return self.signed.at <= now < self.until

    def to_dict(self) -> dict[str, Any]:
        """As JSON."""
        return {
            "suspension": self.id,
            "policy": self.policy,
            "version": self.version,
            "digest": self.digest,
            "fallback": self.fallback,
            "fallback_digest": self.fallback_digest,
            "signed": self.signed.to_dict(),
            "ratified": self.ratified.to_dict() if self.ratified else None,
            "ended": self.ended.to_dict() if self.ended else None,
            "until": timestamp(self.until),
        }


def fallback(
    ordinary: Iterable[Activation], suspended: Activation, now: datetime, fits: Callable[[Activation], bool]
) -> Activation | None:
    """The newest activation of what was in force before `suspended` began that `fits`; None when there is none.

    What was ended before is not fallen back to.
    """
    mine = [each for each in ordinary if each.policy == suspended.policy and each.known(now)]
    before = suspended.effective.start
    while True:
        covering = [
            each
            for each in mine
            if each.effective.start < before and (each.effective.until is None or each.effective.until >= before)
        ]
        found = max(covering, key=lambda each: (each.effective.start, each.seq), default=None)
        if found is None or found.is_nothing:
            return None
        if fits(found):
            return found
        before = found.effective.start


def is_of_governance(policy: str) -> bool:
    """Whether a policy decides about the service itself, such as who signs."""
    return policy.partition("/")[0] == GOVERNANCE


def taken_out(
    ordinary: Iterable[Activation], suspensions: Iterable[Suspension], means: Mapping[str, str], now: datetime
) -> dict[str, datetime]:
    """When each text, by its meaning, was last suspended, rolled back or ended; `means` gives meanings by digest.

    A rollback takes out all that began after the version it goes back to had begun; an ending takes out all.
    """
    found: dict[str, datetime] = {}
    for each in suspensions:
        meaning = means[each.digest]
        found[meaning] = max(each.signed.at, found.get(meaning, each.signed.at))
    begun = sorted(
        (each for each in ordinary if each.known(now) and each.effective.start <= now),
        key=lambda each: (each.effective.start, each.seq),
    )
    for place, back in enumerate(begun):
        if back.kind is ActivationKind.ROLLBACK or back.is_nothing:
            earlier = begun[:place]
            target = None if back.is_nothing else means[back.digest]
            last = max((index for index, each in enumerate(earlier) if means[each.digest] == target), default=-1)
            for meaning in {means[each.digest] for each in earlier[last + 1 :]}:
                found[meaning] = max(back.effective.start, found.get(meaning, back.effective.start))
    return found


def may_suspend(  # noqa: PLR0913, PLR0917  # who, what, when, and what went before
    policy: str, digest: str, earlier: Iterable[Suspension], actor: Actor, now: datetime, role: Role | None
) -> Literal[True] | str:
    """Whether this actor may suspend this version alone, or why not."""
    if is_of_governance(policy):
        return Sentence("Who must sign cannot be suspended: that takes a signed change.")
    allowed = _may_sign(actor, now, role, frozenset(DIRECTORS), SUSPENDED)
    if allowed is not True:
        return allowed
    for each in earlier:
        again = each.digest == digest and each.signed.by.id == actor.id and each.ratified is None
        if again and now < each.signed.at + RATIFIED:
            return Sentence(
                "You suspended this version before and nobody ratified it, so another director must do it now."
            )
    return ENOUGH


def can_end(suspension: Suspension, now: datetime) -> Literal[True] | str:
    """Whether anybody can end the suspension now, or why nobody can."""
    return ENOUGH if suspension.runs(now) else Sentence("The suspension is over.")


def can_ratify(suspension: Suspension, now: datetime) -> Literal[True] | str:
    """Whether anybody can ratify the suspension now, or why nobody can."""
    if suspension.runs(now) and suspension.ratified is not None:
        return Sentence("{person} ratified the suspension already.", person=suspension.ratified.by.printed_name)
    return can_end(suspension, now)


def may_ratify(suspension: Suspension, actor: Actor, now: datetime, role: Role | None) -> Literal[True] | str:
    """Whether this actor may ratify the suspension, or why not."""
    if actor.id == suspension.signed.by.id:
        return Sentence("You suspended it, so someone else must ratify it.")
    return _may_sign(actor, now, role, SIGNERS, SECONDED)


def may_end(actor: Actor, now: datetime, role: Role | None) -> Literal[True] | str:
    """Whether this actor may end a suspension, or why not."""
    return _may_sign(actor, now, role, SIGNERS, ENDED)


def _may_sign(actor: Actor, now: datetime, role: Role | None, roles: frozenset[Role], deed: str) -> Literal[True] | str:
    allowed = may_take_part(actor, roles, deed)
    if allowed is not True:
        return allowed
    if role not in roles:
        return Sentence("Say in which role you sign: {roles}.", roles=words(roles))
    return may_sign_in(actor, role, now)
