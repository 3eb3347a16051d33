"""`/accounts/{account}`: one account, its history, and what the reader may do with it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Annotated, ClassVar

from pydantic import Field
from sqlmodel import Session
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
from policy_service.account_history import AccountHistoryItem, history_items
from policy_service.actor import Actor, Role
from policy_service.identity import service as identity
from policy_service.identity.account import (
    MAX_EXTERNAL_SUBJECT,
    MAX_ISSUER,
    Account,
    PermissionResult,
    may_administer,
    may_change_roles,
    may_disable,
    may_link,
)
from policy_service.identity.attestation import can_be_attested, may_attest
from policy_service.identity.history import history
from policy_service.identity.second_factor import enrolled_at
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
    frame: Frame
    account: Account
    may_administer: PermissionResult
    may_change_roles: PermissionResult
    may_disable: PermissionResult
    may_set_password: PermissionResult
    may_link: PermissionResult
    may_attest: PermissionResult
    """True, or why not; for each of the forms."""
    fields: Mapping[str, tuple[FormField, ...]]
    """Of each of the forms."""
    reauthentication: Reauthentication
    """How anyone who attests proves who they are."""
    issuer: str
    forms: Mapping[str, FormState]
    roles: Sequence[tuple[str, Message]]
    history: tuple[AccountHistoryItem, ...]
    factor_since: datetime | None
    """Since when the account has a second factor; None when it has none."""


async def account_page(
    pages: Pages, request: Request, account_id: str, rejected_forms: Mapping[str, FormState] | None = None
) -> AccountPage:
    """The page of an account; `rejected_forms` is the form that has to be filled in again. Raises UnknownAccount."""

    def query(session: Session) -> tuple[dict[str, Account], tuple[AccountHistoryItem, ...], datetime | None]:
        identity.read_account(session, account_id)
        items = history_items(history(session, account_id))
        return identity.accounts(session), items, enrolled_at(session, account_id)

    accounts, items, factor_since = await run_read(pages.service, query)
    actor, account = principal_of(request).actor, accounts[account_id]
    return AccountPage(
        frame=pages.frame(request, NOTICES.get(request.query_params.get("done", ""))),
        account=account,
        may_administer=may_administer(actor),
        may_change_roles=may_change_roles(actor, account, account.roles, accounts),
        may_disable=may_disable(actor, account, accounts),
        may_set_password=_may_set_password(actor, account),
        may_link=may_link(actor, account),
        may_attest=_may_attest(actor, account, accounts),
        fields=FIELDS,
        reauthentication=reauthentication_state(
            pages.service, request, pages.service.clock.now(), f"/accounts/{quote_segment(account_id)}#attestation"
        ),
        issuer=pages.service.settings.oidc_issuer or "",
        forms={
            **{name: pages.new_form() for name in FORMS},
            "roles": _roles_form(pages, account),
            **(rejected_forms or {}),
        },
        roles=ROLES,
        history=items,
        factor_since=factor_since,
    )


def _roles_form(pages: Pages, account: Account) -> FormState:
    """The form of the roles, with those that the account has."""
    return FormState(pages.new_form().key, {"roles": tuple(role.value for role in account.roles)})


def _may_set_password(actor: Actor, account: Account) -> PermissionResult:
    if actor.id == account.id:
        return Message("Change your own password under “My account”.")
    return may_administer(actor)


def _may_attest(actor: Actor, account: Account, accounts: Mapping[str, Account]) -> PermissionResult:
    if (permission := may_attest(actor, account, accounts)) is not True:
        return permission
    return can_be_attested(account, actor)
