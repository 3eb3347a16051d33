"""What somebody may do with a change or a suspension, all of it at once: each act with the reason why not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from policy_service.actor import DIRECTORS, SIGNING_ROLES, Actor, Role
from policy_service.approval.change import Action, Change
from policy_service.approval.suspension import Suspension, can_end, can_ratify, may_end, may_ratify, may_suspend
from policy_service.approval.suspensions import Prospect
from policy_service.approval.workflow import may


@dataclass(frozen=True, slots=True)
class Verdict:
    """Whether somebody may do something; for a signature, in which of the roles they hold."""

    why_not: str | None = None
    """A sentence; None when they may."""
    roles: tuple[Role, ...] = ()

    @property
    def allowed(self) -> bool:
        """Whether they may."""
        return self.why_not is None


def verdicts(change: Change, actor: Actor, now: datetime) -> Mapping[Action, Verdict]:
    """What an actor may do with a change, who would confirm who they are when they sign; all but to begin one."""
    found: dict[Action, Verdict] = {
        action: _of(may(change, action, actor, now))
        for action in Action
        if action not in {Action.CREATE, Action.SIGN_OFF}
    }

    def sign(confirmed: Actor, role: Role | None) -> Literal[True] | str:
        return may(change, Action.SIGN_OFF, confirmed, now, role=role)

    return {**found, Action.SIGN_OFF: signing(actor, now, sign)}


def ratifying(suspension: Suspension, actor: Actor, now: datetime) -> Verdict:
    """Whether an actor who confirms who they are may ratify a suspension, and in which roles."""
    if (possible := can_ratify(suspension, now)) is not True:
        return Verdict(possible)
    return signing(actor, now, lambda confirmed, role: may_ratify(suspension, confirmed, now, role))


def ending(suspension: Suspension, actor: Actor, now: datetime) -> Verdict:
    """Whether an actor who confirms who they are may end a suspension, and in which roles."""
    if (possible := can_end(suspension, now)) is not True:
        return Verdict(possible)
    return signing(actor, now, lambda confirmed, role: may_end(confirmed, now, role))


def suspending(prospect: Prospect, actor: Actor, now: datetime) -> Verdict:
    """Whether an actor who confirms who they are may suspend the version in force, and in which roles."""
    policy, digest, earlier = prospect.suspended.policy, prospect.suspended.digest, prospect.earlier
    return signing(
        actor, now, lambda confirmed, role: may_suspend(policy, digest, earlier, confirmed, now, role), DIRECTORS
    )


def signing(
    actor: Actor,
    now: datetime,
    ask: Callable[[Actor, Role | None], Literal[True] | str],
    among: Iterable[Role] = SIGNING_ROLES,
) -> Verdict:
    """In which of these roles an actor may sign who would confirm who they are; or why in none."""
    confirmed = replace(actor, confirmed_at=now)
    answers = {role: ask(confirmed, role) for role in among if role in actor.roles}
    roles = tuple(role for role, answer in answers.items() if answer is True)
    if roles:
        return Verdict(None, roles)
    return _of(next(iter(answers.values())) if answers else ask(confirmed, None))


def _of(answer: Literal[True] | str) -> Verdict:
    return Verdict() if answer is True else Verdict(answer)
