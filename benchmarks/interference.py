"""Decisions beside other work: asked for at a steady pace while pages, reports and exports are made.

Decisions are about a table of 50 rows; the other work is about a policy of 1,000 rules, or about all there is. Each
piece is begun when the service has not seen it before, and done again until the time is up; one that can be done once
only, such as a submission, is done once.
"""

from __future__ import annotations

import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path

from benchmarks import ours
from benchmarks.office import ROWS, environment_of, office_at, set_up_office
from benchmarks.other_work import WorkItem, all_work
from benchmarks.policy_file import POLICY
from benchmarks.serving import ROOT, Server, running
from benchmarks.workload import make_workload

RATE = 100.0
"""Decisions a second."""
CONNECTIONS = 32
WARM_UP = 3.0
"""Seconds before the first piece."""
PAUSE = 0.5
"""Seconds between two pieces."""


@dataclass(frozen=True, slots=True)
class InterferenceResult:
    """Latencies of decisions while other work was done, in milliseconds."""

    work: str
    seconds: float
    """How long the other work went on."""
    times: int
    """How often it was done."""
    decisions: int
    refused: int
    p50: float
    p99: float
    slowest: float


@dataclass(frozen=True, slots=True)
class _WorkWindow:
    """The time of a piece of work, in seconds of the monotonic clock."""

    work: str
    begin: float
    end: float
    times: int


def measure_interference(seconds: float) -> tuple[InterferenceResult, ...]:
    """Serves, asks for decisions all the time, and does one piece of work after another for `seconds` each."""
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        credentials = set_up_office(folder)
        server = Server("policy-service", "api.app:create_app", environment_of(folder))
        port = stack.enter_context(running(server, folder))
        answers, windows = folder / "answers", []
        with _decisions(folder, credentials["machine"], port, answers):
            time.sleep(WARM_UP)
            for work in all_work(office_at(port, credentials)):
                windows.append(_run_work(work, seconds))
                time.sleep(PAUSE)
        lines = [line.split() for line in answers.read_text("utf-8").splitlines()]
        answers_ = [(float(due), float(took), status) for due, took, status in lines]
        return tuple(_result(window, answers_) for window in windows)


def _run_work(work: WorkItem, seconds: float) -> _WorkWindow:
    begin, times = time.monotonic(), 0
    while times == 0 or (not work.once and time.monotonic() < begin + seconds):
        work.command()
        times += 1
    return _WorkWindow(work.name, begin, time.monotonic(), times)


@contextmanager
def _decisions(folder: Path, key: str, port: int, answers: Path) -> Iterator[None]:
    """Asks for decisions while this lasts; then the file `answers` has a line for each."""
    bodies = [
        json.dumps({"subject": f"C{number}", "facts": ours.exact_facts(facts), "policies": [POLICY]})
        for number, facts in enumerate(make_workload(ROWS).fact_sets)
    ]
    requests, headers = folder / "requests.json", {"Authorization": f"Bearer {key}"}
    requests.write_text(json.dumps({"path": "/v1/decisions", "headers": headers, "bodies": bodies}), "utf-8")
    command = (
        *(sys.executable, "-m", "benchmarks.steady", str(requests), str(port)),
        *("--rate", str(RATE), "--connections", str(CONNECTIONS)),
    )
    with answers.open("wb") as out:
        process = subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=out)  # noqa: S603 - our own command
        try:
            yield
        finally:
            process.communicate()  # its standard input ends, and so does it


def _result(window: _WorkWindow, answers: Sequence[tuple[float, float, str]]) -> InterferenceResult:
    answered = [(took, status) for due, took, status in answers if window.begin <= due < window.end]
    latencies = sorted(each for each, _ in answered) or [0.0]
    p99 = statistics.quantiles(latencies, n=100, method="inclusive")[-1] if len(latencies) > 1 else latencies[0]
    refused = sum(status != "200" for _, status in answered)
    seconds = window.end - window.begin
    return InterferenceResult(
        window.work, seconds, window.times, len(answered), refused, statistics.median(latencies), p99, latencies[-1]
    )
