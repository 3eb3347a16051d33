"""`/accounts`: everybody who has an account."""

from __future__ import annotations

from collections.abc import Sequence
from typing import cast

from sqlmodel import Session

from api.kit.frame import Frame
from api.kit.table import (
    Table,
    TableColumn,
    TableContext,
    TableFilter,
    TableQuery,
    denied_reason,
)
from policy_service.actor import Role
from policy_service.clock import instants_between
from policy_service.identity.account import Account
from policy_service.identity.queries import AccountFilter, AccountSort, AccountStatus, list_accounts
from policy_service.labels import enum_label
from policy_service.messages import Message
from policy_service.paging import Page

STATUS_NAMES: Sequence[tuple[str, Message]] = (
    ("enabled", Message("may sign in")),
    ("waiting", Message("signing roles await attestation")),
    ("disabled", Message("disabled")),
)
ROLES: Sequence[tuple[str, Message]] = tuple((role.value, enum_label(role)) for role in Role)


def _read_page(session: Session, context: TableContext, query: TableQuery) -> Page[Account]:
    role, status = query.filters["role"], cast("AccountStatus | None", query.filters["state"] or None)
    _, until = instants_between(None, query.day("on"), context.service.zone)
    criteria = AccountFilter(query.filters["q"], Role(role) if role else None, status, until)
    return list_accounts(
        session, criteria, sort=cast("AccountSort", query.sort), cursor=query.cursor, limit=query.limit
    )


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
