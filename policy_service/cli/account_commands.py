"""The commands `account …`, `api-key …`, `subject …`; like those of `app`, each imports what it needs when called."""

from __future__ import annotations

from typing import Annotated

import typer

from policy_service.subject import CUSTOMER

account = typer.Typer(name="account", help="Look after people's accounts.", no_args_is_help=True)
subject = typer.Typer(name="subject", help="Erase subjects, and manage the key of their keys.", no_args_is_help=True)
api_key = typer.Typer(name="api-key", help="Look after the keys of machines.", no_args_is_help=True)

Json = Annotated[bool, typer.Option("--json", help="Print JSON for a program.")]
Yes = Annotated[bool, typer.Option("--yes", help="Do it without asking.")]
Name = Annotated[str, typer.Argument(metavar="NAME", help="The name of an account.", show_default=False)]
Roles = Annotated[list[str], typer.Option("--role", metavar="ROLE", help="A role, may be repeated.")]


@account.command("list")
def account_list(json: Json = False) -> None:
    """Tell every account, its roles and whether it is enabled."""
    from policy_service.cli.accounts import run_list

    raise typer.Exit(run_list(as_json=json))


@account.command("create")
def account_create(
    name: Name,
    printed_name: Annotated[str, typer.Option(metavar="TEXT", help="The name as a signature shows it.")],
    role: Roles,
    without_password: Annotated[
        bool, typer.Option("--without-password", help="Only the provider of identities lets the person in.")
    ] = False,
) -> None:
    """Make an account; its password is asked for, or is the first line of standard input."""
    from policy_service.cli.accounts import run_create

    raise typer.Exit(run_create(name, printed_name, role, without_password=without_password))


@account.command("roles")
def account_roles(name: Name, role: Roles) -> None:
    """Give an account these roles instead of those it has."""
    from policy_service.cli.accounts import run_roles

    raise typer.Exit(run_roles(name, role))


@account.command("disable")
def account_disable(name: Name) -> None:
    """Let an account in no longer."""
    from policy_service.cli.accounts import run_state

    raise typer.Exit(run_state(name, enabled=False))


@account.command("enable")
def account_enable(name: Name) -> None:
    """Let an account in again."""
    from policy_service.cli.accounts import run_state

    raise typer.Exit(run_state(name, enabled=True))


@account.command("password")
def account_password(name: Name) -> None:
    """Give an account another password, which is asked for, or is the first line of standard input."""
    from policy_service.cli.accounts import run_password

    raise typer.Exit(run_password(name))


@account.command("link")
def account_link(
    name: Name,
    issuer: Annotated[str, typer.Option(metavar="URL", help="The provider of identities.")],
    subject: Annotated[str, typer.Option(metavar="TEXT", help="How it knows the person (`sub`).")],
) -> None:
    """Say how the provider of identities knows the person of an account."""
    from policy_service.cli.accounts import run_link

    raise typer.Exit(run_link(name, issuer, subject))


@account.command("vouch")
def account_vouch(name: Name) -> None:
    """Vouch that an account is its person's alone, so that its signing roles take effect: needed at the very start."""
    from policy_service.cli.accounts import run_vouch

    raise typer.Exit(run_vouch(name))


@api_key.command("list")
def api_key_list(json: Json = False) -> None:
    """Tell every key, what it may do, until when, and when it was last used."""
    from policy_service.cli.keys import run_list

    raise typer.Exit(run_list(as_json=json))


@api_key.command("issue")
def api_key_issue(
    name: Annotated[str, typer.Argument(metavar="NAME", help="What the key is for.", show_default=False)],
    scope: Annotated[list[str], typer.Option(metavar="ROLE", help="integration or compliance, may be repeated.")],
    days: Annotated[int, typer.Option(min=1, max=400, help="For how long.")] = 90,
) -> None:
    """Issue a key, and print it this once."""
    from policy_service.cli.keys import run_issue

    raise typer.Exit(run_issue(name, scope, days))


@api_key.command("revoke")
def api_key_revoke(
    key: Annotated[str, typer.Argument(metavar="KEY", help="Its identifier, or the whole key.", show_default=False)],
) -> None:
    """Take a key back; within a second it opens nothing."""
    from policy_service.cli.keys import run_revoke

    raise typer.Exit(run_revoke(key))


@subject.command("erase")
def subject_erase(
    identifier: Annotated[str, typer.Argument(metavar="SUBJECT", help="As decisions name it.", show_default=False)],
    reason: Annotated[str, typer.Option(metavar="TEXT", help="Why, for the log.")],
    kind: Annotated[str, typer.Option(metavar="KIND", help="Of which kind the subject is.")] = CUSTOMER,
    yes: Yes = False,
) -> None:
    """Delete the key of a subject: its sensitive facts cannot be read any more, by anybody."""
    from policy_service.cli.subjects import run_erase

    raise typer.Exit(run_erase(identifier, kind, reason, yes=yes))


@subject.command("rotate-master-key")
def subject_rotate_master_key(yes: Yes = False) -> None:
    """Wrap the keys of all subjects anew under a new master key, and forget the old one."""
    from policy_service.cli.subjects import run_rotate_master_key

    raise typer.Exit(run_rotate_master_key(yes=yes))
