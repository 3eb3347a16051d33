"""Permissions of a person on a change or a suspension: every action, with the reason why not."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Literal

from policy_service.actor import DIRECTORS, SIGNING_ROLES, Actor, Role
from policy_service.approval.change import Action, Change
from policy_service.approval.suspension import (
    Suspension,
    can_end_suspension,
    can_ratify_suspension,
    may_end_suspension,
    may_ratify_suspension,
    may_suspend_version,
)
from policy_service.approval.suspension_service import SuspensionPreview
from policy_service.approval.workflow import check_permission


@dataclass(frozen=True, slots=True)
class Permission:
    """An actor's permission for an action; for a signature, with the possible roles."""

    denied_reason: str | None = None
    """A message; None if the action is allowed."""
    roles: tuple[Role, ...] = ()

    @property
    def allowed(self) -> bool:
        """True if the action is allowed."""
        return self.denied_reason is None


def change_permissions(change: Change, actor: Actor, now: datetime) -> Mapping[Action, Permission]:
    """Return the permissions of an actor, re-authenticated for signing, on a change; except creating one."""
    permissions: dict[Action, Permission] = {
        action: _permission(check_permission(change, action, actor, now))
        for action in Action
        if action not in {Action.CREATE, Action.SIGN_OFF}
    }

    def sign(confirmed: Actor, role: Role | None) -> Literal[True] | str:
        return check_permission(change, Action.SIGN_OFF, confirmed, now, role=role)

    return {**permissions, Action.SIGN_OFF: sign_permission(actor, now, sign)}


def ratify_permission(suspension: Suspension, actor: Actor, now: datetime) -> Permission:
    """Return the permission of a re-authenticated actor to ratify a suspension, with the possible roles."""
    if (possible := can_ratify_suspension(suspension, now)) is not True:
        return Permission(possible)
    return sign_permission(actor, now, lambda confirmed, role: may_ratify_suspension(suspension, confirmed, now, role))


def end_permission(suspension: Suspension, actor: Actor, now: datetime) -> Permission:
    """Return the permission of a re-authenticated actor to end a suspension, with the possible roles."""
    if (possible := can_end_suspension(suspension, now)) is not True:
        return Permission(possible)
    return sign_permission(actor, now, lambda confirmed, role: may_end_suspension(confirmed, now, role))


def suspend_permission(preview: SuspensionPreview, actor: Actor, now: datetime) -> Permission:
    """Return the permission of a re-authenticated actor to suspend the version in force, with the possible roles."""
    policy, digest, previous = preview.suspended.policy, preview.suspended.digest, preview.previous
    return sign_permission(
        actor,
        now,
        lambda confirmed, role: may_suspend_version(policy, digest, previous, confirmed, now, role),
        DIRECTORS,
    )


def sign_permission(
    actor: Actor,
    now: datetime,
    check: Callable[[Actor, Role | None], Literal[True] | str],
    roles_considered: Iterable[Role] = SIGNING_ROLES,
) -> Permission:
    """Return in which of these roles a re-authenticated actor may sign, or why in none."""
    confirmed = replace(actor, confirmed_at=now)
    answers = {role: check(confirmed, role) for role in roles_considered if role in actor.roles}
    roles = tuple(role for role, answer in answers.items() if answer is True)
    if roles:
        return Permission(None, roles)
    return _permission(next(iter(answers.values())) if answers else check(confirmed, None))


def _permission(answer: Literal[True] | str) -> Permission:
    return Permission() if answer is True else Permission(answer)
