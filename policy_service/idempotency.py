"""One effect for one key: the answer to a write is kept under its `Idempotency-Key`, in the transaction of the write.

    stored = find_response(transaction.session, principal, key, fingerprint)   # repeated request: same response again
    if stored is None:
        …                                                                      # the effect
        store_response(transaction, principal, key, fingerprint, StoredResponse(201, body))

The fingerprint is of the whole request. A key that comes again with another request is refused. Refusals are not kept:
nothing was done, so the same key may be used again.
"""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import cast

from sqlalchemy import Column, LargeBinary, Table, bindparam, select
from sqlmodel import Field, Session, SQLModel

from policy_service.append_only import make_append_only
from policy_service.database import Instant, Transaction
from policy_service.errors import PolicyServiceError
from policy_service.messages import Message

KEY = re.compile(r"[\x21-\x7e]{1,200}")
"""1 to 200 visible ASCII characters."""
BATCH_SIZE = 500
"""Keys asked for in one statement."""
ScopedKey = tuple[str, str]
"""The principal, and the key it chose."""


class IdempotencyKeyReused(PolicyServiceError):
    """The key was used before, for another request."""

    kind = "idempotency-key-reused"

    def __init__(self) -> None:
        super().__init__(Message("this idempotency key was used for another request: take a new key for a new request"))


class InvalidIdempotencyKey(ValueError):
    """The key is none."""

    def __init__(self) -> None:
        super().__init__(Message("an idempotency key is 1 to 200 visible ASCII characters"))


@dataclass(frozen=True, slots=True)
class StoredResponse:
    """The answer that was given."""

    status: int
    body: bytes


class IdempotencyRow(SQLModel, table=True):
    """An answer under the key of its request; keys of different principals have nothing to do with each other."""

    __tablename__ = "idempotency"

    principal: str = Field(primary_key=True, max_length=64)
    key: str = Field(primary_key=True, max_length=200)
    fingerprint: str = Field(max_length=71)
    status: int
    body: bytes = Field(sa_column=Column(LargeBinary, nullable=False))
    created_at: datetime = Field(sa_type=Instant)


make_append_only(IdempotencyRow)
_ROW = cast("Table", IdempotencyRow.__table__).c  # type: ignore[attr-defined]  # SQLModel does not declare it
_RESPONSES_OF_KEYS = select(_ROW.key, _ROW.fingerprint, _ROW.status, _ROW.body).where(
    _ROW.principal == bindparam("principal"), _ROW.key.in_(bindparam("keys", expanding=True))
)


def check_key(key: str) -> None:
    """Raises InvalidIdempotencyKey when the text cannot be a key."""
    if not KEY.fullmatch(key):
        raise InvalidIdempotencyKey


def fingerprint_of(method: str, path: str, body: bytes) -> str:
    """The digest of a whole request."""
    head = f"{method}\n{path}\n".encode()
    return f"sha256:{hashlib.sha256(head + body).hexdigest()}"


def find_response(session: Session, principal: str, key: str, fingerprint: str) -> StoredResponse | None:
    """The answer that was given to this request; None when it is new. Raises IdempotencyKeyReused."""
    row = session.get(IdempotencyRow, (principal, key))
    if row is None:
        return None
    if row.fingerprint != fingerprint:
        raise IdempotencyKeyReused
    return StoredResponse(row.status, row.body)


def find_responses(session: Session, scoped_keys: Iterable[ScopedKey]) -> dict[ScopedKey, tuple[str, StoredResponse]]:
    """Those of the keys that were used, each with the fingerprint of its request and the answer."""
    keys: dict[str, list[str]] = {}
    for principal, key in scoped_keys:
        keys.setdefault(principal, []).append(key)
    responses: dict[ScopedKey, tuple[str, StoredResponse]] = {}
    for principal, principal_keys in keys.items():
        for start in range(0, len(principal_keys), BATCH_SIZE):
            parameters = {"principal": principal, "keys": principal_keys[start : start + BATCH_SIZE]}
            for key, fingerprint, status, body in session.connection().execute(_RESPONSES_OF_KEYS, parameters):
                responses[principal, key] = (fingerprint, StoredResponse(status, body))
    return responses


def store_response(
    transaction: Transaction, principal: str, key: str, fingerprint: str, response: StoredResponse
) -> None:
    """Keeps the answer with the effect."""
    transaction.session.add(
        IdempotencyRow(
            principal=principal,
            key=key,
            fingerprint=fingerprint,
            status=response.status,
            body=response.body,
            created_at=transaction.now,
        )
    )
    transaction.session.flush()
