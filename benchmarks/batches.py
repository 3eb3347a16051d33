"""Batches beside single decisions: latencies and lines per second, alone and together.

One server of ours, as for `over_http`. In each round a batch runs alone, single decisions are asked alone, and both are
asked at the same time; in the next round in another order. Singles come as clicks in a CRM do, at a steady pace, or
each connection asks again as soon as it is answered.
"""

import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path

from benchmarks.batch_load import BatchReport
from benchmarks.load import LoadReport
from benchmarks.over_http import ROWS, our_service, verify, write_requests
from benchmarks.policy_file import write_policy
from benchmarks.rounds import WrongAnswerError
from benchmarks.serving import READY_SECONDS, ROOT, running
from benchmarks.workload import make_workload


@dataclass(frozen=True, slots=True)
class Pace:
    """The pace of single decisions."""

    name: str
    connections: int
    pause: float
    """Seconds from an answer to the next request of a connection."""


PACES = (
    Pace("a click a second", 1, 1.0),
    Pace("about 10 a second", 1, 0.1),
    Pace("about 50 a second", 5, 0.1),
    Pace("about 100 a second", 10, 0.1),
    Pace("32 connections without a pause", 32, 0.0),
)


@dataclass(frozen=True, slots=True)
class PaceReport:
    """The rounds at one pace: a batch alone, singles alone, and both."""

    pace: Pace
    batch: tuple[BatchReport, ...]
    singles: tuple[LoadReport, ...]
    batch_together: tuple[BatchReport, ...]
    singles_together: tuple[LoadReport, ...]

    @property
    def p99_ratio(self) -> float:
        """Return how many times as long singles take beside a batch: the median of the rounds' ratios."""
        pairs = zip(self.singles_together, self.singles, strict=True)
        return statistics.median(together.p99 / alone.p99 for together, alone in pairs)


def compare_batches(*, rounds: int, seconds: float, paces: Sequence[Pace] = PACES) -> tuple[PaceReport, ...]:
    """Measures each pace in rounds of three turns of `seconds`."""
    workload = make_workload(ROWS)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        write_policy(folder / "policies", workload.rows)
        service = our_service(folder)
        port = stack.enter_context(running(service, folder))
        verify(service, port, workload)
        requests = write_requests(folder, service, workload)
        return tuple(_measure(requests, port, pace, rounds, seconds) for pace in paces)


def _measure(requests: Path, port: int, pace: Pace, rounds: int, seconds: float) -> PaceReport:
    alone: list[BatchReport] = []
    singles: list[LoadReport] = []
    together: list[tuple[BatchReport, LoadReport]] = []
    steps = (
        lambda: alone.append(_batch(_begin_batch(requests, port, seconds))),
        lambda: singles.append(_singles(requests, port, pace, seconds)),
        lambda: together.append(_both(requests, port, pace, seconds)),
    )
    for number in range(rounds):
        for turn in range(len(steps)):
            steps[(number + turn) % len(steps)]()
    return PaceReport(
        pace, tuple(alone), tuple(singles), tuple(each for each, _ in together), tuple(each for _, each in together)
    )


def _both(requests: Path, port: int, pace: Pace, seconds: float) -> tuple[BatchReport, LoadReport]:
    batch = _begin_batch(requests, port, 1.2 * seconds)  # as long as the singles and their warm-up
    report = _singles(requests, port, pace, seconds)
    return _batch(batch), report


def _begin_batch(requests: Path, port: int, seconds: float) -> "subprocess.Popen[bytes]":
    command = (*(sys.executable, "-m", "benchmarks.batch_load", str(requests), str(port)), "--seconds", str(seconds))
    return subprocess.Popen(command, cwd=ROOT, stdout=subprocess.PIPE)  # noqa: S603 - our own command


def _batch(process: "subprocess.Popen[bytes]") -> BatchReport:
    out, _ = process.communicate(timeout=READY_SECONDS)
    if process.returncode:
        raise WrongAnswerError("the batch did not come to its end")
    report = BatchReport(**json.loads(out))
    if report.refused or not report.lines:
        raise WrongAnswerError(f"{report.refused} lines of a batch were refused, {report.lines} answered")
    return report


def _singles(requests: Path, port: int, pace: Pace, seconds: float) -> LoadReport:
    command = (
        *(sys.executable, "-m", "benchmarks.load", str(requests), str(port), "--seconds", str(seconds)),
        *("--connections", str(pace.connections), "--pause", str(pace.pause)),
    )
    finished = subprocess.run(  # noqa: S603 - our own command
        command, cwd=ROOT, check=True, stdout=subprocess.PIPE, timeout=2 * seconds + READY_SECONDS
    )
    report = LoadReport(**json.loads(finished.stdout))
    if report.refused:
        raise WrongAnswerError(f"{report.refused} of {report.requests} single decisions were refused")
    return report
