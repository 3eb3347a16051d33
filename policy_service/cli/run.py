"""`policy-service run`: evaluates policies over a file of subjects."""

from __future__ import annotations

import errno
import sys
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import date
from pathlib import Path
from zoneinfo import ZoneInfo

from policy_service.cli.decide import read_benchmark_set, read_day, read_policies
from policy_service.cli.output import print_json, print_line, print_table
from policy_service.cli.status import EXIT_FAULT, EXIT_OK, UsageError
from policy_service.cli.storage import configured_keys, open_current_database
from policy_service.clock import DEFAULT_ZONE, SystemClock, today
from policy_service.decisions.master_keys import KeyFileError, MasterKeys
from policy_service.decisions.subjects import FactCipher
from policy_service.language.benchmark_set import BenchmarkSet
from policy_service.language.diagnostics import PolicyError, pluralize
from policy_service.language.policy import Language, Policy
from policy_service.population.database import is_address
from policy_service.population.engines import EngineName
from policy_service.population.errors import PopulationRejected, RunFailed
from policy_service.population.in_place import run_in_place
from policy_service.population.kept_rows import KeptRows
from policy_service.population.mapping import read_mapping
from policy_service.population.registered.errors import RegistrationRejected, UnknownPopulation
from policy_service.population.registered.queries import population_day
from policy_service.population.run import Progress, RunReport, RunRequest, run_policies

RECORDS = "records"
"""The value of `--population` for the service's own decision records."""
REGISTERED = "registered:"
"""The prefix of a registered population in `--population`."""
FAILURES = (PopulationRejected, PolicyError, RunFailed, OSError)
"""Exceptions for which a command over a population fails."""


@dataclass(frozen=True, slots=True)
class RunOptions:
    """The arguments of the command, as typed."""

    population: str
    table: str | None
    max_age: int | None
    output: Path
    policies: Sequence[str] | None
    folder: Path | None
    mapping: Path | None
    as_of: str | None
    kind: str
    engine: EngineName
    lang: Language
    benchmark_set: Path | None


def run(options: RunOptions, *, as_json: bool) -> int:
    """Decide about all subjects in a file; return the exit status."""
    with ExitStack() as stack:
        kept = open_kept(options.population, options.kind, options.max_age, stack)
        return _run(options, kept, as_json=as_json)


def open_kept(population: str, kind: str, max_age: int | None, stack: ExitStack) -> KeptRows | None:
    """Open the service's own records or a registered population; return None for anything else.

    The stack holds the database open. Raises UsageError.
    """
    name = population.removeprefix(REGISTERED) if population.startswith(REGISTERED) else None
    if population != RECORDS and name is None:
        return None
    database = stack.enter_context(open_current_database())
    try:
        cipher = FactCipher(MasterKeys(configured_keys()))
        population_day(database, name)
    except (KeyFileError, UnknownPopulation) as error:
        raise UsageError(str(error)) from None
    return KeptRows(database, cipher, kind, name, max_age)


def day_or_default(text: str | None, kept: KeptRows | None = None) -> date:
    """Return the typed day, that of a registered population, or today. Raises UsageError."""
    if text is not None:
        return read_day(text)
    return (kept and population_day(kept.database, kept.population)) or today(SystemClock(), ZoneInfo(DEFAULT_ZONE))


def _run(options: RunOptions, kept: KeptRows | None, *, as_json: bool) -> int:
    check_population(options.population, options.table)
    as_of = day_or_default(options.as_of, kept)
    try:
        policies = read_policies(options.folder)
        figures = read_benchmark_set(options.benchmark_set)
        request = RunRequest(
            population=options.population,
            output=options.output,
            policies=policies,
            requested=options.policies,
            kind=options.kind,
            as_of=as_of,
            mapping=read_mapping(options.mapping),
            engine=options.engine,
            lang=options.lang,
            table=options.table,
            source=kept.source(as_of, filled=_filled(policies, figures), policies=policies) if kept else None,
            benchmark_set=figures,
        )
        decide = run_in_place if request.engine == "postgresql" else run_policies
        report = decide(request, tell_progress())
    except FAILURES as error:
        return fail(error, as_json=as_json)
    if as_json:
        print_json(report.manifest)
    else:
        _print(report)
    return EXIT_OK


def _filled(policies: Sequence[Policy], figures: BenchmarkSet | None) -> frozenset[str]:
    """Return the facts filled by a benchmark set."""
    return frozenset(
        name
        for policy in policies
        for name, fact in policy.facts.items()
        if figures is not None and figures.figure_for(policy, fact) is not None
    )


def check_population(population: str, table: str | None) -> None:
    """Raise UsageError unless the file exists, or a table of a database is named."""
    if population == RECORDS or population.startswith(REGISTERED):
        return
    address = is_address(population)
    if not address and not Path(population).is_file():
        raise UsageError(f"--population {population}: no such file")
    if (address or population.endswith(".duckdb")) and table is None:
        raise UsageError("--table names the table of the database")


def fail(error: Exception, *, as_json: bool) -> int:
    """Print why nothing was computed, and the remedy if known; return the exit status."""
    problems = error.problems if isinstance(error, PopulationRejected | RegistrationRejected) else (str(error),)
    if isinstance(error, OSError) and error.errno in {errno.ENOSPC, errno.EDQUOT}:
        problems = ("the disk is full: make room, and call the command again",)
    if as_json:
        print_json({"detail": "not run", "problems": list(problems)})
    else:
        for problem in problems:
            print_line(problem)
    return EXIT_FAULT


def tell_progress() -> Progress:
    """Show progress on a terminal."""

    def tell(what: str, done: int, total: int | None) -> None:
        if sys.stderr.isatty():
            sys.stderr.write(f"\r{what} {done:,}" + (f" of {total:,}" if total else "") + " rows ")
            sys.stderr.flush()

    return tell


def _print(report: RunReport) -> None:
    manifest = report.manifest
    rows = [
        (name, status, f"{count:,}")
        for name, statuses in manifest["statuses"].items()
        for status, count in sorted(statuses.items())
    ]
    print_table(["policy", "status", "subjects"], rows)
    for name, facts in report.left_out.items():
        print_line(f"left out: {name}, which lacks {', '.join(facts)}")
    for name, reason in manifest["by_python"].items():
        print_line(f"by generated Python: {name}: {reason}")
    subjects, refused = pluralize(manifest["subjects"], "subject"), pluralize(manifest["refused"], "row")
    print_line(f"{subjects} decided for {manifest['as_of']}, {refused} refused")
    print_line(f"{manifest['checked_rows'] + manifest['checked_edges']:,} answers compared with the definition")
    for path in report.paths:
        print_line(f"written: {path}")
