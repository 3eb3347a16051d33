"""The commands and their options. Each imports its modules when called, so that `--help` is fast.

Exit status of every command: 0 success, 1 an error was found, 2 wrong usage.
"""

from __future__ import annotations

import gc
from enum import StrEnum
from pathlib import Path
from typing import Annotated, NoReturn

import typer

from policy_service.cli.account_commands import account, api_key, subject
from policy_service.cli.audit_commands import audit
from policy_service.cli.options import MAX_DAYS, AsOf, BenchmarkFile, Folder, Json, Kind, Lang, Paths, file_option
from policy_service.cli.population_commands import (
    compare_groups,
    make_benchmarks,
    population,
    propose_groups,
    run_over_population,
    simulate_change,
)
from policy_service.cli.status import EXIT_FAULT, EXIT_USAGE, UsageError
from policy_service.integrity import DamagedRecord
from policy_service.subject import CUSTOMER

MAX_AGE = 31
"""Default maximum age in days; equal to `reevaluation.MAX_AGE`."""
HELP = "Business policies as versioned files: exact decisions, each with its reason."

app = typer.Typer(
    name="policy-service",
    help=HELP,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)
groups = typer.Typer(name="groups", help="Manage the group lists.", no_args_is_help=True)
database = typer.Typer(name="database", help="Copy and back up the database.", no_args_is_help=True)
app.add_typer(audit)
app.add_typer(database)
app.add_typer(groups)
app.add_typer(account)
app.add_typer(api_key)
app.add_typer(subject)
app.add_typer(population)
app.command("run")(run_over_population)
app.command("simulate")(simulate_change)
app.command("benchmark")(make_benchmarks)
app.command("cluster")(propose_groups)


class Engine(StrEnum):
    """An evaluator."""

    durable_rules = "durable_rules"
    python = "python"
    definition = "definition"


def main() -> NoReturn:
    """Run the command in the process's arguments, and exit with its status."""
    gc.set_threshold(20_000, 20, 10)  # collecting garbage after imports took a tenth of a short command's time
    try:
        app()
    except UsageError as error:
        typer.echo(f"policy-service: {error}", err=True)
        raise SystemExit(EXIT_USAGE) from None
    except DamagedRecord as error:
        typer.echo(f"policy-service: {error}", err=True)
        raise SystemExit(EXIT_FAULT) from None
    raise SystemExit(0)


@app.command()
def check(paths: Paths = None, json: Json = False) -> None:
    """Check policy files, each alone and all together."""
    from policy_service.cli.check import run

    raise typer.Exit(run(paths or [], as_json=json))


@app.command("test")
def run_examples(paths: Paths = None, json: Json = False) -> None:
    """Run the examples of policy files with every evaluator, and check the invariants on them."""
    from policy_service.cli.examples import run

    raise typer.Exit(run(paths or [], as_json=json))


@app.command()
def explain(
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="A policy file.")],
    lang: Annotated[Lang, typer.Option(help="The language.")] = Lang.en,
) -> None:
    """Explain a policy in sentences and tables."""
    from policy_service.cli.explain import run

    raise typer.Exit(run(file, lang.value))


@app.command()
def regulations(folder: Folder = None, lang: Annotated[Lang, typer.Option(help="The language.")] = Lang.en) -> None:
    """List the rows of the regulations, each with what decides it."""
    from policy_service.cli.regulations import run

    raise typer.Exit(run(folder, lang.value))


@app.command()
def reevaluate(
    policy: Annotated[str, typer.Option(metavar="ID", help="The policy.")],
    max_age: Annotated[
        int,
        typer.Option(
            "--max-age", metavar="DAYS", min=0, max=MAX_DAYS, help="Subjects with older facts are listed, not decided."
        ),
    ] = MAX_AGE,
    as_of: AsOf = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", dir_okay=False, help="CSV: who was not decided, and why.")
    ] = None,
    json: Json = False,
) -> None:
    """Decide about all subjects of a policy again, by the version in force."""
    from policy_service.cli.reevaluate import run

    raise typer.Exit(run(policy, as_of, max_age, output, as_json=json))


@app.command("cross-groups")
def cross_groups(  # noqa: PLR0917  # one parameter an option
    statement: Annotated[
        str, typer.Argument(metavar="STATEMENT", help="The dimensions: `industry(it | others=rest) × scale`.")
    ],
    policy: Annotated[str, typer.Option(metavar="ID", help="The identifier of the new policy.")],
    version: Annotated[str, typer.Option(metavar="VERSION", help="The version of the new policy.")] = "1.0.0",
    source: Annotated[
        list[str] | None, typer.Option(metavar="ROW", help="A row of a regulation that it implements; may be repeated.")
    ] = None,
    policies: Folder = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", dir_okay=False, help="A new file; default: standard output.")
    ] = None,
) -> None:
    """Write a policy file that groups subjects by crossing dimensions."""
    from policy_service.cli.cross_groups import run
    from policy_service.cross_groups.policy_file import Heading

    raise typer.Exit(run(statement, Heading(policy, version, tuple(source or ())), policies, output))


@app.command()
def decide(
    *,
    facts: Annotated[str, typer.Option(metavar="FILE|-", help="A JSON object of facts; `-` for standard input.")],
    policy: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="A policy to evaluate; may be repeated; default: all policies about the kind."),
    ] = None,
    policies: Folder = None,
    as_of: Annotated[
        str | None,
        typer.Option(metavar="DATE", help="The day to decide for, such as 2026-11-21; default: today in China."),
    ] = None,
    subject: Annotated[str | None, typer.Option(metavar="TEXT", help="The identifier of the subject.")] = None,
    kind: Kind = CUSTOMER,
    explain: Annotated[bool, typer.Option("--explain", help="Show why each rule did not match.")] = False,
    engine: Annotated[Engine, typer.Option(help="The evaluator.")] = Engine.durable_rules,
    benchmark_set: BenchmarkFile = None,
    json: Json = False,
) -> None:
    """Decide about one subject with the newest version of each policy."""
    from policy_service.cli.decide import Question, run

    question = Question(facts, policy, policies, as_of, subject, kind, explain, engine.value, benchmark_set)
    raise typer.Exit(run(question, as_json=json))


@app.command()
def demo() -> None:
    """Decide the four example customers of the regulation, and print tier, rule and reason."""
    from policy_service.cli.demo import run

    raise typer.Exit(run())


@app.command()
def init(  # noqa: PLR0917  # one parameter an option
    policies: Folder = None,
    admin: Annotated[
        str | None,
        typer.Option(
            metavar="NAME",
            help="The account of the first administrator; the password is prompted for, or read from standard input.",
        ),
    ] = None,
    printed_name: Annotated[
        str | None, typer.Option(metavar="TEXT", help="The printed name of the administrator; default: NAME.")
    ] = None,
    effective: Annotated[
        str | None,
        typer.Option(
            metavar="DAY",
            help="The day from which the imported versions are in force; drafts the change that is signed.",
        ),
    ] = None,
    evidence: Annotated[
        Path | None, typer.Option(metavar="FILE", help="The scan or minutes that say so: PDF, PNG, JPEG or text.")
    ] = None,
    demo: Annotated[bool, typer.Option("--demo", help="Create an account for every role, for evaluation.")] = False,
) -> None:
    """Set up or upgrade the service: tables, keys, policies, the first administrator; safe to repeat."""
    from policy_service.cli.first_versions import read_first_versions
    from policy_service.cli.init import run

    raise typer.Exit(run(policies, admin, printed_name, read_first_versions(effective, evidence), demo=demo))


@database.command("copy")
def database_copy(
    to: Annotated[str, typer.Option("--to", metavar="URL", help="The URL of an empty database.")],
    backup: Annotated[
        bool, typer.Option("--backup", help="Keep the copy though the service writes meanwhile; it is a snapshot.")
    ] = False,
) -> None:
    """Copy the database of DATABASE_URL into an empty one, and keep the copy if both are equal."""
    from policy_service.cli.copy import run

    raise typer.Exit(run(to, backup=backup))


@app.command("archive")
def archive_records(
    before: Annotated[str, typer.Option(metavar="DAY", help="Move the records decided before this day in China.")],
    output: Annotated[
        Path, typer.Option(metavar="FILE", dir_okay=False, help="A new file; or the one of a move to go on with.")
    ],
) -> None:
    """Move old decision records to an archive; what was interrupted goes on when called again."""
    from policy_service.cli.archive import run

    raise typer.Exit(run(before, output))


@app.command()
def replay(
    decision: Annotated[str, typer.Argument(metavar="DECISION", help="The identifier of a decision.")],
    archive: Annotated[Path | None, file_option(help="The archive that its record is in.")] = None,
    json: Json = False,
) -> None:
    """Make a recorded decision again and compare; exit 1 when it differs or cannot be made again."""
    from policy_service.cli.replay import run

    raise typer.Exit(run(decision, archive, as_json=json))


@groups.command("rebuild")
def groups_rebuild() -> None:
    """Make the group lists again from the decision records; decisions go on meanwhile."""
    from policy_service.cli.groups import run_rebuild

    raise typer.Exit(run_rebuild())


groups.command("compare")(compare_groups)


@app.command()
def serve(
    host: Annotated[str, typer.Option(help="The address to listen on.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(help="The port to listen on.", min=0, max=65_535)] = 8_000,
    demo: Annotated[
        bool, typer.Option("--demo", help="Say what to open and whom to sign in as; write the log to a file.")
    ] = False,
) -> None:
    """Start the HTTP service; settings come from the environment."""
    from policy_service.cli.serve import run

    raise typer.Exit(run(host, port, demo=demo))
