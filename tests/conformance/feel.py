"""Compares how cells are read with an independent FEEL, feelin (npm), where both accept a cell.

    make feel [N=73000]        python -m tests.conformance.feel --feelin FOLDER --cells 73000 [--seed 0]

Half of the cells are written by the grammar, half are shuffled from its words, so that what only looks right is read
too. Left out is what feelin answers otherwise than DMN 1.5: it computes with binary floating point, so numbers are
multiples of a quarter and nothing is divided; it turns intervals round whose upper end is the lower one; it finds no
date in a list that is a cell, and `false` in no list after `in`. Ends with 1 at a difference, after printing the cell,
the facts and both answers.
"""

from __future__ import annotations

import argparse
import datetime
import json
import random
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

from policy_service.language.ast import Expr, In, Range
from policy_service.language.check import Checker
from policy_service.language.definedness import children
from policy_service.language.evaluate import Scope, compare, evaluate_expression, holds
from policy_service.language.parser import parse_cell
from policy_service.language.tokens import ExpressionSyntaxError
from policy_service.language.types import BooleanType, DateType, Exact, NumberType, TextType, Type

ORACLE = Path(__file__).with_suffix(".mjs")
NUMBER = NumberType("number", 2, -100_000, 100_000)
COLUMNS: Mapping[str, Type] = {"number": NUMBER, "text": TextType(), "truth": BooleanType(), "day": DateType()}
TEXTS = ("", "-", "a", "it", "retail", "A", "零售", "not", "1", "?", "is missing")
DAYS = ("2024-02-29", "2025-12-31", "2026-01-01", "2026-11-21", "2027-03-15")
CASES = 8
"""Subjects that each cell is asked about."""
SHOWN = 5
"""Differences that are printed."""
Case = dict[str, float | str | bool | dict[str, str]]


@dataclass
class Tally:
    """What was compared."""

    cells: int = 0
    ours: int = 0
    theirs: int = 0
    both: int = 0
    answers: int = 0


class CellWriter:
    """Writes cells of one column, beside the numbers `x` and `y`."""

    def __init__(self, rng: random.Random, column: str) -> None:
        self.rng, self.column = rng, column

    def cell(self) -> str:
        """A cell by the grammar."""
        form = self.rng.random()
        if form < 0.03:
            return "-"
        if form < 0.2:
            return self.condition(2)
        tests = self.rng.choice((", ", ",", " , ")).join(self.test() for _ in range(self.rng.choice((1, 1, 2, 3))))
        return f"not({tests})" if self.rng.random() < 0.2 else tests

    def test(self) -> str:
        """One test."""
        rng, form = self.rng, self.rng.random()
        if self.column in ("text", "truth"):
            return (
                f"[{self.value()}, {self.value()}]" if form < 0.1 else rng.choice(("", "", "= ", "!= ")) + self.value()
            )
        if form < 0.35:
            return f"{rng.choice('[(]')}{self.value()}..{self.value()}{rng.choice('])[')}"
        if form < 0.45 and self.column != "day":
            return f"[{self.value()}, {self.value()}]"
        return f"{rng.choice(('', '=', '!=', '<', '<=', '>', '>='))}{rng.choice(('', ' '))}{self.value()}"

    def condition(self, depth: int) -> str:
        """An expression with `?`."""
        rng, form = self.rng, self.rng.random()
        if depth and form < 0.4:
            return f" {rng.choice(('and', 'or'))} ".join(self.condition(depth - 1) for _ in range(2))
        if depth and form < 0.5:
            return f"not({self.condition(depth - 1)})"
        if self.column == "text" and form < 0.75:
            return f"{rng.choice(('contains', 'starts with', 'ends with'))}(?, {self.value()})"
        if form < 0.6:
            return f"? in ({self.test()}, {self.test()})" if self.column != "truth" else "?"
        if form < 0.68 and self.column in ("number", "day"):
            return f"? between {self.value()} and {self.value()}"
        if form < 0.8 and self.column == "day":
            part = rng.choice(("year", "month", "day", "weekday"))
            return f"?.{part} {rng.choice(('=', '<', '>='))} {rng.randrange(32)}"
        left = self.number(2).replace("x", "?") if self.column == "number" else "?"
        comparators = ("=", "!=", "<", "<=", ">", ">=") if self.column in ("number", "day") else ("=", "!=")
        return f"{left} {rng.choice(comparators)} {self.value()}"

    def value(self) -> str:
        """A value of the column."""
        match self.column:
            case "text":
                return json.dumps(self.rng.choice(TEXTS), ensure_ascii=False)
            case "truth":
                return self.rng.choice(("true", "false"))
            case "day":
                return self.rng.choice(('@"{}"', 'date("{}")')).format(self.rng.choice(DAYS))
            case _:
                return self.number(self.rng.choice((0, 0, 0, 1, 2)))

    def number(self, depth: int) -> str:
        """A number: written, another fact, or computed."""
        rng = self.rng
        if not depth:
            return rng.choice(
                (
                    str(rng.randrange(-9, 20)),
                    f"{rng.randrange(9)}.{rng.choice(('5', '25', '75', '50'))}",
                    ".5",
                    "x",
                    "y",
                )
            )
        left, right = self.number(depth - 1), self.number(depth - 1)
        return rng.choice(FORMS).format(left, right)


FORMS = (
    *("{0} + {1}", "{0} - ({1})", "{0} * {1}", "({0}) * ({1})", "-{0}", "-({0})", "({0}) ** 2", "({0}) ** (1 + 1)"),
    *("({0}) ** 0", "abs({0})", "min({0}, {1})", "max({0}, {1})", "floor({0})", "ceiling({0})", "modulo({0}, 3)"),
    *("modulo({0}, -4)", "modulo({0}, 0.5)", "round half up({0}, 0)", "round down({0}, 0)", "decimal({0}, 0)"),
)
WORDS = (
    *("<", "<=", ">", ">=", "=", "!=", "(", ")", "[", "]", "..", ",", ", ", "-", "+", "*", "**", " ", " "),
    *("not(", "not", " and ", " or ", "?", "x", "y", "1", "2.5", "10", "007", "1,000", ".5", "100", "true", "false"),
    *('"a"', '"-"', '"it"', "between ", " in ", "null", '@"2026-01-01"', "2026-01-01", "min(", "abs(", "modulo("),
)


def shuffled(rng: random.Random) -> str:
    """A few words of the language in any order."""
    return "".join(rng.choice(WORDS) for _ in range(rng.choice((1, 2, 3, 3, 4, 5, 7))))


def cases(rng: random.Random, column: str) -> list[Case]:
    """Subjects."""

    def quarter() -> float:
        return rng.randrange(-40, 80) / 4

    values: Mapping[str, Callable[[], float | str | bool | dict[str, str]]] = {
        "number": lambda: rng.choice((quarter(), float(rng.randrange(-3, 12)))),
        "text": lambda: rng.choice(TEXTS),
        "truth": lambda: rng.random() < 0.5,
        "day": lambda: {"date": rng.choice((*DAYS, "2026-06-30"))},
    }
    return [{"?": values[column](), "x": quarter(), "y": float(rng.randrange(-5, 9))} for _ in range(CASES)]


def ours(cell: str, column: str, requests: list[Case]) -> list[bool | None]:
    """What this language answers; None for a cell that it refuses."""
    names: Mapping[str, Type] = {"v": COLUMNS[column], "x": NUMBER, "y": NUMBER}
    try:
        condition = parse_cell(cell, "v").condition
    except ExpressionSyntaxError:
        return [None] * len(requests)
    checker = Checker(names)
    checker.check_condition(condition)
    if checker.errors:
        return [None] * len(requests)
    scopes = [{name.replace("?", "v"): exact(value) for name, value in case.items()} for case in requests]
    return [None if turned(condition, scope) else holds(condition, scope) for scope in scopes]


def turned(condition: Expr, scope: Scope) -> bool:
    """Whether an interval has its ends the wrong way round: it holds nothing, but in feelin what lies between them."""
    ranges = (
        test for node in walk(condition) if isinstance(node, In) for test in node.tests if isinstance(test, Range)
    )
    return any(
        not compare("<=", evaluate_expression(test.low, scope), evaluate_expression(test.high, scope))
        for test in ranges
    )


def walk(expression: Expr) -> Iterator[Expr]:
    """The expression and all inside it."""
    yield expression
    for part in children(expression):
        yield from walk(part)


def exact(value: float | str | bool | dict[str, str]) -> Exact:
    """A value as the definition computes with it."""
    match value:
        case bool() | str():
            return value
        case dict():
            return datetime.date.fromisoformat(value["date"])
        case _:
            return Fraction(value)


def written(seed: int, count: int) -> Iterator[tuple[str, str, list[Case]]]:
    """Cells with their columns and subjects."""
    for index in range(2 * count):
        rng = random.Random(f"{seed}/{index}")
        column = rng.choice(("number", "number", "number", "text", "truth", *(["day"] if index % 2 else [])))
        cell = CellWriter(rng, column).cell() if index % 2 else shuffled(rng)
        if column != "truth" or " in " not in cell:
            yield cell, column, cases(rng, column)


def main() -> int:
    """Compares; gives the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--feelin", type=Path, required=True, help="the folder that holds node_modules/feelin")
    parser.add_argument("--cells", type=int, default=73_000, help="cells to compare (default 73,000)")
    parser.add_argument("--seed", type=int, default=0)
    arguments = parser.parse_args()
    module = (arguments.feelin / "node_modules" / "feelin" / "dist" / "index.js").resolve()
    tally, differences = Tally(), 0
    command = [shutil.which("node") or "node", str(ORACLE), str(module)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, encoding="utf-8") as node:
        if node.stdin is None or node.stdout is None:
            raise RuntimeError("node has no pipes")
        for cell, column, request in islice(written(arguments.seed, arguments.cells), arguments.cells):
            node.stdin.write(f"{json.dumps({'cell': cell, 'cases': request})}\n")
            node.stdin.flush()
            mine, theirs = ours(cell, column, request), json.loads(node.stdout.readline())
            tally.cells += 1
            tally.ours += any(answer is not None for answer in mine)
            tally.theirs += None not in theirs
            pairs = [
                (case, a, b)
                for case, a, b in zip(request, mine, theirs, strict=True)
                if a is not None and b is not None
            ]
            tally.both += bool(pairs)
            tally.answers += len(pairs)
            wrong = [pair for pair in pairs if pair[1] is not pair[2]]
            if wrong and (differences := differences + 1) <= SHOWN:
                case, a, b = wrong[0]
                print(f"cell `{cell}` of a {column}, {case}: here {a}, feelin {b}")
        node.stdin.close()
    print(
        f"{tally.cells:,} cells: {tally.ours:,} accepted here, {tally.theirs:,} by feelin, {tally.both:,} by both "
        f"with {tally.answers:,} answers; cells that differ: {differences:,}"
    )
    return 1 if differences or not tally.both else 0


if __name__ == "__main__":
    sys.exit(main())
