"""What can be done to a change, by whom, and what becomes of it: one table, and the rules beside it.

What is not in the table is refused with a sentence. A change is the fold of its actions, so its state is never stored
anywhere that could be edited.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from policy_service.actor import COMMAND_LINE, SIGNING_ROLES, Actor, Role
from policy_service.approval.change import MEANINGS, Acted, Action, Change, Kind, Meaning, Person, State
from policy_service.approval.refusals import Forbidden, OutOfState
from policy_service.clock import timestamp
from policy_service.sentences import Sentence, either, every, together

AUTHORS = frozenset({Role.AUTHOR})
SIGNERS = frozenset(SIGNING_ROLES)
EVERYBODY = AUTHORS | SIGNERS


@dataclass(frozen=True, slots=True)
class Step:
    """An action that is possible in a state: who may, by role, and the state afterwards."""

    roles: frozenset[Role]
    to: State


TABLE: dict[tuple[State, Action], Step] = {
    (State.DRAFT, Action.EDIT): Step(AUTHORS, State.DRAFT),
    (State.DRAFT, Action.COMMENT): Step(EVERYBODY, State.DRAFT),
    (State.DRAFT, Action.SUBMIT): Step(AUTHORS, State.SUBMITTED),
    (State.DRAFT, Action.WITHDRAW): Step(AUTHORS, State.WITHDRAWN),
    (State.SUBMITTED, Action.COMMENT): Step(EVERYBODY, State.SUBMITTED),
    (State.SUBMITTED, Action.SIGN_OFF): Step(SIGNERS, State.SIGNED_OFF),  # once nobody owes a signature
    (State.SUBMITTED, Action.REQUEST_CHANGES): Step(EVERYBODY, State.DRAFT),
    (State.SUBMITTED, Action.REJECT): Step(SIGNERS, State.REJECTED),
    (State.SUBMITTED, Action.WITHDRAW): Step(AUTHORS, State.WITHDRAWN),
    (State.SIGNED_OFF, Action.COMMENT): Step(EVERYBODY, State.SIGNED_OFF),
    (State.SIGNED_OFF, Action.REQUEST_CHANGES): Step(EVERYBODY, State.DRAFT),
    (State.SIGNED_OFF, Action.REJECT): Step(SIGNERS, State.REJECTED),
    (State.SIGNED_OFF, Action.WITHDRAW): Step(AUTHORS, State.WITHDRAWN),
    (State.SIGNED_OFF, Action.SCHEDULE): Step(EVERYBODY, State.SCHEDULED),
    (State.SCHEDULED, Action.COMMENT): Step(EVERYBODY, State.SCHEDULED),
    (State.SCHEDULED, Action.CANCEL): Step(EVERYBODY, State.CANCELLED),
}
"""Everything that can be done."""
RECORDED: dict[tuple[State, Action], Step] = {
    **TABLE,
    (State.SIGNED_OFF, Action.SIGN_OFF): Step(SIGNERS, State.SIGNED_OFF),
}
"""Everything that may have been done: who signs in the place of a signature that did not count then may find, read
later, that it counts again."""

DEEDS: dict[Action, Sentence] = {
    Action.CREATE: Sentence("A change is created"),
    Action.EDIT: Sentence("A change is edited"),
    Action.COMMENT: Sentence("A change is commented on"),
    Action.SUBMIT: Sentence("A change is submitted"),
    Action.SIGN_OFF: Sentence("A change is signed"),
    Action.REQUEST_CHANGES: Sentence("A change is sent back"),
    Action.REJECT: Sentence("A change is rejected"),
    Action.WITHDRAW: Sentence("A change is withdrawn"),
    Action.SCHEDULE: Sentence("A change is scheduled"),
    Action.CANCEL: Sentence("A change is cancelled"),
}
"""What is done to a change by an action: the beginning of a sentence that says by whom."""
IMPOSSIBLE: dict[Action, Sentence] = {
    Action.CREATE: Sentence("The change cannot be created"),
    Action.EDIT: Sentence("The change cannot be edited"),
    Action.COMMENT: Sentence("The change cannot be commented on"),
    Action.SUBMIT: Sentence("The change cannot be submitted"),
    Action.SIGN_OFF: Sentence("The change cannot be signed"),
    Action.REQUEST_CHANGES: Sentence("The change cannot be sent back"),
    Action.REJECT: Sentence("The change cannot be rejected"),
    Action.WITHDRAW: Sentence("The change cannot be withdrawn"),
    Action.SCHEDULE: Sentence("The change cannot be scheduled"),
    Action.CANCEL: Sentence("The change cannot be cancelled"),
}
"""What cannot be done: the beginning of a sentence that says why."""
BECAUSE: dict[State, Sentence] = {
    State.DRAFT: Sentence("it is still a draft"),
    State.SUBMITTED: Sentence("it was submitted, which froze it, and is not signed by everybody who must"),
    State.SIGNED_OFF: Sentence("everybody who must has signed it"),
    State.SCHEDULED: Sentence("it is scheduled"),
    State.REJECTED: Sentence("it was rejected"),
    State.WITHDRAWN: Sentence("it was withdrawn"),
    State.CANCELLED: Sentence("it was cancelled"),
}
"""Why something that is not in the table cannot be done."""
NAMES: dict[Role, Sentence] = {
    Role.AUTHOR: Sentence("an author"),
    Role.SALES_DIRECTOR: Sentence("the sales director"),
    Role.FINANCE_DIRECTOR: Sentence("the finance director"),
    Role.GENERAL_MANAGER: Sentence("the general manager"),
    Role.COMPLIANCE: Sentence("compliance"),
}
"""The roles that take part, in a sentence."""
ENOUGH: Literal[True] = True


# ----------------------------------------------------------------------------------------------------- the fold


def begin(change: str, kind: Kind, first: Acted) -> Change:
    """A change that was just created."""
    if first.action is not Action.CREATE or first.draft is None:
        raise ValueError("a change begins by being created")
    return Change(change, kind, State.DRAFT, first.draft, 1, (first,))


def after(change: Change, acted: Acted) -> Change:
    """The change after one more action. Raises ValueError when the action is not in the table."""
    step = RECORDED.get((change.state, acted.action))
    if step is None:
        raise ValueError(f"{acted.action} is not possible in {change.state}")
    moved = replace(change, state=step.to, acted=(*change.acted, acted))
    if acted.draft is not None:
        moved = replace(moved, draft=acted.draft, revision=change.revision + 1)
    if acted.submission is not None:
        moved = replace(moved, submission=acted.submission)
    if step.to is State.DRAFT:
        moved = replace(moved, submission=None, void={}, writers=frozenset())
    if acted.action is Action.SIGN_OFF and moved.owed:
        moved = replace(moved, state=State.SUBMITTED)
    return moved


def fold(change: str, kind: Kind, actions: Iterable[Acted]) -> Change:
    """The change that these actions made, the first of which created it."""
    first, *rest = actions
    folded = begin(change, kind, first)
    for acted in rest:
        folded = after(folded, acted)
    return folded


# ---------------------------------------------------------------------------------------------------- the rules


def can(change: Change, action: Action, now: datetime) -> Literal[True] | str:
    """Whether anybody can do this to the change as it is now, or why nobody can."""
    if (change.state, action) not in TABLE:
        reason = Sentence("{impossible}: {because}.", impossible=IMPOSSIBLE[action], because=BECAUSE[change.state])
        return together([reason, *change.void.values()]) if action is Action.SCHEDULE and change.void else reason
    if action is Action.SIGN_OFF and change.draft.effective.start <= now:
        return Sentence(
            "The day that was asked for, {day}, has passed, so a signature could not put the change in force. "
            "It needs another day: whoever wrote it or must sign it sends it back, and its author submits it anew.",
            day=timestamp(change.draft.effective.start),
        )
    return ENOUGH


def may(
    change: Change, action: Action, actor: Actor, now: datetime, *, role: Role | None = None
) -> Literal[True] | str:
    """Whether this actor may do this to the change now, or why not. A signature is given in a `role`."""
    possible = can(change, action, now)
    if possible is not True:
        return possible
    holds = may_take_part(actor, TABLE[change.state, action].roles, DEEDS[action])
    if holds is not True:
        return holds
    match action:
        case Action.SIGN_OFF:
            return _may_sign(change, actor, now, role)
        case Action.REQUEST_CHANGES if _wrote(change, actor):
            return ENOUGH
        case Action.REQUEST_CHANGES | Action.REJECT:
            return _may_refuse(change, actor)
        case Action.WITHDRAW if change.author.id not in {actor.id, COMMAND_LINE}:
            return Sentence("Only {author}, who began this change, may withdraw it.", author=change.author.printed_name)
        case Action.SCHEDULE if change.owed:
            return Sentence("The change is not signed by {roles}.", roles=every(map(word, change.owed)))
        case Action.SCHEDULE if not (_wrote(change, actor) or _signed(change, actor)):
            return Sentence("Only its author or somebody who signed it may schedule this change.")
        case Action.CANCEL:
            return _may_cancel(change, actor, now)
        case _:
            return ENOUGH


def demand(change: Change, action: Action, actor: Actor, now: datetime, *, role: Role | None = None) -> None:
    """Raises OutOfState when nobody may do this now, Forbidden when this actor may not."""
    if (possible := can(change, action, now)) is not True:
        raise OutOfState(possible)
    if (allowed := may(change, action, actor, now, role=role)) is not True:
        raise Forbidden(allowed)


def demand_part(actor: Actor, roles: frozenset[Role], deed: str) -> None:
    """Raises Forbidden when the actor is not a person in one of the roles."""
    if (allowed := may_take_part(actor, roles, deed)) is not True:
        raise Forbidden(allowed)


def may_take_part(actor: Actor, roles: frozenset[Role], deed: str) -> Literal[True] | str:
    """Whether the actor is a person in one of the roles, or why that is not so; `deed` is one of `DEEDS` or alike."""
    if actor.kind != "person":
        return Sentence("{deed} by a person, not by a machine and not by the service.", deed=deed)
    if actor.roles & roles:
        return ENOUGH
    by = words(roles)
    if (why := actor.why_waiting(roles)) is not None:
        return Sentence("{deed} by {roles}. {why}", deed=deed, roles=by, why=why)
    if Role.ADMINISTRATOR in actor.roles:
        return Sentence("{deed} by {roles}; being an administrator is not enough.", deed=deed, roles=by)
    return Sentence("{deed} by {roles}; you have none of these roles.", deed=deed, roles=by)


def may_sign_in(actor: Actor, role: Role | None, now: datetime) -> Literal[True] | str:
    """Whether the actor may give a signature in a role at all, or why not."""
    if role is None or role not in SIGNERS:
        return Sentence("Say in which role you sign: {roles}.", roles=words(SIGNERS))
    if role not in actor.roles:
        missing = Sentence("You do not hold the role of {role}, so you cannot sign in it.", role=word(role))
        return actor.why_waiting([role]) or missing
    if not actor.is_fresh(now):
        return Sentence("Confirm again who you are: a signature is given right after entering the password.")
    return ENOUGH


def _may_sign(change: Change, actor: Actor, now: datetime, role: Role | None) -> Literal[True] | str:
    if actor.id == change.author.id:
        return Sentence("You wrote this change, so someone else must sign it off.")
    if _wrote(change, actor):
        return Sentence("You edited this change, so someone else must sign it off.")
    if actor.id in change.writers or (change.submission is not None and actor.id in change.submission.barred):
        return Sentence(
            "You wrote or submitted a text that decides the same, in another change, so someone else must sign it off."
        )
    if _signed(change, actor):
        return Sentence("You signed this change already; every signature must be another person's.")
    allowed = may_sign_in(actor, role, now)
    if allowed is not True or role in change.owed:
        return allowed
    if taken := next((signature for signature in change.counting if signature.role is role), None):
        return Sentence("{person} signed for {role} already.", person=taken.by.printed_name, role=word(taken.role))
    asked = words(change.owed)
    return Sentence("The signature of {role} is not asked for: {roles} must sign.", role=word(role), roles=asked)


def _may_refuse(change: Change, actor: Actor) -> Literal[True] | str:
    required = frozenset(change.submission.roles if change.submission else ()) | {Role.COMPLIANCE}
    if actor.roles & required:
        return ENOUGH
    return Sentence("Only {roles} may decide about this change.", roles=words(required))


def _may_cancel(change: Change, actor: Actor, now: datetime) -> Literal[True] | str:
    if change.draft.effective.start <= now:
        return Sentence("The change has taken effect already: roll back to the version before.")
    if _wrote(change, actor) or _signed(change, actor):
        return ENOUGH
    return _may_refuse(change, actor)


def _wrote(change: Change, actor: Actor) -> bool:
    return actor.id in change.contributors


def _signed(change: Change, actor: Actor) -> bool:
    return any(signature.by.id == actor.id for signature in change.signatures)


def can_mean(role: Role, meaning: Meaning) -> Literal[True] | str:
    """Whether a signature in a role can have this meaning, or why not."""
    if meaning in MEANINGS[role]:
        return ENOUGH
    expected = either(sorted(MEANINGS[role]))
    return Sentence(
        "A signature of {role} cannot mean `{meaning}`: expected {expected}.",
        role=word(role),
        meaning=meaning,
        expected=expected,
    )


def word(role: Role | None) -> str:
    """A role in a sentence."""
    return NAMES[role] if role in NAMES else str(role)


def words(roles: Iterable[Role]) -> str:
    """Roles in a sentence, in their usual order."""
    found = set(roles)
    return either(NAMES[role] for role in Role if role in found)


def acted_by(change: Change, action: Action, actor: Actor, now: datetime, **said: object) -> Acted:
    """The next action of a change, by an actor."""
    return Acted(len(change.acted) + 1, action, Person.of(actor), now, **said)  # type: ignore[arg-type]  # fields of Acted
