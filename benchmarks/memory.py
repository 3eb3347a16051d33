"""The memory of one process over many decisions and many replacements of its policy.

    python -m benchmarks.memory --decisions 1000000 --replacements 1000

prints one JSON list of samples. It runs in a process of its own, so that nothing else is counted; every
answer is compared with the table, and each replacement is followed by decisions of the new version.
"""

import argparse
import gc
import itertools
import json
import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from pathlib import Path

import policy_service
from benchmarks import ours
from benchmarks.rounds import WrongAnswerError
from benchmarks.workload import Workload, make_workload

ROOT = Path(__file__).resolve().parent.parent
STATM = Path("/proc/self/statm")
WARM_UP = 5_000
"""Decisions before the first sample."""
SAMPLES = 10
"""Samples over the decisions, and as many over the replacements."""
DECISIONS_EACH_REPLACEMENT = 20


@dataclass(frozen=True, slots=True)
class Sample:
    """The resident memory, in bytes, after so many decisions and replacements of the policy."""

    decisions: int
    replacements: int
    resident: int


def sample_memory(decisions: int, replacements: int) -> tuple[Sample, ...]:
    """The samples of a new process; none where the system does not say what is resident (Linux does)."""
    if not STATM.exists():
        return ()
    command = (
        *(sys.executable, "-m", "benchmarks.memory"),
        *("--decisions", str(decisions), "--replacements", str(replacements)),
    )
    finished = subprocess.run(command, cwd=ROOT, check=True, stdout=subprocess.PIPE)  # noqa: S603 - our own command
    return tuple(Sample(**sample) for sample in json.loads(finished.stdout))


def take_samples(decisions: int, replacements: int) -> Iterator[Sample]:
    """Decide, then replace, and look at the memory at even distances."""
    versions = (make_workload(50), make_workload(49))
    policies = [ours.load_table(workload.rows, f"1.{minor}.0") for minor, workload in enumerate(versions)]
    decider = policy_service.Decider([policies[0]], engine="durable_rules")
    _decide(decider, versions[0], WARM_UP)
    yield Sample(0, 0, _resident())
    decision_count = 0
    for portion in _portions(decisions):
        _decide(decider, versions[0], portion)
        decision_count += portion
        yield Sample(decision_count, 0, _resident())
    replacement_count = 0
    for portion in _portions(replacements):
        for _ in range(portion):
            replacement_count += 1
            decider.replace([policies[replacement_count % 2]])
            _decide(decider, versions[replacement_count % 2], DECISIONS_EACH_REPLACEMENT)
        yield Sample(decision_count + replacement_count * DECISIONS_EACH_REPLACEMENT, replacement_count, _resident())
    decider.close()


def _portions(total: int) -> list[int]:
    """`total` in as many nearly equal parts as there are samples, none of them empty."""
    bounds = [total * number // SAMPLES for number in range(SAMPLES + 1)]
    return [end - begin for begin, end in itertools.pairwise(bounds) if end > begin]


def _decide(decider: policy_service.Decider, workload: Workload, count: int) -> None:
    cases = zip(map(ours.exact_facts, workload.fact_sets), workload.expected, strict=True)
    for facts, expected in itertools.islice(itertools.cycle(cases), count):
        answer = ours.read_outputs(decider.decide(facts, as_of=ours.AS_OF))
        if answer != expected:
            raise WrongAnswerError(f"the answer is {answer} and should be {expected} for {facts}")


def _resident() -> int:
    """Bytes of resident memory, when everything that can be freed is."""
    gc.collect()
    pages = int(STATM.read_text(encoding="ascii").split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE")


def main() -> None:
    """Read the command line, take the samples, print them."""
    parser = argparse.ArgumentParser(description="Sample the memory of one process that decides.")
    parser.add_argument("--decisions", type=int, default=1_000_000)
    parser.add_argument("--replacements", type=int, default=1_000)
    arguments = parser.parse_args()
    samples = take_samples(arguments.decisions, arguments.replacements)
    print(json.dumps([asdict(sample) for sample in samples]))


if __name__ == "__main__":
    main()
