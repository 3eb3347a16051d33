"""Time several candidates fairly: warm up, then rounds with a turn each; a busy machine hurts all alike.

Every turn starts after a full garbage collection and runs with the collector on, as a server does.
"""

import gc
import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from time import perf_counter

from benchmarks.candidate import Candidate, Facts
from benchmarks.workload import Workload

BETWEEN_CLOCK_READINGS = 20
"""Decisions between two readings of the clock."""


class WrongAnswerError(Exception):
    """A candidate does not answer what the table says, so timing it would mean nothing."""


@dataclass(frozen=True, slots=True)
class Speed:
    """The speed of one candidate in each round, in decisions per second."""

    per_round: tuple[float, ...]

    @property
    def median(self) -> float:
        """The figure to quote."""
        return statistics.median(self.per_round)

    def ratio_to(self, other: "Speed") -> float:
        """Return how many times as fast as `other` it is: the median of the rounds' ratios."""
        return statistics.median(mine / its for mine, its in zip(self.per_round, other.per_round, strict=True))


def verify(name: str, candidate: Candidate, workload: Workload) -> None:
    """Raise WrongAnswerError unless `candidate` gives the expected outputs for every set of facts."""
    for facts, expected in zip(workload.fact_sets, workload.expected, strict=True):
        answer = candidate.decide(candidate.shape(facts))
        if answer != expected:
            message = f"{name} answers {answer}, the table says {expected}, for {dict(facts)}"
            raise WrongAnswerError(message)


def measure(
    candidates: Mapping[str, Candidate], workload: Workload, *, rounds: int, seconds: float
) -> dict[str, Speed]:
    """Give every candidate one turn of `seconds` a round, each round starting with another one."""
    prepared = {
        name: [candidate.shape(facts) for facts in workload.fact_sets] for name, candidate in candidates.items()
    }
    names = list(candidates)
    for name in names:
        _turn(candidates[name], prepared[name], seconds / 4)
    speeds: dict[str, list[float]] = {name: [] for name in names}
    for number in range(rounds):
        first = number % len(names)
        for name in names[first:] + names[:first]:
            speeds[name].append(_turn(candidates[name], prepared[name], seconds))
    return {name: Speed(tuple(per_round)) for name, per_round in speeds.items()}


def _turn(candidate: Candidate, fact_sets: Sequence[Facts], seconds: float) -> float:
    """Decide for at least `seconds`, cycling through the sets of facts; the decisions per second."""
    decide = candidate.decide
    portions = [fact_sets[at : at + BETWEEN_CLOCK_READINGS] for at in range(0, len(fact_sets), BETWEEN_CLOCK_READINGS)]
    gc.collect()
    decided = 0
    begin = perf_counter()
    while True:
        for portion in portions:
            for facts in portion:
                decide(facts)
            decided += len(portion)
            elapsed = perf_counter() - begin
            if elapsed >= seconds:
                return decided / elapsed
