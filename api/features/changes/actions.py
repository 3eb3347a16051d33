"""The actions on a change: each with its form, or with the reason why there is none."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

from starlette.requests import Request

from api.features.changes.action_forms import FIELDS
from api.kit.form_fields import FormField
from api.kit.forms import FormState
from api.kit.reauthentication import Reauthentication, reauthentication_state
from api.kit.rendering import Pages
from policy_service.actor import Actor, Role
from policy_service.approval.service import MEANINGS, Action, Change, Meaning, Permission, change_permissions
from policy_service.messages import Message

ACTIONS: Mapping[Action, tuple[str, Message]] = {
    Action.EDIT: ("draft", Message("Edit the draft")),
    Action.SUBMIT: ("submit", Message("Submit")),
    Action.SIGN_OFF: ("sign-offs", Message("Sign")),
    Action.SCHEDULE: ("schedule", Message("Schedule")),
    Action.REQUEST_CHANGES: ("request-changes", Message("Request changes")),
    Action.REJECT: ("reject", Message("Reject")),
    Action.WITHDRAW: ("withdraw", Message("Withdraw")),
    Action.CANCEL: ("cancel", Message("Cancel")),
    Action.END_ANALYSIS: ("end-analysis", Message("Stop the analysis")),
    Action.COMMENT: ("comments", Message("Comment")),
}
"""Every act of the page: how its address ends, and what its button says."""


@dataclass(frozen=True, slots=True)
class ChangeAction:
    """One act: its form, or why there is none."""

    action: Action
    name: str
    """Ends the address of the act, and names its form."""
    label: Message
    permission: Permission
    form: FormState

    @property
    def has_errors(self) -> bool:
        """True if something was typed that has to be seen again."""
        return bool(self.form.form_error or self.form.errors)


@dataclass(frozen=True, slots=True)
class ChangeActions:
    """All acts of one reader."""

    fields: ClassVar[Mapping[str, tuple[FormField, ...]]] = FIELDS
    path: str
    etag: str
    digest: str | None
    by_action: Mapping[Action, ChangeAction]
    meanings: tuple[Meaning, ...]
    """What a signature of this reader can mean."""
    reauthentication: Reauthentication

    @property
    def roles(self) -> tuple[Role, ...]:
        """In which the reader can sign."""
        return self.by_action[Action.SIGN_OFF].permission.roles

    @property
    def sign(self) -> ChangeAction:
        """The signature."""
        return self.by_action[Action.SIGN_OFF]

    @property
    def submit(self) -> ChangeAction:
        """The submission."""
        return self.by_action[Action.SUBMIT]

    @property
    def schedule(self) -> ChangeAction:
        """Putting it in force from its day."""
        return self.by_action[Action.SCHEDULE]

    @property
    def ask_again(self) -> ChangeAction:
        """Sending it back to its author."""
        return self.by_action[Action.REQUEST_CHANGES]

    @property
    def edit(self) -> ChangeAction:
        """Editing the draft."""
        return self.by_action[Action.EDIT]

    @property
    def comment(self) -> ChangeAction:
        """Saying something."""
        return self.by_action[Action.COMMENT]

    @property
    def next(self) -> tuple[tuple[Message, str], ...]:
        """The acts that move the change on, as far as the reader may do them, each with where it stands."""
        acts = ((self.sign, "#sign-panel"), (self.schedule, "#schedule"), (self.submit, "#submit"))
        edit = ((self.edit.label, f"{self.path}/draft"),) if self.edit.permission.allowed else ()
        return (*((act.label, anchor) for act, anchor in acts if act.permission.allowed), *edit)

    @property
    def with_reason(self) -> tuple[ChangeAction, ...]:
        """The acts that take a reason and nothing else, as far as the reader may do them."""
        actions = (Action.REQUEST_CHANGES, Action.REJECT, Action.WITHDRAW, Action.CANCEL, Action.END_ANALYSIS)
        return tuple(self.by_action[action] for action in actions if self.by_action[action].permission.allowed)

    @property
    def denied(self) -> tuple[ChangeAction, ...]:
        """The acts that the reader may not do; each says why."""
        return tuple(
            each for each in self.by_action.values() if not each.permission.allowed and each.action in STATE_CHANGING
        )

    @property
    def no_longer_allowed(self) -> tuple[ChangeAction, ...]:
        """Refused actions that the reader can no longer take: what was typed is shown once more."""
        return tuple(each for each in self.by_action.values() if not each.permission.allowed and each.has_errors)


STATE_CHANGING = frozenset(ACTIONS) - {Action.COMMENT, Action.END_ANALYSIS}
"""The actions that move a change. Whether one may comment is shown beside the discussion."""


def change_actions(
    pages: Pages,
    request: Request,
    change: Change,
    actor: Actor,
    rejected_forms: Mapping[str, FormState],
) -> ChangeActions:
    """Return the actions of an actor on a change; `rejected_forms` are rejected forms, by the end of their address."""
    now = pages.service.clock.now()
    permissions = change_permissions(change, actor, now)
    by_action = {
        action: ChangeAction(action, name, label, permissions[action], rejected_forms.get(name) or pages.new_form())
        for action, (name, label) in ACTIONS.items()
    }
    roles = permissions[Action.SIGN_OFF].roles
    meanings = tuple(each for each in Meaning if any(each in MEANINGS[role] for role in roles))
    path = f"/changes/{change.id}"
    return ChangeActions(
        path=path,
        etag=change.etag,
        digest=change.digest,
        by_action=by_action,
        meanings=meanings,
        reauthentication=reauthentication_state(pages.service, request, now, f"{path}#sign-panel"),
    )
