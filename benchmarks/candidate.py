"""A candidate of a comparison: it answers a set of facts with the outputs of all matching rows."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from benchmarks.workload import FactSet, Row

Facts = Any
"""One set of facts in the form that an engine is handed: a dictionary for most of them."""


def _close_nothing() -> None:
    """Release nothing."""


@dataclass(frozen=True, slots=True)
class Candidate:
    """A table made ready by one engine.

    `shape` turns an exact set of facts into what this engine is handed, and is not timed; `decide` is timed,
    and ends with a Python list of outputs in row order.
    """

    shape: Callable[[FactSet], Facts]
    decide: Callable[[Facts], list[int]]
    close: Callable[[], None] = _close_nothing


@dataclass(frozen=True, slots=True)
class Entry:
    """One line of the comparison: its names, whether it is ours, and how a table is made ready for it."""

    name: str
    short: str
    ours: bool
    prepare: Callable[[Sequence[Row]], Candidate]


def native_facts(facts: FactSet) -> Facts:
    """The facts as the peers like them best: integers, binary floating point, strings and booleans."""
    return {name: float(value) if isinstance(value, Decimal) else value for name, value in facts.items()}
