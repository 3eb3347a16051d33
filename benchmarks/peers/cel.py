"""CEL, the Common Expression Language: one list expression, the condition of every row, compiled once.

Two bindings take part: `cel-expr-python` (C++) and `common-expression-language` (Rust). The third,
`cel-python`, is written in Python, needed some 40 milliseconds a decision, and is left out.
"""

import json
from collections.abc import Sequence
from importlib import import_module
from itertools import compress
from typing import assert_never

from benchmarks.candidate import Candidate, Entry, Facts, native_facts
from benchmarks.workload import FACTS, AtLeast, Below, Is, OneOf, Row, Test, Within

TYPES = {"integer": "INT", "number": "DOUBLE", "money": "DOUBLE", "choice": "STRING", "boolean": "BOOL"}


def prepare_in_c(rows: Sequence[Row]) -> Candidate:
    """Google's C++ implementation, types declared; `plain_value` of a list of booleans was quickest."""
    cel = import_module("cel_expr_python.cel")
    environment = cel.NewEnv(variables={fact.name: getattr(cel.Type, TYPES[fact.kind]) for fact in FACTS})
    evaluate = environment.compile(_list_of_conditions(rows)).eval
    outputs = [row.out for row in rows]

    def decide(facts: Facts) -> list[int]:
        return list(compress(outputs, evaluate(data=facts).plain_value()))

    return Candidate(native_facts, decide)


def prepare_in_rust(rows: Sequence[Row]) -> Candidate:
    """The Rust implementation, compiled once and given a plain dictionary."""
    execute = import_module("cel").compile(_list_of_conditions(rows)).execute
    outputs = [row.out for row in rows]

    def decide(facts: Facts) -> list[int]:
        return list(compress(outputs, execute(facts)))

    return Candidate(native_facts, decide)


def _list_of_conditions(rows: Sequence[Row]) -> str:
    conditions = (" && ".join(_comparison(name, test) for name, test in row.tests.items()) for row in rows)
    return f"[{', '.join(conditions)}]"


def _comparison(name: str, test: Test) -> str:
    """A boolean expression of CEL; decimals are written with their places, so they are doubles."""
    match test:
        case Below(limit):
            return f"{name} < {limit}"
        case AtLeast(limit):
            return f"{name} >= {limit}"
        case Within(low, high):
            return f"{name} >= {low} && {name} <= {high}"
        case OneOf(choices):
            return f"{name} in {json.dumps(choices)}"
        case Is(truth):
            return name if truth else f"!{name}"
        case _:
            assert_never(test)


ENTRIES = (
    Entry("CEL in C++, one list expression", "CEL C++", ours=False, prepare=prepare_in_c),
    Entry("CEL in Rust, one list expression", "CEL Rust", ours=False, prepare=prepare_in_rust),
)
