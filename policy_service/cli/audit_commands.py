"""The commands `audit …`; each imports its modules when called, as in `app`."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from policy_service.cli.options import Json, Kind, file_option
from policy_service.subject import CUSTOMER

MAX_SAMPLE = 200
"""Maximum number of decisions in a pack; equal to `scope.MAX_SAMPLE`."""
audit = typer.Typer(name="audit", help="Export and verify the audit log, and manage its keys.", no_args_is_help=True)


@audit.command("export")
def audit_export(file: Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, help="A new file.")]) -> None:
    """Export the whole log to a file that can be verified anywhere."""
    from policy_service.cli.audit import run_export

    raise typer.Exit(run_export(file))


@audit.command("verify")
def audit_verify(
    export: Annotated[
        Path | None,
        typer.Argument(metavar="EXPORT", exists=True, dir_okay=False, help="An export; default: the database."),
    ] = None,
    public_key: Annotated[
        Path | None, file_option(help="The trusted public key; default: those of the keys folder.")
    ] = None,
    checkpoints: Annotated[Path | None, file_option(help="Copies of checkpoints to compare with.")] = None,
    archive: Annotated[
        list[Path] | None, file_option(help="An archive of decision records to compare; may be repeated.")
    ] = None,
    json: Json = False,
) -> None:
    """Verify the log or an export, and name the first entry that was altered, moved or removed."""
    from policy_service.cli.audit import run_verify

    raise typer.Exit(run_verify(export, public_key, checkpoints, archive or [], as_json=json))


@audit.command("pack")
def audit_pack(  # noqa: PLR0917  # one parameter an option
    file: Annotated[Path, typer.Argument(metavar="FILE", dir_okay=False, help="A new file.")],
    policy: Annotated[str | None, typer.Option(metavar="ID", help="A policy.")] = None,
    subject: Annotated[str | None, typer.Option(metavar="TEXT", help="A subject.")] = None,
    kind: Kind = CUSTOMER,
    since: Annotated[str | None, typer.Option("--from", metavar="DATE", help="The first day, in China.")] = None,
    until: Annotated[str | None, typer.Option(metavar="DATE", help="The last day, inclusive.")] = None,
    sample: Annotated[
        int, typer.Option(metavar="N", min=0, max=MAX_SAMPLE, help="The maximum number of decisions.")
    ] = 20,
) -> None:
    """Write an audit pack: all records of a policy, a subject or a period, verifiable anywhere."""
    from policy_service.cli.packs import PackArguments, run_pack

    raise typer.Exit(run_pack(file, PackArguments(policy, subject, kind, since, until, sample)))


@audit.command("verify-pack")
def audit_verify_pack(
    pack: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="An audit pack.")],
    public_key: Annotated[Path, file_option(help="The trusted public key.")],
    json: Json = False,
) -> None:
    """Verify an audit pack, and name every file that was altered."""
    from policy_service.cli.packs import run_verify_pack

    raise typer.Exit(run_verify_pack(pack, public_key, as_json=json))


@audit.command("public-key")
def audit_public_key() -> None:
    """Print the public key that verifies the log."""
    from policy_service.cli.audit import run_public_key

    raise typer.Exit(run_public_key())


@audit.command("checkpoint")
def audit_checkpoint() -> None:
    """Sign a checkpoint of the log and copy it to the configured places."""
    from policy_service.cli.audit import run_checkpoint

    raise typer.Exit(run_checkpoint())


@audit.command("rotate-log-key")
def audit_rotate_log_key(
    *, lost: Annotated[bool, typer.Option("--lost", help="The previous key was lost.")] = False
) -> None:
    """Rotate the MAC key of the log."""
    from policy_service.cli.audit import run_rotate_log_key

    raise typer.Exit(run_rotate_log_key(is_lost=lost))


@audit.command("rotate-key")
def audit_rotate_key() -> None:
    """Rotate the signing key; the previous key endorses the new one."""
    from policy_service.cli.audit import run_rotate_key

    raise typer.Exit(run_rotate_key())


@audit.command("settle")
def audit_settle(
    reason: Annotated[str, typer.Option(metavar="TEXT", help="What happened, and why the log is correct as it is.")],
) -> None:
    """Accept the log as it is, after it differed from its checkpoints or their copies; this is logged."""
    from policy_service.cli.audit import run_settle

    raise typer.Exit(run_settle(reason))
