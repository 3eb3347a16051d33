"""`/accounts`, `/accounts/new`: the list of accounts, and the form of a new one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Annotated, ClassVar, cast

from pydantic import Field, SecretStr
from sqlmodel import Session

from api.auth.confirmation import hash_password
from api.kit.context import PageContext
from api.kit.form_action import FormAction, FormRequest
from api.kit.form_fields import MAX_PASSWORD, FormField, Widget, form_fields
from api.kit.forms import FieldErrors, FormModel, FormState
from api.kit.frame import Frame, Page
from api.kit.listing import quote_segment
from api.kit.page_route import PageRoute
from api.kit.passwords import field_errors, password_errors
from api.kit.table import Table, TableColumn, TableFilter, TableQuery, denied_reason
from policy_service.actor import Role
from policy_service.clock import instants_between
from policy_service.database import Transaction
from policy_service.identity import service as identity
from policy_service.identity.account import MAX_NAME, MAX_PRINTED_NAME, Account
from policy_service.identity.queries import AccountFilter, AccountStatus, list_accounts
from policy_service.labels import enum_label
from policy_service.messages import Message
from policy_service.paging import Page as ListPage

STATUS_NAMES: Sequence[tuple[str, Message]] = (
    ("enabled", Message("may sign in")),
    ("waiting", Message("signing roles await attestation")),
    ("disabled", Message("disabled")),
)
ROLES: Sequence[tuple[str, Message]] = tuple((role.value, enum_label(role)) for role in Role)


def _read_page(session: Session, context: PageContext, query: TableQuery) -> ListPage[Account]:
    role, status = query.filters["role"], cast("AccountStatus | None", query.filters["state"] or None)
    _, until = instants_between(None, query.day("on"), context.service.zone)
    criteria = AccountFilter(query.filters["q"], Role(role) if role else None, status, until)
    return list_accounts(session, criteria, **query.paging)


def _state(account: Account, _: Frame) -> Message:
    if not account.enabled:
        return Message("disabled")
    return Message("signing roles await attestation") if account.pending_roles else Message("may sign in")


ACCOUNTS: Table[Account] = Table(
    path="/accounts",
    title=Message("Accounts"),
    about=Message("Who may sign in, and in which roles."),
    columns=(
        TableColumn("name", Message("Name"), lambda each, _: each.name, is_sortable=True),
        TableColumn("printed_name", Message("Person"), lambda each, _: each.printed_name, is_sortable=True),
        TableColumn("roles", Message("Roles"), lambda each, _: sorted(each.roles)),
        TableColumn("state", Message("State"), _state),
        TableColumn("created", Message("Since"), lambda each, _: each.created_at, is_sortable=True),
        TableColumn("id", Message("Identifier"), lambda each, _: each.id, is_export_only=True),
    ),
    filters=(
        TableFilter("q", Message("Name contains")),
        TableFilter("role", Message("Role"), "choice", ROLES),
        TableFilter("state", Message("State"), "choice", STATUS_NAMES),
        TableFilter("on", Message("As on the day"), "day"),
    ),
    sort="name",
    read=_read_page,
    row_id=lambda each: each.id,
    cells="accounts/_cells.html",
    empty=(Message("There is no account yet."), Message("An administrator makes the first one at set-up.")),
    no_match=Message("No matching accounts."),
    read_extra=denied_reason("/accounts"),
)


class NewAccountForm(FormModel):
    """The fields of a new account; without a password the person can only sign in at the identity provider."""

    printed_name: Annotated[
        str, Widget("text", Message("Printed name in signatures")), Field(max_length=MAX_PRINTED_NAME)
    ]
    name: Annotated[
        str,
        Widget(
            "name",
            Message("User name"),
            Message(
                "3 to 64 small letters, digits, points, hyphens or underscores, beginning with a "
                "letter. A name is never reused."
            ),
        ),
        Field(max_length=MAX_NAME),
    ]
    roles: Annotated[
        tuple[Role, ...],
        Widget(
            "checks",
            Message("Roles"),
            Message(
                "Signing roles take effect when the person has changed the password and compliance "
                "has attested the account. An administrator has no other role."
            ),
        ),
    ] = ()
    password: Annotated[
        SecretStr,
        Widget(
            "new-password",
            Message("First password"),
            Message("Hand it over in person: it is shown nowhere. The person changes it."),
        ),
        Field(max_length=MAX_PASSWORD),
    ] = SecretStr("")
    again: Annotated[
        SecretStr, Widget("new-password", Message("Repeat the password")), Field(max_length=MAX_PASSWORD)
    ] = SecretStr("")


@dataclass(frozen=True, slots=True)
class NewAccountPage:
    """The form of a new account."""

    template: ClassVar[str] = "accounts/new_account.html"
    fields: ClassVar[tuple[FormField, ...]] = form_fields(NewAccountForm)
    form: FormState
    roles: Sequence[tuple[str, Message]]
    has_provider: bool
    """True if there is an identity provider to sign in at."""


async def new_account_page(context: PageContext, form: FormState) -> Page:
    """Return the form of a new account."""
    return NewAccountPage(form, ROLES, context.service.provider is not None)


async def _validate(form: FormRequest[NewAccountForm]) -> FieldErrors:
    """Return the errors of a new account, by field."""
    values = form.values
    errors = field_errors(identity.account_errors(values.name, values.printed_name, values.roles))
    password, repeated = values.password.get_secret_value(), values.again.get_secret_value()
    if password or repeated:
        words = form.service.settings.words
        errors |= password_errors("password", password, repeated, values.name, values.printed_name, *words)
    return errors


async def _hash_password(form: FormRequest[NewAccountForm]) -> str | None:
    password = form.values.password.get_secret_value()
    return await hash_password(password) if password else None


def _create(transaction: Transaction, form: FormRequest[NewAccountForm]) -> Account:
    values = form.values
    return identity.create_account(
        transaction,
        form.actor,
        name=values.name,
        printed_name=values.printed_name,
        roles=values.roles,
        password_hash=form.prepared,
    )


CREATE = FormAction(
    "/accounts",
    NewAccountForm,
    page=new_account_page,
    command=_create,
    done=lambda _, account: f"/accounts/{quote_segment(account.id)}?done=created",
    validate=_validate,
    prepare=_hash_password,
)


ROUTES = (
    CREATE,
    PageRoute("/accounts/new", new_account_page, prefilled=()),
)
