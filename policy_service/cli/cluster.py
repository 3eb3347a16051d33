"""`policy-service cluster`: clusters a population by its tags, and writes a draft policy."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from policy_service.cli.decide import read_policies
from policy_service.cli.output import print_json, print_line, print_table
from policy_service.cli.run import FAILURES, check_population, day_or_default, fail, open_kept, tell_progress
from policy_service.cli.status import EXIT_OK, UsageError
from policy_service.cross_groups.policy_file import Heading
from policy_service.population.cluster_policy import write_cluster_policy
from policy_service.population.clusters import Clustering, ClusterRequest, propose_groups
from policy_service.population.mapping import read_mapping
from policy_service.population.run import open_population


@dataclass(frozen=True, slots=True)
class ClusterOptions:
    """The arguments of the command, as typed."""

    population: str
    table: str | None
    max_age: int | None
    output: Path
    heading: Heading
    facts: Sequence[str] | None
    groups: int
    rows: int
    smallest: int
    seed: int
    folder: Path | None
    mapping: Path | None
    kind: str


def run(options: ClusterOptions, *, as_json: bool) -> int:
    """Write a draft of the clusters found; return the exit status."""
    check_population(options.population, options.table)
    if options.output.exists():
        raise UsageError(f"{options.output} is there already")
    try:
        with ExitStack() as stack:
            kept = open_kept(options.population, options.kind, options.max_age, stack)
            mapping = read_mapping(options.mapping)
            policies = read_policies(options.folder)
            request = ClusterRequest(
                policies=[policy for policy in policies if policy.id != options.heading.policy],
                facts=options.facts,
                kind=options.kind,
                mapping=mapping,
                groups=options.groups,
                rows=options.rows,
                smallest=options.smallest,
                seed=options.seed,
            )
            source = kept.source(day_or_default(None, kept)) if kept else None
            with open_population(options.population, options.table, mapping, source) as rows:
                proposal = propose_groups(request, rows, lambda done: tell_progress()("read", done, None))
        text = write_cluster_policy(proposal, options.heading)
        with options.output.open("x", encoding="utf-8", newline="\n") as file:
            file.write(text)
    except FAILURES as error:
        return fail(error, as_json=as_json)
    if as_json:
        print_json(_to_dict(proposal, options))
    else:
        _print(proposal, options.output)
    return EXIT_OK


def _to_dict(proposal: Clustering, options: ClusterOptions) -> dict[str, Any]:
    return {
        "policy": options.heading.policy,
        "version": options.heading.version,
        "output": str(options.output),
        "population": {"name": proposal.population, "digest": proposal.digest},
        "subjects": proposal.subjects,
        "refused": proposal.refused,
        "agreeing": proposal.agreeing,
        "rows": len(proposal.rows),
        "groups": [
            {
                "group": group.number,
                "subjects": group.subjects,
                "small": group.subjects < options.smallest,
                "described": _is_described(proposal, group.number),
            }
            for group in proposal.groups
        ],
        "left_out": list(proposal.left_out),
        "seed": options.seed,
        "library": proposal.library,
    }


def _is_described(proposal: Clustering, number: int) -> bool:
    return any(row.group == number for row in proposal.rows)


def _print(proposal: Clustering, output: Path) -> None:
    rows = []
    for group in proposal.groups:
        marks = ["small"] * (group.subjects < proposal.request.smallest)
        marks += ["no row describes it"] * (not _is_described(proposal, group.number))
        words = ", ".join(f"{trait.fact} {trait.word or 'missing'}" for trait in group.profile)
        rows.append((f"group_{group.number}", f"{group.subjects:,}", words, ", ".join(marks)))
    print_table(["group", "subjects", "most of all", ""], rows)
    for reason in proposal.left_out:
        print_line(f"left out: {reason}")
    share = 1_000 * proposal.agreeing // proposal.subjects
    print_line(
        f"{len(proposal.rows)} rows put {proposal.agreeing:,} of {proposal.subjects:,} subjects "
        f"({share // 10}.{share % 10} %) into the group that they were found in; {proposal.refused:,} rows refused"
    )
    print_line(f"written: {output}: a proposal; edit it, then draft a change with it")
