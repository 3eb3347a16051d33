"""Results as tables a reader can paste into a page, and as JSON a program can read.

A table is a header and its lines; the first column is text, the others are figures and stand to the right.
"""

import importlib.metadata
import os
import platform
import statistics
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from benchmarks.batches import PaceReport
from benchmarks.engines import Comparison, EngineResult
from benchmarks.groups import GroupFigures
from benchmarks.interference import RATE, InterferenceResult
from benchmarks.memory import Sample
from benchmarks.over_http import ServiceResult
from benchmarks.pages import Pages, slow
from benchmarks.population import PopulationFigures
from benchmarks.simulation import RecordedFigures, SimulationFigures
from benchmarks.start import StartResult
from benchmarks.volume import VolumeFigures

PACKAGES = (
    *("durable-rules", "zen-engine", "cel-expr-python", "common-expression-language"),
    *("duckdb", "ibis-framework", "pyarrow"),
    *("fastapi", "uvicorn", "uvloop", "msgspec", "pydantic"),
)
MEBIBYTE = 2**20
MILLION = 1_000_000
PAGE_MILLISECONDS = 200
"""In how many milliseconds 95 of 100 answers are to be there."""


def describe_machine() -> dict[str, Any]:
    """Describe the machine and the versions of the measurement."""
    versions = {}
    for package in PACKAGES:
        try:
            versions[package] = importlib.metadata.version(package)
        except importlib.metadata.PackageNotFoundError:
            versions[package] = "not installed"
    return {
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.machine()}",
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
        "versions": versions,
    }


def machine_lines(machine: dict[str, Any]) -> str:
    """The machine in two lines."""
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    return (
        f"{machine['processor']}, {machine['cores']} cores, {machine['system']}, Python {machine['python']}\n{versions}"
    )


def engines_table(comparison: Comparison) -> str:
    """Decisions per second, the slowest and the quickest round; then how many times as fast ours are."""
    header = ("engine", "decisions/s", "µs", "rounds from", "to")
    lines = [
        (
            result.name,
            f"{result.speed.median:,.0f}",
            f"{MILLION / result.speed.median:,.1f}",
            f"{min(result.speed.per_round):,.0f}",
            f"{max(result.speed.per_round):,.0f}",
        )
        for result in comparison.results
    ]
    fired = f"{comparison.rows} rows, 20 facts, {comparison.mean_fired:.1f} rows fire per decision; answers equal"
    ratios = [
        (result.name, *(f"{result.speed.ratio_to(peer.speed):.2f}" for peer in comparison.peers))
        for result in comparison.ours
    ]
    ratio_table = _table(("times as fast as", *(peer.short for peer in comparison.peers)), ratios)
    absent = "".join(f"\nnot installed, so not measured: {name}" for name in comparison.absent)
    return f"{fired}\n\n{_table(header, lines)}\n\n{ratio_table}{absent}"


def sizes_table(comparisons: Sequence[Comparison]) -> str:
    """Microseconds a decision, a column for each size of the table."""
    header = ("µs a decision", *(f"{comparison.rows:,} rows" for comparison in comparisons))
    fired = ("rows that fire", *(f"{comparison.mean_fired:.1f}" for comparison in comparisons))
    lines = [
        (name, *(f"{MILLION / result.speed.median:,.1f}" for result in results))
        for name, results in _by_engine(comparisons)
    ]
    preparation = [
        (f"preparing, ms: {name}", *(f"{1_000 * result.preparation_seconds:,.1f}" for result in results))
        for name, results in _by_engine(comparisons)
    ]
    return _table(header, [fired, *lines, *preparation])


def http_table(services: Sequence[ServiceResult], connections: int) -> str:
    """Requests per second and latencies, and how many times as many requests ours answers."""
    ours = next(service for service in services if service.ours)
    header = ("service", "requests/s", "p50 ms", "p99 ms", "ours is ×")
    lines = [
        (
            service.name,
            f"{service.median(lambda report: report.per_second):,.0f}",
            f"{service.median(lambda report: report.p50):.2f}",
            f"{service.median(lambda report: report.p99):.2f}",
            f"{ours.ratio_to(service):.2f}",
        )
        for service in services
    ]
    return f"one worker, {connections} connections\n\n{_table(header, lines)}"


def batches_table(paces: Sequence[PaceReport]) -> str:
    """Latencies of single decisions alone and beside a batch, and the lines per second of the batch."""
    header = ("single decisions", "p50 ms", "p99 ms", "p50 beside", "p99 beside", "×", "batch alone", "batch beside")
    lines = [
        (
            each.pace.name,
            f"{statistics.median(one.p50 for one in each.singles):.1f}",
            f"{statistics.median(one.p99 for one in each.singles):.1f}",
            f"{statistics.median(one.p50 for one in each.singles_together):.1f}",
            f"{statistics.median(one.p99 for one in each.singles_together):.1f}",
            f"{each.p99_ratio:.1f}",
            f"{statistics.median(one.per_second for one in each.batch):,.0f}",
            f"{statistics.median(one.per_second for one in each.batch_together):,.0f}",
        )
        for each in paces
    ]
    return f"one worker; batches in lines per second\n\n{_table(header, lines)}"


def memory_table(samples: Sequence[Sample]) -> str:
    """The resident memory at each sample and its growth since the first; then the growth of each part."""
    if not samples:
        return "not measured: this system does not say what memory is resident"
    header = ("decisions", "replacements", "resident MiB", "growth MiB")
    first = samples[0]
    lines = [
        (
            f"{sample.decisions:,}",
            f"{sample.replacements:,}",
            f"{sample.resident / MEBIBYTE:.1f}",
            f"{(sample.resident - first.resident) / MEBIBYTE:+.2f}",
        )
        for sample in samples
    ]
    decided = max((one for one in samples if not one.replacements), key=lambda one: one.decisions)
    last = samples[-1]
    return (
        f"{_table(header, lines)}\n\n"
        f"{decided.decisions:,} decisions: {(decided.resident - first.resident) / MEBIBYTE:+.2f} MiB; "
        f"{last.replacements:,} replacements: {(last.resident - decided.resident) / MEBIBYTE:+.2f} MiB"
    )


def _by_engine(comparisons: Sequence[Comparison]) -> Iterator[tuple[str, list[EngineResult]]]:
    for number, result in enumerate(comparisons[0].results):
        yield result.name, [comparison.results[number] for comparison in comparisons]


def pages_table(pages: Pages) -> str:
    """Every page, and which are slower than they should be."""
    header = ("page", "answers", "p50 ms", "p95 ms", "slowest", "processor p95", "KiB")
    lines = [
        (
            each.name,
            str(each.status),
            f"{each.p50:.0f}",
            f"{each.p95:.0f}",
            f"{each.slowest:.0f}",
            f"{each.processor:.0f}",
            f"{each.size / 1_024:.0f}",
        )
        for each in pages.pages
    ]
    company = ", ".join(f"{count:,} {name}" for name, count in pages.company.items())
    above = ", ".join(f"{each.name} ({each.p95:.0f} ms)" for each in slow(pages, PAGE_MILLISECONDS)) or "none"
    missing = "".join(f"\nnot measured, since this company has none: {name}" for name in pages.missing)
    summary = f"{company}; {pages.rounds} times each\n\n{_table(header, lines)}"
    return f"{summary}\n\nabove {PAGE_MILLISECONDS} ms at the 95th percentile: {above}{missing}"


def start_table(results: Sequence[StartResult]) -> str:
    """Seconds from the command to ready, on each database."""
    header = ("database", "decisions", "entries", "starts", "seconds", "slowest", "processor seconds")
    lines = [
        (
            each.database,
            f"{each.decisions:,}",
            f"{each.entries:,}",
            str(len(each.seconds)),
            f"{each.median:.2f}",
            f"{max(each.seconds):.2f}",
            f"{statistics.median(each.processor_seconds):.2f}",
        )
        for each in results
    ]
    return _table(header, lines)


def volume_table(figures: VolumeFigures) -> str:
    """What each step took at one number of records, and the disk afterwards."""
    header = ("step", "seconds", "processor seconds", "MB")
    lines = [
        (
            each.name,
            _seconds(each.seconds),
            _seconds(each.processor_seconds),
            "" if each.megabytes is None else f"{each.megabytes:,.0f}",
        )
        for each in figures.steps
    ]
    return f"{figures.decisions:,} records\n\n{_table(header, lines)}"


def _seconds(seconds: float) -> str:
    return f"{seconds:,.1f}" if seconds >= 1 else f"{seconds:.5f}"


def groups_table(figures: GroupFigures) -> str:
    """Each question about group lists, and what writing them costs."""
    header = ("question", "p50 ms", "p95 ms", "slowest")
    lines = [(each.name, f"{each.p50:.1f}", f"{each.p95:.1f}", f"{each.slowest:.1f}") for each in figures.timings]
    built = f"{figures.decisions:,} decisions about {figures.subjects:,} subjects, lists made in"
    costs = ", ".join(f"{name} group lists {microseconds:.0f}" for name, microseconds in figures.microseconds.items())
    table = _table(header, lines)
    return f"{built} {figures.rebuild_seconds:.0f} s\n\n{table}\n\nµs of processor time a decision: {costs}"


def population_table(figures: PopulationFigures) -> str:
    """Each query beside the same rules by hand, and the whole command over files."""
    header = ("rows", "bits", "ours ms", "by hand ms", "ratio", "on Spark ms")
    lines = [
        (
            f"{each.rows:,}",
            str(each.bits),
            f"{statistics.median(each.ours) * 1_000:,.0f}",
            f"{statistics.median(each.by_hand) * 1_000:,.0f}",
            f"{each.ratio:.2f}",
            f"{statistics.median(each.spark) * 1_000:,.0f}" if each.spark else "",
        )
        for each in figures.queries
    ]
    run_header = ("whole command, rows", "seconds", "rows/s", "peak MiB")
    runs = [
        (f"{each.rows:,}", f"{each.seconds:.1f}", f"{each.rows / each.seconds:,.0f}", f"{each.memory / MEBIBYTE:,.0f}")
        for each in figures.runs
    ]
    compiled = f"compiled in {figures.compile_seconds * 1_000:.0f} ms"
    return f"{_table(header, lines)}\n\n{compiled}\n\n{_table(run_header, runs)}"


def simulation_table(simulations: Sequence[SimulationFigures], recorded: RecordedFigures) -> str:
    """The effect of two changed cells over files, beside the same by hand, and over decision records."""
    header = ("rows", "moved", "seconds of", "ours", "by hand", "ratio", "by hand, judging rows", "ratio")
    lines = [
        (
            f"{each.rows:,}",
            f"{each.moved:,}",
            name,
            f"{statistics.median(taken[kind] for taken in each.ours):.2f}",
            f"{statistics.median(taken[kind] for taken in each.by_hand):.2f}",
            f"{each.ratio(kind):.2f}",
            f"{statistics.median(taken[kind] for taken in each.judged):.2f}",
            f"{each.ratio(kind, judged=True):.2f}",
        )
        for each in simulations
        for kind, name in enumerate(("the clock", "the processor"))
    ]
    seconds, processor = recorded.taken
    records = (f"{recorded.records:,}", f"{recorded.moved:,}", f"{seconds:.1f}", f"{processor:.1f}")
    return f"{_table(header, lines)}\n\n{_table(('decision records', 'moved', 's', 'CPU s'), [records])}"


def interference_table(results: Sequence[InterferenceResult]) -> str:
    """Return the table of latencies beside each piece of other work."""
    header = ("other work", "seconds", "times", "decisions", "p50 ms", "p99 ms", "slowest")
    lines = [
        (
            each.work,
            f"{each.seconds:.1f}",
            str(each.times),
            str(each.decisions),
            f"{each.p50:.1f}",
            f"{each.p99:.1f}",
            f"{each.slowest:.0f}",
        )
        for each in results
    ]
    refused = sum(each.refused for each in results)
    summary = f"{RATE:.0f} decisions a second beside other work; {refused} were refused"
    return f"{summary}\n\n{_table(header, lines)}"


def _table(header: Sequence[str], lines: Sequence[Sequence[str]]) -> str:
    """A Markdown table whose columns line up on a screen too."""
    widths = [max(len(line[column]) for line in (header, *lines)) for column in range(len(header))]
    rule = ["-" * widths[0], *("-" * (width - 1) + ":" for width in widths[1:])]
    return "\n".join(
        "| "
        + " | ".join(
            cell.ljust(width) if column == 0 else cell.rjust(width)
            for column, (cell, width) in enumerate(zip(line, widths, strict=True))
        )
        + " |"
        for line in (header, rule, *lines)
    )


def _processor() -> str:
    cpu_info = Path("/proc/cpuinfo")
    if cpu_info.exists():
        for line in cpu_info.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                return line.partition(":")[2].strip()
    return platform.processor() or "an unnamed processor"
