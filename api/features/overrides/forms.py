"""Forms that sign and end an override."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field

from api.kit.form_fields import HIDDEN, Proof, SignerRole, Widget
from api.kit.forms import FormModel
from policy_service.decisions.override import MAX_REASON
from policy_service.messages import Message


class EndForm(FormModel):
    """The reason for ending an override, and the role."""

    reason: Annotated[str, Widget("area", Message("Reason")), Field(max_length=MAX_REASON)]
    role: SignerRole
    password: Proof = None


class SignForm(EndForm):
    """The reason for signing an override, the role, and the digest that was shown."""

    digest: Annotated[str, HIDDEN, Field(max_length=71)]
