"""A policy of a thousand rules, with examples, as an author would write it: what makes pages and reports long."""

from __future__ import annotations

import json
from collections.abc import Iterator
from functools import cache

from benchmarks.ours import exact_facts
from benchmarks.policy_file import POLICY, policy_text
from benchmarks.workload import make_workload

LARGE, ANOTHER = "tiering/large_table", "tiering/another_large_table"
ROWS = 1_000
EXAMPLES = 100


@cache
def large_policy(version: str, *, name: str = LARGE, rows: int = ROWS, examples: int = EXAMPLES) -> str:
    """The file. Each version gives the last row another reason, so that no two versions say the same."""
    workload = make_workload(rows)
    text = policy_text(workload.rows, version).replace(f"policy: {POLICY}", f"policy: {name}")
    text = text.replace("hit: RULE ORDER", "hit: FIRST").replace(f"en: row {rows}}}", f"en: row {rows} of {version}}}")
    return text + "\n".join(("examples:", *_examples(rows, examples), ""))


def _examples(rows: int, count: int) -> Iterator[str]:
    workload = make_workload(rows)
    decided = [pair for pair in zip(workload.fact_sets, workload.expected, strict=True) if pair[1]]
    for number, (facts, expected) in enumerate(decided[:count], 1):
        outcome = f"outcome: {{out: {expected[0]}}}, rule: r{expected[0]}"
        yield f"  - {{name: customer {number}, facts: {json.dumps(exact_facts(facts))}, {outcome}}}"
