"""What can be done to a change, by whom, and what becomes of it: one table, and the rules beside it.

What is not in the table is refused with a sentence. A change is the fold of its actions, so its state is never stored
anywhere that could be edited.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from policy_service.actor import SIGNING_ROLES, Actor, Role
from policy_service.approval.change import MEANINGS, Acted, Action, Change, Kind, Meaning, Person, State
from policy_service.approval.refusals import Forbidden, OutOfState

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
    (State.SUBMITTED, Action.REQUEST_CHANGES): Step(SIGNERS, State.DRAFT),
    (State.SUBMITTED, Action.REJECT): Step(SIGNERS, State.REJECTED),
    (State.SUBMITTED, Action.WITHDRAW): Step(AUTHORS, State.WITHDRAWN),
    (State.SIGNED_OFF, Action.COMMENT): Step(EVERYBODY, State.SIGNED_OFF),
    (State.SIGNED_OFF, Action.REQUEST_CHANGES): Step(SIGNERS, State.DRAFT),
    (State.SIGNED_OFF, Action.REJECT): Step(SIGNERS, State.REJECTED),
    (State.SIGNED_OFF, Action.WITHDRAW): Step(AUTHORS, State.WITHDRAWN),
    (State.SIGNED_OFF, Action.SCHEDULE): Step(EVERYBODY, State.SCHEDULED),
    (State.SCHEDULED, Action.COMMENT): Step(EVERYBODY, State.SCHEDULED),
    (State.SCHEDULED, Action.CANCEL): Step(EVERYBODY, State.CANCELLED),
}
"""Everything that can be done."""

DONE: dict[Action, str] = {
    Action.CREATE: "created",
    Action.EDIT: "edited",
    Action.COMMENT: "commented on",
    Action.SUBMIT: "submitted",
    Action.SIGN_OFF: "signed",
    Action.REQUEST_CHANGES: "sent back",
    Action.REJECT: "rejected",
    Action.WITHDRAW: "withdrawn",
    Action.SCHEDULE: "scheduled",
    Action.CANCEL: "cancelled",
}
"""What a change is when an action was done to it."""
BECAUSE: dict[State, str] = {
    State.DRAFT: "it is still a draft",
    State.SUBMITTED: "it was submitted, which froze it, and is not signed by everybody who must",
    State.SIGNED_OFF: "everybody who must has signed it",
    State.SCHEDULED: "it is scheduled",
    State.REJECTED: "it was rejected",
    State.WITHDRAWN: "it was withdrawn",
    State.CANCELLED: "it was cancelled",
}
"""Why something that is not in the table cannot be done."""
NAMES: dict[Role, str] = {
    Role.AUTHOR: "an author",
    Role.SALES_DIRECTOR: "the sales director",
    Role.FINANCE_DIRECTOR: "the finance director",
    Role.GENERAL_MANAGER: "the general manager",
    Role.COMPLIANCE: "compliance",
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
    step = TABLE.get((change.state, acted.action))
    if step is None:
        raise ValueError(f"{acted.action} is not possible in {change.state}")
    moved = replace(change, state=step.to, acted=(*change.acted, acted))
    if acted.draft is not None:
        moved = replace(moved, draft=acted.draft, revision=change.revision + 1)
    if acted.submission is not None:
        moved = replace(moved, submission=acted.submission)
    if step.to is State.DRAFT:
        moved = replace(moved, submission=None)
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


def can(change: Change, action: Action) -> Literal[True] | str:
    """Whether anybody can do this to the change as it is now, or why nobody can."""
    if (change.state, action) in TABLE:
        return ENOUGH
    return f"The change cannot be {DONE[action]}: {BECAUSE[change.state]}."


def may(
    change: Change, action: Action, actor: Actor, now: datetime, *, role: Role | None = None
) -> Literal[True] | str:
    """Whether this actor may do this to the change now, or why not. A signature is given in a `role`."""
    possible = can(change, action)
    if possible is not True:
        return possible
    holds = may_take_part(actor, TABLE[change.state, action].roles, DONE[action])
    if holds is not True:
        return holds
    match action:
        case Action.SIGN_OFF:
            return _may_sign(change, actor, now, role)
        case Action.REQUEST_CHANGES | Action.REJECT:
            return _may_refuse(change, actor)
        case Action.WITHDRAW if actor.id != change.author.id:
            return f"Only {change.author.printed_name}, who began this change, may withdraw it."
        case Action.SCHEDULE if change.owed:
            return f"The change is not signed by {' and '.join(map(word, change.owed))}."
        case Action.SCHEDULE if not (_wrote(change, actor) or _signed(change, actor)):
            return "Only its author or somebody who signed it may schedule this change."
        case Action.CANCEL:
            return _may_cancel(change, actor, now)
        case _:
            return ENOUGH


def demand(change: Change, action: Action, actor: Actor, now: datetime, *, role: Role | None = None) -> None:
    """Raises OutOfState when nobody may do this now, Forbidden when this actor may not."""
    if (possible := can(change, action)) is not True:
        raise OutOfState(possible)
    if (allowed := may(change, action, actor, now, role=role)) is not True:
        raise Forbidden(allowed)


def demand_part(actor: Actor, roles: frozenset[Role], done: str) -> None:
    """Raises Forbidden when the actor is not a person in one of the roles."""
    if (allowed := may_take_part(actor, roles, done)) is not True:
        raise Forbidden(allowed)


def may_take_part(actor: Actor, roles: frozenset[Role], done: str, thing: str = "change") -> Literal[True] | str:
    """Whether the actor is a person in one of the roles, or why that is not so."""
    if actor.kind != "person":
        return f"A {thing} is {done} by a person, not by a machine and not by the service."
    if actor.roles & roles:
        return ENOUGH
    needed = f"A {thing} is {done} by {words(roles)}"
    if (why := actor.why_waiting(roles)) is not None:
        return f"{needed}. {why}"
    if Role.ADMINISTRATOR in actor.roles:
        return f"{needed}; being an administrator is not enough."
    return f"{needed}; you have none of these roles."


def may_sign_in(actor: Actor, role: Role | None, now: datetime) -> Literal[True] | str:
    """Whether the actor may give a signature in a role at all, or why not."""
    if role is None or role not in SIGNERS:
        return f"Say in which role you sign: {words(SIGNERS)}."
    if role not in actor.roles:
        return actor.why_waiting([role]) or f"You do not hold the role of {word(role)}, so you cannot sign in it."
    if not actor.is_fresh(now):
        return "Confirm again who you are: a signature is given right after entering the password."
    return ENOUGH


def _may_sign(change: Change, actor: Actor, now: datetime, role: Role | None) -> Literal[True] | str:
    if actor.id == change.author.id:
        return "You wrote this change, so someone else must sign it off."
    if _wrote(change, actor):
        return "You edited this change, so someone else must sign it off."
    if change.submission is not None and actor.id in change.submission.barred:
        return "You wrote a text of this change in another draft, so someone else must sign it off."
    if _signed(change, actor):
        return "You signed this change already; every signature must be another person's."
    allowed = may_sign_in(actor, role, now)
    if allowed is not True or role in change.owed:
        return allowed
    if taken := next((signature for signature in change.signatures if signature.role is role), None):
        return f"{taken.by.printed_name} signed for {word(taken.role)} already."
    return f"The signature of {word(role)} is not asked for: {words(change.owed)} must sign."


def _may_refuse(change: Change, actor: Actor) -> Literal[True] | str:
    required = frozenset(change.submission.roles if change.submission else ()) | {Role.COMPLIANCE}
    if actor.roles & required:
        return ENOUGH
    return f"Only {words(required)} may decide about this change."


def _may_cancel(change: Change, actor: Actor, now: datetime) -> Literal[True] | str:
    if change.draft.effective.start <= now:
        return "The change has taken effect already: roll back to the version before."
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
    return f"A signature of {word(role)} cannot mean `{meaning}`: expected {' or '.join(sorted(MEANINGS[role]))}."


def word(role: Role | None) -> str:
    """A role in a sentence."""
    return NAMES[role] if role in NAMES else str(role)


def words(roles: Iterable[Role]) -> str:
    """Roles in a sentence, in their usual order."""
    found = set(roles)
    return " or ".join(NAMES[role] for role in Role if role in found)


def acted_by(change: Change, action: Action, actor: Actor, now: datetime, **said: object) -> Acted:
    """The next action of a change, by an actor."""
    return Acted(len(change.acted) + 1, action, Person.of(actor), now, **said)  # type: ignore[arg-type]  # fields of Acted
