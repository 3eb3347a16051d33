"""Forms that sign something about a suspension, and who may go on to a rollback."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api.auth.access import WRITING
from api.auth.permissions import check_permission
from api.kit.form_fields import HIDDEN, Proof, Reason, SignerRole, Widget
from api.kit.forms import FormModel
from policy_service.actor import Actor
from policy_service.approval.validation import MAX_REASON
from policy_service.messages import Message


class SignedReasonForm(FormModel):
    """A signature with its reason."""

    role: SignerRole
    reason: Reason
    password: Proof = None


class SuspendForm(SignedReasonForm):
    """Suspends the version that was in force when the page was made."""

    reason: Annotated[
        str,
        Widget("area", Message("Reason"), Message("What fails while this version applies.")),
        Field(max_length=MAX_REASON),
    ]
    policy: Annotated[str, HIDDEN, Field(max_length=200)]
    version: Annotated[str, HIDDEN, Field(max_length=40)]


def change_permission(actor: Actor | None) -> Literal[True] | str:
    """Return True if a reader may create a change, such as a rollback, else the reason."""
    return check_permission(actor, WRITING) if actor is not None else ""
