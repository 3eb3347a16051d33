"""Decisions per second inside one process: every engine, one table, the answers verified beforehand."""

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from time import perf_counter

from benchmarks import ours
from benchmarks.candidate import Candidate, Entry
from benchmarks.peers import cel, zen
from benchmarks.rounds import Speed, measure, verify
from benchmarks.workload import Row, make_workload

ENTRIES: tuple[Entry, ...] = (*ours.ENTRIES, *zen.ENTRIES, *cel.ENTRIES)


@dataclass(frozen=True, slots=True)
class EngineResult:
    """The result of one engine on one table."""

    name: str
    short: str
    ours: bool
    preparation_seconds: float
    """Seconds from the rows to the first decision that could be made."""
    speed: Speed


@dataclass(frozen=True, slots=True)
class Comparison:
    """All engines with one table; `absent` names the peers that are not installed."""

    rows: int
    mean_fired: float
    results: tuple[EngineResult, ...]
    absent: tuple[str, ...]

    @property
    def ours(self) -> tuple[EngineResult, ...]:
        """Our own engines."""
        return tuple(result for result in self.results if result.ours)

    @property
    def peers(self) -> tuple[EngineResult, ...]:
        """The engines that ours are compared with."""
        return tuple(result for result in self.results if not result.ours)


def compare_engines(row_count: int, *, rounds: int, seconds: float) -> Comparison:
    """Time every engine on the first `row_count` rows; raises WrongAnswerError when one answers wrongly."""
    workload = make_workload(row_count)
    with _prepared(workload.rows) as (candidates, preparation_seconds):
        for name, candidate in candidates.items():
            verify(name, candidate, workload)
        speeds = measure(candidates, workload, rounds=rounds, seconds=seconds)
    results = tuple(
        EngineResult(entry.name, entry.short, entry.ours, preparation_seconds[entry.name], speeds[entry.name])
        for entry in ENTRIES
        if entry.name in speeds
    )
    absent = tuple(entry.name for entry in ENTRIES if entry.name not in speeds)
    return Comparison(row_count, workload.mean_fired, results, absent)


@contextmanager
def _prepared(rows: Sequence[Row]) -> Iterator[tuple[dict[str, Candidate], dict[str, float]]]:
    """Every engine installed, made ready for the table, and the seconds each took; closed afterwards."""
    candidates: dict[str, Candidate] = {}
    preparation_seconds: dict[str, float] = {}
    with ExitStack() as stack:
        for entry in ENTRIES:
            begin = perf_counter()
            try:
                candidate = entry.prepare(rows)
            except ModuleNotFoundError:
                if entry.ours:
                    raise
                continue
            preparation_seconds[entry.name] = perf_counter() - begin
            stack.callback(candidate.close)
            candidates[entry.name] = candidate
        yield candidates, preparation_seconds
