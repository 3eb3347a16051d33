"""`policy-service account …`: accounts of people, by whoever may write to the database.

The log names the command line as the one who acted, and the user of the operating system. Passwords are typed, or read
from standard input, never taken from the command line, which other users of the machine can read.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from policy_service.actor import Role
from policy_service.cli.acting import command_line
from policy_service.cli.output import say, say_json, say_table
from policy_service.cli.passwords import new_hash
from policy_service.cli.status import FINE, UsageFault
from policy_service.cli.storage import opened_current
from policy_service.clock import SystemClock
from policy_service.database import Transaction
from policy_service.identity import service
from policy_service.identity.account import Account, External
from policy_service.identity.refusals import IdentityRefused, Malformed, UnknownAccount, UnknownKey
from policy_service.language.diagnostics import did_you_mean
from policy_service.places import database_url


def run_list(*, as_json: bool) -> int:
    """Prints every account; gives the exit status. Raises UsageFault."""
    with opened_current(database_url(os.environ)) as database, database.read() as session:
        everybody = list(service.accounts(session).values())
    if as_json:
        say_json([_told(account) for account in everybody])
    else:
        rows = [
            (a.name, a.printed_name, " ".join(sorted(a.roles)), _word(yes=a.enabled), "waiting" if a.waiting else "")
            for a in everybody
        ]
        say_table(["name", "printed name", "roles", "enabled", "signing"], rows)
    return FINE


def run_create(name: str, printed_name: str, roles: Sequence[str], *, without_password: bool) -> int:
    """Makes an account; gives the exit status. Raises UsageFault."""
    held = roles_of(roles)
    kept = None if without_password else new_hash(name, printed_name)
    with writing() as transaction:
        made = service.create_account(
            transaction, command_line(), name=name, printed_name=printed_name, roles=held, password_hash=kept
        )
    say(f"{name} was made an account")
    if made.waiting:
        say("its signing roles wait until compliance, or `policy-service account vouch`, has vouched for it")
    return FINE


def run_roles(name: str, roles: Sequence[str]) -> int:
    """Gives an account these roles; gives the exit status. Raises UsageFault."""
    held = roles_of(roles)
    actor = command_line()
    return _change(name, lambda transaction, account: service.change_roles(transaction, actor, account.id, held))


def run_state(name: str, *, enabled: bool) -> int:
    """Lets an account in, or no longer; gives the exit status. Raises UsageFault."""
    act = service.enable if enabled else service.disable
    return _change(name, lambda transaction, account: act(transaction, command_line(), account.id))


def run_password(name: str) -> int:
    """Gives an account another password; gives the exit status. Raises UsageFault."""
    with opened_current(database_url(os.environ)) as database, database.read() as session:
        account = service.account_named(session, name)
    kept = new_hash(name, account.printed_name if account else name)

    def act(transaction: Transaction, account: Account) -> Account:
        service.set_password(transaction, command_line(), account.id, kept)
        return account

    return _change(name, act)


def run_link(name: str, issuer: str, subject: str) -> int:
    """Links an account to a person of a provider's; gives the exit status. Raises UsageFault."""
    external = External(issuer.rstrip("/"), subject)
    return _change(name, lambda transaction, account: service.link(transaction, command_line(), account.id, external))


def run_vouch(name: str) -> int:
    """Vouches for an account, so that its signing roles take effect; gives the exit status. Raises UsageFault."""
    return _change(name, lambda transaction, account: service.vouch(transaction, command_line(), account.id))


@contextmanager
def writing() -> Iterator[Transaction]:
    """One transaction on the database of the environment. Raises UsageFault for whatever is refused."""
    try:
        with opened_current(database_url(os.environ)) as database, database.write(SystemClock()) as transaction:
            yield transaction
    except (IdentityRefused, Malformed, UnknownAccount, UnknownKey) as error:
        raise UsageFault(str(error)) from None


def roles_of(names: Sequence[str]) -> list[Role]:
    """The roles of these names. Raises UsageFault that tells every one there is not."""
    unknown = [name for name in names if name not in set(Role)]
    if unknown:
        hints = "; ".join(filter(None, (did_you_mean(name, Role) for name in unknown)))
        raise UsageFault(
            f"unknown: {', '.join(unknown)}; roles are {', '.join(Role)}" + (f"; {hints}" if hints else "")
        )
    return [Role(name) for name in names]


def _change(name: str, act: Callable[[Transaction, Account], Account]) -> int:
    with writing() as transaction:
        account = service.account_named(transaction.session, name)
        if account is None:
            known = [each.name for each in service.accounts(transaction.session).values()]
            hint = did_you_mean(name, known)
            raise UsageFault(f"no account is called {name}" + (f"; {hint}" if hint else ""))
        act(transaction, account)
    say(f"{name} was changed")
    return FINE


def _word(*, yes: bool) -> str:
    return "yes" if yes else "no"


def _told(account: Account) -> dict[str, object]:
    return {
        "id": account.id,
        "name": account.name,
        "printed_name": account.printed_name,
        "roles": sorted(account.roles),
        "waiting": sorted(account.waiting.roles) if account.waiting else [],
        "enabled": account.enabled,
        "external": {"issuer": account.external.issuer, "subject": account.external.subject}
        if account.external
        else None,
    }
