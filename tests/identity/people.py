"""Accounts for tests."""

from sqlmodel import col, select

from policy_service.actor import SERVICE, Role
from policy_service.audit.tables import AuditEntry
from policy_service.database import Database, Transaction
from policy_service.identity import second_factor
from policy_service.identity.account import Account
from policy_service.identity.passwords import hash_password
from policy_service.identity.service import create_account
from tests.databases import TestClock

SECRET = "correct horse battery staple"  # noqa: S105  # nobody's


def make(transaction: Transaction, name: str, *roles: Role, password: str | None = SECRET) -> Account:
    """Makes an account that nobody has attested."""
    password_hash = None if password is None else hash_password(password)
    return create_account(
        transaction, SERVICE, name=name, printed_name=f"The {name}", roles=roles, password_hash=password_hash
    )


def made(database: Database, clock: TestClock, name: str, *roles: Role, password: str | None = SECRET) -> Account:
    """Makes an account in a transaction of its own."""
    with database.write(clock) as transaction:
        return make(transaction, name, *roles, password=password)


def enrol(transaction: Transaction, account: Account, seed: str | None = None) -> str:
    """Gives an account a second factor; gives its secret."""
    seed = seed or second_factor.new_seed(transaction.session)
    secret = second_factor.secret_of(transaction.session, account.id, seed)
    assert secret is not None
    code = second_factor.code_at(secret, second_factor.step_of(transaction.now))
    second_factor.enrol(transaction, account.actor(), seed, code)
    return secret


def event_names(database: Database) -> list[str]:
    """The names of the events in the log, in order."""
    with database.read() as session:
        return list(session.exec(select(AuditEntry.event).order_by(col(AuditEntry.seq))))
