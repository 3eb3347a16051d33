"""The fields of the forms that sign something about a suspension."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.pages.confirming import Password, Reason
from api.pages.forms import FormModel
from policy_service.actor import Role


class SignedReason(FormModel):
    """A signature with its reason."""

    role: Role
    reason: Reason
    password: Password | None = None


class Suspend(SignedReason):
    """Which version is suspended: the one that was in force when the page was made."""

    policy: Annotated[str, Field(max_length=200)]
    version: Annotated[str, Field(max_length=40)]
