"""The static limits of a policy, reported in the author's words before an engine meets them.

A condition is counted as it reaches the engine: as an `or` of `and`s, its *terms*. Several tests in one cell count as
one, as does a list of words.
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
"""Terms of one rule."""
MAX_QUESTIONS = 240
"""Different things that one rule asks: facts, words, comparisons of facts."""
MAX_ALL_TERMS = 16_384
"""Terms of all rules together."""
MAX_ALL_CONDITIONS = 65_536
"""Conditions in the terms of all rules together."""
MANY = 1_000_000
"""A number that need not be shown exactly."""


class Size(NamedTuple):
    """The size of a condition once written as an `or` of `and`s."""

    terms: int
    conditions: int


class Excess(NamedTuple):
    """A limit that is exceeded: by the rule of this index (bands after rules), or by all of them together (None)."""

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
    """Return the terms of a condition, and the conditions in all of them."""
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
    """Return the different things a condition asks; a fact compared with several numbers is one."""
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
    """Return True if an `or` is about tests of one and the same value, as a cell with several tests is."""
    facts = set()
    for part in formula.parts:
        for atom in part.parts if isinstance(part, All) else (part,):
            if not isinstance(atom, Threshold):
                return False
            facts.add(atom.fact)
    return len(facts) == 1
