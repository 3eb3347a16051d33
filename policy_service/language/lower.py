"""Lowers a checked policy to the core.

The meaning is preserved: `tests/conformance` compares every compiler with `evaluate`.
"""

from __future__ import annotations

from collections.abc import Mapping
from fractions import Fraction
from typing import assert_never

from policy_service.language.ast import (
    And,
    Call,
    Comparator,
    Comparison,
    Constant,
    Expr,
    In,
    IsMissing,
    Name,
    Not,
    Or,
    Range,
    Test,
)
from policy_service.language.check import Checker
from policy_service.language.core import (
    All,
    Any,
    BooleanOutcome,
    ComputedNumber,
    Core,
    CoreRule,
    Formula,
    HasTag,
    HasTagOf,
    IsPresent,
    OneOf,
    OutcomeExpr,
    SameWord,
    TextTest,
    Threshold,
    Truth,
)
from policy_service.language.formulas import OPPOSITE, join, sign_of
from policy_service.language.functions import TEXT_TESTS
from policy_service.language.lower_numbers import NumberLowering
from policy_service.language.policy import AS_OF, SCORE, Policy, Rule
from policy_service.language.polynomial import (
    TooComplex,
    add_ratios,
    multiply_ratios,
    ratio_of,
)
from policy_service.language.quantities import Quantity
from policy_service.language.types import (
    BooleanType,
    ChoiceType,
    DateType,
    DurationType,
    NumberType,
    TagsType,
    TextType,
    Type,
    Value,
)

MAX_STEPS = 10_000
"""Maximum number of conditions of one rule in the core; comparing two conditions doubles each."""


def lower(policy: Policy) -> Core:
    """Return the policy in the core."""
    lowering, rules = rules_with_types(policy)
    lowered = tuple(lowering.lower_rule(rule, kinds) for rule, kinds in rules)
    count = len(policy.rules)
    stand_ins = {name: stand_in(policy.facts[name].type) for name in lowering.optional}
    return Core(lowered[:count], lowered[count:], stand_ins)


def rules_with_types(policy: Policy) -> tuple[Lowering, list[tuple[Rule, list[Type]]]]:
    """Return the lowering, and the rules, then the bands, each with the types of its outcomes."""
    names: dict[str, Type] = {name: fact.type for name, fact in policy.facts.items()}
    names[AS_OF] = DateType()
    optional = frozenset(name for name, fact in policy.facts.items() if fact.optional)
    kinds = [outcome.type for outcome in policy.outcomes.values()]
    if policy.scorecard is None:
        return Lowering(names, optional), [(rule, kinds) for rule in policy.rules]
    total = policy.scorecard.type
    rules = [(rule, list[Type]([total])) for rule in policy.rules]
    return Lowering({**names, SCORE: total}, optional), rules + [(band, kinds) for band in policy.scorecard.bands]


def stand_in(kind: Type) -> Value:
    """Return an arbitrary value of the type."""
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


class Lowering:
    """Lowers expressions over the facts `names`."""

    def __init__(self, names: Mapping[str, Type], optional: frozenset[str]) -> None:
        self.names = names
        self.optional = optional
        self.checker = Checker(names, optional)
        self.numbers = NumberLowering(names, self.checker)
        self.steps = 0

    def lower_rule(self, rule: Rule, kinds: list[Type]) -> CoreRule:
        """Return a rule in the core. Raises TooComplex."""
        self.steps = 0
        pairs = zip(rule.then, kinds, strict=False)
        return CoreRule(self.formula(rule.when), tuple(self.lower_outcome(then, kind) for then, kind in pairs))

    def lower_outcome(self, then: Expr | Value, kind: Type) -> OutcomeExpr:
        """Return a rule's outcome in the core."""
        if isinstance(then, bool | int | str | frozenset):
            return then
        if isinstance(kind, BooleanType):
            return BooleanOutcome(self.formula(then))
        return ComputedNumber(self.numbers.ratio(then), kind.scale if isinstance(kind, NumberType) else 0)

    # conditions

    def formula(self, expression: Expr, negated: bool = False) -> Formula:  # noqa: FBT001, FBT002  # a sign, carried down
        """Return the condition, or its negation, in the core."""
        self.steps += 1
        if self.steps > MAX_STEPS:
            raise TooComplex(f"the rule comes to more than {MAX_STEPS:,} conditions")
        match expression:
            case Constant(value=bool() as truth):
                return Truth(truth != negated)
            case Name():
                return Threshold(expression.name, "=", 0 if negated else 1)
            case IsMissing():
                return IsPresent(expression.fact.name, negated=not negated)
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
            return sign_of(
                sign,
                add_ratios(
                    self.numbers.ratio(left),
                    multiply_ratios(ratio_of(Fraction(-1)), self.numbers.ratio(right)),
                ),
            )
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
            case (Name(name=name), Constant(value=str() as word)) | (
                Constant(value=str() as word),
                Name(name=name),
            ):
                return OneOf(name, frozenset({word}), negated)
            case Name(), Name():
                first, second = sorted((left.name, right.name))
                return SameWord(first, second, negated)
            case _:
                raise TypeError(f"no words: {left!r}, {right!r}")

    def membership(self, expression: In, negated: bool) -> Formula:  # noqa: FBT001
        words = [
            test.value.value
            for test in expression.tests
            if isinstance(test, Test) and test.comparator == "=" and isinstance(test.value, Constant)
        ]
        if (
            isinstance(expression.operand, Name)
            and len(words) == len(expression.tests)
            and all(isinstance(w, str) for w in words)
        ):
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
                        return HasTag(name, word, negated)
                    case Name():
                        return HasTagOf(name, operand.name, negated)
                    case _:
                        raise TypeError(f"no word: {operand!r}")
            case Test():
                return self.comparison(test.comparator, operand, test.value, negated)
            case _:
                assert_never(test)

    def word_test(self, call: Call, negated: bool) -> Formula:  # noqa: FBT001
        match call.function, call.arguments:
            case "list contains", (Name(name=name), Constant(value=str() as word)):
                return HasTag(name, word, negated)
            case test, (Name(name=name), Constant(value=str() as word)) if test in TEXT_TESTS:
                return TextTest(test, name, word, negated)
            case _:
                raise TypeError(f"no condition: {call!r}")
