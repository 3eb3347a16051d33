"""Accounts: load rows, ask the rules, add rows, tell the log. Passwords arrive as hashes, which are made outside."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from sqlmodel import Session, col, func, select

from policy_service.actor import Actor, Role
from policy_service.audit.events import (
    AccountCreated,
    AccountDisabled,
    AccountEnabled,
    AccountLinked,
    AccountVouched,
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
    External,
    Verdict,
    fault_of_roles,
    faults_of_external,
    faults_of_names,
    fold,
    may_administer,
    may_change_roles,
    may_disable,
    may_link,
)
from policy_service.identity.refusals import Fault, Malformed, NotAllowed, NotPossible, Outdated, UnknownAccount
from policy_service.identity.sessions import end_all
from policy_service.identity.tables import AccountChangeRow, AccountRow, CredentialRow, roles_of
from policy_service.identity.vouching import can_be_vouched, may_vouch
from policy_service.sentences import Sentence


def accounts(session: Session, only: Collection[str] | None = None) -> dict[str, Account]:
    """Every account as it is now, or `only` those with these identifiers, by identifier, in the order of making."""
    changed, accounts = select(AccountChangeRow), select(AccountRow)
    if only is not None:
        changed = changed.where(col(AccountChangeRow.account).in_(only))
        accounts = accounts.where(col(AccountRow.id).in_(only))
    changes: dict[str, list[AccountChange]] = {}
    for row in session.exec(changed.order_by(col(AccountChangeRow.seq))):
        changes.setdefault(row.account, []).append(_change(row))
    made = session.exec(accounts.order_by(col(AccountRow.created_at), col(AccountRow.id)))
    return {row.id: fold(_made(row), changes.get(row.id, ())) for row in made}


def read_account(session: Session, account: str) -> Account:
    """One account. Raises UnknownAccount."""
    row = session.get(AccountRow, account)
    if row is None:
        raise UnknownAccount(Sentence("no account has the identifier {account}", account=account))
    return _folded(session, row)


def account_named(session: Session, name: str) -> Account | None:
    """The account of this name; None when there is none."""
    if not NAME.fullmatch(name):
        return None
    row = session.exec(select(AccountRow).where(AccountRow.name == name)).first()
    return None if row is None else _folded(session, row)


def account_linked(session: Session, external: External) -> Account | None:
    """The account that is linked to this person of a provider's; None when there is none."""
    query = select(AccountChangeRow.account).where(
        AccountChangeRow.issuer == external.issuer, AccountChangeRow.subject == external.subject
    )
    linked = (read_account(session, account) for account in dict.fromkeys(session.exec(query)))
    return next((account for account in linked if account.external == external), None)


def faults_of(
    name: str, printed_name: str, roles: Iterable[Role], password: str | None = None, words: Iterable[str] = ()
) -> list[Fault]:
    """Everything that is wrong with a new account, its password too where there is one; `words` are the company's."""
    wrong_roles = fault_of_roles(frozenset(roles))
    wrong_password = None if password is None else fault_of_password(password, name, printed_name, *words)
    return [*faults_of_names(name, printed_name), *filter(None, [wrong_roles, wrong_password])]


def fault_of_password(password: str, *names: str) -> Fault | None:
    """What is wrong with a new password, which is not repeated."""
    expected = passwords.fault_of(password, *names)
    return None if expected is None else Fault("password", "…", expected)


def create_account(  # noqa: PLR0913  # what an account is made from
    transaction: Transaction,
    actor: Actor,
    *,
    name: str,
    printed_name: str,
    roles: Iterable[Role],
    password_hash: str | None = None,
) -> Account:
    """Makes an account; without a password only the provider of identities lets the person in.

    Its signing roles have no effect before somebody else has vouched for it.
    Raises NotAllowed, Malformed, NotPossible when the name is taken, or the printed name looks like another's.
    """
    _ask(may_administer(actor))
    held = frozenset(roles)
    if faults := faults_of(name, printed_name, held):
        raise Malformed(faults)
    session = transaction.session
    if account_named(session, name) is not None:
        raise NotPossible(Sentence("The name {name} is taken, and a name is never given twice.", name=name))
    if (other := _printed_alike(session, printed_name)) is not None:
        raise NotPossible(
            Sentence(
                "The printed name {printed} looks like that of {account}, and signatures are told apart by it: "
                "add what tells the two people apart.",
                printed=printed_name,
                account=other,
            )
        )
    id_, now = transaction.new_id(), transaction.now
    row = AccountRow(id=id_, name=name, printed_name=printed_name, created_at=now, created_by=actor.id)
    session.add(row)
    session.flush()
    _add_change(transaction, actor, id_, AccountChange(held, enabled=True, password=password_hash is not None))
    if password_hash is not None:
        session.add(CredentialRow(account=id_, password_hash=password_hash, changed_at=now))
        session.flush()
    append(transaction, actor, AccountCreated(id_, name, printed_name, tuple(sorted(held))))
    return _folded(session, row)


def _printed_alike(session: Session, printed_name: str) -> str | None:
    """The name of an account whose printed name a reader could take for this one; None when there is none."""
    seen = _as_read(printed_name)
    rows = session.exec(select(AccountRow).order_by(col(AccountRow.created_at), col(AccountRow.id)))
    return next((row.name for row in rows if _as_read(row.printed_name) == seen), None)


def _as_read(printed_name: str) -> str:
    """What a reader sees of a name: capitals, blanks and letters that look alike make no difference."""
    return skeleton("".join(skeleton(printed_name).casefold().split()))


def change_roles(transaction: Transaction, actor: Actor, account: str, roles: Iterable[Role]) -> Account:
    """Gives an account these roles instead of those it has, and ends its sessions.

    Raises NotAllowed, Malformed, UnknownAccount.
    """
    before, held = read_account(transaction.session, account), frozenset(roles)
    _ask(may_change_roles(actor, before, held, accounts(transaction.session)))
    if (fault := fault_of_roles(held)) is not None:
        raise Malformed([fault])
    if held == before.roles:
        return before
    told = RolesChanged(account, before.name, tuple(sorted(before.roles)), tuple(sorted(held)))
    return _change_and_tell(transaction, actor, account, AccountChange(roles=held), told, "roles changed")


def disable(transaction: Transaction, actor: Actor, account: str) -> Account:
    """Lets an account in no longer, and ends its sessions. Raises NotAllowed, UnknownAccount."""
    before = read_account(transaction.session, account)
    _ask(may_disable(actor, before, accounts(transaction.session)))
    if not before.enabled:
        return before
    told = AccountDisabled(account, before.name)
    return _change_and_tell(transaction, actor, account, AccountChange(enabled=False), told, "account disabled")


def enable(transaction: Transaction, actor: Actor, account: str) -> Account:
    """Lets an account in again. Raises NotAllowed, UnknownAccount."""
    before = read_account(transaction.session, account)
    _ask(may_administer(actor))
    if before.enabled:
        return before
    told = AccountEnabled(account, before.name)
    return _change_and_tell(transaction, actor, account, AccountChange(enabled=True), told, None)


def link(transaction: Transaction, actor: Actor, account: str, external: External) -> Account:
    """Says how a provider of identities knows the person. Raises NotAllowed, Malformed, NotPossible, UnknownAccount."""
    before = read_account(transaction.session, account)
    _ask(may_link(actor, before))
    if faults := faults_of_external(external):
        raise Malformed(faults)
    taken = account_linked(transaction.session, external)
    if taken is not None and taken.id != account:
        raise NotPossible(
            Sentence(
                "This person of {issuer} is linked to {account} already.", issuer=external.issuer, account=taken.name
            )
        )
    if before.external == external:
        return before
    told = AccountLinked(account, before.name, external.issuer, external.subject)
    return _change_and_tell(transaction, actor, account, AccountChange(external=external), told, "account linked")


def vouch(transaction: Transaction, actor: Actor, account: str, *, expected: str | None = None) -> Account:
    """Says that the account is the person's alone, so that its signing roles take effect.

    `expected` is the `etag` of the account as the actor saw it. Raises NotAllowed, NotPossible, Outdated,
    UnknownAccount.
    """
    before = read_account(transaction.session, account)
    _ask(may_vouch(actor, before, accounts(transaction.session)))
    if expected not in {None, before.etag}:
        raise Outdated(
            Sentence("The account {account} is not as you have seen it: read it again.", account=before.name)
        )
    if before.vouched:
        return before
    if (possible := can_be_vouched(before, actor)) is not True:
        raise NotPossible(possible)
    told = AccountVouched(account, before.name, tuple(sorted(before.signing_roles)))
    return _change_and_tell(transaction, actor, account, AccountChange(vouched=True), told, None)


def set_password(transaction: Transaction, actor: Actor, account: str, password_hash: str) -> None:
    """Gives an account another password, and ends its sessions: the person's own, or anybody's by an administrator.

    The caller has seen to it that a person who changes their own gave the old one. Raises NotAllowed, UnknownAccount.
    """
    owner = read_account(transaction.session, account)
    if actor.id != account:
        _ask(may_administer(actor))
    keep_hash(transaction, account, password_hash)
    told = PasswordChanged(account, owner.name)
    _change_and_tell(transaction, actor, account, AccountChange(password=True), told, "password changed")


def keep_hash(transaction: Transaction, account: str, password_hash: str) -> None:
    """Puts a hash in the place of the one before."""
    session = transaction.session
    row = session.get(CredentialRow, account) or CredentialRow(
        account=account, password_hash=password_hash, changed_at=transaction.now
    )
    row.password_hash, row.changed_at = password_hash, transaction.now
    session.add(row)
    session.flush()


def hash_of(session: Session, account: str) -> str | None:
    """The hash that is kept for an account; None when it has no password."""
    row = session.get(CredentialRow, account)
    return None if row is None else row.password_hash


def _ask(verdict: Verdict) -> None:
    if verdict is not True:
        raise NotAllowed(verdict)


def _change_and_tell(  # noqa: PLR0913, PLR0917  # a change, whose it is, what is told, and whether sessions outlive it
    transaction: Transaction, actor: Actor, account: str, change: AccountChange, told: Event, ends: str | None
) -> Account:
    _add_change(transaction, actor, account, change)
    if ends is not None:
        end_all(transaction, account, ends)
    append(transaction, actor, told)
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
            vouched=change.vouched,
        )
    )
    session.flush()


def _folded(session: Session, row: AccountRow) -> Account:
    query = select(AccountChangeRow).where(AccountChangeRow.account == row.id).order_by(col(AccountChangeRow.seq))
    return fold(_made(row), map(_change, session.exec(query)))


def _made(row: AccountRow) -> Account:
    return Account(row.id, row.name, row.printed_name, row.created_at, hands=frozenset({row.created_by}))


def _change(row: AccountChangeRow) -> AccountChange:
    roles = roles_of(row)
    external = None if row.issuer is None or row.subject is None else External(row.issuer, row.subject)
    return AccountChange(roles, row.enabled, external, row.password, row.vouched, row.by, row.seq)
