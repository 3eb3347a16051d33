"""The fields of the forms that sign something about a suspension, and who may go on to a rollback."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api.auth.permissions import WRITING, check_permission
from api.kit.forms import FormModel
from api.kit.reauthentication import Password, Reason
from policy_service.actor import Actor, Role


class SignedReasonForm(FormModel):
    """A signature with its reason."""

    role: Role
    reason: Reason
    password: Password | None = None


class SuspendForm(SignedReasonForm):
    """Which version is suspended: the one that was in force when the page was made."""

    policy: Annotated[str, Field(max_length=200)]
    version: Annotated[str, Field(max_length=40)]


def change_permission(actor: Actor | None) -> Literal[True] | str:
    """Whether a reader may begin a change, such as a rollback; or why not."""
    return check_permission(actor, WRITING) if actor is not None else ""
