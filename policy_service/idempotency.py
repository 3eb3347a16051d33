"""One effect for one key: the answer to a write is kept under its `Idempotency-Key`, in the transaction of the write.

    stored = recall(transaction.session, principal, key, fingerprint)   # answered before: answer the same again
    if stored is None:
        …                                                               # the effect
        remember(transaction, principal, key, fingerprint, Stored(201, body))

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

from policy_service.append_only import append_only
from policy_service.database import Instant, Transaction
from policy_service.sentences import Sentence

KEY = re.compile(r"[\x21-\x7e]{1,200}")
"""1 to 200 visible ASCII characters."""
AT_ONCE = 500
"""Keys asked for in one statement."""
Name = tuple[str, str]
"""The principal, and the key it chose."""


class KeyReused(Exception):
    """The key was used before, for another request."""

    def __init__(self) -> None:
        super().__init__(
            Sentence("this idempotency key was used for another request: take a new key for a new request")
        )


class KeyRefused(ValueError):
    """The key is none."""

    def __init__(self) -> None:
        super().__init__(Sentence("an idempotency key is 1 to 200 visible ASCII characters"))


@dataclass(frozen=True, slots=True)
class Stored:
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


append_only(IdempotencyRow)
_ROW = cast("Table", IdempotencyRow.__table__).c  # type: ignore[attr-defined]  # SQLModel does not declare it
_USED = select(_ROW.key, _ROW.fingerprint, _ROW.status, _ROW.body).where(
    _ROW.principal == bindparam("principal"), _ROW.key.in_(bindparam("wanted", expanding=True))
)


def check_key(key: str) -> None:
    """Raises KeyRefused when the text cannot be a key."""
    if not KEY.fullmatch(key):
        raise KeyRefused


def fingerprint_of(method: str, path: str, body: bytes) -> str:
    """The digest of a whole request."""
    head = f"{method}\n{path}\n".encode()
    return f"sha256:{hashlib.sha256(head + body).hexdigest()}"


def recall(session: Session, principal: str, key: str, fingerprint: str) -> Stored | None:
    """The answer that was given to this request; None when it is new. Raises KeyReused."""
    row = session.get(IdempotencyRow, (principal, key))
    if row is None:
        return None
    if row.fingerprint != fingerprint:
        raise KeyReused
    return Stored(row.status, row.body)


def recall_all(session: Session, names: Iterable[Name]) -> dict[Name, tuple[str, Stored]]:
    """Those of the keys that were used, each with the fingerprint of its request and the answer."""
    keys: dict[str, list[str]] = {}
    for principal, key in names:
        keys.setdefault(principal, []).append(key)
    found: dict[Name, tuple[str, Stored]] = {}
    for principal, wanted in keys.items():
        for start in range(0, len(wanted), AT_ONCE):
            some = {"principal": principal, "wanted": wanted[start : start + AT_ONCE]}
            for key, fingerprint, status, body in session.connection().execute(_USED, some):
                found[principal, key] = (fingerprint, Stored(status, body))
    return found


def remember(transaction: Transaction, principal: str, key: str, fingerprint: str, answer: Stored) -> None:
    """Keeps the answer with the effect."""
    transaction.session.add(
        IdempotencyRow(
            principal=principal,
            key=key,
            fingerprint=fingerprint,
            status=answer.status,
            body=answer.body,
            created_at=transaction.now,
        )
    )
    transaction.session.flush()
