"""The actions on a change: each with its form, or the reason why it is not allowed."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from api.kit.context import PageContext
from api.kit.form_action import EmptyForm
from api.kit.form_fields import HIDDEN, FormField, Proof, Reason, SignerRole, Widget, form_fields
from api.kit.forms import FormModel, FormState
from policy_service.approval.service import MEANINGS, Action, Change, Meaning, Permission, change_permissions
from policy_service.approval.validation import MAX_REASON
from policy_service.messages import Message


class ReasonForm(FormModel):
    """The reason of an action."""

    reason: Reason


class SignOffForm(FormModel):
    """A signature on the digest shown."""

    role: SignerRole
    meaning: Annotated[Meaning, Widget("pick", Message("Your signature means"))]
    reason: Reason
    digest: Annotated[str, HIDDEN, Field(max_length=100)]
    then: Annotated[Literal["scheduled"] | None, HIDDEN] = None
    """The state of the change after the last signature, if the signer schedules it in the same step."""
    password: Proof = None


class CommentForm(FormModel):
    """The text of a comment."""

    text: Annotated[str, Widget("area", Message("Your comment")), Field(max_length=MAX_REASON)]


FORMS: Mapping[str, type[FormModel]] = {
    "submit": EmptyForm,
    "sign-offs": SignOffForm,
    "schedule": EmptyForm,
    "request-changes": ReasonForm,
    "reject": ReasonForm,
    "withdraw": ReasonForm,
    "cancel": ReasonForm,
    "end-analysis": ReasonForm,
    "comments": CommentForm,
}
"""The forms of the dossier, by the last step of their address."""
FIELDS: Mapping[str, tuple[FormField, ...]] = {name: form_fields(form) for name, form in FORMS.items()}


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
"""Every action of the page: the last step of its address, and its label."""


@dataclass(frozen=True, slots=True)
class ChangeAction:
    """One action: its form, or why it is not allowed."""

    action: Action
    name: str
    """The last step of the action's address, and the form's name."""
    label: Message
    permission: Permission
    form: FormState

    @property
    def has_errors(self) -> bool:
        """True if the form was rejected."""
        return bool(self.form.form_error or self.form.errors)


@dataclass(frozen=True, slots=True)
class ChangeActions:
    """All actions of one reader."""

    fields: ClassVar[Mapping[str, tuple[FormField, ...]]] = FIELDS
    path: str
    etag: str
    digest: str | None
    by_action: Mapping[Action, ChangeAction]
    meanings: tuple[Meaning, ...]
    """The possible meanings of this reader's signature."""

    @property
    def next(self) -> tuple[tuple[Message, str], ...]:
        """The actions that advance the change, as far as allowed, each with its anchor."""
        places = {
            Action.SIGN_OFF: "#sign-panel",
            Action.SCHEDULE: "#schedule",
            Action.SUBMIT: "#submit",
            Action.EDIT: f"{self.path}/draft",
        }
        acts = ((self.by_action[action], place) for action, place in places.items())
        return tuple((act.label, place) for act, place in acts if act.permission.allowed)

    @property
    def with_reason(self) -> tuple[ChangeAction, ...]:
        """The allowed actions that only need a reason."""
        actions = (Action.REQUEST_CHANGES, Action.REJECT, Action.WITHDRAW, Action.CANCEL, Action.END_ANALYSIS)
        return tuple(self.by_action[action] for action in actions if self.by_action[action].permission.allowed)

    @property
    def denied(self) -> tuple[ChangeAction, ...]:
        """The actions that are not allowed, with their reasons."""
        return tuple(
            each for each in self.by_action.values() if not each.permission.allowed and each.action in STATE_CHANGING
        )

    @property
    def no_longer_allowed(self) -> tuple[ChangeAction, ...]:
        """Rejected actions that are no longer allowed; the input is shown once more."""
        return tuple(each for each in self.by_action.values() if not each.permission.allowed and each.has_errors)


STATE_CHANGING = frozenset(ACTIONS) - {Action.COMMENT, Action.END_ANALYSIS}
"""The actions that change the state; commenting is shown with the discussion."""


def change_actions(context: PageContext, change: Change, rejected_forms: Mapping[str, FormState]) -> ChangeActions:
    """Return the reader's actions on a change; `rejected_forms` are by the last step of their address."""
    permissions = change_permissions(change, context.actor, context.frame.now)
    by_action = {
        action: ChangeAction(action, name, label, permissions[action], rejected_forms.get(name) or context.new_form())
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
    )
