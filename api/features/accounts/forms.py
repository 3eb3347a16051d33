"""Forms on the page of an account."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated

from pydantic import Field

from api.kit.form_action import EmptyForm
from api.kit.form_fields import FormField, Proof, Widget, form_fields
from api.kit.forms import FormModel
from api.kit.passwords import NewPasswordForm
from policy_service.actor import Role
from policy_service.identity.account import MAX_EXTERNAL_SUBJECT, MAX_ISSUER
from policy_service.messages import Message

SINGLE_LINE = "^[^\\x00-\\x1f\\x7f-\\x9f]*$"


class RolesForm(FormModel):
    """The roles that an account is to have."""

    roles: Annotated[
        tuple[Role, ...],
        Widget(
            "checks",
            Message("Roles that the account has"),
            Message(
                "The person's sessions end. A new signing role takes effect once the account has been attested again."
            ),
        ),
    ] = ()


class LinkForm(FormModel):
    """The fields of a link to the identity provider."""

    issuer: Annotated[
        str,
        Widget("text", Message("Issuer"), Message("The address of the provider, as the settings name it.")),
        Field(max_length=MAX_ISSUER, pattern=SINGLE_LINE),
    ]
    subject: Annotated[
        str,
        Widget("text", Message("Identifier of the person there")),
        Field(max_length=MAX_EXTERNAL_SUBJECT, pattern=SINGLE_LINE),
    ]


class AttestationForm(FormModel):
    """The attester's password, unless the identity provider confirms who they are."""

    password: Proof = None


FORMS: Mapping[str, type[FormModel]] = {
    "roles": RolesForm,
    "disable": EmptyForm,
    "enable": EmptyForm,
    "password": NewPasswordForm,
    "link": LinkForm,
    "second-factor": EmptyForm,
    "attest": AttestationForm,
}
"""The forms of the page, by the end of their address."""
FIELDS: Mapping[str, tuple[FormField, ...]] = {name: form_fields(form) for name, form in FORMS.items()}
