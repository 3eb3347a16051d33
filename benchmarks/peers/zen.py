"""zen-engine (GoRules, Rust): its decision table, reached in two ways, and one list expression.

`ZenDecision.evaluate`, the way its quick start shows, costs 150 microseconds more a call with ten rows, and
1,500 more with a thousand, than `ZenEngine.evaluate` with a static loader. The table is judged by the
latter; both are shown.
A set of facts is handed over as a dictionary: JSON bytes made by orjson were the same within the noise, or up to a
twelfth faster for the list expression, and a caller has a dictionary.
"""

import json
from collections.abc import Sequence
from importlib import import_module
from itertools import compress
from typing import Any, assert_never

from benchmarks.candidate import Candidate, Entry, Facts, native_facts
from benchmarks.workload import FACTS, AtLeast, Below, Is, OneOf, Row, Test, Within

TABLE_KEY = "benchmark_table"


def decision_model(rows: Sequence[Row]) -> dict[str, Any]:
    """The table as a JSON Decision Model: input, one decision table that collects, output."""
    table = {
        "hitPolicy": "collect",
        "passThrough": False,
        "inputs": [{"id": fact.name, "name": fact.name, "field": fact.name} for fact in FACTS],
        "outputs": [{"id": "output", "name": "out", "field": "out"}],
        "rules": [_rule(row) for row in rows],
    }
    return {
        "contentType": "application/vnd.gorules.decision",
        "nodes": [
            {"id": "input", "type": "inputNode", "name": "input"},
            {"id": "table", "type": "decisionTableNode", "name": "table", "content": table},
            {"id": "output", "type": "outputNode", "name": "output"},
        ],
        "edges": [
            {"id": "in", "type": "edge", "sourceId": "input", "targetId": "table"},
            {"id": "out", "type": "edge", "sourceId": "table", "targetId": "output"},
        ],
    }


def table_engine(rows: Sequence[Row]) -> Any:  # noqa: ANN401 - the package is optional, and typed loosely itself
    """A `zen.ZenEngine` that compiled the table when it was made, and decides it under `TABLE_KEY`."""
    loader = {"type": "static", "content": {TABLE_KEY: decision_model(rows)}}
    return import_module("zen").ZenEngine({"loader": loader})


def prepare_table(rows: Sequence[Row]) -> Candidate:
    """The decision table by its fastest call: the engine with a static loader."""
    evaluate = table_engine(rows).evaluate

    def decide(facts: Facts) -> list[int]:
        return [row["out"] for row in evaluate(TABLE_KEY, facts)["result"]]

    return Candidate(native_facts, decide)


def prepare_quick_start(rows: Sequence[Row]) -> Candidate:
    """The decision table as zen-engine's quick start calls it."""
    evaluate = import_module("zen").ZenEngine().create_decision(json.dumps(decision_model(rows))).evaluate

    def decide(facts: Facts) -> list[int]:
        return [row["out"] for row in evaluate(facts)["result"]]

    return Candidate(native_facts, decide)


def prepare_expression(rows: Sequence[Row]) -> Candidate:
    """One compiled expression, the list of all conditions; `filter` and `flatten` inside ZEN were slower."""
    evaluate = import_module("zen").compile_expression(f"[{', '.join(map(_condition, rows))}]").evaluate
    outputs = [row.out for row in rows]

    def decide(facts: Facts) -> list[int]:
        return list(compress(outputs, evaluate(facts)))

    return Candidate(native_facts, decide)


def _rule(row: Row) -> dict[str, str]:
    cells = {name: _cell(test) for name, test in row.tests.items()}
    return {"_id": row.id, **{fact.name: cells.get(fact.name, "") for fact in FACTS}, "output": str(row.out)}


def _cell(test: Test) -> str:
    """A unary test of the ZEN language."""
    match test:
        case Below(limit):
            return f"< {limit}"
        case AtLeast(limit):
            return f">= {limit}"
        case Within(low, high):
            return f"[{low}..{high}]"
        case OneOf(choices):
            return ", ".join(map(json.dumps, choices))
        case Is(truth):
            return json.dumps(truth)
        case _:
            assert_never(test)


def _condition(row: Row) -> str:
    return " and ".join(_comparison(name, test) for name, test in row.tests.items())


def _comparison(name: str, test: Test) -> str:
    """A boolean expression of the ZEN language."""
    match test:
        case Below(limit):
            return f"{name} < {limit}"
        case AtLeast(limit):
            return f"{name} >= {limit}"
        case Within(low, high):
            return f"{name} in [{low}..{high}]"
        case OneOf(choices):
            return f"{name} in {json.dumps(choices)}"
        case Is(truth):
            return f"{name} == {json.dumps(truth)}"
        case _:
            assert_never(test)


ENTRIES = (
    Entry("zen-engine, decision table", "zen table", ours=False, prepare=prepare_table),
    Entry(
        "zen-engine, decision table, quick-start call",
        "zen quick start",
        ours=False,
        prepare=prepare_quick_start,
    ),
    Entry("zen-engine, one list expression", "zen list", ours=False, prepare=prepare_expression),
)
