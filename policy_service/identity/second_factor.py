"""A second factor for signatures: one-time codes by time (TOTP, RFC 6238), six digits of HMAC-SHA-1 every 30 seconds.

An account has one secret or none; an application on its owner's telephone makes the same codes. A code counts within
one step of 30 seconds on either side, and once: the step that was used last is kept, and of a secret that was removed
the log tells when, so that no code that may have been used counts again where the same secret is set up anew.

The database has a seed, `key:seed`. The secret is the log's key's MAC of the account and the seed, so whoever reads the
database alone makes no codes. Where a log has no key the seed is the secret.
"""

from __future__ import annotations

import base64
import hmac
import secrets
from datetime import datetime
from urllib.parse import quote

from sqlmodel import Session

from policy_service.actor import Actor
from policy_service.audit.events import SecondFactorRemoved, SecondFactorSet
from policy_service.audit.guard import keys_of
from policy_service.audit.log import EntryFilter, append, entries
from policy_service.audit.log_key import NO_KEY
from policy_service.audit.rows import current_key
from policy_service.database import Transaction
from policy_service.identity.errors import IdentityConflict
from policy_service.identity.service import read_account, require_administrator
from policy_service.identity.tables import SecondFactorRow
from policy_service.messages import Message

STEP_SECONDS = 30
WINDOW = 1
"""Steps before and after now whose codes count."""
SECRET_BYTES = 20
"""As long as what HMAC-SHA-1 gives (RFC 4226, section 4)."""
ISSUER = "policy-service"
WRONG_CODE = Message("The code does not belong to this key: enter the newest one.")


def new_seed(session: Session) -> str:
    """Return a seed that nobody can guess. Raises KeyUnavailable."""
    return f"{_seed_prefix(session)}{_base32(secrets.token_bytes(SECRET_BYTES))}"


def secret_of(session: Session, account: str, seed: str) -> str | None:
    """Return the secret of an account's seed, in Base32 as applications take it; None when its key is not at hand.

    Raises KeyUnavailable.
    """
    key_id, _, text = seed.rpartition(":")
    if not key_id:
        return text
    key = keys_of(session).get(key_id)
    return None if key is None else _base32(key.tag("second-factor", f"{account}\n{text}".encode())[:SECRET_BYTES])


def _seed_prefix(session: Session) -> str:
    """Return the key that seeds are made for now."""
    key = current_key(session)
    return "" if key is NO_KEY else f"{key.id}:"


def _base32(content: bytes) -> str:
    return base64.b32encode(content).decode()


def step_of(instant: datetime) -> int:
    """Return the number of the step that an instant lies in."""
    return int(instant.timestamp()) // STEP_SECONDS


def code_at(secret: str, step: int) -> str:
    """Return the code of a step (RFC 4226, section 5.3)."""
    digest = hmac.digest(base64.b32decode(secret), step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 15
    return f"{(int.from_bytes(digest[offset : offset + 4], 'big') & 0x7FFFFFFF) % 10**6:06}"


def matching_step(secret: str, code: str, now: datetime, last_step: int) -> int | None:
    """Return the step of a code that counts at an instant and was not used before; None when there is none."""
    current = step_of(now)
    steps = range(max(current - WINDOW, last_step + 1), current + WINDOW + 1)
    digits = "".join(code.split()).encode()
    return next((step for step in steps if hmac.compare_digest(code_at(secret, step).encode(), digits)), None)


def proving_step(session: Session, account: str, seed: str, code: str, now: datetime) -> int | None:
    """Return the step of a code that proves a new seed; None when it does not, or when the seed is none.

    Raises KeyUnavailable.
    """
    prefix = _seed_prefix(session)
    try:
        is_seed = seed.startswith(prefix) and len(base64.b32decode(seed.removeprefix(prefix))) == SECRET_BYTES
    except ValueError:  # binascii.Error among them
        return None
    secret = secret_of(session, account, seed) if is_seed else None
    return None if secret is None else matching_step(secret, code, now, 0)


def address_of(secret: str, name: str) -> str:
    """Return the address by which an application takes the secret up, for an account of this name."""
    return f"otpauth://totp/{ISSUER}:{quote(name)}?secret={secret}&issuer={ISSUER}"


def enrolled_at(session: Session, account: str) -> datetime | None:
    """Return since when an account has a second factor; None when it has none."""
    row = session.get(SecondFactorRow, account)
    return row.created_at if row else None


def enrol(transaction: Transaction, actor: Actor, seed: str, code: str) -> None:
    """Give the actor's own account a second factor, proved by a code of it.

    Raises IdentityConflict when it has one already, or when the code does not count; KeyUnavailable.
    """
    if enrolled_at(transaction.session, actor.id) is not None:
        raise IdentityConflict(Message("Your account has a second factor: remove it first."))
    step = proving_step(transaction.session, actor.id, seed, code, transaction.now)
    if step is None:
        raise IdentityConflict(WRONG_CODE)
    last_step = max(step, _last_step_removed(transaction.session, actor.id))
    row = SecondFactorRow(account=actor.id, seed=seed, created_at=transaction.now, last_step=last_step)
    transaction.session.add(row)
    transaction.session.flush()
    append(transaction, actor, SecondFactorSet(actor.id, actor.name))


def _last_step_removed(session: Session, account: str) -> int:
    """Return the last step whose code may have been used before the account's second factor was removed; 0 of none."""
    criteria = EntryFilter(event=SecondFactorRemoved.name, about=f"account:{account}")
    return max((step_of(removal.at) + WINDOW for removal in entries(session, criteria, limit=1)), default=0)


def remove(transaction: Transaction, actor: Actor, account: str) -> None:
    """Take the second factor of an account away: one's own, or anyone's by an administrator.

    Raises IdentityPermissionDenied, UnknownAccount, IdentityConflict when there is none.
    """
    owner = read_account(transaction.session, account)
    if actor.id != account:
        require_administrator(actor)
    row = transaction.session.get(SecondFactorRow, account)
    if row is None:
        raise IdentityConflict(Message("The account has no second factor."))
    transaction.session.delete(row)
    transaction.session.flush()
    append(transaction, actor, SecondFactorRemoved(account, owner.name))


def use_code(transaction: Transaction, account: str, code: str) -> bool:
    """Return True if a code of an account's second factor counts now; it then counts no more. Raises KeyUnavailable."""
    row = transaction.session.get(SecondFactorRow, account)
    secret = secret_of(transaction.session, account, row.seed) if row else None
    if row is None or secret is None:
        return False
    step = matching_step(secret, code, transaction.now, row.last_step)
    if step is None:
        return False
    row.last_step = step
    transaction.session.flush()
    return True
