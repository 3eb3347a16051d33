"""Compares all evaluators on generated policies and facts; a difference is told with as short a policy as shows it.

A block is what one seed gives: 25 policies with 20 subjects each. An even seed begins with one of an extreme shape.
"""

from __future__ import annotations

import contextlib
import random
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from policy_service.language.diagnostics import PolicyError
from policy_service.language.load import load_bytes
from policy_service.language.outcome import Decided, Result
from policy_service.language.policy import Policy
from policy_service.language.types import (
    BooleanType,
    DateType,
    DurationType,
    NumberType,
    TagsType,
    Type,
    Value,
)
from tests.conformance.evaluators import COMPILED, EVALUATORS, Definition, Evaluator
from tests.conformance.facts import Pair, fact_sets, render_facts
from tests.conformance.generate import Draft, generate
from tests.conformance.shapes import SHAPES

SUBJECTS = 20
BLOCK = 500
"""Pairs of a policy and a subject that one seed gives."""


@dataclass
class Tally:
    """What was compared."""

    pairs: int = 0
    policies: int = 0
    refused: int = 0
    statuses: Counter[str] = field(default_factory=Counter)
    differences: list[str] = field(default_factory=list)

    def add(self, other: Tally) -> None:
        """Counts what another tally counted."""
        self.pairs += other.pairs
        self.policies += other.policies
        self.refused += other.refused
        self.statuses += other.statuses
        self.differences += other.differences

    @property
    def accepted(self) -> float:
        """The share of generated policies that the loader took."""
        return self.policies / max(1, self.policies + self.refused)


def compare_block(seed: int, pairs: int = BLOCK) -> Tally:
    """Compares `pairs` pairs, until the first difference. Raises whatever the loader raises that is not PolicyError."""
    tally = Tally()
    drafts = drafts_of(seed)
    while tally.pairs < pairs and not tally.differences:
        draft = next(drafts)
        try:
            policy = load_bytes(draft.text.encode())
        except PolicyError:
            tally.refused += 1
            continue
        except Exception as error:  # noqa: BLE001  # whatever it is, the policy that raises it must be told
            tally.differences.append(f"loading raised {error!r}\npolicy of seed {draft.name}:\n{draft.text}")
            break
        tally.policies += 1
        rng = random.Random(draft.name)
        _compare(draft, policy, list(fact_sets(rng, policy, min(SUBJECTS, pairs - tally.pairs))), tally)
    return tally


def drafts_of(seed: int) -> Iterator[Draft]:
    """The policies of a seed, without end."""
    if seed % 2 == 0:
        shape = list(SHAPES.values())[seed // 2 % len(SHAPES)]
        yield replace(shape(random.Random(f"{seed}/shape")), name=f"{seed}/shape")
    index = 0
    while True:
        yield replace(generate(random.Random(f"{seed}/{index}")), name=f"{seed}/{index}")
        index += 1


def _compare(draft: Draft, policy: Policy, pairs: list[Pair], tally: Tally) -> None:
    with opened(policy) as evaluators:
        for pair in pairs:
            expected = answer(Definition(policy), pair)
            tally.pairs += 1
            tally.statuses[type(expected).__name__] += 1
            if not sound(policy, expected):
                tally.differences.append(report(draft, pair, "definition"))
                return
            for name, evaluator in evaluators.items():
                if not same(answer(evaluator, pair), expected):
                    tally.differences.append(report(draft, pair, name))
                    return


@contextlib.contextmanager
def opened(policy: Policy) -> Iterator[dict[str, Evaluator]]:
    """The policy in every compiled evaluator, closed afterwards."""
    evaluators: dict[str, Evaluator] = {}
    try:
        for name in COMPILED:
            evaluators[name] = EVALUATORS[name](policy)
        yield evaluators
    finally:
        for evaluator in evaluators.values():
            evaluator.close()


def answer(evaluator: Evaluator, pair: Pair) -> Result | Exception:
    """What the evaluator decides, or what it raises, which is never right."""
    try:
        return evaluator.evaluate(*pair)
    except Exception as error:  # noqa: BLE001  # told as a difference
        return error


def same(one: object, other: object) -> bool:
    """Return True if two results are the same; unlike in Python, true is not 1."""
    if type(one) is not type(other) or one != other:
        return False
    if isinstance(one, Decided) and isinstance(other, Decided):
        values = [[[type(value) for value in values] for values in result.outcome] for result in (one, other)]
        return values[0] == values[1]
    return True


def sound(policy: Policy, result: Result | Exception) -> bool:
    """Return True if the definition answered, and with values of the outcomes' types, as the checker has proved."""
    if not isinstance(result, Decided):
        return not isinstance(result, Exception)
    kinds = [outcome.type for outcome in policy.outcomes.values()]
    return all(_is_of(kind, value) for values in result.outcome for kind, value in zip(kinds, values, strict=True))


def _is_of(kind: Type, value: Value) -> bool:
    if isinstance(kind, NumberType | DateType | DurationType):
        return type(value) is int and kind.low <= value <= kind.high
    return type(value) is {BooleanType: bool, TagsType: frozenset}.get(type(kind), str)


def differs(draft: Draft, pair: Pair, name: str) -> bool:
    """Return True if the evaluator `name` still differs on a policy made shorter."""
    try:
        policy = load_bytes(draft.text.encode())
        evaluator = EVALUATORS[name](policy)
    except Exception:  # noqa: BLE001  # a policy that cannot be opened shows another fault than the one looked for
        return False
    facts = {fact: value for fact, value in pair[0].items() if fact in policy.facts}
    expected = answer(Definition(policy), (facts, pair[1]))
    try:
        return not sound(policy, expected) or not same(answer(evaluator, (facts, pair[1])), expected)
    finally:
        evaluator.close()


def report(draft: Draft, pair: Pair, name: str) -> str:
    """A difference, with as little of its policy as still shows it."""
    tries = 400
    shrunk = True
    while shrunk and tries:
        shrunk = False
        for candidate in draft.shorter():
            tries -= 1
            if tries and differs(candidate, pair, name):
                draft, shrunk = replace(candidate, name=draft.name), True
                break
    policy = load_bytes(draft.text.encode())
    facts = {fact: value for fact, value in pair[0].items() if fact in policy.facts}
    evaluator = EVALUATORS[name](policy)
    results = answer(Definition(policy), (facts, pair[1])), answer(evaluator, (facts, pair[1]))
    evaluator.close()
    return (
        f"{name} is wrong, seed {draft.name}\n\n{draft.text}\nas_of = {pair[1]}\n{render_facts(facts)}\n"
        f"definition: {results[0]!r}\n{name}: {results[1]!r}\n"
    )
