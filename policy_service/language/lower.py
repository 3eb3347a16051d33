"""Lowers a checked policy to the core. The meaning stays; `tests/conformance` compares every compiler with `evaluate`."""

from __future__ import annotations

import datetime
from collections.abc import Callable, Iterator, Mapping
from fractions import Fraction
from math import gcd
from typing import Literal, assert_never

from policy_service.language.ast import (
    And,
    Arithmetic,
    Call,
    Comparator,
    Comparison,
    Constant,
    Expr,
    In,
    IsMissing,
    Name,
    Negation,
    Not,
    Or,
    Property,
    Range,
    Test,
)
from policy_service.language.check import Checker
from policy_service.language.core import (
    Absolute,
    All,
    Any,
    Asked,
    Computed,
    Core,
    CoreRule,
    CountOf,
    DatePart,
    Extreme,
    Formula,
    Given,
    Giving,
    MonthsLater,
    OneOf,
    Polynomial,
    Ratio,
    Rounded,
    SameWord,
    Sign,
    Stored,
    Tagged,
    TaggedBy,
    TextTest,
    Threshold,
    Truth,
)
from policy_service.language.diagnostics import Code
from policy_service.language.functions import ROUNDING_FUNCTIONS, TEXT_TESTS, Rounding
from policy_service.language.policy import AS_OF, SCORE, Policy, Rule
from policy_service.language.polynomial import (
    ONE,
    add_ratios,
    common,
    constant,
    multiply_ratios,
    ratio_of,
    reduced,
    scale,
    single,
    whole,
)
from policy_service.language.quantities import DATE, DURATION, MONTHS, Quantity
from policy_service.language.types import (
    SECONDS_PER_DAY,
    BooleanType,
    ChoiceType,
    DateType,
    Duration,
    DurationType,
    Months,
    NumberType,
    TagsType,
    TextType,
    Type,
    Value,
)

MAX_TERMS = 64
"""Alternatives of one rule's condition, once written as an `or` of `and`s."""
MAX_MONOMIALS = 200
"""Products of facts that one comparison may need."""

OPPOSITE: Mapping[Comparator, Comparator] = {"=": "!=", "!=": "=", "<": ">=", ">=": "<", ">": "<=", "<=": ">"}
MIRRORED: Mapping[Comparator, Comparator] = {"=": "=", "!=": "!=", "<": ">", ">": "<", "<=": ">=", ">=": "<="}


def lower(policy: Policy) -> Core:
    """The policy in the core."""
    names: dict[str, Type] = {name: fact.type for name, fact in policy.facts.items()}
    names[AS_OF] = DateType()
    optional = frozenset(name for name, fact in policy.facts.items() if fact.optional)
    kinds = [outcome.type for outcome in policy.outcomes.values()]
    stand_ins = {name: stand_in(policy.facts[name].type) for name in optional}
    if policy.scorecard is None:
        lowering = Lowering(names, optional)
        return Core(tuple(lowering.rule(rule, kinds) for rule in policy.rules), (), stand_ins)
    total = policy.scorecard.type
    lowering = Lowering({**names, SCORE: total}, optional)
    rules = tuple(lowering.rule(rule, [total]) for rule in policy.rules)
    return Core(rules, tuple(lowering.rule(band, kinds) for band in policy.scorecard.bands), stand_ins)


def stand_in(kind: Type) -> Value:
    """Some value of the type."""
    match kind:
        case BooleanType():
            return False
        case NumberType() | DateType() | DurationType():
            return kind.low
        case ChoiceType():
            return kind.of[0]
        case TextType():
            return ""
        case TagsType():
            return frozenset()
        case _:
            assert_never(kind)


def terms(formula: Formula) -> int:
    """How many alternatives the formula has, written as an `or` of `and`s; `Any` over one fact counts as one atom."""
    match formula:
        case All(parts=parts):
            product = 1
            for part in parts:
                product *= terms(part)
            return product
        case Any(parts=parts):
            return 1 if is_cell(formula) else sum(terms(part) for part in parts)
        case _:
            return 1


def is_cell(formula: Any) -> bool:
    """Whether an `or` is about tests of one and the same value, as a cell with several tests is."""
    facts = set()
    for part in formula.parts:
        for atom in part.parts if isinstance(part, All) else (part,):
            if not isinstance(atom, Threshold):
                return False
            facts.add(atom.fact)
    return len(facts) == 1


def too_wide(core: Core) -> Iterator[tuple[int, Code, str]]:
    """The rules, by index (bands after rules), that exceed a static limit, each with a sentence."""
    for index, rule in enumerate((*core.rules, *core.bands)):
        if (count := terms(rule.when)) > MAX_TERMS:
            yield index, Code.RULE_TOO_WIDE, f"the condition has {count:,} alternatives, at most {MAX_TERMS} are allowed"
        if any(size > MAX_MONOMIALS for size in _sizes(rule)):
            yield index, Code.TOO_COMPLEX, f"one comparison needs more than {MAX_MONOMIALS} products of facts"


def _sizes(rule: CoreRule) -> Iterator[int]:
    stack: list[Formula] = [rule.when, *(then.condition for then in rule.then if isinstance(then, Asked))]
    while stack:
        match stack.pop():
            case All(parts=parts) | Any(parts=parts):
                stack.extend(parts)
            case Sign(polynomial=polynomial):
                yield len(polynomial)
            case _:
                pass
    for then in rule.then:
        if isinstance(then, Computed):
            yield max(len(then.ratio.numerator), len(then.ratio.denominator))


class Lowering:
    """Lowers expressions over the facts `names`."""

    def __init__(self, names: Mapping[str, Type], optional: frozenset[str]) -> None:
        self.names = names
        self.optional = optional
        self.checker = Checker(names, optional)

    def rule(self, rule: Rule, kinds: list[Type]) -> CoreRule:
        """A rule in the core."""
        pairs = zip(rule.then, kinds, strict=False)
        return CoreRule(self.formula(rule.when), tuple(self.giving(then, kind) for then, kind in pairs))

    def giving(self, then: Expr | Value, kind: Type) -> Giving:
        """What a rule gives, in the core."""
        if isinstance(then, bool | int | str | frozenset):
            return then
        if isinstance(kind, BooleanType):
            return Asked(self.formula(then))
        return Computed(self.ratio(then), kind.scale if isinstance(kind, NumberType) else 0)

    # conditions

    def formula(self, expression: Expr, negated: bool = False) -> Formula:  # noqa: FBT001, FBT002  # a sign, carried down
        """The condition, or its opposite, in the core."""
        match expression:
            case Constant(value=bool() as truth):
                return Truth(truth != negated)
            case Name():
                return Threshold(expression.name, "=", 0 if negated else 1)
            case IsMissing():
                return Given(expression.fact.name, negated=not negated)
            case Not():
                return self.formula(expression.operand, not negated)
            case And():
                return self._join(All, [self.formula(part, negated) for part in expression.operands], negated)
            case Or():
                return self._join(Any, [self.formula(part, negated) for part in expression.operands], negated)
            case Comparison():
                return self.comparison(expression.comparator, expression.left, expression.right, negated)
            case In():
                return self.membership(expression, negated)
            case Call():
                return self.word_test(expression, negated)
            case _:
                raise TypeError(f"no condition: {expression!r}")

    def _join(self, kind: type[All | Any], parts: list[Formula], negated: bool) -> Formula:  # noqa: FBT001
        if negated:
            kind = Any if kind is All else All
        return join(kind, parts)

    def comparison(self, comparator: Comparator, left: Expr, right: Expr, negated: bool) -> Formula:  # noqa: FBT001
        static = self.checker.type_of(left)
        if isinstance(static, Quantity):
            sign = OPPOSITE[comparator] if negated else comparator
            return sign_of(sign, add_ratios(self.ratio(left), multiply_ratios(ratio_of(Fraction(-1)), self.ratio(right))))
        negated = negated != (comparator == "!=")
        if isinstance(static, BooleanType):
            return join(
                Any,
                [
                    join(All, [self.formula(left), self.formula(right, negated)]),
                    join(All, [self.formula(left, negated=True), self.formula(right, not negated)]),
                ],
            )
        return self.same_word(left, right, negated)

    def same_word(self, left: Expr, right: Expr, negated: bool) -> Formula:  # noqa: FBT001
        match left, right:
            case Constant(value=one), Constant(value=other):
                return Truth((one == other) != negated)
            case (Name(name=name), Constant(value=str() as word)) | (Constant(value=str() as word), Name(name=name)):
                return OneOf(name, frozenset({word}), negated)
            case Name(), Name():
                return SameWord(*sorted((left.name, right.name)), negated=negated)
            case _:
                raise TypeError(f"no words: {left!r}, {right!r}")

    def membership(self, expression: In, negated: bool) -> Formula:  # noqa: FBT001
        words = [test.value.value for test in expression.tests if isinstance(test, Test) and test.comparator == "=" and isinstance(test.value, Constant)]
        if isinstance(expression.operand, Name) and len(words) == len(expression.tests) and all(isinstance(w, str) for w in words):
            return OneOf(expression.operand.name, frozenset(map(str, words)), negated)
        return self._join(Any, [self.test(expression.operand, test, negated) for test in expression.tests], negated)

    def test(self, operand: Expr, test: Range | Test, negated: bool) -> Formula:  # noqa: FBT001
        match test:
            case Range():
                low = self.comparison(">=" if test.low_closed else ">", operand, test.low, negated)
                high = self.comparison("<=" if test.high_closed else "<", operand, test.high, negated)
                return self._join(All, [low, high], negated)
            case Test(value=Name(name=name)) if isinstance(self.names[name], TagsType):
                match operand:
                    case Constant(value=str() as word):
                        return Tagged(name, word, negated)
                    case Name():
                        return TaggedBy(name, operand.name, negated)
                    case _:
                        raise TypeError(f"no word: {operand!r}")
            case Test():
                return self.comparison(test.comparator, operand, test.value, negated)
            case _:
                assert_never(test)

    def word_test(self, call: Call, negated: bool) -> Formula:  # noqa: FBT001
        match call.function, call.arguments:
            case "list contains", (Name(name=name), Constant(value=str() as word)):
                return Tagged(name, word, negated)
            case test, (Name(name=name), Constant(value=str() as word)) if test in TEXT_TESTS:
                return TextTest(test, name, word, negated)
            case _:
                raise TypeError(f"no condition: {call!r}")

    # numbers

    def ratio(self, expression: Expr) -> Ratio:  # noqa: PLR0911  # one return a node is the clearest
        """A number in the core: dates in days, durations in seconds."""
        match expression:
            case Constant(value=Fraction() as number):
                return ratio_of(number)
            case Constant(value=datetime.date() as day):
                return ratio_of(Fraction(day.toordinal()))
            case Constant(value=Duration(seconds=seconds)):
                return ratio_of(seconds)
            case Name(name=name):
                kind = self.names[name]
                return Ratio(single(Stored(name)), whole(10**kind.scale) if isinstance(kind, NumberType) else ONE)
            case Negation():
                return multiply_ratios(ratio_of(Fraction(-1)), self.ratio(expression.operand))
            case Arithmetic():
                return self.arithmetic(expression)
            case Call():
                return self.call(expression)
            case Property():
                return self.property(expression)
            case _:
                raise TypeError(f"no number: {expression!r}")

    def quantity(self, expression: Expr) -> Quantity:
        """What the checker knows of a number."""
        static = self.checker.type_of(expression)
        if not isinstance(static, Quantity):
            raise TypeError(f"no number: {expression!r}")
        return static

    def arithmetic(self, expression: Arithmetic) -> Ratio:
        units = self.quantity(expression.left).unit, self.quantity(expression.right).unit
        left = self.ratio(expression.left)
        if units[1] == MONTHS:
            return self.months(left, expression)
        right = self.ratio(expression.right)
        match expression.operator, units:
            case "-", (unit, _) if unit == DATE and units[1] == DATE:
                days = add_ratios(left, multiply_ratios(ratio_of(Fraction(-1)), right))
                return multiply_ratios(days, ratio_of(Fraction(SECONDS_PER_DAY)))
            case "+" | "-" as operator, (unit, _) if unit == DATE:
                seconds = multiply_ratios(ratio_of(Fraction(1 if operator == "+" else -1)), right)
                shift = rounded("floor", seconds.numerator, scale(seconds.denominator, SECONDS_PER_DAY))
                return add_ratios(left, shift)
            case "+", _:
                return add_ratios(left, right)
            case "-", _:
                return add_ratios(left, multiply_ratios(ratio_of(Fraction(-1)), right))
            case "*", _:
                return multiply_ratios(left, right)
            case _:
                sign = 1 if self.quantity(expression.right).low > 0 else -1
                inverse = Ratio(scale(right.denominator, sign), scale(right.numerator, sign))
                return multiply_ratios(left, inverse)

    def months(self, day: Ratio, expression: Arithmetic) -> Ratio:
        match expression.right:
            case Constant(value=Months(count=count)):
                return Ratio(single(MonthsLater(day.numerator, count if expression.operator == "+" else -count)), ONE)
            case other:
                raise TypeError(f"no months: {other!r}")

    def call(self, call: Call) -> Ratio:
        if call.function == "count":
            match call.arguments:
                case (Name(name=name),):
                    return Ratio(single(CountOf(name)), ONE)
        ratios = [self.ratio(argument) for argument in call.arguments]
        if way := ROUNDING_FUNCTIONS.get(call.function):
            places = (constant(ratios[1].numerator) or 0) if len(ratios) > 1 else 0
            whole_part = rounded(way, scale(ratios[0].numerator, 10**places), ratios[0].denominator)
            return multiply_ratios(whole_part, ratio_of(Fraction(1, 10**places)))
        if call.function == "abs":
            value = constant(ratios[0].numerator)
            numerator = whole(abs(value)) if value is not None else single(Absolute(ratios[0].numerator))
            return Ratio(numerator, ratios[0].denominator)
        numerators, denominator = common(ratios)
        choose: Literal["min", "max"] = "min" if call.function == "min" else "max"
        return Ratio(single(Extreme(choose, tuple(numerators))), denominator)

    def property(self, expression: Property) -> Ratio:
        operand = self.ratio(expression.operand)
        if self.quantity(expression.operand).unit == DURATION:
            return rounded("down", operand.numerator, scale(operand.denominator, SECONDS_PER_DAY))
        return Ratio(single(DatePart(expression.name, operand.numerator)), ONE)


def rounded(way: Rounding, numerator: Polynomial, denominator: Polynomial) -> Ratio:
    """A rounded quotient, without the common divisor of its coefficients."""
    divisor = gcd(*(coefficient for _, coefficient in (*numerator, *denominator)))
    numerator, denominator = (tuple((m, c // divisor) for m, c in part) for part in (numerator, denominator))
    return Ratio(single(Rounded(way, numerator, denominator)), ONE)


def join(kind: type[All | Any], parts: list[Formula]) -> Formula:
    """The parts joined, nested ones of the same kind laid flat, what is always or never so worked out."""
    stops = kind is Any
    flat: dict[Formula, None] = {}
    for part in parts:
        if isinstance(part, Truth):
            if part.value == stops:
                return part
        elif isinstance(part, kind):
            flat.update(dict.fromkeys(part.parts))
        else:
            flat[part] = None
    if len(flat) == 1:
        return next(iter(flat))
    return kind(tuple(flat)) if flat else Truth(not stops)


def sign_of(comparator: Comparator, difference: Ratio) -> Formula:
    """`difference comparator 0`; its denominator is positive, so only the numerator matters."""
    numerator = reduced(difference.numerator)
    value = constant(numerator)
    if value is not None:
        return Truth(COMPARE[comparator](value, 0))
    match numerator:
        case (((Stored(fact=fact),), factor),):
            return threshold(fact, comparator, factor, 0)
        case (((), base), ((Stored(fact=fact),), factor)):
            return threshold(fact, comparator, factor, base)
        case _:
            first = numerator[-1][1]
            return Sign(comparator, numerator) if first > 0 else Sign(MIRRORED[comparator], scale(numerator, -1))


COMPARE: Mapping[Comparator, Callable[[int, int], bool]] = {
    "=": lambda a, b: a == b,
    "!=": lambda a, b: a != b,
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}


def threshold(fact: str, comparator: Comparator, factor: int, base: int) -> Formula:
    """`factor * fact + base comparator 0` as a comparison of the fact with a whole number."""
    if factor < 0:
        factor, base, comparator = -factor, -base, MIRRORED[comparator]
    quotient, rest = divmod(-base, factor)
    if rest == 0:
        return Threshold(fact, comparator, quotient)
    match comparator:
        case "=":
            return Truth(value=False)
        case "!=":
            return Truth(value=True)
        case "<" | "<=":
            return Threshold(fact, "<=", quotient)
        case ">" | ">=":
            return Threshold(fact, ">=", quotient + 1)
