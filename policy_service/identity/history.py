"""The history of an account: its creation and every change, with actor and time."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session, col, select

from policy_service.actor import SERVICE, Role
from policy_service.identity.account import ExternalIdentity
from policy_service.identity.tables import AccountChangeRow, AccountRow, roles_of

MAX_REVISIONS = 200
"""Maximum number of changes shown; older ones are in the log."""


@dataclass(frozen=True, slots=True)
class AccountRevision:
    """One change of an account; None for what did not change."""

    at: datetime
    by: str
    by_name: str
    """The printed name of the actor."""
    by_owner: bool
    is_first: bool
    """True for the creation of the account."""
    before: frozenset[Role]
    """The roles before the change."""
    roles: frozenset[Role] | None
    enabled: bool | None
    external: ExternalIdentity | None
    password: bool
    attested: bool


def history(session: Session, account: str) -> list[AccountRevision]:
    """Return the latest changes of an account, newest first."""
    query = select(AccountChangeRow).where(AccountChangeRow.account == account)
    rows = list(session.exec(query.order_by(col(AccountChangeRow.seq).desc()).limit(MAX_REVISIONS + 1)))[::-1]
    by = {row.by for row in rows}
    people = session.exec(select(AccountRow).where(col(AccountRow.id).in_(by)))
    names = {SERVICE.id: SERVICE.printed_name, **{row.id: row.printed_name for row in people}}
    revisions = list(_revisions(rows, names))
    return revisions[::-1][:MAX_REVISIONS]


def _revisions(rows: list[AccountChangeRow], names: dict[str, str]) -> Iterator[AccountRevision]:
    before: frozenset[Role] = frozenset()
    for position, row in enumerate(rows):
        roles = roles_of(row)
        external = None if row.issuer is None or row.subject is None else ExternalIdentity(row.issuer, row.subject)
        yield AccountRevision(
            at=row.at,
            by=row.by,
            by_name=names.get(row.by, row.by),
            by_owner=row.by == row.account,
            is_first=position == 0 and len(rows) <= MAX_REVISIONS,
            before=before,
            roles=roles,
            enabled=row.enabled,
            external=external,
            password=row.password,
            attested=row.attested,
        )
        before = before if roles is None else roles
