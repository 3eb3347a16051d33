"""API keys: what a machine shows instead of a name and a password.

A key has a name, scopes (the roles it may act in), and an end, at most 400 days away. It can read and decide; it can
neither write policies, nor sign, nor manage accounts, whatever its scopes are.
"""

from __future__ import annotations

from collections.abc import Iterable
from contextlib import nullcontext, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from policy_service.actor import Actor, Role
from policy_service.audit.events import ApiKeyIssued, ApiKeyRevoked
from policy_service.audit.log import append
from policy_service.clock import timestamp
from policy_service.damaged import DamagedRecord, row_of
from policy_service.database import Transaction
from policy_service.identity.account import may_administer
from policy_service.identity.refusals import Fault, Malformed, NotAllowed, UnknownKey, fault_of_line
from policy_service.identity.tables import ApiKeyRow, KeyUseRow, RevocationRow
from policy_service.identity.tokens import digest_of, key_text, new_token
from policy_service.sentences import Sentence, listed

SCOPES = (Role.INTEGRATION, Role.COMPLIANCE)
"""What a machine may be let do: decide; read what compliance reads."""
LONGEST = timedelta(days=400)
"""A year, and a month to rotate in."""
LONGEST_NAME = 100


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key as it is now; its secret is known to its owner only."""

    id: str
    name: str
    digest: str
    scopes: frozenset[Role]
    issued_at: datetime
    issued_by: str
    expires_at: datetime
    revoked_at: datetime | None = None
    used_at: datetime | None = None

    def opens(self, now: datetime) -> bool:
        """Whether it lets anybody in."""
        return self.revoked_at is None and now < self.expires_at

    def actor(self) -> Actor:
        """The machine as one who acts."""
        return Actor(self.id, self.name, self.name, self.scopes, "machine")


@dataclass(frozen=True, slots=True)
class Issued:
    """A key that was just made, and its text, which is shown once."""

    key: ApiKey
    text: str


def api_keys(session: Session, *, skip_damaged: bool = False) -> dict[str, ApiKey]:
    """Every key ever issued, by its identifier, in the order of issuing. Raises DamagedRecord, unless skipped."""
    revoked = {row.api_key: row.at for row in session.exec(select(RevocationRow))}
    used = {row.api_key: row.used_at for row in session.exec(select(KeyUseRow))}
    rows = session.exec(select(ApiKeyRow).order_by(col(ApiKeyRow.issued_at), col(ApiKeyRow.id)))
    keys = {}
    for row in rows:
        with suppress(DamagedRecord) if skip_damaged else nullcontext():
            keys[row.id] = _api_key(row, revoked.get(row.id), used.get(row.id))
    return keys


def issue_key(
    transaction: Transaction, actor: Actor, *, name: str, scopes: Iterable[Role], expires_at: datetime
) -> Issued:
    """Makes a key. Raises NotAllowed, Malformed."""
    if (verdict := may_administer(actor)) is not True:
        raise NotAllowed(verdict)
    held, now = frozenset(scopes), transaction.now
    if faults := faults_of(name, held, expires_at, now):
        raise Malformed(faults)
    token = new_token()
    row = ApiKeyRow(
        id=transaction.new_id(),
        name=name,
        digest=digest_of(token),
        scopes=" ".join(sorted(held)),
        issued_at=now,
        issued_by=actor.id,
        expires_at=expires_at,
    )
    transaction.session.add(row)
    transaction.session.flush()
    append(transaction, actor, ApiKeyIssued(row.id, name, tuple(sorted(held)), timestamp(expires_at)))
    return Issued(_api_key(row, None, None), key_text(row.id, token))


def revoke_key(transaction: Transaction, actor: Actor, api_key: str) -> ApiKey:
    """Takes a key back; one that was taken back before stays so. Raises NotAllowed, UnknownKey."""
    if (verdict := may_administer(actor)) is not True:
        raise NotAllowed(verdict)
    session = transaction.session
    row = session.get(ApiKeyRow, api_key)
    if row is None:
        raise UnknownKey(Sentence("no API key has the identifier {key}", key=api_key))
    if session.get(RevocationRow, api_key) is None:
        session.add(RevocationRow(api_key=api_key, at=transaction.now, by=actor.id))
        session.flush()
        append(transaction, actor, ApiKeyRevoked(api_key, row.name))
    return api_keys(session)[api_key]


def faults_of(name: str, scopes: frozenset[Role], expires_at: datetime, now: datetime) -> list[Fault]:
    """What is wrong with a key that is asked for."""
    faults = list(filter(None, [fault_of_line("name", name, LONGEST_NAME)]))
    if not scopes or not scopes <= frozenset(SCOPES):
        expected = Sentence(
            "one or more of {scopes}: a machine neither writes, nor signs, nor manages accounts",
            scopes=listed(scope.value for scope in SCOPES),
        )
        faults.append(Fault("scopes", ", ".join(sorted(scopes)), expected))
    if not now < expires_at <= now + LONGEST:
        expected = Sentence("an instant in the future, at most {days} days away", days=LONGEST.days)
        faults.append(Fault("expires_at", timestamp(expires_at), expected))
    return faults


def was_used(transaction: Transaction, api_key: str, at: datetime) -> None:
    """Writes down that a key was used."""
    session = transaction.session
    row = session.get(KeyUseRow, api_key)
    if row is None:
        session.add(KeyUseRow(api_key=api_key, used_at=at))
    elif row.used_at < at:
        row.used_at = at


def _api_key(row: ApiKeyRow, revoked_at: datetime | None, used_at: datetime | None) -> ApiKey:
    with row_of("api_key", row.id):
        scopes = frozenset(map(Role, row.scopes.split()))
    return ApiKey(
        row.id, row.name, row.digest, scopes, row.issued_at, row.issued_by, row.expires_at, revoked_at, used_at
    )
