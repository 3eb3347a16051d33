"""The state machine of a change: one table of actions, states and roles, and further rules.

An action not in the table is rejected with a message. A change is the fold of its actions, so there is no stored state
that could be edited.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from policy_service.actor import COMMAND_LINE, SIGNING_ROLES, Actor, Role
from policy_service.approval.change import (
    MEANINGS,
    Action,
    ActionRecord,
    Change,
    ChangeKind,
    ChangeState,
    Meaning,
    Person,
)
from policy_service.approval.errors import InvalidState, PermissionDenied
from policy_service.clock import timestamp
from policy_service.messages import Message, join_and, join_or, join_sentences

AUTHORS = frozenset({Role.AUTHOR})
SIGNERS = frozenset(SIGNING_ROLES)
ALL_ROLES = AUTHORS | SIGNERS


@dataclass(frozen=True, slots=True)
class Transition:
    """An action possible in a state: the roles that may perform it, and the next state."""

    roles: frozenset[Role]
    to: ChangeState


TRANSITIONS: dict[tuple[ChangeState, Action], Transition] = {
    (ChangeState.DRAFT, Action.EDIT): Transition(AUTHORS, ChangeState.DRAFT),
    (ChangeState.DRAFT, Action.COMMENT): Transition(ALL_ROLES, ChangeState.DRAFT),
    (ChangeState.DRAFT, Action.SUBMIT): Transition(AUTHORS, ChangeState.SUBMITTED),
    (ChangeState.DRAFT, Action.ANALYSE): Transition(AUTHORS, ChangeState.UNDER_ANALYSIS),
    (ChangeState.DRAFT, Action.WITHDRAW): Transition(AUTHORS, ChangeState.WITHDRAWN),
    (ChangeState.UNDER_ANALYSIS, Action.COMMENT): Transition(ALL_ROLES, ChangeState.UNDER_ANALYSIS),
    (ChangeState.UNDER_ANALYSIS, Action.SUBMIT): Transition(AUTHORS, ChangeState.SUBMITTED),  # by the service
    (ChangeState.UNDER_ANALYSIS, Action.END_ANALYSIS): Transition(AUTHORS, ChangeState.DRAFT),
    (ChangeState.UNDER_ANALYSIS, Action.WITHDRAW): Transition(AUTHORS, ChangeState.WITHDRAWN),
    (ChangeState.SUBMITTED, Action.COMMENT): Transition(ALL_ROLES, ChangeState.SUBMITTED),
    (ChangeState.SUBMITTED, Action.SIGN_OFF): Transition(
        SIGNERS, ChangeState.SIGNED_OFF
    ),  # once no signature is missing
    (ChangeState.SUBMITTED, Action.REQUEST_CHANGES): Transition(ALL_ROLES, ChangeState.DRAFT),
    (ChangeState.SUBMITTED, Action.REJECT): Transition(SIGNERS, ChangeState.REJECTED),
    (ChangeState.SUBMITTED, Action.WITHDRAW): Transition(AUTHORS, ChangeState.WITHDRAWN),
    (ChangeState.SIGNED_OFF, Action.COMMENT): Transition(ALL_ROLES, ChangeState.SIGNED_OFF),
    (ChangeState.SIGNED_OFF, Action.REQUEST_CHANGES): Transition(ALL_ROLES, ChangeState.DRAFT),
    (ChangeState.SIGNED_OFF, Action.REJECT): Transition(SIGNERS, ChangeState.REJECTED),
    (ChangeState.SIGNED_OFF, Action.WITHDRAW): Transition(AUTHORS, ChangeState.WITHDRAWN),
    (ChangeState.SIGNED_OFF, Action.SCHEDULE): Transition(ALL_ROLES, ChangeState.SCHEDULED),
    (ChangeState.SCHEDULED, Action.COMMENT): Transition(ALL_ROLES, ChangeState.SCHEDULED),
    (ChangeState.SCHEDULED, Action.CANCEL): Transition(ALL_ROLES, ChangeState.CANCELLED),
}
"""All possible actions."""
RECORDED_TRANSITIONS: dict[tuple[ChangeState, Action], Transition] = {
    **TRANSITIONS,
    (ChangeState.SIGNED_OFF, Action.SIGN_OFF): Transition(SIGNERS, ChangeState.SIGNED_OFF),
}
"""All actions that may be on record. A signature that replaced one that did not count may, read later, find that one
counting again.
"""

ACTION_CLAUSES: dict[Action, Message] = {
    Action.CREATE: Message("A change is created"),
    Action.EDIT: Message("A change is edited"),
    Action.COMMENT: Message("A change is commented on"),
    Action.ANALYSE: Message("A change is analysed"),
    Action.END_ANALYSIS: Message("A change is taken out of its analysis"),
    Action.SUBMIT: Message("A change is submitted"),
    Action.SIGN_OFF: Message("A change is signed"),
    Action.REQUEST_CHANGES: Message("A change is sent back"),
    Action.REJECT: Message("A change is rejected"),
    Action.WITHDRAW: Message("A change is withdrawn"),
    Action.SCHEDULE: Message("A change is scheduled"),
    Action.CANCEL: Message("A change is cancelled"),
}
"""The beginnings of messages about actions, to be completed by the roles."""
IMPOSSIBLE_CLAUSES: dict[Action, Message] = {
    Action.CREATE: Message("The change cannot be created"),
    Action.EDIT: Message("The change cannot be edited"),
    Action.COMMENT: Message("The change cannot be commented on"),
    Action.ANALYSE: Message("The change cannot be analysed"),
    Action.END_ANALYSIS: Message("The change cannot be taken out of its analysis"),
    Action.SUBMIT: Message("The change cannot be submitted"),
    Action.SIGN_OFF: Message("The change cannot be signed"),
    Action.REQUEST_CHANGES: Message("The change cannot be sent back"),
    Action.REJECT: Message("The change cannot be rejected"),
    Action.WITHDRAW: Message("The change cannot be withdrawn"),
    Action.SCHEDULE: Message("The change cannot be scheduled"),
    Action.CANCEL: Message("The change cannot be cancelled"),
}
"""The beginnings of messages about impossible actions, to be completed by the reason."""
STATE_CLAUSES: dict[ChangeState, Message] = {
    ChangeState.DRAFT: Message("it is still a draft"),
    ChangeState.UNDER_ANALYSIS: Message("it is being analysed, and is submitted when that has ended"),
    ChangeState.SUBMITTED: Message("it was submitted, which froze it, and is not signed by all required signers"),
    ChangeState.SIGNED_OFF: Message("all required signers have signed it"),
    ChangeState.SCHEDULED: Message("it is scheduled"),
    ChangeState.REJECTED: Message("it was rejected"),
    ChangeState.WITHDRAWN: Message("it was withdrawn"),
    ChangeState.CANCELLED: Message("it was cancelled"),
}
"""Why an action is impossible in a state."""
ROLE_NAMES: dict[Role, Message] = {
    Role.AUTHOR: Message("an author"),
    Role.SALES_DIRECTOR: Message("the sales director"),
    Role.FINANCE_DIRECTOR: Message("the finance director"),
    Role.GENERAL_MANAGER: Message("the general manager"),
    Role.COMPLIANCE: Message("compliance"),
}
"""The roles in messages."""
FIRST_VERSIONS_FIXED = Message(
    "The day and the evidence of first versions are not edited: withdraw this change and draft another."
)
ALLOWED: Literal[True] = True


# ----------------------------------------------------------------------------------------------------- the fold


def new_change(change: str, kind: ChangeKind, creation: ActionRecord) -> Change:
    """Return the change from its first action. Raises ValueError if the action does not create one."""
    if creation.action is not Action.CREATE or creation.draft is None:
        raise ValueError("a change begins by being created")
    return Change(change, kind, ChangeState.DRAFT, creation.draft, 1, (creation,))


def apply_action(change: Change, record: ActionRecord) -> Change:
    """Return the change after one more action. Raises ValueError if the action is not in the table."""
    transition = RECORDED_TRANSITIONS.get((change.state, record.action))
    if transition is None:
        raise ValueError(f"{record.action} is not possible in {change.state}")
    updated = replace(change, state=transition.to, actions=(*change.actions, record))
    if record.draft is not None:
        updated = replace(updated, draft=record.draft, revision=change.revision + 1)
    if record.submission is not None:
        updated = replace(updated, submission=record.submission)
    if transition.to is ChangeState.DRAFT:
        updated = replace(updated, submission=None, void={}, writers=frozenset())
    if record.action is Action.SIGN_OFF and updated.missing_roles:
        updated = replace(updated, state=ChangeState.SUBMITTED)
    return updated


def fold_actions(change: str, kind: ChangeKind, actions: Iterable[ActionRecord]) -> Change:
    """Return the change that results from these actions, the first of which created it."""
    creation, *rest = actions
    current = new_change(change, kind, creation)
    for record in rest:
        current = apply_action(current, record)
    return current


# ---------------------------------------------------------------------------------------------------- the rules


def check_state(change: Change, action: Action, now: datetime) -> Literal[True] | str:
    """Return True if the change's current state allows the action, else the reason."""
    if (change.state, action) not in TRANSITIONS:
        reason = Message(
            "{impossible}: {because}.", impossible=IMPOSSIBLE_CLAUSES[action], because=STATE_CLAUSES[change.state]
        )
        return join_sentences([reason, *change.void.values()]) if action is Action.SCHEDULE and change.void else reason
    if change.kind == "first_versions":
        return FIRST_VERSIONS_FIXED if action is Action.EDIT else ALLOWED
    if action is Action.SIGN_OFF and change.draft.effective.start <= now:
        return Message(
            "The day that was asked for, {day}, has passed, so a signature could not put the change in force. "
            "It needs another day: whoever wrote it or must sign it sends it back, and its author submits it anew.",
            day=timestamp(change.draft.effective.start),
        )
    return ALLOWED


def check_permission(
    change: Change, action: Action, actor: Actor, now: datetime, *, role: Role | None = None
) -> Literal[True] | str:
    """Return True if this actor may perform the action on the change now, else the reason.

    A signature needs a `role`.
    """
    possible = check_state(change, action, now)
    if possible is not True:
        return possible
    allowed = check_role(actor, TRANSITIONS[change.state, action].roles, ACTION_CLAUSES[action])
    if allowed is not True:
        return allowed
    match action:
        case Action.SIGN_OFF:
            return _may_sign(change, actor, now, role)
        case Action.REQUEST_CHANGES if _is_contributor(change, actor):
            return ALLOWED
        case Action.REQUEST_CHANGES | Action.REJECT:
            return _may_refuse(change, actor)
        case Action.WITHDRAW if change.author.id not in {actor.id, COMMAND_LINE}:
            return Message("Only {author}, who began this change, may withdraw it.", author=change.author.printed_name)
        case Action.SUBMIT if change.state is ChangeState.UNDER_ANALYSIS:
            return Message("The change is being analysed, and is submitted when that has ended.")
        case Action.SCHEDULE if change.missing_roles:
            return Message("The change is not signed by {roles}.", roles=join_and(map(role_name, change.missing_roles)))
        case Action.SCHEDULE if not (_is_contributor(change, actor) or _has_signed(change, actor)):
            return Message("Only the author or a signer may schedule this change.")
        case Action.CANCEL:
            return _may_cancel(change, actor, now)
        case _:
            return ALLOWED


def require_permission(
    change: Change, action: Action, actor: Actor, now: datetime, *, role: Role | None = None
) -> None:
    """Raise InvalidState if the state does not allow the action, PermissionDenied if this actor may not."""
    if (possible := check_state(change, action, now)) is not True:
        raise InvalidState(possible)
    if (allowed := check_permission(change, action, actor, now, role=role)) is not True:
        raise PermissionDenied(allowed)


def require_author(actor: Actor, action: Action) -> None:
    """Raise PermissionDenied if the actor is not a person who may write changes."""
    if (allowed := check_role(actor, AUTHORS, ACTION_CLAUSES[action])) is not True:
        raise PermissionDenied(allowed)


def check_role(actor: Actor, roles: frozenset[Role], clause: str) -> Literal[True] | str:
    """Return True if the actor is a person in one of the roles, else the reason.

    `clause` is one of `ACTION_CLAUSES`.
    """
    if actor.kind != "person":
        return Message("{deed} by a person, not by a machine and not by the service.", deed=clause)
    if actor.roles & roles:
        return ALLOWED
    names = role_names(roles)
    if (reason := actor.pending_reason(roles)) is not None:
        return Message("{deed} by {roles}. {why}", deed=clause, roles=names, why=reason)
    if Role.ADMINISTRATOR in actor.roles:
        return Message("{deed} by {roles}; being an administrator is not enough.", deed=clause, roles=names)
    return Message("{deed} by {roles}; you do not have the role for this.", deed=clause, roles=names)


def check_signing_role(actor: Actor, role: Role | None, now: datetime) -> Literal[True] | str:
    """Return True if the actor may sign in a role at all, else the reason."""
    if role is None or role not in SIGNERS:
        return Message("Say in which role you sign: {roles}.", roles=role_names(SIGNERS))
    if role not in actor.roles:
        missing = Message("You do not hold the role of {role}, so you cannot sign in it.", role=role_name(role))
        return actor.pending_reason([role]) or missing
    if not actor.is_fresh(now):
        return Message("Confirm again who you are: a signature is given right after entering the password.")
    return ALLOWED


def _may_sign(change: Change, actor: Actor, now: datetime, role: Role | None) -> Literal[True] | str:
    if actor.id == change.author.id:
        return Message("You wrote this change, so another person must sign it.")
    if _is_contributor(change, actor):
        return Message("You edited this change, so another person must sign it.")
    if actor.id in change.writers or (change.submission is not None and actor.id in change.submission.barred):
        return Message(
            "You wrote or submitted a text that decides the same, in another change, so another person must sign it."
        )
    if _has_signed(change, actor):
        return Message("You already signed this change; every signature must be another person's.")
    allowed = check_signing_role(actor, role, now)
    if allowed is not True or role in change.missing_roles:
        return allowed
    if other_signature := next((signature for signature in change.valid_signatures if signature.role is role), None):
        return Message(
            "{person} signed for {role} already.",
            person=other_signature.by.printed_name,
            role=role_name(other_signature.role),
        )
    missing = role_names(change.missing_roles)
    return Message("The signature of {role} is not required: {roles} must sign.", role=role_name(role), roles=missing)


def _may_refuse(change: Change, actor: Actor) -> Literal[True] | str:
    required = frozenset(change.required_roles) | {Role.COMPLIANCE}
    if actor.roles & required:
        return ALLOWED
    return Message("Only {roles} may decide about this change.", roles=role_names(required))


def _may_cancel(change: Change, actor: Actor, now: datetime) -> Literal[True] | str:
    if change.draft.effective.start <= now:
        return Message("The change has taken effect already: roll back to the version before.")
    if _is_contributor(change, actor) or _has_signed(change, actor):
        return ALLOWED
    return _may_refuse(change, actor)


def _is_contributor(change: Change, actor: Actor) -> bool:
    return actor.id in change.contributors


def _has_signed(change: Change, actor: Actor) -> bool:
    return any(signature.by.id == actor.id for signature in change.signatures)


def check_meaning(role: Role, meaning: Meaning) -> Literal[True] | str:
    """Return True if a signature in a role can have this meaning, else the reason."""
    if meaning in MEANINGS[role]:
        return ALLOWED
    expected = join_or(sorted(MEANINGS[role]))
    return Message(
        "A signature of {role} cannot mean `{meaning}`: expected {expected}.",
        role=role_name(role),
        meaning=meaning,
        expected=expected,
    )


def role_name(role: Role | None) -> str:
    """Return a role for a message."""
    return ROLE_NAMES[role] if role in ROLE_NAMES else str(role)


def role_names(roles: Iterable[Role]) -> str:
    """Return roles for a message, in their usual order."""
    wanted_roles = set(roles)
    return join_or(ROLE_NAMES[role] for role in Role if role in wanted_roles)


def next_action(change: Change, action: Action, actor: Actor, now: datetime, **fields: object) -> ActionRecord:
    """Return the next action of a change."""
    return ActionRecord(len(change.actions) + 1, action, Person.of(actor), now, **fields)  # type: ignore[arg-type]  # fields of Acted
