"""Accounts: reads rows, applies the rules, adds rows, writes the log. Passwords arrive as hashes."""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime

from sqlmodel import Session, col, func, select

from policy_service.actor import Actor, Role
from policy_service.audit.events import (
    AccountAttested,
    AccountCreated,
    AccountDisabled,
    AccountEnabled,
    AccountLinked,
    Event,
    PasswordChanged,
    RolesChanged,
)
from policy_service.audit.log import append
from policy_service.characters import skeleton
from policy_service.database import Transaction
from policy_service.identity import passwords
from policy_service.identity.account import (
    NAME,
    Account,
    AccountChange,
    ExternalIdentity,
    PermissionResult,
    external_errors,
    fold,
    may_administer,
    may_change_roles,
    may_disable,
    may_link,
    name_errors,
    roles_error,
)
from policy_service.identity.attestation import can_be_attested, may_attest, may_attest_now
from policy_service.identity.errors import (
    FieldError,
    IdentityConflict,
    IdentityPermissionDenied,
    IdentityValidationFailed,
    StaleAccount,
    UnknownAccount,
)
from policy_service.identity.sessions import end_all
from policy_service.identity.tables import AccountChangeRow, AccountRow, CredentialRow, roles_of
from policy_service.messages import Message


def accounts(
    session: Session, only: Collection[str] | None = None, *, until: datetime | None = None
) -> dict[str, Account]:
    """Return every current account, or `only` those with these identifiers, by identifier, in order of creation.

    `until` returns the accounts as they were just before an instant.
    """
    change_query, account_query = select(AccountChangeRow), select(AccountRow)
    if until is not None:
        change_query = change_query.where(col(AccountChangeRow.at) < until)
        account_query = account_query.where(col(AccountRow.created_at) < until)
    if only is not None:
        change_query = change_query.where(col(AccountChangeRow.account).in_(only))
        account_query = account_query.where(col(AccountRow.id).in_(only))
    changes: dict[str, list[AccountChange]] = {}
    for row in session.exec(change_query.order_by(col(AccountChangeRow.seq))):
        changes.setdefault(row.account, []).append(_change_from_row(row))
    account_rows = session.exec(account_query.order_by(col(AccountRow.created_at), col(AccountRow.id)))
    return {row.id: fold(_initial_account(row), changes.get(row.id, ())) for row in account_rows}


def awaiting_attestation(session: Session, actor: Actor) -> tuple[Account, ...]:
    """Return the accounts that await attestation and that the actor may attest."""
    all_accounts = accounts(session)
    return tuple(
        account
        for account in all_accounts.values()
        if account.pending_roles is not None and may_attest_now(actor, account, all_accounts) is True
    )


def read_account(session: Session, account: str) -> Account:
    """Return one account. Raises UnknownAccount."""
    row = session.get(AccountRow, account)
    if row is None:
        raise UnknownAccount(Message("no account has the identifier {account}", account=account))
    return _account_from_row(session, row)


def find_account_by_name(session: Session, name: str) -> Account | None:
    """Return the account with this name; None if there is none."""
    if not NAME.fullmatch(name):
        return None
    row = session.exec(select(AccountRow).where(AccountRow.name == name)).first()
    return None if row is None else _account_from_row(session, row)


def printed_names(session: Session, actors: Iterable[str]) -> dict[str, str]:
    """Return the printed names of those among the actors who are people with an account, by their identifiers."""
    query = select(AccountRow.id, AccountRow.printed_name).where(col(AccountRow.id).in_(sorted(actors)))
    return dict(session.exec(query).all())


def find_account_by_external(session: Session, external: ExternalIdentity) -> Account | None:
    """Return the account linked to this external identity; None if there is none."""
    query = select(AccountChangeRow.account).where(
        AccountChangeRow.issuer == external.issuer, AccountChangeRow.subject == external.subject
    )
    linked = (read_account(session, account) for account in dict.fromkeys(session.exec(query)))
    return next((account for account in linked if account.external == external), None)


def account_errors(
    name: str, printed_name: str, roles: Iterable[Role], password: str | None = None, words: Iterable[str] = ()
) -> list[FieldError]:
    """Return all errors of a new account and of its password, if any; `words` are the company's."""
    role_error = roles_error(frozenset(roles))
    password_error = None if password is None else password_field_error(password, name, printed_name, *words)
    return [*name_errors(name, printed_name), *filter(None, [role_error, password_error])]


def password_field_error(password: str, *names: str) -> FieldError | None:
    """Return the error of a new password, without the password."""
    expected = passwords.password_error(password, *names)
    return None if expected is None else FieldError("password", "…", expected)


def create_account(  # noqa: PLR0913  # what an account is made from
    transaction: Transaction,
    actor: Actor,
    *,
    name: str,
    printed_name: str,
    roles: Iterable[Role],
    password_hash: str | None = None,
) -> Account:
    """Create an account; without a password the person can only sign in by the identity provider.

    Its signing roles take effect once another person has attested it. Raises IdentityPermissionDenied,
    IdentityValidationFailed, and IdentityConflict if the name is taken or the printed name resembles another.
    """
    _require(may_administer(actor))
    role_set = frozenset(roles)
    if errors := account_errors(name, printed_name, role_set):
        raise IdentityValidationFailed(errors)
    session = transaction.session
    if find_account_by_name(session, name) is not None:
        raise IdentityConflict(Message("The name {name} is taken, and names are never reused.", name=name))
    if (lookalike := _find_lookalike(session, printed_name)) is not None:
        raise IdentityConflict(
            Message(
                "The printed name {printed} looks like that of {account}, and signatures are distinguished by it: "
                "add something that distinguishes the two people.",
                printed=printed_name,
                account=lookalike,
            )
        )
    id_, now = transaction.new_id(), transaction.now
    row = AccountRow(id=id_, name=name, printed_name=printed_name, created_at=now, created_by=actor.id)
    session.add(row)
    session.flush()
    _add_change(transaction, actor, id_, AccountChange(role_set, enabled=True, password=password_hash is not None))
    if password_hash is not None:
        session.add(CredentialRow(account=id_, password_hash=password_hash, changed_at=now))
        session.flush()
    append(transaction, actor, AccountCreated(id_, name, printed_name, tuple(sorted(role_set))))
    return _account_from_row(session, row)


def _find_lookalike(session: Session, printed_name: str) -> str | None:
    """Return the name of an account whose printed name looks like this one; None if there is none."""
    skeleton_ = _printed_skeleton(printed_name)
    rows = session.exec(select(AccountRow).order_by(col(AccountRow.created_at), col(AccountRow.id)))
    return next((row.name for row in rows if _printed_skeleton(row.printed_name) == skeleton_), None)


def _printed_skeleton(printed_name: str) -> str:
    """Return the visual skeleton of a name, equal for names that differ in case, blanks and lookalike letters."""
    return skeleton("".join(skeleton(printed_name).casefold().split()))


def change_roles(transaction: Transaction, actor: Actor, account: str, roles: Iterable[Role]) -> Account:
    """Replace the roles of an account, and end its sessions."""
    account_before, role_set = read_account(transaction.session, account), frozenset(roles)
    _require(may_change_roles(actor, account_before, role_set, accounts(transaction.session)))
    if (error := roles_error(role_set)) is not None:
        raise IdentityValidationFailed([error])
    if role_set == account_before.roles:
        return account_before
    event = RolesChanged(account, account_before.name, tuple(sorted(account_before.roles)), tuple(sorted(role_set)))
    return _record_change(transaction, actor, account, AccountChange(roles=role_set), event, "roles changed")


def disable(transaction: Transaction, actor: Actor, account: str) -> Account:
    """Disable an account, and end its sessions. Raises IdentityPermissionDenied, UnknownAccount."""
    account_before = read_account(transaction.session, account)
    _require(may_disable(actor, account_before, accounts(transaction.session)))
    if not account_before.enabled:
        return account_before
    event = AccountDisabled(account, account_before.name)
    return _record_change(transaction, actor, account, AccountChange(enabled=False), event, "account disabled")


def enable(transaction: Transaction, actor: Actor, account: str) -> Account:
    """Enable an account. Raises IdentityPermissionDenied, UnknownAccount."""
    account_before = read_account(transaction.session, account)
    _require(may_administer(actor))
    if account_before.enabled:
        return account_before
    event = AccountEnabled(account, account_before.name)
    return _record_change(transaction, actor, account, AccountChange(enabled=True), event, None)


def link(transaction: Transaction, actor: Actor, account: str, external: ExternalIdentity) -> Account:
    """Link an account to an identity at the provider."""
    account_before = read_account(transaction.session, account)
    _require(may_link(actor, account_before))
    if errors := external_errors(external):
        raise IdentityValidationFailed(errors)
    linked = find_account_by_external(transaction.session, external)
    if linked is not None and linked.id != account:
        raise IdentityConflict(
            Message(
                "This person of {issuer} is linked to {account} already.", issuer=external.issuer, account=linked.name
            )
        )
    if account_before.external == external:
        return account_before
    event = AccountLinked(account, account_before.name, external.issuer, external.subject)
    return _record_change(transaction, actor, account, AccountChange(external=external), event, "account linked")


def attest(transaction: Transaction, actor: Actor, account: str, *, expected: str | None = None) -> Account:
    """Attest that only its owner controls the account, so that its signing roles take effect.

    `expected` is the `etag` that the actor saw. Raises IdentityPermissionDenied, IdentityConflict, StaleAccount,
    UnknownAccount.
    """
    account_before = read_account(transaction.session, account)
    _require(may_attest(actor, account_before, accounts(transaction.session)))
    if expected not in {None, account_before.etag}:
        raise StaleAccount(
            Message("The account {account} has changed since you read it. Read it again.", account=account_before.name)
        )
    if account_before.attested:
        return account_before
    if (permission := can_be_attested(account_before, actor)) is not True:
        raise IdentityConflict(permission)
    event = AccountAttested(account, account_before.name, tuple(sorted(account_before.signing_roles)))
    return _record_change(transaction, actor, account, AccountChange(attested=True), event, None)


def set_password(transaction: Transaction, actor: Actor, account: str, password_hash: str) -> None:
    """Set the password of an account, and end its sessions: one's own, or any as an administrator.

    The caller has verified the old password of a person who changes their own. Raises IdentityPermissionDenied,
    UnknownAccount.
    """
    owner = read_account(transaction.session, account)
    if actor.id != account:
        _require(may_administer(actor))
    store_hash(transaction, account, password_hash)
    event = PasswordChanged(account, owner.name)
    _record_change(transaction, actor, account, AccountChange(password=True), event, "password changed")


def store_hash(transaction: Transaction, account: str, password_hash: str) -> None:
    """Replace a password hash."""
    session = transaction.session
    row = session.get(CredentialRow, account) or CredentialRow(
        account=account, password_hash=password_hash, changed_at=transaction.now
    )
    row.password_hash, row.changed_at = password_hash, transaction.now
    session.add(row)
    session.flush()


def stored_hash(session: Session, account: str) -> str | None:
    """Return the stored password hash of an account; None if it has no password."""
    row = session.get(CredentialRow, account)
    return None if row is None else row.password_hash


def require_administrator(actor: Actor) -> None:
    """Raise IdentityPermissionDenied if an actor may not administer accounts."""
    _require(may_administer(actor))


def _require(permission: PermissionResult) -> None:
    if permission is not True:
        raise IdentityPermissionDenied(permission)


def _record_change(  # noqa: PLR0913, PLR0917  # a change, whose it is, what is told, and whether sessions outlive it
    transaction: Transaction, actor: Actor, account: str, change: AccountChange, event: Event, end_reason: str | None
) -> Account:
    _add_change(transaction, actor, account, change)
    if end_reason is not None:
        end_all(transaction, account, end_reason)
    append(transaction, actor, event)
    return read_account(transaction.session, account)


def _add_change(transaction: Transaction, actor: Actor, account: str, change: AccountChange) -> None:
    session = transaction.session
    external = change.external
    session.add(
        AccountChangeRow(
            seq=(session.exec(select(func.max(AccountChangeRow.seq))).one() or 0) + 1,
            account=account,
            at=transaction.now,
            by=actor.id,
            roles=None if change.roles is None else " ".join(sorted(change.roles)),
            enabled=change.enabled,
            issuer=external.issuer if external else None,
            subject=external.subject if external else None,
            password=change.password,
            attested=change.attested,
        )
    )
    session.flush()


def _account_from_row(session: Session, row: AccountRow) -> Account:
    query = select(AccountChangeRow).where(AccountChangeRow.account == row.id).order_by(col(AccountChangeRow.seq))
    return fold(_initial_account(row), map(_change_from_row, session.exec(query)))


def _initial_account(row: AccountRow) -> Account:
    return Account(row.id, row.name, row.printed_name, row.created_at, editors=frozenset({row.created_by}))


def _change_from_row(row: AccountChangeRow) -> AccountChange:
    roles = roles_of(row)
    external = None if row.issuer is None or row.subject is None else ExternalIdentity(row.issuer, row.subject)
    return AccountChange(roles, row.enabled, external, row.password, row.attested, row.by, row.seq)
