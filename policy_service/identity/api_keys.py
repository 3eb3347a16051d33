"""API keys: the credentials of machines.

A key has a name, scopes (the roles it may act in), and an expiry, at most 400 days away. It can read and decide, but
never write policies, sign, or manage accounts.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from sqlmodel import Session, col, select

from policy_service.actor import Actor, Role
from policy_service.audit.events import ApiKeyIssued, ApiKeyRevoked
from policy_service.audit.log import append
from policy_service.clock import timestamp
from policy_service.database import Transaction
from policy_service.identity.account import may_administer
from policy_service.identity.errors import (
    FieldError,
    IdentityPermissionDenied,
    IdentityValidationFailed,
    UnknownApiKey,
    line_error,
)
from policy_service.identity.tables import ApiKeyRow, KeyUseRow, RevocationRow
from policy_service.identity.tokens import digest_of, format_key, new_token
from policy_service.integrity import DamagedRecord, reading_row
from policy_service.messages import Message, join_comma

SCOPES = (Role.INTEGRATION, Role.COMPLIANCE)
"""Possible scopes: decide, and read what compliance reads."""
MAX_LIFETIME = timedelta(days=400)
"""One year, plus a month for rotation."""
MAX_NAME = 100
EXPIRING_WITHIN = timedelta(days=30)
"""How long before its expiry a key should be replaced."""
ApiKeyStatus = Literal["open", "expiring", "expired", "revoked"]


@dataclass(frozen=True, slots=True)
class ApiKey:
    """The current state of a key; only its owner knows the secret."""

    id: str
    name: str
    digest: str
    scopes: frozenset[Role]
    issued_at: datetime
    issued_by: str
    expires_at: datetime
    revoked_at: datetime | None = None
    used_at: datetime | None = None

    def is_valid(self, now: datetime) -> bool:
        """Return True if the key can authenticate now."""
        return self.revoked_at is None and now < self.expires_at

    def status(self, now: datetime) -> ApiKeyStatus:
        """Return its status: active, expiring soon, expired, or revoked."""
        if self.revoked_at is not None:
            return "revoked"
        if now >= self.expires_at:
            return "expired"
        return "expiring" if now >= self.expires_at - EXPIRING_WITHIN else "open"

    def actor(self) -> Actor:
        """Return the machine as an actor."""
        return Actor(self.id, self.name, self.name, self.scopes, "machine")


@dataclass(frozen=True, slots=True)
class IssuedKey:
    """A new key and its text, which is shown once."""

    key: ApiKey
    text: str


def api_keys(session: Session, *, skip_damaged: bool = False) -> dict[str, ApiKey]:
    """Return every key ever issued, by its identifier, in the order of issuing.

    Raises DamagedRecord, unless skipped.
    """
    revoked = {row.api_key: row.at for row in session.exec(select(RevocationRow))}
    last_used = {row.api_key: row.used_at for row in session.exec(select(KeyUseRow))}
    rows = session.exec(select(ApiKeyRow).order_by(col(ApiKeyRow.issued_at), col(ApiKeyRow.id)))
    keys = {}
    for row in rows:
        with suppress(DamagedRecord) if skip_damaged else nullcontext():
            keys[row.id] = _api_key(row, revoked.get(row.id), last_used.get(row.id))
    return keys


def find_key_by_name(session: Session, name: str) -> str | None:
    """Return the identifier of the first API key with this name; None if there is none."""
    return session.exec(select(ApiKeyRow.id).where(ApiKeyRow.name == name).order_by(col(ApiKeyRow.id))).first()


def issue_key(
    transaction: Transaction, actor: Actor, *, name: str, scopes: Iterable[Role], expires_at: datetime
) -> IssuedKey:
    """Issue a key. Raises IdentityPermissionDenied, IdentityValidationFailed."""
    if (permission := may_administer(actor)) is not True:
        raise IdentityPermissionDenied(permission)
    scope_set, now = frozenset(scopes), transaction.now
    if errors := api_key_errors(name, scope_set, expires_at, now):
        raise IdentityValidationFailed(errors)
    token = new_token()
    row = ApiKeyRow(
        id=transaction.new_id(),
        name=name,
        digest=digest_of(token),
        scopes=" ".join(sorted(scope_set)),
        issued_at=now,
        issued_by=actor.id,
        expires_at=expires_at,
    )
    transaction.session.add(row)
    transaction.session.flush()
    append(transaction, actor, ApiKeyIssued(row.id, name, tuple(sorted(scope_set)), timestamp(expires_at)))
    return IssuedKey(_api_key(row, None, None), format_key(row.id, token))


def revoke_key(transaction: Transaction, actor: Actor, api_key: str) -> ApiKey:
    """Revoke a key; idempotent. Raises IdentityPermissionDenied, UnknownApiKey."""
    if (permission := may_administer(actor)) is not True:
        raise IdentityPermissionDenied(permission)
    session = transaction.session
    row = session.get(ApiKeyRow, api_key)
    if row is None:
        raise UnknownApiKey(Message("no API key has the identifier {key}", key=api_key))
    if session.get(RevocationRow, api_key) is None:
        session.add(RevocationRow(api_key=api_key, at=transaction.now, by=actor.id))
        session.flush()
        append(transaction, actor, ApiKeyRevoked(api_key, row.name))
    return api_keys(session)[api_key]


def api_key_errors(name: str, scopes: frozenset[Role], expires_at: datetime, now: datetime) -> list[FieldError]:
    """List the errors of a requested key."""
    errors = list(filter(None, [line_error("name", name, MAX_NAME)]))
    if not scopes or not scopes <= frozenset(SCOPES):
        expected = Message(
            "one or more of {scopes}: a machine neither writes, nor signs, nor manages accounts",
            scopes=join_comma(scope.value for scope in SCOPES),
        )
        errors.append(FieldError("scopes", ", ".join(sorted(scopes)), expected))
    if not now < expires_at <= now + MAX_LIFETIME:
        expected = Message("an instant in the future, at most {days} days away", days=MAX_LIFETIME.days)
        errors.append(FieldError("expires_at", timestamp(expires_at), expected))
    return errors


def record_key_use(transaction: Transaction, api_key: str, at: datetime) -> None:
    """Store that a key was used."""
    session = transaction.session
    row = session.get(KeyUseRow, api_key)
    if row is None:
        session.add(KeyUseRow(api_key=api_key, used_at=at))
    elif row.used_at < at:
        row.used_at = at


def _api_key(row: ApiKeyRow, revoked_at: datetime | None, used_at: datetime | None) -> ApiKey:
    with reading_row("api_key", row.id):
        scopes = frozenset(map(Role, row.scopes.split()))
    return ApiKey(
        row.id, row.name, row.digest, scopes, row.issued_at, row.issued_by, row.expires_at, revoked_at, used_at
    )
