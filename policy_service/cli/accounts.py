"""`policy-service account …`: manages accounts, for operators with write access to the database.

The log names the command line and the operating system's user as the actor. Passwords are typed, or read from standard
input, never arguments, which other users of the machine can read.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager

from policy_service.actor import Role
from policy_service.cli.command_line_actor import command_line
from policy_service.cli.output import print_json, print_line, print_table
from policy_service.cli.passwords import new_hash
from policy_service.cli.status import EXIT_OK, UsageError
from policy_service.cli.storage import open_current_database
from policy_service.clock import SystemClock
from policy_service.database import Transaction
from policy_service.identity import service
from policy_service.identity.account import Account, ExternalIdentity
from policy_service.identity.errors import IdentityError, IdentityValidationFailed, UnknownAccount, UnknownApiKey
from policy_service.language.diagnostics import did_you_mean


def run_list(*, as_json: bool) -> int:
    """Print every account; return the exit status. Raises UsageError."""
    with open_current_database() as database, database.read() as session:
        accounts = list(service.accounts(session).values())
    if as_json:
        print_json([_account_json(account) for account in accounts])
    else:
        rows = [
            (
                a.name,
                a.printed_name,
                " ".join(sorted(a.roles)),
                _yes_no(yes=a.enabled),
                "waiting" if a.pending_roles else "",
            )
            for a in accounts
        ]
        print_table(["name", "printed name", "roles", "enabled", "signing"], rows)
    return EXIT_OK


def run_create(name: str, printed_name: str, roles: Sequence[str], *, without_password: bool) -> int:
    """Create an account; return the exit status. Raises UsageError."""
    role_list = roles_of(roles)
    password_hash = None if without_password else new_hash(name, printed_name)
    with write_transaction() as transaction:
        account = service.create_account(
            transaction,
            command_line(),
            name=name,
            printed_name=printed_name,
            roles=role_list,
            password_hash=password_hash,
        )
    print_line(f"{name} was made an account")
    if account.pending_roles:
        print_line("its signing roles wait until compliance, or `policy-service account attest`, has attested it")
    return EXIT_OK


def run_roles(name: str, roles: Sequence[str]) -> int:
    """Replace the roles of an account; return the exit status. Raises UsageError."""
    role_list = roles_of(roles)
    actor = command_line()
    return _change(name, lambda transaction, account: service.change_roles(transaction, actor, account.id, role_list))


def run_state(name: str, *, enabled: bool) -> int:
    """Enable or disable an account; return the exit status. Raises UsageError."""
    command = service.enable if enabled else service.disable
    return _change(name, lambda transaction, account: command(transaction, command_line(), account.id))


def run_password(name: str) -> int:
    """Set the password of an account; return the exit status. Raises UsageError."""
    with open_current_database() as database, database.read() as session:
        account = service.find_account_by_name(session, name)
    password_hash = new_hash(name, account.printed_name if account else name)

    def command(transaction: Transaction, account: Account) -> Account:
        service.set_password(transaction, command_line(), account.id, password_hash)
        return account

    return _change(name, command)


def run_link(name: str, issuer: str, subject: str) -> int:
    """Link an account to an identity at the provider; return the exit status. Raises UsageError."""
    external = ExternalIdentity(issuer.rstrip("/"), subject)
    return _change(name, lambda transaction, account: service.link(transaction, command_line(), account.id, external))


def run_attest(name: str) -> int:
    """Attest an account, so that its signing roles take effect; return the exit status. Raises UsageError."""
    return _change(name, lambda transaction, account: service.attest(transaction, command_line(), account.id))


@contextmanager
def write_transaction() -> Iterator[Transaction]:
    """Open a transaction on the database of the environment. Raises UsageError for any rejection."""
    try:
        with open_current_database() as database, database.write(SystemClock()) as transaction:
            yield transaction
    except (IdentityError, IdentityValidationFailed, UnknownAccount, UnknownApiKey) as error:
        raise UsageError(str(error)) from None


def roles_of(names: Sequence[str]) -> list[Role]:
    """Return the roles with these names. Raises UsageError naming every unknown one."""
    unknown = [name for name in names if name not in set(Role)]
    if unknown:
        hints = "; ".join(filter(None, (did_you_mean(name, Role) for name in unknown)))
        raise UsageError(
            f"unknown: {', '.join(unknown)}; roles are {', '.join(Role)}" + (f"; {hints}" if hints else "")
        )
    return [Role(name) for name in names]


def _change(name: str, command: Callable[[Transaction, Account], Account]) -> int:
    with write_transaction() as transaction:
        account = service.find_account_by_name(transaction.session, name)
        if account is None:
            known = [each.name for each in service.accounts(transaction.session).values()]
            hint = did_you_mean(name, known)
            raise UsageError(f"no account is called {name}" + (f"; {hint}" if hint else ""))
        command(transaction, account)
    print_line(f"{name} was changed")
    return EXIT_OK


def _yes_no(*, yes: bool) -> str:
    return "yes" if yes else "no"


def _account_json(account: Account) -> dict[str, object]:
    return {
        "id": account.id,
        "name": account.name,
        "printed_name": account.printed_name,
        "roles": sorted(account.roles),
        "waiting": sorted(account.pending_roles.roles) if account.pending_roles else [],
        "enabled": account.enabled,
        "external": {"issuer": account.external.issuer, "subject": account.external.subject}
        if account.external
        else None,
    }
