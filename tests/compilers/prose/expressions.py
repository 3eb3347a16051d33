"""Small expressions in great number, and what each of them is for some subjects."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from functools import cache
from itertools import combinations, product

from policy_service.language.ast import And, Comparison, Expr, Not, Or
from policy_service.language.evaluate import evaluate_expression
from policy_service.language.parser import parse
from policy_service.language.types import Duration, Exact

ATOMS = [
    "yes", "sure", "yes = sure", "yes != safe", "(count > 3) = yes", "paid_on is missing", "true", "false",
    "count < 3", "count <= 3", "count >= 3", "count = 3", "count != 3", "count in (3, 5)", "count in (< 3, 5)",
    "count in [3..5]", "count in (3..5]", "count in [3..5)", "count in (3..5)", "count in (5, > 7)",
    "count > 1 * level", 'wish = "it"', "kind = wish", 'kind in ("it", "retail")', 'contains(remark, "it")',
    'starts with(remark, "it")', 'ends with(remark, "it")', 'remark = "it"', 'remark = "\\"it\\""', '"it" in needs',
    "kind in needs", "wish in needs", "count(needs) = 1", "ordered_on < as_of", "ordered_on <= as_of",
    'ordered_on + @"P1M" < as_of', 'ordered_on - @"P1M" < as_of', 'ordered_on + @"P1D" < as_of',
    'ordered_on - @"P1D" < as_of', 'ordered_on - @"-P1D" < as_of', "(as_of - ordered_on).days > 1",
    "(ordered_on - as_of).days > 1", 'as_of - ordered_on > @"PT25H"', "taken.days > 1", 'taken > @"P1D"',
    "ordered_on.month = 3", "ordered_on.day = 3", "ordered_on.weekday = 3", "ordered_on.year = 2026",
    'kind = "it"', 'kind = "retail"', 'wish = "retail"', 'wish = "other"', '"it" in (kind, wish)',
    '"it" in (kind, kind)', 'wish in ("it", "other")', 'wish in ("it", "retail")', '"price" in needs',
    "amount > 3", "amount > 3000", "amount > 0.003", "amount > 0.03 * other_amount", "amount > 3 * other_amount",
]  # fmt: skip
LEAVES = ["rate", "share", "2", "0.5"]
SIGNS = "+-*/"
ROUNDINGS = ("round", "round half down", "round up", "round down", "decimal", "floor", "ceiling")


CHAINS: tuple[Callable[[tuple[Expr, ...]], Expr], ...] = (
    lambda parts: And(operands=parts),
    lambda parts: Or(operands=parts),
)


def conditions() -> Iterator[Expr]:
    """Atoms, their opposites, and how `and`, `or` and `not` bind up to three of them."""
    atoms = [parse(text) for text in ATOMS]
    yield from atoms
    yield from (Not(operand=atom) for atom in atoms)
    for first, second in combinations(atoms, 2):
        yield And(operands=(first, second))
        yield Or(operands=(first, second))
    few = [parse(text) for text in ("yes", "sure", "safe", "count < 3", "count > 1", "paid_on is missing")]
    for first, second, third in product(few, repeat=3):
        for outer, inner in product(CHAINS, repeat=2):
            yield outer((first, inner((second, third))))
            yield outer((inner((first, second)), third))
            yield outer((first, Not(operand=inner((second, third)))))
        yield Comparison(comparator="=", left=And(operands=(first, second)), right=third)
        yield Comparison(comparator="!=", left=first, right=Or(operands=(second, third)))


def computations() -> Iterator[Expr]:
    """Conditions about numbers: formulas of two operations, rounded, capped and negated in every place."""
    inner = [f"({a} {sign} {b})" for a, sign, b in product(LEAVES, SIGNS, LEAVES)]
    inner += [f"{way}({a}, {places})" for way, a, places in product(ROUNDINGS, LEAVES[:2], (0, 1))]
    inner += [f"{name}({a}, {b})" for name, a, b in product(("min", "max"), LEAVES, LEAVES)]
    inner += [f"-{a}" for a in LEAVES] + [f"abs({a})" for a in LEAVES] + LEAVES
    for part in inner:
        yield parse(f"{part} > 1")
        yield parse(f"-{part} > 1")
        yield parse(f"round({part}, 1) > 1")
        yield parse(f"rate > {part}")
        for sign, leaf in product(SIGNS, LEAVES[:3]):
            yield parse(f"{part} {sign} {leaf} > 1")
            yield parse(f"{leaf} {sign} {part} > 1")
        for name, leaf in product(("min", "max"), LEAVES[:3]):
            yield parse(f"{name}({part}, {leaf}) > 1")


def _subject(index: int) -> dict[str, Exact]:
    """One of many subjects, chosen so that what differs for somebody differs for one of them."""
    pick = (index * 2654435761) % 2**32
    words, kinds = ("it", "xitx", "itx", "xit", '"it"'), ("it", "retail", "other")
    scope: dict[str, Exact] = {
        "yes": bool(pick & 1),
        "sure": bool(pick & 2),
        "safe": bool(pick & 4),
        "count": Fraction(index % 9),
        "level": Fraction(pick % 7),
        "rate": Fraction(pick % 40001 - 20000, 10**4),
        "share": Fraction((pick >> 3) % 101 - 50, 10),
        "amount": Fraction(pick % 997, 100) * (1000 if pick & 8 else 1),
        "other_amount": Fraction((pick >> 5) % 991, 100),
        "kind": kinds[pick % 2],
        "wish": kinds[(pick >> 4) % 3],
        "remark": words[pick % 5],
        "needs": frozenset(word for place, word in enumerate(("price", "it", "retail")) if pick >> (6 + place) & 1),
        "ordered_on": datetime.date(2026, 1, 1) + datetime.timedelta(days=pick % 1500 - 400),
        "taken": Duration(Fraction(pick % 400000)),
        "as_of": datetime.date(2026, 1, 1) + datetime.timedelta(days=pick % 1500 - 400 + index % 70 - 35),
    }
    return scope | ({"paid_on": scope["as_of"]} if pick & 16 else {})


SUBJECTS: list[Mapping[str, Exact]] = [_subject(index) for index in range(300)]


@cache
def meaning(expression: Expr) -> tuple[Exact | None, ...]:
    """The answer for every subject; None where a divisor is zero, which the checker refuses."""
    return tuple(_answer(expression, subject) for subject in SUBJECTS)


@cache
def results(expression: Expr) -> tuple[Exact | None, ...]:
    """The value for some subjects: two computations that agree there are one."""
    return tuple(_answer(expression, subject) for subject in SUBJECTS[:40])


def _answer(expression: Expr, subject: Mapping[str, Exact]) -> Exact | None:
    try:
        return evaluate_expression(expression, subject)
    except ZeroDivisionError:
        return None
