"""`/accounts/{account}`: one account, its history, and what the reader may do with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar

from pydantic import Field
from starlette.requests import Request

from api.auth.authentication import principal_of
from api.features.accounts.accounts import ROLES
from api.kit.form_action import EmptyForm
from api.kit.form_fields import FormField, Proof, Widget, form_fields
from api.kit.forms import FormModel, FormState
from api.kit.frame import Frame
from api.kit.listing import quote_segment
from api.kit.passwords import NewPasswordForm
from api.kit.reauthentication import Reauthentication, reauthentication_state
from api.kit.rendering import Pages
from api.web.transactions import run_read
from policy_service.account_detail import AccountDetail, read_account_detail
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
NOTICES: Mapping[str, Message] = {
    "created": Message("The account was created."),
    "roles": Message("The roles were changed. The person's sessions have ended."),
    "disable": Message("The account was disabled. The person's sessions have ended."),
    "enable": Message("The person may sign in again."),
    "password": Message("The password was changed. The person's sessions have ended."),
    "link": Message("The account was linked. The person's sessions have ended."),
    "second-factor": Message("The second factor was removed."),
    "attest": Message("You attested the account: its signing roles take effect."),
}


@dataclass(frozen=True, slots=True)
class AccountPage:
    """One account."""

    template: ClassVar[str] = "accounts/account.html"
    fields: ClassVar[Mapping[str, tuple[FormField, ...]]] = {name: form_fields(form) for name, form in FORMS.items()}
    """Of each of the forms."""
    roles: ClassVar[Sequence[tuple[str, Message]]] = ROLES
    frame: Frame
    detail: AccountDetail
    reauthentication: Reauthentication
    """How anyone who attests proves who they are."""
    issuer: str
    forms: Mapping[str, FormState]


async def account_page(
    pages: Pages, request: Request, account_id: str, rejected_forms: Mapping[str, FormState] | None = None
) -> AccountPage:
    """The page of an account; `rejected_forms` is the form that has to be filled in again. Raises UnknownAccount."""
    service, reader = pages.service, principal_of(request).actor
    detail = await run_read(service, lambda session: read_account_detail(session, account_id, reader))
    roles = {"roles": tuple(role.value for role in detail.account.roles)}
    return AccountPage(
        frame=pages.frame(request, NOTICES),
        detail=detail,
        reauthentication=reauthentication_state(
            service, request, service.clock.now(), f"/accounts/{quote_segment(account_id)}#attestation"
        ),
        issuer=service.settings.oidc_issuer or "",
        forms={
            **{name: pages.new_form() for name in FORMS},
            "roles": FormState(pages.new_form().key, roles),
            **(rejected_forms or {}),
        },
    )
