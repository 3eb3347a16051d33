"""Policies with one small mistake: a threshold moved by one in its last digit, or an end taken in or left out.

A mutant whose answers differ nowhere on the policy's grid is equivalent. Any other must fail an example of its file.
"""

from __future__ import annotations

import datetime
import random
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import fields, replace
from fractions import Fraction

from policy_service.analysis.examples import day_of
from policy_service.language.ast import Comparator, Comparison, Constant, Expr, Node, Range, Test
from policy_service.language.evaluate import evaluate
from policy_service.language.outcome import Result
from policy_service.language.policy import Policy, Rule
from policy_service.language.types import Duration, Value, read
from policy_service.language.unparse import unparse
from tests.policies.grid import DAY, FIXED, axis, blocks
from tests.policies.more_examples import MORE

OTHER_END: dict[Comparator, Comparator] = {"<": "<=", "<=": "<", ">": ">=", ">=": ">"}
HOUR = 3600
Subject = tuple[Mapping[str, Value], datetime.date]
"""The facts that are given, and the day of the decision."""


def mutants(policy: Policy) -> Iterator[tuple[str, Policy]]:
    """The rule that is mistaken, with its mistaken condition, and the policy that has it."""
    for index, rule in enumerate(policy.rules):
        for wrong in spoilt_rules(rule):
            yield _name(wrong), replace(policy, rules=(*policy.rules[:index], wrong, *policy.rules[index + 1 :]))
    if (card := policy.scorecard) is not None:
        for index, band in enumerate(card.bands):
            for wrong in spoilt_rules(band):
                bands = (*card.bands[:index], wrong, *card.bands[index + 1 :])
                yield _name(wrong), replace(policy, scorecard=replace(card, bands=bands))


def _name(rule: Rule) -> str:
    return f"{rule.id}: {unparse(rule.when)}"


def spoilt_rules(rule: Rule) -> Iterator[Rule]:
    """The rule with each mistake in its condition."""
    return (replace(rule, when=when) for when in spoilt(rule.when))


def spoilt(node: Expr | Range | Test) -> Iterator[Expr]:
    """The node with each mistake in it or below it."""
    yield from _spoilt_here(node)  # type: ignore[misc]  # a test for a test, a range for a range
    for field in fields(node):
        below = getattr(node, field.name)
        if isinstance(below, Node):
            yield from (replace(node, **{field.name: wrong}) for wrong in spoilt(below))  # type: ignore[arg-type,misc]
        elif isinstance(below, tuple) and below and isinstance(below[0], Node):
            for place, part in enumerate(below):
                for wrong in spoilt(part):
                    parts = (*below[:place], wrong, *below[place + 1 :])
                    yield replace(node, **{field.name: parts})  # type: ignore[arg-type,misc]


def _spoilt_here(node: Expr | Range | Test) -> Iterator[Expr | Range | Test]:
    match node:
        case Constant(value=Fraction() as number):
            step = last_digit(number)
            yield from (replace(node, value=number + step), replace(node, value=number - step))
        case Constant(value=datetime.date() as day):
            yield from (replace(node, value=day + datetime.timedelta(days=step)) for step in (1, -1))
        case Constant(value=Duration(seconds=seconds)):
            step = Fraction(HOUR if seconds % (24 * HOUR) else 24 * HOUR)
            yield from (replace(node, value=Duration(seconds + change)) for change in (step, -step))
        case Comparison() | Test() if node.comparator in OTHER_END:
            yield replace(node, comparator=OTHER_END[node.comparator])
        case Range():
            yield replace(node, low_closed=not node.low_closed)
            yield replace(node, high_closed=not node.high_closed)
        case _:
            return


def last_digit(number: Fraction) -> Fraction:
    """One in the last digit of a number as people write it: 1 for 500000, 0.1 for 1.5."""
    step = Fraction(1)
    while (number / step).denominator != 1:
        step /= 10
    return step


def cases(policy: Policy) -> Iterator[tuple[Subject, tuple[str, ...] | None]]:
    """The examples of the file and those beside it, with the rules that must decide; None for no outcome."""
    for example in policy.examples:
        yield (example.facts, day_of(example)), example.rules
    names, lines = MORE.get(policy.id, ((), ()))
    for *values, rule in lines:
        given = {name: value for name, value in zip(names, values, strict=True) if value is not None}
        facts = {name: read(policy.facts[name].type, value) for name, value in given.items()}
        yield (facts, DAY[0]), (str(rule),)


def answer(policy: Policy, subject: Subject) -> Result | None:
    """What a policy decides; None for a total that lies in no band of a mutant's scorecard, or in two."""
    try:
        return evaluate(policy, *subject)
    except ValueError:
        return None


def subjects(policy: Policy, count: int | None) -> tuple[Subject, ...]:
    """So many subjects of the policy's grid as chance has it, or all of them, each with its day."""
    if count is None:
        return tuple((block.facts(point), block.as_of) for block in blocks(policy) for point in block.results)
    rng, fixed, axes = random.Random(policy.id), FIXED.get(policy.id, {}), {}
    found = []
    for _ in range(count):
        chosen = {name: rng.choice(values) for name, values in fixed.items()}
        here = {name: read(policy.facts[name].type, raw) for name, raw in chosen.items() if raw is not None}
        key = tuple(chosen.values())
        if key not in axes:
            free = policy.facts.keys() - fixed.keys()
            axes[key] = {name: axis(policy, name, here) for name in sorted(free)}
        facts = {name: rng.choice(values) for name, values in axes[key].items()}
        found.append((here | {name: kept for name, kept in facts.items() if kept is not None}, DAY[0]))
    return tuple(found)


def differs(policy: Policy, mutant: Policy, among: Iterable[Subject]) -> bool:
    """Whether one of the subjects gets another answer, or another rule, from the mutant."""
    return any(answer(policy, subject) != answer(mutant, subject) for subject in among)
