"""The static limits of a policy, checked before an engine would exceed them, and reported in the author's words.

A condition is counted in the engine's form: an `or` of `and`s, the *terms*. Several tests in one cell count as one,
like a list of words.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from policy_service.language.core import All, Any, Formula, IsPresent, OneOf, Threshold
from policy_service.language.diagnostics import Code
from policy_service.language.lower import rules_with_types
from policy_service.language.policy import Policy
from policy_service.language.polynomial import TooComplex

MAX_TERMS = 64
"""Maximum number of terms of one rule."""
MAX_QUESTIONS = 240
"""Maximum number of distinct subjects of one rule's tests: facts, words, comparisons of facts."""
MAX_ALL_TERMS = 16_384
"""Maximum number of terms of all rules together."""
MAX_ALL_CONDITIONS = 65_536
"""Maximum number of conditions in the terms of all rules together."""
MANY = 1_000_000
"""Counts from here on need not be exact."""


class Size(NamedTuple):
    """The size of a condition in the form of an `or` of `and`s."""

    terms: int
    conditions: int


class Excess(NamedTuple):
    """An exceeded limit: by the rule at an index (bands after rules), or by all rules together (None)."""

    rule: int | None
    code: Code
    message: str


def excesses(policy: Policy) -> Iterator[Excess]:
    """Yield every static limit that the policy exceeds."""
    lowering, rules = rules_with_types(policy)
    total = Size(0, 0)
    for index, (rule, kinds) in enumerate(rules):
        try:
            lowered = lowering.lower_rule(rule, kinds)
        except TooComplex as error:
            yield Excess(index, Code.TOO_COMPLEX, str(error))
            continue
        size, question_count = size_of(lowered.when), len(questions(lowered.when))
        if size.terms > MAX_TERMS:
            message = f"the condition has {_count(size.terms)} alternatives, at most {MAX_TERMS} are allowed"
            yield Excess(index, Code.RULE_TOO_WIDE, message)
            continue
        if question_count > MAX_QUESTIONS:
            message = f"the condition asks {question_count:,} different things, at most {MAX_QUESTIONS} are allowed"
            yield Excess(index, Code.TOO_COMPLEX, message)
        total = Size(total.terms + size.terms, total.conditions + size.conditions)
    for noun, count, limit in (
        ("alternatives", total.terms, MAX_ALL_TERMS),
        ("comparisons", total.conditions, MAX_ALL_CONDITIONS),
    ):
        if count > limit:
            message = f"the rules come to {count:,} {noun} together, at most {limit:,} are allowed"
            yield Excess(None, Code.TOO_COMPLEX, message)


def _count(number: int) -> str:
    return f"{number:,}" if number < MANY else f"more than {MANY:,}"


def size_of(formula: Formula) -> Size:
    """Return the number of terms of a condition, and of the conditions in them."""
    match formula:
        case All(parts=parts):
            terms, conditions = 1, 0
            for part in map(size_of, parts):
                terms, conditions = terms * part.terms, conditions * part.terms + part.conditions * terms
            return Size(terms, conditions)
        case Any(parts=parts) if not tests_one_value(formula):
            sizes = [size_of(part) for part in parts]
            return Size(sum(size.terms for size in sizes), sum(size.conditions for size in sizes))
        case _:
            return Size(1, 1)


def questions(formula: Formula) -> set[object]:
    """Return the distinct subjects of a condition's tests; comparisons of one fact with numbers count as one."""
    match formula:
        case All(parts=parts):
            return set().union(*map(questions, parts))
        case Any(parts=parts) if not tests_one_value(formula):
            return set().union(*map(questions, parts))
        case Threshold(fact=fact):
            return {fact}
        case IsPresent(fact=fact):
            return {(fact, IsPresent)}
        case OneOf(fact=fact, words=words) if len(words) == 1:
            return {fact}
        case _:
            return {formula}


def tests_one_value(formula: Any) -> bool:
    """Return True if all parts of an `or` test the same value, like a cell with several tests."""
    facts = set()
    for part in formula.parts:
        for atom in part.parts if isinstance(part, All) else (part,):
            if not isinstance(atom, Threshold):
                return False
            facts.add(atom.fact)
    return len(facts) == 1
