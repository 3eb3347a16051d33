"""Forms of the dossier of a change."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Literal

from pydantic import Field

from api.kit.form_action import EmptyForm
from api.kit.form_fields import HIDDEN, FormField, Proof, Reason, SignerRole, Widget, form_fields
from api.kit.forms import FormModel
from policy_service.approval.service import Meaning
from policy_service.approval.validation import MAX_REASON
from policy_service.messages import Message


class ReasonForm(FormModel):
    """The reason of an action."""

    reason: Reason


class SignOffForm(FormModel):
    """A signature on the digest that was read."""

    role: SignerRole
    meaning: Annotated[Meaning, Widget("pick", Message("Your signature means"))]
    reason: Reason
    digest: Annotated[str, HIDDEN, Field(max_length=100)]
    then: Annotated[Literal["scheduled"] | None, HIDDEN] = None
    """What the change is afterwards, when it is the last signature and the signer schedules it in the same step."""
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
"""The forms of the dossier, by the end of their address."""
FIELDS: Mapping[str, tuple[FormField, ...]] = {name: form_fields(form) for name, form in FORMS.items()}
