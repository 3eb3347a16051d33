"""The commands `account …`, `api-key …`, `subject …`; each imports its modules when called, as in `app`."""

from __future__ import annotations

from typing import Annotated

import typer

from policy_service.cli.options import Json, Kind
from policy_service.subject import CUSTOMER

account = typer.Typer(name="account", help="Manage accounts of people.", no_args_is_help=True)
subject = typer.Typer(name="subject", help="Erase subjects and rotate the master key.", no_args_is_help=True)
api_key = typer.Typer(name="api-key", help="Manage API keys.", no_args_is_help=True)

Yes = Annotated[bool, typer.Option("--yes", help="Do not ask for confirmation.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of an account.")]
Roles = Annotated[list[str], typer.Option("--role", metavar="ROLE", help="A role; may be repeated.")]


@account.command("list")
def account_list(json: Json = False) -> None:
    """List accounts with their roles and state."""
    from policy_service.cli.accounts import run_list

    raise typer.Exit(run_list(as_json=json))


@account.command("create")
def account_create(
    name: Name,
    printed_name: Annotated[str, typer.Option(metavar="TEXT", help="The name printed with a signature.")],
    role: Roles,
    without_password: Annotated[
        bool, typer.Option("--without-password", help="Sign-in at the identity provider only.")
    ] = False,
) -> None:
    """Create an account; the password is prompted for, or read from standard input."""
    from policy_service.cli.accounts import run_create

    raise typer.Exit(run_create(name, printed_name, role, without_password=without_password))


@account.command("roles")
def account_roles(name: Name, role: Roles) -> None:
    """Replace the roles of an account."""
    from policy_service.cli.accounts import run_roles

    raise typer.Exit(run_roles(name, role))


@account.command("disable")
def account_disable(name: Name) -> None:
    """Disable an account."""
    from policy_service.cli.accounts import run_state

    raise typer.Exit(run_state(name, enabled=False))


@account.command("enable")
def account_enable(name: Name) -> None:
    """Enable a disabled account."""
    from policy_service.cli.accounts import run_state

    raise typer.Exit(run_state(name, enabled=True))


@account.command("password")
def account_password(name: Name) -> None:
    """Set the password of an account; it is prompted for, or read from standard input."""
    from policy_service.cli.accounts import run_password

    raise typer.Exit(run_password(name))


@account.command("link")
def account_link(
    name: Name,
    issuer: Annotated[str, typer.Option(metavar="URL", help="The issuer of the identity provider.")],
    subject: Annotated[str, typer.Option(metavar="TEXT", help="The subject identifier of the person there (`sub`).")],
) -> None:
    """Link an account to a person at the identity provider."""
    from policy_service.cli.accounts import run_link

    raise typer.Exit(run_link(name, issuer, subject))


@account.command("attest")
def account_attest(name: Name) -> None:
    """Attest that only its person uses an account, so that its signing roles take effect; for the initial set-up."""
    from policy_service.cli.accounts import run_attest

    raise typer.Exit(run_attest(name))


@api_key.command("list")
def api_key_list(json: Json = False) -> None:
    """List API keys with their scopes, expiry and last use."""
    from policy_service.cli.keys import run_list

    raise typer.Exit(run_list(as_json=json))


@api_key.command("issue")
def api_key_issue(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the key is for.")],
    scope: Annotated[list[str], typer.Option(metavar="ROLE", help="integration or compliance; may be repeated.")],
    days: Annotated[int, typer.Option(min=1, max=400, help="Days until it expires.")] = 90,
) -> None:
    """Issue an API key and print it; it cannot be shown again."""
    from policy_service.cli.keys import run_issue

    raise typer.Exit(run_issue(name, scope, days))


@api_key.command("revoke")
def api_key_revoke(
    key: Annotated[str, typer.Argument(metavar="KEY", help="The identifier, or the whole key.")],
) -> None:
    """Revoke an API key; it is rejected within one second."""
    from policy_service.cli.keys import run_revoke

    raise typer.Exit(run_revoke(key))


@subject.command("merge")
def subject_merge(
    identifier: Annotated[str, typer.Argument(metavar="SUBJECT", help="The identifier, as in decisions.")],
    into: Annotated[str, typer.Option(metavar="SUBJECT", help="The subject that remains.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="The reason, for the log.")],
    kind: Annotated[str, typer.Option(metavar="KIND", help="The kind of both.")] = CUSTOMER,
    yes: Yes = False,
) -> None:
    """Record that a subject is the same as another; group lists name the other alone."""
    from policy_service.cli.subjects import run_merge

    raise typer.Exit(run_merge(identifier, into, kind, reason, yes=yes))


@subject.command("erase")
def subject_erase(
    identifier: Annotated[str, typer.Argument(metavar="SUBJECT", help="The identifier, as in decisions.")],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="The reason, for the log.")],
    kind: Kind = CUSTOMER,
    yes: Yes = False,
) -> None:
    """Delete the encryption key of a subject, so that nobody can read its sensitive facts again."""
    from policy_service.cli.subjects import run_erase

    raise typer.Exit(run_erase(identifier, kind, reason, yes=yes))


@subject.command("rotate-master-key")
def subject_rotate_master_key(yes: Yes = False) -> None:
    """Re-encrypt the keys of all subjects under a new master key, and delete the old one."""
    from policy_service.cli.subjects import run_rotate_master_key

    raise typer.Exit(run_rotate_master_key(yes=yes))
