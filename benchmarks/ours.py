"""Our own engines, through the library's public door: every fact checked, all matching rows answered."""

import tempfile
from collections.abc import Callable, Mapping, Sequence
from datetime import date
from decimal import Decimal
from pathlib import Path
from typing import Any, Literal

import policy_service
from benchmarks.candidate import Candidate, Entry, Facts
from benchmarks.policy_file import POLICY, write_policy
from benchmarks.workload import FactSet, Row

Engine = Literal["durable_rules", "python"]
AS_OF = date(2026, 11, 21)


def exact_facts(facts: FactSet) -> Facts:
    """The facts as a caller's JSON carries them: money and numbers as text, so that nothing is rounded."""
    return {name: str(value) if isinstance(value, Decimal) else value for name, value in facts.items()}


def load_table(rows: Sequence[Row], version: str = "1.0.0") -> policy_service.Policy:
    """The table, written to a file and loaded from there."""
    with tempfile.TemporaryDirectory() as folder:
        return policy_service.load(write_policy(Path(folder), rows, version))


def read_outputs(decision: policy_service.Decision) -> list[int]:
    """The outputs of the rows that matched, in row order, as Python integers."""
    return outputs_of(decision.to_dict()[POLICY])


def outputs_of(answer: Mapping[str, Any]) -> list[int]:
    """The outputs in one policy's answer; that no row matched is an answer of its own."""
    if answer["status"] == "no_rule_matched":
        return []
    return [row["out"] for row in answer["outcome"]]


def prepare_with(engine: Engine) -> Callable[[Sequence[Row]], Candidate]:
    """How the table is made ready for one of our engines."""

    def prepare(rows: Sequence[Row]) -> Candidate:
        decider = policy_service.Decider([load_table(rows)], engine=engine)

        def decide(facts: Facts) -> list[int]:
            return read_outputs(decider.decide(facts, as_of=AS_OF))

        return Candidate(exact_facts, decide, decider.close)

    return prepare


ENTRIES = (
    Entry("policy-service, durable_rules", ours=True, prepare=prepare_with("durable_rules")),
    Entry("policy-service, python", ours=True, prepare=prepare_with("python")),
)
