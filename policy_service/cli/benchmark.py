"""`policy-service benchmark`: computes a benchmark set from a population."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from policy_service.cli.decide import read_policies
from policy_service.cli.output import print_json, print_line, print_table
from policy_service.cli.run import FAILURES, check_population, day_or_default, fail, open_kept, tell_progress
from policy_service.cli.status import EXIT_OK, UsageError
from policy_service.language.benchmark_set import SET_ID, BenchmarkSet, Method, Quantiles
from policy_service.language.diagnostics import pluralize
from policy_service.language.load import VERSION
from policy_service.language.policy import Policy
from policy_service.language.types import format_value
from policy_service.population.benchmarks import BenchmarkReport, BenchmarkRequest, make_benchmark_set
from policy_service.population.figure_policies import write_figure_policies
from policy_service.population.mapping import read_mapping
from policy_service.population.output import write_rejected_rows
from policy_service.population.parts import write_whole
from policy_service.population.run import open_population


@dataclass(frozen=True, slots=True)
class BenchmarkOptions:
    """The arguments of the command, as typed."""

    population: str
    table: str | None
    max_age: int | None
    output: Path
    name: str
    version: str
    policies: Sequence[str] | None
    folder: Path | None
    mapping: Path | None
    as_of: str | None
    kind: str
    smallest_group: int
    quantiles: Quantiles
    drafts: Path | None


def run(options: BenchmarkOptions, *, as_json: bool) -> int:
    """Compute a benchmark set; return the exit status."""
    for pattern, text, option, expected in (
        (SET_ID, options.name, "--name", "a name such as benchmarks/customers"),
        (VERSION, options.version, "--version", "a version such as 1.0.0"),
    ):
        if not pattern.fullmatch(text):
            raise UsageError(f"{option} {text}: expected {expected}")
    check_population(options.population, options.table)
    try:
        with ExitStack() as stack:
            kept = open_kept(options.population, options.kind, options.max_age, stack)
            as_of = day_or_default(options.as_of, kept)
            policies = read_policies(options.folder)
            mapping = read_mapping(options.mapping)
            request = BenchmarkRequest(
                id=options.name,
                version=options.version,
                policies=policies,
                requested=options.policies,
                kind=options.kind,
                as_of=as_of,
                mapping=mapping,
                method=Method(options.quantiles, options.smallest_group),
            )
            source = kept.source(as_of) if kept else None
            with open_population(options.population, options.table, mapping, source) as rows:
                report = make_benchmark_set(request, rows, lambda done: tell_progress()("read", done, None))
        written = [*_write(report, options.output), *_write_policies(report, policies, options.drafts)]
    except FAILURES as error:
        return fail(error, as_json=as_json)
    if as_json:
        print_json(to_dict(report.benchmark_set, len(report.refused)))
    else:
        _print(report, written)
    return EXIT_OK


def _write_policies(report: BenchmarkReport, policies: Sequence[Policy], folder: Path | None) -> list[Path]:
    """Write the policies that put the figures in force. Raises PopulationRejected, OSError."""
    written = []
    for each in write_figure_policies(report.benchmark_set, policies) if folder is not None else ():
        path = Path(folder or "", each.id, f"{each.version}.yaml")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(each.text, encoding="utf-8")
        written.append(path)
    return written


def _write(report: BenchmarkReport, output: Path) -> list[Path]:
    """Write the set, and the rejected rows beside it. Raises OSError."""
    rejects = output.with_name(f"{output.name}.rejects.csv")
    write_whole(rejects, lambda temporary: write_rejected_rows(temporary, report.refused))
    write_whole(output, lambda temporary: temporary.write_text(report.benchmark_set.text, encoding="utf-8"))
    return [output, rejects]


def to_dict(made: BenchmarkSet, refused: int) -> dict[str, object]:
    """Return a set as JSON."""
    return {
        "benchmark_set": made.id,
        "version": made.version,
        "digest": made.digest,
        "as_of": made.as_of.isoformat(),
        "subjects": made.population.subjects,
        "refused": refused,
        "figures": [
            {
                "measure": str(figure.measure),
                "groups": [
                    {
                        "of": list(words),
                        "subjects": group.subjects,
                        "value": None if group.value is None else format_value(figure.type, group.value),
                    }
                    for words, group in figure.groups.items()
                ],
            }
            for figure in made.figures.values()
        ],
    }


def _print(report: BenchmarkReport, written: Sequence[Path]) -> None:
    made = report.benchmark_set
    rows = [
        (
            str(figure.measure),
            ", ".join(words),
            f"{group.subjects:,}",
            "too few" if group.value is None else str(format_value(figure.type, group.value)),
        )
        for figure in made.figures.values()
        for words, group in figure.groups.items()
    ]
    print_table(["measure", "group", "subjects", "figure"], rows)
    for measure in report.left_out:
        print_line(f"left out: {measure}")
    for equal in made.equal_quantiles():
        print_line(f"equal: {equal}")
    subjects, refused = pluralize(made.population.subjects, "subject"), pluralize(len(report.refused), "row")
    print_line(f"{made.id} {made.version} of {made.as_of.isoformat()}: {subjects}, {refused} refused")
    print_line(made.digest)
    for path in written:
        print_line(f"written: {path}")
