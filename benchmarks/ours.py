"""Our own engines: through the library's public door, every fact checked; and the compiled policies alone.

The public door reads and checks every fact and ends with the whole answer as a caller gets it: outcomes,
rules, reasons, version. A compiled policy alone, its facts checked before, gives outcomes and the rules that decided.
Which rules match, and nothing else, is what a list expression of the peers gives.
"""

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
from policy_service.compilers.evaluator import Evaluator
from policy_service.compilers.python_source import compile_python
from policy_service.compilers.rules_engine import compile_engine
from policy_service.compilers.rules_engine.compile import EngineMatcher
from policy_service.decisions.facts_reader import FactsReader
from policy_service.language.lower import lower
from policy_service.language.outcome import Decided
from policy_service.language.policy import AS_OF as AS_OF_NAME

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
    """Prepare the table for one of our engines."""

    def prepare(rows: Sequence[Row]) -> Candidate:
        decider = policy_service.Decider([load_table(rows)], engine=engine)

        def decide(facts: Facts) -> list[int]:
            return read_outputs(decider.decide(facts, as_of=AS_OF))

        return Candidate(exact_facts, decide, decider.close)

    return prepare


def prepare_compiled(
    compile_policy: Callable[[policy_service.Policy], Evaluator],
) -> Callable[[Sequence[Row]], Candidate]:
    """Prepare the table for a compiled policy alone, on facts that were read and checked before."""

    def prepare(rows: Sequence[Row]) -> Candidate:
        policy = load_table(rows)
        reader = FactsReader(policy)
        evaluator = compile_policy(policy)

        def shape(facts: FactSet) -> Facts:
            return (*reader.slots(exact_facts(facts), []), AS_OF.toordinal())

        def decide(slots: Facts) -> list[int]:
            result = evaluator.decide(slots)
            return [out for (out,) in result.outcome] if isinstance(result, Decided) else []  # type: ignore[misc]  # one outcome a row

        return Candidate(shape, decide, evaluator.close)

    return prepare


def prepare_matching(rows: Sequence[Row]) -> Candidate:
    """The engine's own part, as the peers' list expressions are used: which rows match, their outputs looked up."""
    policy = load_table(rows)
    core = lower(policy)
    reader = FactsReader(policy)
    matcher = EngineMatcher(core.rules, (*policy.facts, AS_OF_NAME), core.stand_ins)
    outputs = [row.out for row in rows]

    def shape(facts: FactSet) -> Facts:
        return (*reader.slots(exact_facts(facts), []), AS_OF.toordinal())

    def decide(slots: Facts) -> list[int]:
        return [outputs[index] for index in matcher.matches(slots)]

    return Candidate(shape, decide, matcher.close)


ENTRIES = (
    Entry("policy-service, durable_rules", "durable_rules", ours=True, prepare=prepare_with("durable_rules")),
    Entry("policy-service, python", "python", ours=True, prepare=prepare_with("python")),
    Entry(
        "durable_rules alone, facts read before",
        "durable_rules alone",
        ours=True,
        prepare=prepare_compiled(compile_engine),
    ),
    Entry("durable_rules, which rules match", "durable_rules matching", ours=True, prepare=prepare_matching),
    Entry("python alone, facts read before", "python alone", ours=True, prepare=prepare_compiled(compile_python)),
)
