"""Compiles a policy for the rules engine: conditions over facts become terms over a vector of whole numbers.

| in the core                                | in the vector                                           |
|--------------------------------------------|---------------------------------------------------------|
| a fact against a whole number              | the fact as kept (fen, days, seconds; 0 or 1)           |
| a choice or a text against one word        | the word's number; 0 for every word the rules never name|
| whether an optional fact was given, or not | a flag, 0 or 1                                          |
| several words, tags, parts of texts        | a flag, worked out before                               |
| arithmetic, facts compared with facts      | a flag, worked out before                               |
| several tests in one cell                  | a flag, worked out before                               |

So the engine sees whole numbers alone: nothing is ever missing there, and nothing is computed there. What is worked out
before is worked out once a decision, however many rules ask for it. `or` becomes several terms of one rule.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import product

from policy_service.compilers.evaluator import Evaluator, MakeMatcher, Slots
from policy_service.compilers.python_text import condition, define, function
from policy_service.compilers.rules_engine.engine import Engine
from policy_service.compilers.rules_engine.program import LARGEST_VALUE, Condition, Program, Term
from policy_service.language.core import All, Any, Atom, CoreRule, Formula, OneOf, Threshold, Truth
from policy_service.language.limits import is_cell
from policy_service.language.lower import lower
from policy_service.language.policy import Policy
from policy_service.language.types import Value


class Vector:
    """Which whole numbers the rules ask for, each as a Python expression; grows while the rules are compiled."""

    def __init__(self) -> None:
        self.fields: dict[str, int] = {}
        self.flags: set[int] = set()
        self.words: dict[str, dict[str, int]] = {}

    def field(self, text: str) -> int:
        """The index of the number that the expression `text` gives."""
        return self.fields.setdefault(text, len(self.fields))

    def word(self, fact: str, word: str) -> Condition:
        """That a fact is a word, by the word's number."""
        numbers = self.words.setdefault(fact, {})
        number = numbers.setdefault(word, len(numbers) + 1)
        return Condition(self.field(f"w_{fact}(f_{fact}, 0)"), "=", number)

    def truth(self, formula: Formula) -> Condition:
        """That something worked out before is true."""
        field = self.field(condition(formula))
        self.flags.add(field)
        return Condition(field, "=", 1)

    def source(self, slots: Sequence[str], stand_ins: Mapping[str, Value]) -> str:
        """The text of the function that makes the vector from the slots."""
        numbers = [f"w_{fact} = {numbers!r}.get" for fact, numbers in self.words.items()]
        return "\n".join(
            [
                *numbers,
                function(
                    "vector",
                    slots,
                    stand_ins,
                    [f"return ({', '.join(self.fields)}{',' if self.fields else ''})"],
                ),
            ]
        )


def atom_condition(atom: Atom, vector: Vector) -> Condition:
    """An atom as a condition on the vector."""
    match atom:
        case Threshold() if -LARGEST_VALUE <= atom.value <= LARGEST_VALUE:
            return Condition(vector.field(f"f_{atom.fact}"), atom.comparator, atom.value)
        case OneOf(words=words) if len(words) == 1:
            asked = vector.word(atom.fact, next(iter(words)))
            return Condition(asked.field, "!=", asked.value) if atom.negated else asked
        case _:
            return vector.truth(atom)


def alternatives(formula: Formula, vector: Vector) -> list[tuple[Condition, ...]]:
    """The formula as an `or` of `and`s; the loader has kept the number of them within `MAX_TERMS`."""
    match formula:
        case Truth(value=truth):
            return [()] if truth else []
        case All(parts=parts):
            choices = product(*(alternatives(part, vector) for part in parts))
            return [tuple(dict.fromkeys(found for choice in chosen for found in choice)) for chosen in choices]
        case Any() if is_cell(formula):
            return [(vector.truth(formula),)]
        case Any(parts=parts):
            return [term for part in parts for term in alternatives(part, vector)]
        case _:
            return [(atom_condition(formula, vector),)]


def terms_of(rules: Sequence[CoreRule], vector: Vector) -> Iterator[Term]:
    """The terms of all rules."""
    for index, rule in enumerate(rules):
        for conditions in dict.fromkeys(alternatives(rule.when, vector)):
            yield Term(index, conditions)


class EngineMatcher:
    """Rules in the engine."""

    def __init__(self, rules: Sequence[CoreRule], slots: Sequence[str], stand_ins: Mapping[str, Value]) -> None:
        self.program, self.vector = compile_rules(rules, slots, stand_ins)
        self._engine = Engine(self.program)

    def matches(self, slots: Slots) -> Sequence[int]:
        """The indices of the rules whose condition holds, ascending.

        Raises EngineFault; the next answer is right again.
        """
        return self._engine.matches(self.vector(slots))

    def close(self) -> None:
        """Gives back the engine's memory."""
        self._engine.close()


def compile_rules(
    rules: Sequence[CoreRule], slots: Sequence[str], stand_ins: Mapping[str, Value]
) -> tuple[Program, Callable[[Slots], tuple[int, ...]]]:
    """The engine's program, and the function that makes its vector."""
    vector = Vector()
    terms = tuple(terms_of(rules, vector))
    return Program(len(vector.fields), terms, frozenset(vector.flags)), define(
        vector.source(slots, stand_ins), "vector"
    )


def compile_engine(policy: Policy) -> Evaluator:
    """The policy in the rules engine. Raises EngineLimitError."""
    make: MakeMatcher = EngineMatcher
    return Evaluator(policy, lower(policy), make)
