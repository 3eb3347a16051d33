"""Signing in, confirming and changing a password: look up, try the password outside of any transaction, write down.

Trying a password takes a tenth of a second; meanwhile nobody else may have to wait. What was looked up is asked again
when the answer is written, so that of many guesses made at once no more count than were allowed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from typing import TypeVar

from sqlmodel import Session

from policy_service.actor import Actor
from policy_service.audit.guard import ACCOUNTS, guard_of
from policy_service.clock import Clock
from policy_service.database import Database, Transaction
from policy_service.identity import devices, failures, passwords, sessions
from policy_service.identity.account import Account, External
from policy_service.identity.refusals import (
    Malformed,
    NotConfirmed,
    NotSignedIn,
    ProviderRefused,
    SignInBlocked,
    SignInRefused,
)
from policy_service.identity.service import (
    account_linked,
    account_named,
    fault_of_password,
    hash_of,
    keep_hash,
    read_account,
    set_password,
)
from policy_service.identity.sessions import OIDC, PASSWORD, Ends, Seen, SignedIn, Started
from policy_service.identity.throttle import Counter, Origin, counters
from policy_service.sentences import Sentence


@dataclass(frozen=True, slots=True)
class Tried:
    """A password that was tried: for which name, who counts it, against which hash, and whether it is the right one."""

    name: str
    counters: tuple[Counter, ...]
    kept: str | None
    proved: bool
    renewed: str | None = None
    """The hash made anew, when the one that is kept was made with older parameters."""


Refusal = SignInRefused | SignInBlocked
ANYWHERE = Origin()
Done = TypeVar("Done")


def sign_in(database: Database, clock: Clock, name: str, password: str, origin: Origin = ANYWHERE) -> Started:
    """A session for whoever gives the name and the password of an account. Raises SignInRefused, SignInBlocked."""
    tried = try_password(database, clock, name, password, origin)
    with database.write(clock) as transaction:
        answer = settle(transaction, tried)
        done = sessions.start(transaction, answer, PASSWORD) if isinstance(answer, Account) else answer
        now = transaction.now
    started, kept = _told(done), tried.renewed or tried.kept
    return replace(started, device=devices.issue(started.actor.id, kept, now)) if kept is not None else started


def confirm(database: Database, clock: Clock, actor: Actor, password: str, origin: Origin = ANYWHERE) -> Actor:
    """The actor, who has just proved again who they are. Raises SignInRefused, SignInBlocked."""
    tried = try_password(database, clock, actor.name, password, origin)
    with database.write(clock) as transaction:
        answer = settle(transaction, tried)
        done = answer.actor(transaction.now) if isinstance(answer, Account) else answer
    return _told(done)


def confirmed_elsewhere(database: Database, clock: Clock, actor: Actor, signed_in: SignedIn) -> Actor:
    """The actor with the confirmation that the provider of identities gave, which is used up by it.

    Raises NotConfirmed when there is no fresh one.
    """
    with database.write(clock) as transaction:
        found = replace(actor, confirmed_at=sessions.use_confirmation(transaction, signed_in.id))
        fresh = found.is_fresh(transaction.now)
    if not fresh:
        raise NotConfirmed(Sentence("A signature needs a fresh proof of who you are: give your password, or confirm."))
    return found


def change_password(  # noqa: PLR0913, PLR0917  # whose, from what to what, and where it comes from
    database: Database,
    clock: Clock,
    actor: Actor,
    old: str,
    new: str,
    origin: Origin = ANYWHERE,
    *,
    words: Iterable[str] = (),
) -> None:
    """Gives the actor's own account another password, without the company's `words`; all its sessions end.

    Raises Malformed, SignInRefused, SignInBlocked.
    """
    if (fault := fault_of_password(new, actor.name, actor.printed_name, *words)) is not None:
        raise Malformed([fault])
    tried = try_password(database, clock, actor.name, old, origin)
    password_hash = passwords.hash_password(new)
    with database.write(clock) as transaction:
        answer = settle(transaction, tried)
        if isinstance(answer, Account):
            set_password(transaction, answer.actor(), answer.id, password_hash)
    _told(answer)


def admit(database: Database, token: str, now: datetime, ends: Ends, seen: Seen) -> tuple[Actor, SignedIn]:
    """The owner of an open session, in the roles of now, and the session. Raises NotSignedIn."""
    with database.read() as session:
        signed_in = sessions.find(session, token, now, ends, seen)
        _refuse_unknown(session, signed_in.account)
        account = read_account(session, signed_in.account)
    return account.actor(), signed_in


def sign_in_elsewhere(transaction: Transaction, external: External) -> Started:
    """A session for a person whom the provider of identities vouches for. Raises ProviderRefused."""
    account = account_linked(transaction.session, external)
    if account is None or not account.enabled:
        raise ProviderRefused(Sentence("no account is linked to you, or it is disabled: ask an administrator"))
    return sessions.start(transaction, account, OIDC)


def confirm_elsewhere(transaction: Transaction, external: External, signed_in: str) -> None:
    """Writes down that the owner of a session proved again who they are, at the provider of identities.

    Raises ProviderRefused when it was somebody else, NotSignedIn.
    """
    account = account_linked(transaction.session, external)
    if account is None or not account.enabled or sessions.owner(transaction, signed_in) != account.id:
        raise ProviderRefused(Sentence("somebody else than the owner of this session proved who they are"))
    sessions.confirm(transaction, signed_in)


def try_password(database: Database, clock: Clock, name: str, password: str, origin: Origin = ANYWHERE) -> Tried:
    """Tries a password; it takes as long for a name that nobody has. Raises SignInBlocked, NotSignedIn."""
    with database.read() as session:
        account = account_named(session, name)
        if account is not None:
            _refuse_unknown(session, account.id)
        kept = hash_of(session, account.id) if account is not None else None
        now, device = clock.now(), None
        if account is not None and kept is not None:
            device = devices.known(origin.device, account.id, kept, now)
        counted = counters(name, origin, device)
        until = failures.blocked_until(session, counted, now)
    if until is not None:
        raise SignInBlocked(until, account.name if account else None)
    proved = passwords.matches(kept or passwords.nobodys_hash(), password) and kept is not None
    outdated = proved and kept is not None and passwords.is_outdated(kept)
    return Tried(name, counted, kept, proved, passwords.hash_password(password) if outdated else None)


def settle(transaction: Transaction, tried: Tried) -> Account | Refusal:
    """Whose password it was, or why nobody is let in. A refusal is given, not raised: it has to be written down."""
    session = transaction.session
    account = account_named(session, tried.name)
    whose = account.name if account else None
    if (until := failures.blocked_until(session, tried.counters, transaction.now)) is not None:
        return SignInBlocked(until, whose)
    if tried.proved and account is not None and account.enabled and hash_of(session, account.id) == tried.kept:
        failures.forgive(transaction, tried.counters[0])
        if tried.renewed is not None:
            keep_hash(transaction, account.id, tried.renewed)
        return account
    until = failures.remember(transaction, tried.name, tried.counters, account)
    return SignInRefused(whose) if until is None else SignInBlocked(until, whose)


def _refuse_unknown(session: Session, account: str) -> None:
    """Nobody is let in by rows that the log does not tell of. Raises NotSignedIn."""
    guard = guard_of(session)
    if guard is not None and not guard.knows(session, ACCOUNTS, account):
        raise NotSignedIn(Sentence("the account is not what the log says it is: tell whoever looks after the service"))


def _told(done: Done | Refusal) -> Done:
    """Raises a refusal, now that it is written down."""
    if isinstance(done, SignInRefused | SignInBlocked):
        raise done
    return done
