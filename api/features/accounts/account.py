"""`/accounts/{account}`: one account, its history, and the forms that change it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Annotated, Any, ClassVar

from pydantic import Field
from sqlmodel import Session

from api.auth.confirmation import hash_password
from api.features.accounts.accounts import ROLES
from api.kit.context import PageContext
from api.kit.form_action import EmptyForm, FormAction, FormRequest, page_with_form
from api.kit.form_fields import FormField, Proof, Widget, form_fields
from api.kit.forms import FieldErrors, FormModel, FormState
from api.kit.listing import quote_segment
from api.kit.page_route import PageRoute
from api.kit.passwords import NewPasswordForm, field_errors
from policy_service.account_detail import AccountDetail, read_account_detail
from policy_service.actor import Role
from policy_service.database import Transaction
from policy_service.identity import second_factor
from policy_service.identity import service as identity
from policy_service.identity.account import MAX_EXTERNAL_SUBJECT, MAX_ISSUER, ExternalIdentity, roles_error
from policy_service.messages import Message

SINGLE_LINE = "^[^\\x00-\\x1f\\x7f-\\x9f]*$"


class RolesForm(FormModel):
    """The new roles of an account."""

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
"""The forms of the page, by the last step of their address."""


@dataclass(frozen=True, slots=True)
class AccountPage:
    """One account."""

    template: ClassVar[str] = "accounts/account.html"
    fields: ClassVar[Mapping[str, tuple[FormField, ...]]] = {name: form_fields(form) for name, form in FORMS.items()}
    """The fields of each form."""
    roles: ClassVar[Sequence[tuple[str, Message]]] = ROLES
    notices: ClassVar[Mapping[str, Message]] = {
        "created": Message("The account was created."),
        "roles": Message("The roles were changed. The person's sessions have ended."),
        "disable": Message("The account was disabled. The person's sessions have ended."),
        "enable": Message("The person may sign in again."),
        "password": Message("The password was changed. The person's sessions have ended."),
        "link": Message("The account was linked. The person's sessions have ended."),
        "second-factor": Message("The second factor was removed."),
        "attest": Message("You attested the account: its signing roles take effect."),
    }
    detail: AccountDetail
    issuer: str
    forms: Mapping[str, FormState]


def account_page(
    session: Session, context: PageContext, account_id: str, rejected_forms: Mapping[str, FormState] | None = None
) -> AccountPage:
    """Return the page of an account; `rejected_forms` is the form to be corrected."""
    detail = read_account_detail(session, account_id, context.actor)
    roles = {"roles": tuple(role.value for role in detail.account.roles)}
    return AccountPage(
        detail=detail,
        issuer=context.service.settings.oidc_issuer or "",
        forms={
            **{name: context.new_form() for name in FORMS},
            "roles": FormState(context.new_form().key, roles),
            **(rejected_forms or {}),
        },
    )


AccountCommand = Callable[[Transaction, Any, str], object]
"""Changes the account with an identifier, given a form."""


async def _validate_roles(form: FormRequest[RolesForm]) -> FieldErrors:
    error = roles_error(frozenset(form.values.roles))
    return field_errors([error]) if error is not None else {}


async def _validate_password(form: FormRequest[NewPasswordForm]) -> FieldErrors:
    owner = await form.context.read(lambda session: identity.read_account(session, form.path["account"]))
    return form.values.errors(owner.name, owner.printed_name, *form.service.settings.words)


async def _hash_password(form: FormRequest[NewPasswordForm]) -> str:
    return await hash_password(form.values.new.get_secret_value())


def _link(transaction: Transaction, form: FormRequest[LinkForm], account: str) -> None:
    external = ExternalIdentity(form.values.issuer.rstrip("/"), form.values.subject)
    identity.link(transaction, form.actor, account, external)


def _etag(session: Session, form: FormRequest[Any]) -> str:
    return identity.read_account(session, form.path["account"]).etag


def _action(
    name: str,
    command: AccountCommand,
    *,
    validate: Callable[[FormRequest[Any]], Awaitable[FieldErrors]] | None = None,
    prepare: Callable[[FormRequest[Any]], Awaitable[Any]] | None = None,
    confirm: bool = False,
) -> FormAction[Any]:
    return FormAction(
        f"/accounts/{{account}}/{name}",
        FORMS[name],
        page=partial(page_with_form, page=account_page, name=name),
        command=lambda transaction, form: command(transaction, form, form.path["account"]),
        done=lambda form, _: f"/accounts/{quote_segment(form.path['account'])}?done={name}",
        validate=validate,
        etag=_etag,
        prepare=prepare,
        confirm=confirm,
    )


ROUTES = (
    PageRoute("/accounts/{account}", account_page),
    _action(
        "roles",
        lambda transaction, form, account: identity.change_roles(transaction, form.actor, account, form.values.roles),
        validate=_validate_roles,
    ),
    _action("disable", lambda transaction, form, account: identity.disable(transaction, form.actor, account)),
    _action("enable", lambda transaction, form, account: identity.enable(transaction, form.actor, account)),
    _action(
        "password",
        lambda transaction, form, account: identity.set_password(transaction, form.actor, account, form.prepared),
        validate=_validate_password,
        prepare=_hash_password,
    ),
    _action("link", _link),
    _action("second-factor", lambda transaction, form, account: second_factor.remove(transaction, form.actor, account)),
    _action(
        "attest",
        lambda transaction, form, account: identity.attest(transaction, form.actor, account, expected=form.etag),
        confirm=True,
    ),
)
