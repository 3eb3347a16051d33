"""Compiles a policy for the rules engine: conditions over facts become terms over whole numbers.

| in the core                                      | in the engine                                          |
|--------------------------------------------------|--------------------------------------------------------|
| a fact compared with a whole number, if not `=`  | the fact as kept (fen, days, seconds)                  |
| one of some words; `=`; whether a fact was given | a flag, 0 or 1, for all such tests of a rule together  |
| tags, parts of texts                             | a flag for each test                                   |
| arithmetic, facts compared with facts            | a flag for each test                                   |
| several tests in one cell                        | a flag for each cell                                   |

So the engine only sees whole numbers: it computes nothing, and nothing is missing. A separate flag is computed once per
decision, however many rules test it. The quick tests of a rule share a flag, because reading a flag in the engine takes
longer than computing it in Python. `or` becomes several terms of one rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product
from typing import Any as Anything

from policy_service.compilers.evaluator import Evaluator, MakeMatcher, Slots
from policy_service.compilers.python_text import condition_text, define_function, function_text
from policy_service.compilers.rules_engine.engine import Engine
from policy_service.compilers.rules_engine.messages import Inputs
from policy_service.compilers.rules_engine.program import LARGEST_VALUE, Condition, Program, Term
from policy_service.language.core import All, Any, Atom, Core, CoreRule, Formula, IsPresent, OneOf, Threshold, Truth
from policy_service.language.limits import tests_one_value
from policy_service.language.lower import lower
from policy_service.language.policy import Policy
from policy_service.language.types import Value


class Vector:
    """The fields that the rules read, each as a Python expression; extended while rules are compiled."""

    def __init__(self) -> None:
        self.fields: dict[str, int] = {}
        self.flags: set[int] = set()

    def field(self, text: str) -> int:
        """Return the index of the field computed by the expression `text`."""
        return self.fields.setdefault(text, len(self.fields))

    def truth(self, formula: Formula) -> Condition:
        """Return the condition that a computed flag is true."""
        field = self.field(condition_text(formula))
        self.flags.add(field)
        return Condition(field, "=", 1)

    def inputs(self, slots: Sequence[str], stand_ins: Mapping[str, Value]) -> Inputs:
        """Return how the fields are computed from the slots."""

        def define_fields(body: Sequence[str]) -> Callable[[Anything], Anything]:
            return define_function(function_text("fields", slots, stand_ins, body), "fields")

        expressions = tuple(self.fields)
        return Inputs(
            expressions, define_fields, define_fields([f"return ({''.join(f'{text}, ' for text in expressions)})"])
        )


def is_quick(formula: Formula) -> bool:
    """Return True if computing a test takes less time than reading a flag in the engine."""
    match formula:
        case Threshold(comparator=comparator):
            return comparator == "="
        case _:
            return isinstance(formula, IsPresent | OneOf)


def atom_condition(atom: Atom, vector: Vector) -> Condition:
    """Return an atom as a condition on the fields."""
    match atom:
        case Threshold() if not is_quick(atom) and -LARGEST_VALUE <= atom.value <= LARGEST_VALUE:
            return Condition(vector.field(f"f_{atom.fact}"), atom.comparator, atom.value)
        case _:
            return vector.truth(atom)


def alternatives(formula: Formula, vector: Vector) -> list[tuple[Condition, ...]]:
    """Return the formula as an `or` of `and`s; the loader has limited their number to `MAX_TERMS`."""
    match formula:
        case Truth(value=truth):
            return [()] if truth else []
        case All(parts=parts):
            quick = tuple(part for part in parts if is_quick(part))
            quick_choice = [[(vector.truth(All(quick) if len(quick) > 1 else quick[0]),)]] if quick else []
            slow = [alternatives(part, vector) for part in parts if not is_quick(part)]
            choices = product(*quick_choice, *slow)
            return [tuple(dict.fromkeys(test for choice in combination for test in choice)) for combination in choices]
        case Any() if tests_one_value(formula):
            return [(vector.truth(formula),)]
        case Any(parts=parts):
            return [term for part in parts for term in alternatives(part, vector)]
        case _:
            return [(atom_condition(formula, vector),)]


def terms_of(rules: Sequence[CoreRule], vector: Vector) -> Iterator[Term]:
    """Yield the terms of all rules."""
    for index, rule in enumerate(rules):
        for conditions in dict.fromkeys(alternatives(rule.when, vector)):
            yield Term(index, conditions)


class EngineMatcher:
    """Rules in the engine."""

    def __init__(self, rules: Sequence[CoreRule], slots: Sequence[str], stand_ins: Mapping[str, Value]) -> None:
        self._engine = Engine(*compile_rules(rules, slots, stand_ins))

    def matches(self, slots: Slots) -> Sequence[int]:
        """Return the indices of the rules whose condition holds, ascending.

        Raises EngineFault; the next answer is right again.
        """
        return self._engine.matches(slots)

    def close(self) -> None:
        """Release the engine's memory."""
        self._engine.close()


def compile_rules(
    rules: Sequence[CoreRule], slots: Sequence[str], stand_ins: Mapping[str, Value]
) -> tuple[Program, Inputs]:
    """Return the engine's program, and how its fields are computed from the slots."""
    vector = Vector()
    terms = tuple(terms_of(rules, vector))
    return Program(len(vector.fields), terms, frozenset(vector.flags)), vector.inputs(slots, stand_ins)


def compile_engine(policy: Policy, core: Core | None = None) -> Evaluator:
    """Return the policy in the rules engine; `core` is its lowered form, if known."""
    make: MakeMatcher = EngineMatcher
    return Evaluator(policy, core or lower(policy), make)
