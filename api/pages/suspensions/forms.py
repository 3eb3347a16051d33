"""The fields of the forms that sign something about a suspension, and who may go on to a rollback."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from api.pages.confirming import Password, Reason
from api.pages.forms import FormModel
from api.permissions import WRITING, may_ask
from policy_service.actor import Actor, Role


class SignedReason(FormModel):
    """A signature with its reason."""

    role: Role
    reason: Reason
    password: Password | None = None


class Suspend(SignedReason):
    """Which version is suspended: the one that was in force when the page was made."""

    policy: Annotated[str, Field(max_length=200)]
    version: Annotated[str, Field(max_length=40)]


def may_begin(actor: Actor | None) -> Literal[True] | str:
    """Whether a reader may begin a change, such as a rollback; or why not."""
    return may_ask(actor, WRITING) if actor is not None else ""
