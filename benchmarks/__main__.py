"""`python -m benchmarks`: measure all, or what `--only` names; print tables and write JSON."""

import argparse
import json
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from benchmarks import report
from benchmarks.batches import compare_batches
from benchmarks.company.build import Size
from benchmarks.engines import compare_engines
from benchmarks.groups import measure_groups
from benchmarks.interference import measure_interference
from benchmarks.memory import sample_memory
from benchmarks.over_http import compare_http
from benchmarks.pages import measure_pages
from benchmarks.population import measure_population
from benchmarks.rounds import WrongAnswerError
from benchmarks.serving import NotServingError
from benchmarks.simulation import measure_recorded, measure_simulation
from benchmarks.start import measure_starts
from benchmarks.volume import STEPS, measure_volume

SECTIONS = (
    "engines",
    "sizes",
    "http",
    "batches",
    "memory",
    "pages",
    "start",
    "groups",
    "volume",
    "population",
    "simulation",
    "interference",
)
SIZES = (10, 50, 200, 1_000)
CONNECTIONS = 32
RESULTS = Path(__file__).resolve().parent / "results"


@dataclass(frozen=True, slots=True)
class Plan:
    """The plan of a run: seconds a competitor a comparison, in rounds; how much the other sections do."""

    seconds: float
    engine_rounds: int
    http_rounds: int
    decisions: int
    replacements: int
    company: Size
    page_rounds: int
    starts: int
    group_rounds: int
    populations: tuple[int, ...]
    simulations: tuple[int, ...]
    interference_seconds: float
    pages_folder: Path
    """Where the large database is, or will be."""
    volume_folder: Path
    volume_steps: Sequence[str]
    """Which of the volume's steps are taken; all when it is empty."""


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the sections asked for; 0 when all was measured, 1 when one answered wrongly or did not serve."""
    options = _parser().parse_args(arguments)
    with tempfile.TemporaryDirectory() as folder:
        return _run(options, _plan(options, Path(folder)))


def _run(options: argparse.Namespace, plan: Plan) -> int:
    sections = options.only or SECTIONS
    machine = report.describe_machine()
    results: dict[str, Any] = {
        "measured_at": datetime.now(UTC).isoformat(timespec="seconds"),
        "machine": machine,
        "plan": {**asdict(plan), "pages_folder": str(plan.pages_folder), "volume_folder": str(plan.volume_folder)},
    }
    print(report.machine_lines(machine), flush=True)
    try:
        for section in SECTIONS:
            if section in sections:
                results[section], rendered = _measure(section, plan)
                print(f"\n## {section}\n\n{rendered}", flush=True)
    except (WrongAnswerError, NotServingError) as error:
        print(error, file=sys.stderr)
        return 1
    path = options.json or RESULTS / f"{datetime.now(UTC):%Y%m%dT%H%M%SZ}.json"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(results, indent=2) + "\n", encoding="utf-8")
    print(f"\nwritten to {path}")
    return 0


def _measure(section: str, plan: Plan) -> tuple[object, str]:
    """One section's figures for the file, and its table for the screen."""
    seconds = plan.seconds / plan.engine_rounds
    match section:
        case "engines":
            comparison = compare_engines(50, rounds=plan.engine_rounds, seconds=seconds)
            return asdict(comparison), report.engines_table(comparison)
        case "sizes":
            comparisons = [compare_engines(size, rounds=plan.engine_rounds, seconds=seconds) for size in SIZES]
            return [asdict(comparison) for comparison in comparisons], report.sizes_table(comparisons)
        case "http":
            services = compare_http(
                rounds=plan.http_rounds, seconds=plan.seconds / plan.http_rounds, connections=CONNECTIONS
            )
            return [asdict(service) for service in services], report.http_table(services, CONNECTIONS)
        case "batches":
            batches = compare_batches(rounds=plan.http_rounds, seconds=plan.seconds)
            return [asdict(each) for each in batches], report.batches_table(batches)
        case "memory":
            samples = sample_memory(plan.decisions, plan.replacements)
            return [asdict(sample) for sample in samples], report.memory_table(samples)
        case "pages":
            pages = measure_pages(plan.company, plan.page_rounds, plan.pages_folder)
            return asdict(pages), report.pages_table(pages)
        case "start":
            starts = measure_starts(plan.company, plan.starts, plan.pages_folder)
            return [asdict(each) for each in starts], report.start_table(starts)
        case "groups":
            groups = measure_groups(plan.decisions, plan.group_rounds)
            return asdict(groups), report.groups_table(groups)
        case "volume":
            volume = measure_volume(plan.decisions, plan.volume_folder, plan.volume_steps)
            return asdict(volume), report.volume_table(volume)
        case "population":
            population = measure_population(plan.populations, plan.http_rounds + 2)
            return asdict(population), report.population_table(population)
        case "simulation":
            simulations = measure_simulation(plan.simulations, plan.http_rounds)
            recorded = measure_recorded(plan.decisions)
            figures = {"files": [asdict(each) for each in simulations], "records": asdict(recorded)}
            return figures, report.simulation_table(simulations, recorded)
        case "interference":
            interference = measure_interference(plan.interference_seconds)
            return [asdict(each) for each in interference], report.interference_table(interference)
        case _:
            raise AssertionError(section)


def _plan(options: argparse.Namespace, folder: Path) -> Plan:
    quick = options.quick
    return Plan(
        seconds=options.seconds or (0.5 if quick else 5.0),
        engine_rounds=5 if quick else 10,
        http_rounds=2 if quick else 5,
        decisions=options.decisions or (20_000 if quick else 1_000_000),
        replacements=options.replacements or (20 if quick else 1_000),
        company=Size(changes=200, decisions=5_000, entries=6_000, policies=10) if quick else Size(),
        page_rounds=5 if quick else 50,
        starts=2 if quick else 10,
        group_rounds=5 if quick else 40,
        populations=(10_000, 100_000) if quick else (10_000, 1_000_000, 10_000_000),
        simulations=(10_000,) if quick else (100_000, 1_000_000),
        interference_seconds=options.seconds or (0.5 if quick else 3.0),
        pages_folder=options.pages_folder or folder,
        volume_folder=options.volume_folder or folder / "volume",
        volume_steps=options.volume_step or (),
    )


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description="Measure this service beside its peers.")
    parser.add_argument(
        "--only", action="append", choices=SECTIONS, help="measure this section; may be given several times"
    )
    parser.add_argument("--quick", action="store_true", help="a short look, good enough to see that everything works")
    parser.add_argument(
        "--seconds",
        type=float,
        help="seconds for each competitor in each comparison (5, or 0.5), each other work (3, or 0.5)",
    )
    parser.add_argument("--decisions", type=int, help="decisions of memory, groups and volume (1,000,000, or 20,000)")
    parser.add_argument("--replacements", type=int, help="policy replacements of the memory section (1,000, or 20)")
    parser.add_argument(
        "--pages-folder",
        type=Path,
        metavar="FOLDER",
        help="where the large database of pages and start is kept for the next run",
    )
    parser.add_argument(
        "--volume-folder", type=Path, metavar="FOLDER", help="where the database of volume is kept for the next run"
    )
    parser.add_argument(
        "--volume-step", action="append", choices=STEPS, help="take this step of volume; may be given several times"
    )
    parser.add_argument("--json", type=Path, metavar="FILE", help="where the figures go (benchmarks/results/)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
