"""The benchmark's table written as a policy file of ours, as an author would write it."""

import json
from collections.abc import Sequence
from pathlib import Path
from typing import assert_never

from benchmarks.workload import FACTS, AtLeast, Below, Fact, Is, OneOf, Row, Test, Within

POLICY = "tiering/benchmark_table"


def write_policy(folder: Path, rows: Sequence[Row], version: str = "1.0.0") -> Path:
    """Write the table under `folder`, laid out as a service's policies are; the path of the file."""
    path = folder / POLICY / f"{version}.yaml"
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(policy_text(rows, version), encoding="utf-8")
    return path


def policy_text(rows: Sequence[Row], version: str) -> str:
    """The whole file; the hit policy is RULE ORDER, so that every matching row answers."""
    lines = (
        f"policy: {POLICY}",
        f"version: {version}",
        "title: {zh: 性能测试表, en: benchmark table}",
        "subject: customer",
        "facts:",
        *(f"  {fact.name}: {{{_type(fact)}, title: {{zh: {fact.name}, en: {fact.name}}}}}" for fact in FACTS),
        "outcome:",
        "  out: {type: integer, min: 1, title: {zh: 行号, en: row number}}",
        "table:",
        "  hit: RULE ORDER",
        f"  inputs: [{', '.join(fact.name for fact in FACTS)}]",
        "  rows:",
        *map(_row, rows),
    )
    return "\n".join(lines) + "\n"


def _type(fact: Fact) -> str:
    match fact.kind:
        case "boolean":
            return "type: boolean"
        case "choice":
            return f"type: choice, of: {json.dumps(fact.of)}"
        case "integer":
            return f"type: integer, min: 0, max: {fact.top}"
        case "number":
            return f"type: number, scale: 2, min: 0, max: {fact.top // 100}"
        case "money":
            return f"type: money, currency: CNY, min: 0, max: {fact.top // 100}"
        case _:
            assert_never(fact.kind)


def _row(row: Row) -> str:
    cells = [_cell(row.tests[fact.name]) if fact.name in row.tests else "-" for fact in FACTS]
    because = f"{{zh: 第{row.out}行, en: row {row.out}}}"
    return f"    - {{id: {row.id}, when: {json.dumps(cells)}, then: [{row.out}], because: {because}}}"


def _cell(test: Test) -> str:
    """A unary test of FEEL."""
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
