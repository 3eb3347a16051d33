"""`policy-service simulate`: the effect of candidates over a file of subjects."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policy_service.cli.decide import read_day, read_policies
from policy_service.cli.output import print_json, print_line, print_table
from policy_service.cli.run import FAILURES, check_population, day_or_default, fail, open_kept, tell_progress
from policy_service.cli.status import EXIT_OK
from policy_service.language.diagnostics import PolicyError, pluralize
from policy_service.language.load import load_bytes
from policy_service.language.policy import Language, Policy
from policy_service.language.source import MAX_BYTES
from policy_service.population.errors import PopulationRejected
from policy_service.population.mapping import read_mapping
from policy_service.population.simulation import simulate
from policy_service.population.simulation_plan import SimulationRequest


@dataclass(frozen=True, slots=True)
class SimulationOptions:
    """The arguments of the command, as typed."""

    candidates: Sequence[Path]
    population: str
    policies: Sequence[str] | None
    folder: Path | None
    as_of: str | None
    start: str | None
    mapping: Path | None
    output: Path | None
    lang: Language


def run(options: SimulationOptions, *, as_json: bool) -> int:
    """Compare the candidates with what is in force; returns the exit status."""
    with ExitStack() as stack:
        return _run(options, stack, as_json=as_json)


def _run(options: SimulationOptions, stack: ExitStack, *, as_json: bool) -> int:
    check_population(options.population, "")
    start = read_day(options.start, "--from") if options.start is not None else None
    try:
        candidates = _read_candidates(options.candidates)
        in_force = read_policies(options.folder)
        kept = open_kept(options.population, candidates[0].subject, None, stack)
        as_of = day_or_default(options.as_of, kept)
        request = SimulationRequest(
            population=None if kept is not None else Path(options.population),
            policies=in_force,
            candidates=candidates,
            requested=options.policies,
            as_of=as_of,
            start=start,
            mapping=read_mapping(options.mapping),
            output=options.output,
            lang=options.lang,
            source=kept.source(as_of, policies=[*in_force, *candidates]) if kept else None,
        )
        report = simulate(request, tell_progress())
    except FAILURES as error:
        return fail(error, as_json=as_json)
    if as_json:
        print_json(report)
    else:
        _print(report)
    return EXIT_OK


def _read_candidates(paths: Sequence[Path]) -> list[Policy]:
    """The candidates, wherever their files stand. Raises PopulationRejected with the errors of all, OSError."""
    candidates, problems = [], []
    for path in paths:
        with path.open("rb") as file:
            content = file.read(MAX_BYTES + 1)
        try:
            candidates.append(load_bytes(content, str(path)))
        except PolicyError as error:
            problems.append(str(error))
    if problems:
        raise PopulationRejected(problems)
    return candidates


def _print(report: dict[str, Any]) -> None:
    bundle = report["bundle"]
    print_line(f"{report['moved']:,} of {report['subjects']:,} subjects move on {bundle['as_of']}")
    if not report["in_effect"]:
        print_line(f"the candidates are in force from {bundle['start']}: no effect before")
    if report["refused"]:
        print_line(f"{pluralize(report['refused'], 'row')} refused, on both sides")
    print_table(
        ["policy", "before", "after", "moved", "unchanged", "undecided"],
        [
            (each["policy"], *(each[side] or "-" for side in ("before", "after")), *_counts(each))
            for each in report["policies"]
        ],
    )
    for each in report["policies"]:
        _print_policy(each, everything=each["moved"] > 0)
    figures = ("before", "after", "difference", "capacity")
    for title, name, keys in (
        ("contacts a month", "workload", ("role",)),
        ("requests a month, by service level", "service_load", ("role", "answer_within")),
    ):
        if report[name]:
            print_line(title)
            print_table(
                (*keys, *figures), [tuple(row[key] or "-" for key in (*keys, *figures)) for row in report[name]]
            )
    if report["movers"]:
        print_table(["subject", report["measure"] or "", "moves", "charged to"], list(map(_mover, report["movers"])))
    for name, facts in report["left_out"].items():
        print_line(f"left out: {name}, which lacks {', '.join(facts)}")
    if report["output"]:
        print_line(f"written: {report['output']}")
    print_line(f"bundle: {bundle['digest']}")


def _counts(figures: dict[str, Any]) -> list[str]:
    return [f"{figures[name]:,}" for name in ("moved", "unchanged", "undecided")]


def _print_policy(figures: dict[str, Any], *, everything: bool) -> None:
    """Print the money of a policy and, if subjects move, who moves and why."""
    if figures["money"]:
        rows = [
            tuple(each[name] for name in ("outcome", "currency", "before", "after", "difference"))
            for each in figures["money"]
        ]
        print_table(["money", "currency", "before", "after", "difference"], rows)
    if not everything:
        return
    print_line(figures["policy"])
    changed = [each for each in figures["matrix"] if each["from"] != each["to"]]
    print_table(
        ["outcome", "from", "to", "subjects"],
        [(each["outcome"], each["from"], each["to"], f"{each['subjects']:,}") for each in changed],
    )
    if figures["by"]:
        print_table(
            ["by", "word", "subjects", "moved"],
            [(each["fact"], each["word"], f"{each['subjects']:,}", f"{each['moved']:,}") for each in figures["by"]],
        )
    print_table(
        ["charged to", "together with", "subjects"],
        [(each["difference"], each["with"] or "", f"{each['subjects']:,}") for each in figures["attribution"]],
        lines=True,
    )


def _mover(mover: dict[str, Any]) -> tuple[str, ...]:
    moves = [
        f"{each['policy']}: "
        + ", ".join(
            f"{one['outcome']} {one['from']} → {one['to']}" for one in each["outcomes"] if one["from"] != one["to"]
        )
        for each in mover["policies"]
    ]
    reasons = dict.fromkeys(reason for each in mover["policies"] for reason in each["charged_to"])
    return (mover["subject"], mover["measure"] or "", "\n".join(moves), "\n".join(reasons))
