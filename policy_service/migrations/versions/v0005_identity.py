"""The tables of `identity`."""

from alembic import op
from sqlalchemy import Boolean, Column, ForeignKeyConstraint, Integer, PrimaryKeyConstraint, String, UniqueConstraint

from policy_service.append_only import create_triggers

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Makes the tables, those first that others refer to."""
    _account()
    _api_key()
    _oidc_flow()
    _sign_in_failure()
    _account_change()
    _api_key_revocation()
    _api_key_use()
    _credential()
    _signed_in()


def _account() -> None:
    op.create_table(
        "account",
        Column("id", String(36), nullable=False),
        Column("name", String(64), nullable=False),
        Column("printed_name", String(100), nullable=False),
        Column("created_at", String(27), nullable=False),
        Column("created_by", String(64), nullable=False),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("name"),
    )
    create_triggers(op.get_bind(), "account", ["id"], ["name"])


def _api_key() -> None:
    op.create_table(
        "api_key",
        Column("id", String(36), nullable=False),
        Column("name", String(100), nullable=False),
        Column("digest", String(64), nullable=False),
        Column("scopes", String(200), nullable=False),
        Column("issued_at", String(27), nullable=False),
        Column("issued_by", String(64), nullable=False),
        Column("expires_at", String(27), nullable=False),
        PrimaryKeyConstraint("id"),
    )
    create_triggers(op.get_bind(), "api_key", ["id"])


def _oidc_flow() -> None:
    op.create_table(
        "oidc_flow",
        Column("state", String(64), nullable=False),
        Column("browser", String(64), nullable=False),
        Column("nonce", String(64), nullable=False),
        Column("verifier", String(128), nullable=False),
        Column("started_at", String(27), nullable=False),
        Column("session", String(36), nullable=True),
        PrimaryKeyConstraint("state"),
    )


def _sign_in_failure() -> None:
    op.create_table(
        "sign_in_failure",
        Column("name", String(64), nullable=False),
        Column("count", Integer(), nullable=False),
        Column("since", String(27), nullable=False),
        Column("last", String(27), nullable=False),
        Column("blocks", Integer(), nullable=False),
        Column("blocked_until", String(27), nullable=True),
        PrimaryKeyConstraint("name"),
    )
    op.create_index(op.f("ix_sign_in_failure_last"), "sign_in_failure", ["last"], unique=False)


def _account_change() -> None:
    op.create_table(
        "account_change",
        Column("seq", Integer(), autoincrement=False, nullable=False),
        Column("account", String(36), nullable=False),
        Column("at", String(27), nullable=False),
        Column("by", String(64), nullable=False),
        Column("roles", String(200), nullable=True),
        Column("enabled", Boolean(), nullable=True),
        Column("issuer", String(300), nullable=True),
        Column("subject", String(255), nullable=True),
        Column("password", Boolean(), nullable=False),
        Column("vouched", Boolean(), nullable=False),
        ForeignKeyConstraint(["account"], ["account.id"]),
        PrimaryKeyConstraint("seq"),
    )
    op.create_index("account_change_external", "account_change", ["issuer", "subject"], unique=False)
    op.create_index(op.f("ix_account_change_account"), "account_change", ["account"], unique=False)
    create_triggers(op.get_bind(), "account_change", ["seq"])


def _api_key_revocation() -> None:
    op.create_table(
        "api_key_revocation",
        Column("api_key", String(36), nullable=False),
        Column("at", String(27), nullable=False),
        Column("by", String(64), nullable=False),
        ForeignKeyConstraint(["api_key"], ["api_key.id"]),
        PrimaryKeyConstraint("api_key"),
    )
    create_triggers(op.get_bind(), "api_key_revocation", ["api_key"])


def _api_key_use() -> None:
    op.create_table(
        "api_key_use",
        Column("api_key", String(36), nullable=False),
        Column("used_at", String(27), nullable=False),
        ForeignKeyConstraint(["api_key"], ["api_key.id"]),
        PrimaryKeyConstraint("api_key"),
    )


def _credential() -> None:
    op.create_table(
        "credential",
        Column("account", String(36), nullable=False),
        Column("password_hash", String(200), nullable=False),
        Column("changed_at", String(27), nullable=False),
        ForeignKeyConstraint(["account"], ["account.id"]),
        PrimaryKeyConstraint("account"),
    )


def _signed_in() -> None:
    op.create_table(
        "signed_in",
        Column("id", String(36), nullable=False),
        Column("digest", String(64), nullable=False),
        Column("account", String(36), nullable=False),
        Column("method", String(16), nullable=False),
        Column("started_at", String(27), nullable=False),
        Column("seen_at", String(27), nullable=False),
        Column("confirmed_at", String(27), nullable=True),
        Column("ended_at", String(27), nullable=True),
        Column("ended_why", String(40), nullable=True),
        ForeignKeyConstraint(["account"], ["account.id"]),
        PrimaryKeyConstraint("id"),
        UniqueConstraint("digest"),
    )
    op.create_index(op.f("ix_signed_in_account"), "signed_in", ["account"], unique=False)
