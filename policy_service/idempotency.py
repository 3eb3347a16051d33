"""Idempotency: the answer to a write is stored under its `Idempotency-Key`, in the transaction of the write.

    stored = find_response(transaction.session, principal, key, fingerprint)   # repeated request: same response again
    if stored is None:
        …                                                                      # the effect
        store_response(transaction, principal, key, fingerprint, StoredResponse(201, body))

The fingerprint covers the whole request, and is stored in a MAC with the answer, so that a forged answer in the
database is detected. A key reused with another request is rejected, as is one whose answer was altered, or stored
before the log had a key. Rejections are not stored: they had no effect, so the key may be used again.
"""

from __future__ import annotations

import hashlib
import hmac
import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Column, LargeBinary, bindparam, select
from sqlmodel import Field, Session, SQLModel

from policy_service.append_only import make_append_only
from policy_service.audit.guard import keys_of
from policy_service.audit.log_key import LogKey, key_id_of
from policy_service.canonical import to_canonical_json_unchecked
from policy_service.database import Instant, Transaction
from policy_service.database.declared import table_of
from policy_service.errors import PolicyServiceError
from policy_service.messages import Message

KEY = re.compile(r"[\x21-\x7e]{1,200}")
"""1 to 200 visible ASCII characters."""
MARK_LENGTH = 71
BATCH_SIZE = 500
"""Keys per query."""
ScopedKey = tuple[str, str]
"""The principal, and its idempotency key."""


class IdempotencyKeyReused(PolicyServiceError):
    """The key was used for another request."""

    kind = "idempotency-key-reused"

    def __init__(self) -> None:
        super().__init__(Message("this idempotency key was used for another request: take a new key for a new request"))


class InvalidIdempotencyKey(ValueError):
    """The key is invalid."""

    def __init__(self) -> None:
        super().__init__(Message("an idempotency key is 1 to 200 visible ASCII characters"))


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """The stored answer."""

    status: int
    body: bytes


@dataclass(frozen=True, slots=True)
class IdempotentRequest:
    """The identity of a request: the caller, their idempotency key, and the digest of the request."""

    principal: str
    key: str
    fingerprint: str


@dataclass(frozen=True, slots=True)
class RecordedResponse:
    """A stored answer, with the MAC that binds it to its request."""

    name: ScopedKey
    mark: str
    response: StoredResponse
    keys: Mapping[str, LogKey]
    """The keys of the log; empty if it has none."""

    def is_to(self, fingerprint: str) -> bool:
        """Return True if the service gave this answer to a request with this fingerprint."""
        if not self.keys:
            return self.mark == fingerprint
        key = self.keys.get(key_id_of(self.mark))
        if key is None:
            return False
        return hmac.compare_digest(self.mark.encode(), mark_of(key, self.name, fingerprint, self.response).encode())


class IdempotencyRow(SQLModel, table=True):
    """An answer under the key of its request; keys of different principals are independent."""

    __tablename__ = "idempotency"

    principal: str = Field(primary_key=True, max_length=64)
    key: str = Field(primary_key=True, max_length=200)
    fingerprint: str = Field(max_length=MARK_LENGTH)
    """The MAC of the request's fingerprint and the answer; without a key of the log, the fingerprint."""
    status: int
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at: datetime = Field(sa_type=Instant)


make_append_only(IdempotencyRow)
_ROW = table_of(IdempotencyRow).c
_RESPONSES_OF_KEYS = select(_ROW.key, _ROW.fingerprint, _ROW.status, _ROW.body).where(
    _ROW.principal == bindparam("principal"), _ROW.key.in_(bindparam("keys", expanding=True))
)


def check_key(key: str) -> None:
    """Raise InvalidIdempotencyKey if the text cannot be a key."""
    if not KEY.fullmatch(key):
        raise InvalidIdempotencyKey


def fingerprint_of(method: str, path: str, body: bytes) -> str:
    """Return the digest of a whole request."""
    head = f"{method}\n{path}\n".encode()
    return f"sha256:{hashlib.sha256(head + body).hexdigest()}"


def find_response(session: Session, principal: str, key: str, fingerprint: str) -> StoredResponse | None:
    """Return the stored answer to this request; None if the request is new. Raises IdempotencyKeyReused."""
    recorded = find_responses(session, [(principal, key)]).get((principal, key))
    if recorded is None:
        return None
    if not recorded.is_to(fingerprint):
        raise IdempotencyKeyReused
    return recorded.response


def run_once(
    transaction: Transaction, request: IdempotentRequest, command: Callable[[Transaction], StoredResponse]
) -> tuple[StoredResponse, bool]:
    """Return the answer, and whether it is new: another process may have answered while this one waited."""
    name = request.principal, request.key, request.fingerprint
    if (stored := find_response(transaction.session, *name)) is not None:
        return stored, False
    stored = command(transaction)
    store_response(transaction, *name, stored)
    return stored, True


def find_responses(session: Session, scoped_keys: Iterable[ScopedKey]) -> dict[ScopedKey, RecordedResponse]:
    """Return the answers stored under the keys. Raises KeyUnavailable."""
    log_keys, keys = keys_of(session), dict[str, list[str]]()
    for principal, key in scoped_keys:
        keys.setdefault(principal, []).append(key)
    responses: dict[ScopedKey, RecordedResponse] = {}
    for principal, principal_keys in keys.items():
        for start in range(0, len(principal_keys), BATCH_SIZE):
            parameters = {"principal": principal, "keys": principal_keys[start : start + BATCH_SIZE]}
            for key, mark, status, body in session.connection().execute(_RESPONSES_OF_KEYS, parameters):
                response = StoredResponse(status, body)
                responses[principal, key] = RecordedResponse((principal, key), mark, response, log_keys)
    return responses


def mark_of(log_key: LogKey | None, name: ScopedKey, fingerprint: str, response: StoredResponse) -> str:
    """Return the MAC stored with the answer to a request."""
    if log_key is None:
        return fingerprint
    head = to_canonical_json_unchecked([*name, fingerprint, response.status])
    mac = log_key.tag("answer", b"%b\n%b" % (head, bytes(response.body))).hex()
    return f"{log_key.id}:{mac}"[:MARK_LENGTH]


def store_response(
    transaction: Transaction, principal: str, key: str, fingerprint: str, response: StoredResponse
) -> None:
    """Store the answer with the effect. Raises KeyUnavailable."""
    log_key = next(reversed([*keys_of(transaction.session).values()]), None)
    transaction.session.add(
        IdempotencyRow(
            principal=principal,
            key=key,
            fingerprint=mark_of(log_key, (principal, key), fingerprint, response),
            status=response.status,
            body=response.body,
            created_at=transaction.now,
        )
    )
    transaction.session.flush()
