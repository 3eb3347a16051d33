"""`policy-service groups …`: rebuilds group lists, and compares figures by group."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from policy_service.cli.decide import read_day
from policy_service.cli.output import print_json, print_line, print_table
from policy_service.cli.run import FAILURES, fail
from policy_service.cli.status import EXIT_OK, UsageError
from policy_service.cli.storage import open_current_database
from policy_service.clock import SystemClock
from policy_service.decisions.groups.queries import groups_of_subjects
from policy_service.decisions.groups.service import rebuild
from policy_service.language.diagnostics import pluralize
from policy_service.population.group_figures import GroupComparison, compare_groups
from policy_service.population.mapping import read_mapping
from policy_service.population.source import open_source


def run_rebuild() -> int:
    """Rebuild all group lists from the records; return the exit status. Raises UsageError."""
    with open_current_database() as database:
        count = rebuild(database, SystemClock())
    print_line(f"group lists: {count} subject{'s' if count != 1 else ''}, made again from their decisions")
    return EXIT_OK


def run_compare(  # one parameter an option
    population: Path,
    columns: Sequence[str],
    by: str | None,
    policy: str | None,
    day: str | None,
    *,
    mapping: Path | None,
    smallest_group: int,
    output: Path | None,
    as_json: bool,
) -> int:
    """Compare groups by the numbers of a file; return the exit status. Raises UsageError."""
    if (by is None) is (policy is None):
        raise UsageError("name the groups by --by COLUMN, or by --policy ID")
    if policy is None and day is not None:
        raise UsageError("--day goes with --policy")
    try:
        rows = open_source(population, read_mapping(mapping))
        comparison = compare_groups(rows, columns, by or _read_groups(policy or "", day), smallest_group)
        if output is not None:
            output.write_bytes(comparison.to_csv())
    except FAILURES as error:
        return fail(error, as_json=as_json)
    if as_json:
        print_json(comparison.to_dict())
    else:
        _print(comparison)
    return EXIT_OK


def _read_groups(policy: str, day: str | None) -> Mapping[str, str]:
    """Return the groups of a policy by subject. Raises UsageError."""
    with open_current_database() as database, database.read() as session:
        groups = groups_of_subjects(session, policy, None if day is None else read_day(day, "--day"))
    if not groups:
        raise UsageError(f"--policy {policy}: it decided about nobody" + (f" until {day}" if day else ""))
    return {subject: group.name for subject, group in groups.items()}


def _print(comparison: GroupComparison) -> None:
    rows = [
        (
            each.group or "all",
            f"{each.subjects:,}" + (" (few)" if each.is_small else ""),
            column.column,
            f"{column.values:,}",
            f"{column.total:,}",
            "-" if column.rounded_mean is None else f"{column.rounded_mean:,}",
        )
        for each in comparison.lines
        for column in each.columns
    ]
    print_table(["group", "subjects", "column", "values", "sum", "mean"], rows)
    if comparison.absent:
        print_line(f"{pluralize(comparison.absent, 'subject')} of the group lists not in the file")
    for each in comparison.rejected:
        print_line(f"row {each.row} ({each.subject}): {each.reason}")
    print_line(f"population: {comparison.population}")
