"""The commands that work on populations, and their options."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from policy_service.cli.options import (
    MAX_SUBJECTS,
    AsOf,
    BenchmarkFile,
    Folder,
    Json,
    Kind,
    Lang,
    MappingFile,
    MaxAge,
    PopulationAddress,
    TableName,
    file_option,
)
from policy_service.population.registered.model import KEEP_DAYS, MAX_KEEP_DAYS
from policy_service.subject import CUSTOMER


class RunEngine(StrEnum):
    """The engine that decides about a population."""

    duckdb = "duckdb"
    spark = "spark"
    postgresql = "postgresql"
    python = "python"


def run_over_population(  # noqa: PLR0917  # one parameter an option
    population: PopulationAddress,
    output: Annotated[Path, typer.Option(metavar="FILE", dir_okay=False, help="CSV, Parquet or xlsx.")],
    table: TableName = None,
    max_age: MaxAge = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(metavar="ID", help="A policy; default: all whose facts the file gives; may be repeated."),
    ] = None,
    as_of: AsOf = None,
    mapping: MappingFile = None,
    engine: Annotated[RunEngine, typer.Option(help="What computes.")] = RunEngine.duckdb,
    benchmark_set: BenchmarkFile = None,
    policies: Folder = None,
    kind: Kind = CUSTOMER,
    lang: Annotated[Lang, typer.Option(help="The language of reasons.")] = Lang.en,
    json: Json = False,
) -> None:
    """Decide about every subject of a file."""
    from policy_service.cli.run import RunOptions, run

    options = RunOptions(
        population,
        table,
        max_age,
        output,
        policy,
        policies,
        mapping,
        as_of,
        kind,
        engine.value,
        lang.value,
        benchmark_set,
    )
    raise typer.Exit(run(options, as_json=json))


def simulate_change(  # noqa: PLR0917  # one parameter an option
    candidate: Annotated[list[Path], file_option(help="A policy file; may be repeated.")],
    population: PopulationAddress,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID", help="A policy to compare; default: the candidates and what depends on them; may be repeated."
        ),
    ] = None,
    as_of: AsOf = None,
    start: Annotated[
        str | None, typer.Option("--from", metavar="DAY", help="The day from which the candidates are in force.")
    ] = None,
    mapping: MappingFile = None,
    output: Annotated[
        Path | None, typer.Option(metavar="FILE", dir_okay=False, help="CSV: everybody who moves, and why.")
    ] = None,
    policies: Folder = None,
    lang: Annotated[Lang, typer.Option(help="The language of cells.")] = Lang.en,
    json: Json = False,
) -> None:
    """Compare candidates with what is in force, over every subject of a file."""
    from policy_service.cli.simulate import SimulationOptions, run

    options = SimulationOptions(candidate, population, policy, policies, as_of, start, mapping, output, lang.value)
    raise typer.Exit(run(options, as_json=json))


class QuantileMethod(StrEnum):
    """The method for a quantile between two values."""

    linear = "linear"
    weibull = "weibull"
    hazen = "hazen"
    inverted = "inverted"


def make_benchmarks(  # noqa: PLR0917  # one parameter an option
    population: PopulationAddress,
    name: Annotated[str, typer.Option(metavar="ID", help="Such as benchmarks/customers.")],
    version: Annotated[str, typer.Option(metavar="VERSION", help="Such as 2026.7.0.")],
    output: Annotated[Path, typer.Option(metavar="FILE", dir_okay=False, help="The set, as YAML.")],
    table: TableName = None,
    max_age: MaxAge = None,
    policy: Annotated[
        list[str] | None,
        typer.Option(
            metavar="ID", help="A policy whose figures are made; default: all that the file gives; may be repeated."
        ),
    ] = None,
    as_of: Annotated[
        str | None, typer.Option("--as-of", metavar="DAY", help="The day of the population; default: today.")
    ] = None,
    mapping: MappingFile = None,
    smallest_group: Annotated[
        int, typer.Option(min=1, max=MAX_SUBJECTS, help="Subjects; a smaller group has no figure.")
    ] = 5,
    quantiles: Annotated[QuantileMethod, typer.Option(help="How quantiles are found.")] = QuantileMethod.linear,
    drafts: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR", file_okay=False, help="Write the figures there as policies, to be signed and put in force."
        ),
    ] = None,
    policies: Folder = None,
    kind: Kind = CUSTOMER,
    json: Json = False,
) -> None:
    """Make the benchmark figures of a population."""
    from policy_service.cli.benchmark import BenchmarkOptions, run

    options = BenchmarkOptions(
        population,
        table,
        max_age,
        output,
        name,
        version,
        policy,
        policies,
        mapping,
        as_of,
        kind,
        smallest_group,
        quantiles.value,
        drafts,
    )
    raise typer.Exit(run(options, as_json=json))


def compare_groups(  # noqa: PLR0917  # one parameter an option
    population: Annotated[Path, file_option(help="CSV, Parquet or xlsx, a row a subject.")],
    column: Annotated[list[str], typer.Option(metavar="NAME", help="A column of numbers; may be repeated.")],
    by: Annotated[str | None, typer.Option(metavar="NAME", help="The column of the groups.")] = None,
    policy: Annotated[str | None, typer.Option(metavar="ID", help="The policy of whose group lists.")] = None,
    day: Annotated[
        str | None, typer.Option(metavar="DAY", help="The day of the group lists; default: as they are now.")
    ] = None,
    mapping: MappingFile = None,
    smallest_group: Annotated[
        int, typer.Option(min=1, max=MAX_SUBJECTS, help="Subjects; a smaller group is marked.")
    ] = 5,
    output: Annotated[Path | None, typer.Option(metavar="FILE", dir_okay=False, help="The same as CSV.")] = None,
    json: Json = False,
) -> None:
    """Compare groups of subjects by the numbers of a file, such as sales."""
    from policy_service.cli.groups import run_compare

    status = run_compare(
        population, column, by, policy, day, mapping=mapping, smallest_group=smallest_group, output=output, as_json=json
    )
    raise typer.Exit(status)


def propose_groups(  # noqa: PLR0917  # one parameter an option
    population: PopulationAddress,
    policy: Annotated[str, typer.Option(metavar="ID", help="The identifier of the new policy.")],
    output: Annotated[Path, typer.Option(metavar="FILE", dir_okay=False, help="A new file.")],
    version: Annotated[str, typer.Option(metavar="VERSION", help="The version of the new policy.")] = "1.0.0",
    source: Annotated[
        list[str] | None, typer.Option(metavar="ROW", help="A row of a regulation that it implements; may be repeated.")
    ] = None,
    fact: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A fact to group by; default: all tags of the file; may be repeated."),
    ] = None,
    groups: Annotated[int, typer.Option(min=2, max=20, help="Groups to find.")] = 4,
    rows: Annotated[int, typer.Option(min=2, max=100, help="The most rows that describe them.")] = 12,
    smallest: Annotated[
        int, typer.Option(min=1, max=MAX_SUBJECTS, help="Subjects of a row; a smaller group is marked.")
    ] = 20,
    seed: Annotated[int, typer.Option(min=0, max=2**32 - 1, help="Another one may find other groups.")] = 0,
    table: TableName = None,
    max_age: MaxAge = None,
    mapping: MappingFile = None,
    policies: Folder = None,
    kind: Kind = CUSTOMER,
    json: Json = False,
) -> None:
    """Find groups in the tags of a population, and write a draft that describes them."""
    from policy_service.cli.cluster import ClusterOptions, run
    from policy_service.cross_groups.policy_file import Heading

    heading = Heading(policy, version, tuple(source or ()))
    options = ClusterOptions(
        population, table, max_age, output, heading, fact, groups, rows, smallest, seed, policies, mapping, kind
    )
    raise typer.Exit(run(options, as_json=json))


population = typer.Typer(name="population", help="Register populations that the service keeps.", no_args_is_help=True)
PopulationName = Annotated[str, typer.Argument(metavar="NAME", help="The name of a population.")]


@population.command("register")
def population_register(  # noqa: PLR0917  # one parameter an option
    file: Annotated[Path, typer.Argument(metavar="FILE", exists=True, dir_okay=False, help="CSV, Parquet or xlsx.")],
    name: Annotated[str, typer.Option(metavar="NAME", help="Such as customers-2026-11.")],
    as_of: Annotated[str, typer.Option("--as-of", metavar="DAY", help="The day of the facts.")],
    kind: Kind = CUSTOMER,
    keep_days: Annotated[int, typer.Option(min=1, max=MAX_KEEP_DAYS, help="Then it is deleted.")] = KEEP_DAYS,
    mapping: MappingFile = None,
    json: Json = False,
) -> None:
    """Keep a file, encrypted, under a name that runs, figures and simulations may give."""
    from policy_service.cli.populations import run_register

    raise typer.Exit(run_register(file, name, as_of, kind, keep_days, mapping, as_json=json))


@population.command("list")
def population_list(json: Json = False) -> None:
    """List the populations, the newest first."""
    from policy_service.cli.populations import show_populations

    raise typer.Exit(show_populations(as_json=json))


@population.command("delete")
def population_delete(name: PopulationName) -> None:
    """Delete a population; what was made from it stays."""
    from policy_service.cli.populations import run_delete

    raise typer.Exit(run_delete(name))
