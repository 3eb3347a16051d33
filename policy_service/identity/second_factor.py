"""The second factor of signatures: time-based one-time codes (TOTP, RFC 6238), six digits every 30 seconds.

An account has one secret or none; an application on its owner's telephone computes the same codes (HMAC-SHA-1). A code
is valid within one step of 30 seconds on either side, and once: the last used step is stored, and the log records when
a secret was removed, so that no used code is valid again if the same secret is set up again.

The database holds a seed, `key:seed`. The secret is the MAC of the account and the seed under the log's key, so the
database alone does not suffice to compute codes. If the log has no key, the seed is the secret.
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
"""Steps before and after the current one whose codes are valid."""
SECRET_BYTES = 20
"""The length of an HMAC-SHA-1 value (RFC 4226, section 4)."""
ISSUER = "policy-service"
WRONG_CODE = Message("The code does not belong to this key: enter the newest one.")


def new_seed(session: Session) -> str:
    """Return a new random seed. Raises KeyUnavailable."""
    return f"{_seed_prefix(session)}{_base32(secrets.token_bytes(SECRET_BYTES))}"


def secret_of(session: Session, account: str, seed: str) -> str | None:
    """Return the secret of an account's seed, in Base32 as applications take it; None if its key is unavailable."""
    key_id, _, text = seed.rpartition(":")
    if not key_id:
        return text
    key = keys_of(session).get(key_id)
    return None if key is None else _base32(key.tag("second-factor", f"{account}\n{text}".encode())[:SECRET_BYTES])


def _seed_prefix(session: Session) -> str:
    """Return the key under which new seeds are used."""
    key = current_key(session)
    return "" if key is NO_KEY else f"{key.id}:"


def _base32(content: bytes) -> str:
    return base64.b32encode(content).decode()


def step_of(instant: datetime) -> int:
    """Return the number of the step of an instant."""
    return int(instant.timestamp()) // STEP_SECONDS


def code_at(secret: str, step: int) -> str:
    """Return the code of a step (RFC 4226, section 5.3)."""
    digest = hmac.digest(base64.b32decode(secret), step.to_bytes(8, "big"), "sha1")
    offset = digest[-1] & 15
    return f"{(int.from_bytes(digest[offset : offset + 4], 'big') & 0x7FFFFFFF) % 10**6:06}"


def matching_step(secret: str, code: str, now: datetime, last_step: int) -> int | None:
    """Return the unused step of a valid code; None if the code is invalid or was used."""
    current = step_of(now)
    steps = range(max(current - WINDOW, last_step + 1), current + WINDOW + 1)
    digits = "".join(code.split()).encode()
    return next((step for step in steps if hmac.compare_digest(code_at(secret, step).encode(), digits)), None)


def proving_step(session: Session, account: str, seed: str, code: str, now: datetime) -> int | None:
    """Return the step of a code that proves a new seed; None if the code or the seed is invalid."""
    prefix = _seed_prefix(session)
    try:
        is_seed = seed.startswith(prefix) and len(base64.b32decode(seed.removeprefix(prefix))) == SECRET_BYTES
    except ValueError:  # binascii.Error among them
        return None
    secret = secret_of(session, account, seed) if is_seed else None
    return None if secret is None else matching_step(secret, code, now, 0)


def address_of(secret: str, name: str) -> str:
    """Return the `otpauth:` address of the secret, for an account with this name."""
    return f"otpauth://totp/{ISSUER}:{quote(name)}?secret={secret}&issuer={ISSUER}"


def enrolled_at(session: Session, account: str) -> datetime | None:
    """Return since when an account has a second factor; None if it has none."""
    row = session.get(SecondFactorRow, account)
    return row.created_at if row else None


def enrol(transaction: Transaction, actor: Actor, seed: str, code: str) -> None:
    """Give the actor's own account a second factor, proved by a code.

    Raises IdentityConflict if it has one already, or the code is invalid; KeyUnavailable.
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
    """Return the last step whose code may have been used before the second factor was removed; 0 if none was."""
    criteria = EntryFilter(event=SecondFactorRemoved.name, about=f"account:{account}")
    return max((step_of(removal.at) + WINDOW for removal in entries(session, criteria, limit=1)), default=0)


def remove(transaction: Transaction, actor: Actor, account: str) -> None:
    """Remove the second factor of an account: one's own, or any as an administrator."""
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
    """Consume a code of an account's second factor; return True if it was valid. Raises KeyUnavailable."""
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
