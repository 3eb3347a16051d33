"""Type checking: proves, before any fact is known, that an expression can be evaluated for every subject.

It proves that every name is known; both sides of a comparison have the same kind and unit; a divisor is never zero; a
date stays in the calendar; and an optional fact is tested (`is missing`) before its value is used. After that,
evaluation cannot fail. All errors of an expression are found at once.
"""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from fractions import Fraction
from typing import assert_never

from policy_service.language.ast import (
    And,
    Arithmetic,
    Call,
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
from policy_service.language.comparability import choice_errors, comparison_errors, range_errors, unit_errors
from policy_service.language.definedness import known_facts, operands_of_test
from policy_service.language.diagnostics import Code, did_you_mean, shorten
from policy_service.language.evaluate import constant_value
from policy_service.language.functions import DATE_PROPERTIES, ROUNDING_FUNCTIONS, TAG_FUNCTIONS, TEXT_TESTS
from policy_service.language.quantities import (
    DATE,
    DURATION,
    FIRST,
    LAST,
    LITERAL,
    MONTHS,
    NUMBER,
    Quantity,
    absolute,
    combine,
    common_unit,
    days_of,
    extreme,
    is_plain,
    negate,
    power,
    quantity_of_constant,
    quantity_of_type,
    remainder,
    result_unit,
    round_quantity,
)
from policy_service.language.respelling import FOREIGN_WORDS, PRESENCE
from policy_service.language.static_types import CheckError, Static, Word, spell, spell_unit
from policy_service.language.types import (
    MAX_SCALE,
    MAX_TAGS,
    UNKNOWN_TYPE,
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
)
from policy_service.language.unparse import quote

MAX_EXPONENT = 20
"""The greatest absolute exponent of `x ** n`."""


class _Unknown(Exception):  # control flow: the error has been reported
    """The expression's type is unknown because of an error already reported."""


class Checker:
    """Checks expressions over the facts `names`, of which those in `optional` may be missing.

    Errors are collected in `errors`.
    """

    def __init__(self, names: Mapping[str, Type], optional: frozenset[str] = frozenset()) -> None:
        self.names = names
        self.optional = optional
        self.errors: list[CheckError] = []

    def check_condition(self, expression: Expr, known: frozenset[str] = frozenset()) -> frozenset[str]:
        """Check a condition; return the optional facts known to be present if it is true.

        `known` are those known to be present before.
        """
        static = self.infer(expression)
        if static is not None and not isinstance(static, BooleanType):
            self.add_error(Code.TYPE_MISMATCH, f"expected a condition, found {spell(static)}", expression.span)
        return self.known_when_true(expression, known)

    def known_when_true(self, expression: Expr, known: frozenset[str]) -> frozenset[str]:
        """Return the optional facts known to be present if the expression is true.

        Reports the use of a fact that is not known to be present.
        """
        return known_facts(expression, known, self._check_use)[0]

    def _check_use(self, name: Name, known: frozenset[str]) -> None:
        if name.name in self.optional and name.name not in known:
            message = f"optional fact `{name.name}` is used before it is asked about"
            hint = f"write `{name.name} is not missing and …`, or leave `optional` out"
            self.add_error(Code.OPTIONAL_NOT_ASKED, message, name.span, hint)

    def infer(self, expression: Expr) -> Static | None:
        """Return the expression's static type; None if it has errors."""
        try:
            return self.type_of(expression)
        except _Unknown:
            return None

    def add_error(self, code: Code, message: str, span: tuple[int, int], hint: str | None = None) -> None:
        """Report an error."""
        self.errors.append(CheckError(code, message, span, hint))

    def reject(self, code: Code, message: str, span: tuple[int, int], hint: str | None = None) -> _Unknown:
        """Report an error after which the expression's type is unknown."""
        self.add_error(code, message, span, hint)
        return _Unknown()

    # types

    def type_of(self, expression: Expr) -> Static:  # one return a node is the clearest
        """Return the static type; raises _Unknown after reporting an error."""
        match expression:
            case Constant():
                return _constant(expression.value)
            case Name():
                return self._name_type(expression)
            case IsMissing():
                self._name_type(expression.fact)
                if expression.fact.name not in self.optional:
                    message = f"`{expression.fact.name}` is not optional, so it is never missing"
                    self.add_error(Code.NOT_OPTIONAL, message, expression.span, "add `optional: true` to the fact")
                return BooleanType()
            case Not():
                return self._check_conditions((expression.operand,))
            case And() | Or():
                return self._check_conditions(expression.operands)
            case Comparison():
                left, right = self._operand_types(expression.left, expression.right)
                self.errors += comparison_errors(expression.comparator, left, right, expression.span)
                return BooleanType()
            case In():
                return self._in(expression)
            case Arithmetic():
                return self._arithmetic(expression)
            case Negation():
                operand = self._quantity(expression.operand)
                if result_unit("-", operand.unit, operand.unit) != operand.unit:
                    raise self.reject(Code.TYPE_MISMATCH, f"{operand.unit} has no negative", expression.span)
                return negate(operand)
            case Call():
                return self._call(expression)
            case Property():
                return self._property(expression)
            case _:
                assert_never(expression)

    def _name_type(self, name: Name) -> Static:
        kind = self.names.get(name.name)
        if kind is UNKNOWN_TYPE:
            raise _Unknown
        match kind:
            case None:
                choices = [
                    name.name for k in self.names.values() if isinstance(k, ChoiceType | TagsType) and name.name in k.of
                ]
                hint = f"write {quote(choices[0])} to mean the word" if choices else _name_hint(name.name, self.names)
                raise self.reject(Code.UNKNOWN_FACT, f"unknown fact `{shorten(name.name)}`", name.span, hint)
            case NumberType() | DateType() | DurationType():
                return quantity_of_type(kind)
            case _:
                return kind

    def _operand_types(self, left: Expr, right: Expr) -> tuple[Static, Static]:
        """Return the types of both sides, after reporting the errors of both."""
        types = self.infer(left), self.infer(right)
        if types[0] is None or types[1] is None:
            raise _Unknown
        return types[0], types[1]

    def _check_conditions(self, parts: tuple[Expr, ...]) -> BooleanType:
        for part in parts:
            static = self.infer(part)
            if static is not None and not isinstance(static, BooleanType):
                self.add_error(Code.TYPE_MISMATCH, f"expected a condition, found {spell(static)}", part.span)
        return BooleanType()

    def _quantity(self, expression: Expr) -> Quantity:
        static = self.type_of(expression)
        if not isinstance(static, Quantity):
            raise self.reject(Code.TYPE_MISMATCH, f"expected a number, found {spell(static)}", expression.span)
        return static

    def _in(self, expression: In) -> BooleanType:
        operand = self.infer(expression.operand)
        for test in expression.tests:
            types = [self.infer(part) for part in operands_of_test(test)]
            if operand is None or None in types:
                continue
            statics = [static for static in types if static is not None]
            match test, operand, statics:
                case Test(comparator="="), Word(), [TagsType() as tags]:
                    self.errors += choice_errors(tags, operand, expression.operand.span)
                case Test(comparator="="), ChoiceType(), [TagsType() as tags]:
                    if not set(operand.of) & set(tags.of):
                        self.add_error(Code.TYPE_MISMATCH, "the choice and the tags have no word in common", test.span)
                case Test(), _, [value]:
                    self.errors += comparison_errors(test.comparator, operand, value, test.span)
                case Range(), _, [low, high]:
                    for end, part in zip((low, high), operands_of_test(test), strict=True):
                        self.errors += comparison_errors("<", operand, end, part.span)
                    self.errors += range_errors(test, low, high)
                case _:
                    raise TypeError(f"no test: {test!r}")
        return BooleanType()

    def _arithmetic(self, expression: Arithmetic) -> Quantity:
        left, right = self._operand_types(expression.left, expression.right)
        if not isinstance(left, Quantity):
            raise self.reject(Code.TYPE_MISMATCH, f"expected a number, found {spell(left)}", expression.left.span)
        if not isinstance(right, Quantity):
            raise self.reject(Code.TYPE_MISMATCH, f"expected a number, found {spell(right)}", expression.right.span)
        if expression.operator == "**":
            return self._power(expression, left)
        unit = result_unit(expression.operator, left.unit, right.unit)
        if unit is None:
            if expression.operator in "+-" and is_plain(left.unit) and is_plain(right.unit):
                self.errors += unit_errors(left.unit, right.unit, expression.span)
                raise _Unknown
            message = f"`{expression.operator}` has no meaning between {spell(left)} and {spell(right)}"
            counts_days = expression.operator in "+-" and left.unit == DATE and is_plain(right.unit)
            hint = 'write a duration: `@"P30D"`' if counts_days else None
            raise self.reject(Code.TYPE_MISMATCH, message, expression.span, hint)
        if expression.operator == "/":
            self._require_nonzero(right, expression.right.span)
        result = combine(expression.operator, left, right, unit)
        return self._require_in_calendar(result, expression.span)

    def _power(self, expression: Arithmetic, base: Quantity) -> Quantity:
        if base.unit not in (LITERAL, NUMBER):
            message = f"`**` takes a number, not {spell(base)}"
            raise self.reject(Code.TYPE_MISMATCH, message, expression.left.span)
        exponent = whole_constant(expression.right)
        if exponent is None or abs(exponent) > MAX_EXPONENT:
            message = f"an exponent is a plain whole number from -{MAX_EXPONENT} to {MAX_EXPONENT}"
            raise self.reject(Code.WRONG_ARGUMENTS, message, expression.right.span)
        if exponent < 0:
            self._require_nonzero(base, expression.left.span)
        try:
            return power(base, exponent)
        except ArithmeticError:
            hint = "give the facts it is made of a `min` and a `max`"
            raise self.reject(Code.MAY_EXCEED, "the power can have too many digits", expression.span, hint) from None

    def _require_nonzero(self, divisor: Quantity, span: tuple[int, int]) -> None:
        if divisor.holds_zero:
            hint = "give the facts of the divisor a `min` above zero, or write `max(…, 1)`"
            raise self.reject(Code.ZERO_DIVISOR, "the divisor can be zero", span, hint)

    def _require_in_calendar(self, result: Quantity, span: tuple[int, int]) -> Quantity:
        if result.unit == DATE and not FIRST <= result.low <= result.high <= LAST:
            hint = "give the facts it is made of a `min` and a `max`"
            raise self.reject(Code.DATE_OUT_OF_RANGE, "the date can lie outside the years 1 to 9999", span, hint)
        return result

    def _call(self, call: Call) -> Static:
        if call.function in TEXT_TESTS or call.function in TAG_FUNCTIONS:
            return self._word_call(call)
        parts = [static for argument in call.arguments if (static := self.infer(argument)) is not None]
        if len(parts) < len(call.arguments):
            raise _Unknown
        quantities = [part for part in parts if isinstance(part, Quantity)]
        if len(quantities) < len(parts):
            wrong = next(part for part in parts if not isinstance(part, Quantity))
            raise self.reject(Code.TYPE_MISMATCH, f"`{call.function}` takes numbers, not {spell(wrong)}", call.span)
        if way := ROUNDING_FUNCTIONS.get(call.function):
            return round_quantity(way, quantities[0], self._decimal_places(call, quantities[0]))
        if call.function == "abs":
            self._require_argument_count(call, 1)
            if quantities[0].unit in (DATE, MONTHS):
                raise self.reject(Code.TYPE_MISMATCH, f"`abs` takes a number, not {quantities[0].unit}", call.span)
            return absolute(quantities[0])
        if call.function == "modulo":
            self._require_argument_count(call, 2)
        unit: str | None = quantities[0].unit
        for quantity in quantities[1:]:
            unit = unit and common_unit(unit, quantity.unit)
        if unit in (None, MONTHS):
            unit_names = " and ".join(spell_unit(quantity.unit) for quantity in quantities)
            message = f"`{call.function}` takes values of one unit, not {unit_names}"
            raise self.reject(Code.TYPE_MISMATCH, message, call.span)
        if call.function == "modulo":
            return self._modulo(call, quantities, unit or NUMBER)
        return extreme(min if call.function == "min" else max, quantities, unit or NUMBER)

    def _modulo(self, call: Call, quantities: list[Quantity], unit: str) -> Quantity:
        if not is_plain(unit):
            raise self.reject(Code.TYPE_MISMATCH, f"`modulo` takes numbers or amounts, not {unit}", call.span)
        self._require_nonzero(quantities[1], call.arguments[1].span)
        return remainder(quantities[0], quantities[1], unit)

    def _require_argument_count(self, call: Call, number: int) -> None:
        if len(call.arguments) != number:
            message = f"`{call.function}` takes {number} argument{'s' * (number > 1)}, not {len(call.arguments)}"
            raise self.reject(Code.WRONG_ARGUMENTS, message, call.span)

    def _decimal_places(self, call: Call, value: Quantity) -> int:
        """Return the number of decimals in a call of a rounding function."""
        if not is_plain(value.unit):
            raise self.reject(
                Code.TYPE_MISMATCH,
                f"`{call.function}` takes a number or an amount, not {value.unit}",
                call.span,
            )
        if call.function in ("floor", "ceiling") and len(call.arguments) == 1:
            return 0
        self._require_argument_count(call, 2)
        places = whole_constant(call.arguments[1])
        if places is not None and 0 <= places <= MAX_SCALE:
            return places
        message = f"the number of decimals is a whole number from 0 to {MAX_SCALE}"
        raise self.reject(Code.WRONG_ARGUMENTS, message, call.arguments[1].span)

    def _word_call(self, call: Call) -> Static:
        parts = [self.infer(argument) for argument in call.arguments]
        if None in parts:
            raise _Unknown
        self._require_argument_count(call, 1 if call.function == "count" else 2)
        match call.function, parts:
            case "count", [TagsType() as tags]:
                return Quantity(NUMBER, Fraction(0), Fraction(min(len(tags.of), MAX_TAGS)))
            case "list contains", [TagsType() as tags, Word() as word]:
                self.errors += choice_errors(tags, word, call.arguments[1].span)
                return BooleanType()
            case name, [TextType(), Word()] if name in TEXT_TESTS:
                return BooleanType()
        expected_arguments = {"count": "a tag list", "list contains": "a tag list and a quoted word"}
        message = f"`{call.function}` takes {expected_arguments.get(call.function, 'a text fact and a quoted text')}"
        raise self.reject(Code.WRONG_ARGUMENTS, message, call.span)

    def _property(self, expression: Property) -> Quantity:
        operand = self._quantity(expression.operand)
        if operand.unit == DATE and (bounds := DATE_PROPERTIES.get(expression.name)):
            low, high = map(Fraction, bounds)
            if expression.name == "year":
                low, high = (Fraction(datetime.date.fromordinal(int(day)).year) for day in (operand.low, operand.high))
            return Quantity(NUMBER, low, high)
        if operand.unit == DURATION and expression.name == "days":
            return days_of(operand)
        known = {DATE: list(DATE_PROPERTIES), DURATION: ["days"]}.get(operand.unit, [])
        message = f"{spell(operand)} has no property `{shorten(expression.name)}`"
        hint = f"the properties are {', '.join(known)}" if known else None
        raise self.reject(Code.UNKNOWN_PROPERTY, message, expression.span, hint)


def _name_hint(name: str, names: Mapping[str, Type]) -> str | None:
    """Suggest a known name for an unknown one."""
    if name.lower() in ("true", "false"):
        return f"write `{name.lower()}`"
    foreign = FOREIGN_WORDS.get(name.lower())
    return foreign if foreign == PRESENCE else did_you_mean(name, names) or foreign


def whole_constant(expression: Expr) -> int | None:
    """Return the whole number that a constant expression evaluates to, or None."""
    value = constant_value(expression)
    return int(value) if isinstance(value, Fraction) and value.denominator == 1 else None


def _constant(value: bool | Fraction | str | datetime.date | Duration | Months) -> Static:  # noqa: FBT001  # a literal
    match value:
        case bool():
            return BooleanType()
        case str():
            return Word(value)
        case _:
            return quantity_of_constant(value)
