"""Rows of identity. The history of persons is append-only; secrets and temporary state are not.

A password's hash is replaced, not stored beside the new one: an old hash may still reveal a password that its owner
uses elsewhere.
"""

from __future__ import annotations

from datetime import datetime

from sqlalchemy import BigInteger, Index
from sqlmodel import Field, SQLModel

from policy_service.actor import Role
from policy_service.append_only import make_append_only
from policy_service.database import Instant
from policy_service.integrity import reading_row


class AccountRow(SQLModel, table=True):
    """The creation of an account; its name is never reused."""

    __tablename__ = "account"

    id: str = Field(primary_key=True, max_length=36)
    name: str = Field(max_length=64, unique=True)
    printed_name: str = Field(max_length=100)
    created_at: datetime = Field(sa_type=Instant)
    created_by: str = Field(max_length=64)


class AccountChangeRow(SQLModel, table=True):
    """A change of an account; null columns did not change. Roles are separated by blanks.

    `password`: one was set; `attested`: a person attested the account's state at that time.
    """

    __tablename__ = "account_change"
    __table_args__ = (Index("account_change_external", "issuer", "subject"),)

    seq: int = Field(primary_key=True, sa_column_kwargs={"autoincrement": False})
    account: str = Field(max_length=36, foreign_key="account.id", index=True)
    at: datetime = Field(sa_type=Instant)
    by: str = Field(max_length=64)
    roles: str | None = Field(default=None, max_length=200)
    enabled: bool | None = None
    issuer: str | None = Field(default=None, max_length=300)
    subject: str | None = Field(default=None, max_length=255)
    password: bool = False
    attested: bool = Field(default=False, sa_column_kwargs={"name": "vouched"})


class CredentialRow(SQLModel, table=True):
    """The current hash of an account's password."""

    __tablename__ = "credential"

    account: str = Field(primary_key=True, max_length=36, foreign_key="account.id")
    password_hash: str = Field(max_length=200)
    changed_at: datetime = Field(sa_type=Instant)


class SecondFactorRow(SQLModel, table=True):
    """The seed of an account's one-time codes, and the last used step."""

    __tablename__ = "second_factor"

    account: str = Field(primary_key=True, max_length=36, foreign_key="account.id")
    seed: str = Field(max_length=64, sa_column_kwargs={"name": "secret"})
    """The key of the log that derives the secret, and the seed; if the log has no key, the secret itself."""
    created_at: datetime = Field(sa_type=Instant)
    last_step: int = Field(sa_type=BigInteger)


class SessionRow(SQLModel, table=True):
    """A session of a person, with the digest of its token."""

    __tablename__ = "signed_in"

    id: str = Field(primary_key=True, max_length=36)
    digest: str = Field(max_length=64, unique=True)
    account: str = Field(max_length=36, foreign_key="account.id", index=True)
    method: str = Field(max_length=16)
    started_at: datetime = Field(sa_type=Instant)
    last_used_at: datetime = Field(sa_type=Instant, sa_column_kwargs={"name": "seen_at"})
    confirmed_at: datetime | None = Field(default=None, sa_type=Instant)
    ended_at: datetime | None = Field(default=None, sa_type=Instant)
    end_reason: str | None = Field(default=None, max_length=40, sa_column_kwargs={"name": "ended_why"})


class ApiKeyRow(SQLModel, table=True):
    """An issued key, with the digest of its secret."""

    __tablename__ = "api_key"

    id: str = Field(primary_key=True, max_length=36)
    name: str = Field(max_length=100)
    digest: str = Field(max_length=64)
    scopes: str = Field(max_length=200)
    issued_at: datetime = Field(sa_type=Instant)
    issued_by: str = Field(max_length=64)
    expires_at: datetime = Field(sa_type=Instant)


class RevocationRow(SQLModel, table=True):
    """The revocation of a key."""

    __tablename__ = "api_key_revocation"

    api_key: str = Field(primary_key=True, max_length=36, foreign_key="api_key.id")
    at: datetime = Field(sa_type=Instant)
    by: str = Field(max_length=64)


class KeyUseRow(SQLModel, table=True):
    """The last use of a key, to within some minutes."""

    __tablename__ = "api_key_use"

    api_key: str = Field(primary_key=True, max_length=36, foreign_key="api_key.id")
    used_at: datetime = Field(sa_type=Instant)


class FailureRow(SQLModel, table=True):
    """The count of wrong passwords for a name, under the digest of the name."""

    __tablename__ = "sign_in_failure"

    name: str = Field(primary_key=True, max_length=64)
    count: int
    first_failed_at: datetime = Field(sa_type=Instant, sa_column_kwargs={"name": "since"})
    last_failed_at: datetime = Field(sa_type=Instant, index=True, sa_column_kwargs={"name": "last"})
    blocks: int
    blocked_until: datetime | None = Field(default=None, sa_type=Instant)


class OidcFlowRow(SQLModel, table=True):
    """A pending authentication at the identity provider, under the digest of `state`."""

    __tablename__ = "oidc_flow"

    state: str = Field(primary_key=True, max_length=64)
    browser: str = Field(max_length=64)
    nonce: str = Field(max_length=64)
    verifier: str = Field(max_length=128)
    started_at: datetime = Field(sa_type=Instant)
    session: str | None = Field(default=None, max_length=36)


for _model in (AccountRow, AccountChangeRow, ApiKeyRow, RevocationRow):
    make_append_only(_model)


def roles_of(row: AccountChangeRow) -> frozenset[Role] | None:
    """Return the roles set by a change of an account; None if they did not change. Raises DamagedRecord."""
    with reading_row("account_change", row.seq):
        return None if row.roles is None else frozenset(map(Role, row.roles.split()))
