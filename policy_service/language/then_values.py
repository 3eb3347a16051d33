"""Reads the outcomes of rules: for each, a value, or an expression proved to fit the outcome's type."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from fractions import Fraction
from typing import assert_never

from policy_service.language.ast import Expr
from policy_service.language.check import Checker
from policy_service.language.diagnostics import Code, did_you_mean, pluralize, shorten
from policy_service.language.evaluate import constant_value
from policy_service.language.findings import Findings
from policy_service.language.functions import round_to
from policy_service.language.policy import Outcome
from policy_service.language.quantities import DATE, DURATION, LITERAL, NUMBER, Quantity
from policy_service.language.source import Path
from policy_service.language.static_types import Static, spell
from policy_service.language.types import (
    UNKNOWN_TYPE,
    BooleanType,
    ChoiceType,
    DateType,
    DurationType,
    NumberType,
    TagsType,
    TextType,
    Type,
    Value,
    ValueRejected,
    describe_type,
    parse_date,
    parse_duration,
    parse_value,
    quantize,
    write_duration,
)
from policy_service.language.unparse import write_fraction

OutcomeText = str | list[str] | None
ThenText = list[OutcomeText] | dict[str, OutcomeText]
"""The `then` of a rule as written: values in the order of the outcomes, or by name."""
Bounds = tuple[Fraction, Fraction] | None
"""The least and greatest number a rule can give, in units; None for other outcomes."""


class ThenReader:
    """Reads the `then` of rules."""

    def __init__(self, checker: Checker, outcomes: Mapping[str, Outcome], findings: Findings) -> None:
        self.checker = checker
        self.outcomes = outcomes
        self.findings = findings

    def read(
        self,
        then: ThenText | None,
        path: Path,
        known: frozenset[str],
        *,
        count: bool = False,
        then_path: Path | None = None,
    ) -> tuple[tuple[Expr | Value, ...], Bounds]:
        """Return a rule's values, one per outcome, and the bounds of the first.

        `known` are the optional facts known to be present if the rule matches. With `count` a rule has no values.
        `then_path` is the path of `then` if it is not a key of the rule at `path`.
        """
        then_path = then_path or (*path, "then")
        if count:
            if then is not None:
                self.findings.add_key_error(Code.KEY_NOT_ALLOWED, "rules that are only counted give nothing", then_path)
            return (), None
        entries = self._texts_by_outcome(then, path, then_path)
        parsed = [
            self.read_value(text, outcome.type, (*then_path, key), known)
            for name, outcome in self.outcomes.items()
            if name in entries
            for key, text in [entries[name]]
        ]
        return tuple(part for part, _ in parsed if part is not None), parsed[0][1] if parsed else None

    def _texts_by_outcome(
        self, then: ThenText | None, path: Path, then_path: Path
    ) -> dict[str, tuple[str | int, OutcomeText]]:
        """Return, for each outcome, the position of its value, and the value."""
        names = list(self.outcomes)
        if then is None:
            self.findings.add_error(Code.MISSING_OUTCOME, f"the rule gives no {', '.join(names)}", path, "add `then`")
            return {}
        if isinstance(then, list):
            if len(then) != len(names):
                message = f"expected {pluralize(len(names), 'value')}, for {', '.join(names)}; found {len(then)}"
                hint = "a value with a comma stands in quotes" if len(then) > len(names) else None
                self.findings.add_error(Code.MISSING_OUTCOME, message, then_path, hint)
                return {}
            return {name: (index, text) for index, (name, text) in enumerate(zip(names, then, strict=True))}
        for key in then:
            if key not in self.outcomes:
                hint = did_you_mean(key, names)
                self.findings.add_key_error(
                    Code.UNKNOWN_OUTCOME, f"unknown outcome `{shorten(key)}`", (*then_path, key), hint
                )
        if missing := [name for name in names if name not in then]:
            self.findings.add_error(Code.MISSING_OUTCOME, f"the rule gives no {', '.join(missing)}", then_path)
        return {name: (name, then[name]) for name in names if name in then}

    def read_value(
        self, text: OutcomeText, kind: Type, path: Path, known: frozenset[str]
    ) -> tuple[Expr | Value | None, Bounds]:
        """Return a value or a checked expression for an outcome of type `kind`; None after reporting errors."""
        if kind is UNKNOWN_TYPE:
            return None, None
        literal = _is_literal(text, kind)
        if text is None or literal or isinstance(text, list):
            return self._read_literal(text, kind, path), None
        expression = self.findings.read_expression(text, path)
        if expression is None:
            return None, None
        static = self.checker.infer(expression)
        self.checker.known_when_true(expression, known)
        if static is not None and self._fits(static, kind, expression):
            self.findings.take_errors(self.checker, path)
            bounds = (static.low, static.high) if isinstance(static, Quantity) else None
            constant = constant_value(expression)
            return (expression if constant is None else quantize(kind, constant)), bounds
        self.findings.take_errors(self.checker, path)
        return None, None

    def _read_literal(self, text: OutcomeText, kind: Type, path: Path) -> Value | None:
        raw = {"true": True, "false": False}.get(str(text), text) if isinstance(kind, BooleanType) else text
        try:
            return parse_value(kind, raw)
        except ValueRejected as error:
            actual = "nothing" if text is None else f"`{shorten(str(text))}`"
            hint = did_you_mean(str(text), kind.of) if isinstance(kind, ChoiceType) else None
            code = Code.UNKNOWN_CHOICE if isinstance(kind, ChoiceType | TagsType) and text else Code.TYPE_MISMATCH
            self.findings.add_error(code, f"expected {error.expected}, found {actual}", path, hint)
            return None

    def _fits(self, static: Static, kind: Type, expression: Expr) -> bool:
        """Report an error unless every value of the expression fits the outcome's type."""
        span = expression.span
        match kind, static:
            case BooleanType(), BooleanType():
                return True
            case NumberType() | DateType() | DurationType(), Quantity() as quantity:
                pass
            case _:
                message = f"expected {describe_type(kind)}, found {spell(static)}"
                self.checker.add_error(Code.TYPE_MISMATCH, message, span)
                return False
        units = {DateType: {DATE}, DurationType: {DURATION}}.get(type(kind))
        if units is None:
            units = {LITERAL, NUMBER, kind.currency} if isinstance(kind, NumberType) else set()
        if quantity.unit not in units:
            self.checker.add_error(Code.TYPE_MISMATCH, f"expected {describe_type(kind)}, found {spell(quantity)}", span)
            return False
        scale = kind.scale if isinstance(kind, NumberType) else 0
        if quantity.scale is None or quantity.scale > scale:
            if isinstance(kind, NumberType):
                hint = f"write `round(…, {scale})`, or `floor`, `ceiling`, `decimal`"
                self.checker.add_error(Code.UNROUNDED, f"the value can have more than {scale} decimals", span, hint)
            else:
                hint = "multiply by whole numbers only"
                self.checker.add_error(Code.UNROUNDED, "the value can have parts of a second", span, hint)
            return False
        size = 10**scale
        if quantity.low * size < kind.low or quantity.high * size > kind.high:
            low, high = format_bound(quantity.low, kind), format_bound(quantity.high, kind)
            reach = f"can be anything from {low} to {high}" if low != high else f"is {low}"
            cap = "cap it: `min(…, most)` and `max(…, least)`, or bound its facts" if low != high else None
            self.checker.add_error(Code.MAY_EXCEED, f"the value {reach}, expected {describe_type(kind)}", span, cap)
            return False
        return True


def format_bound(number: Fraction, kind: NumberType | DateType | DurationType) -> str:
    """Return a bound of a value of type `kind` in the author's words, or its magnitude if that is too long."""
    if abs(number) >= 10**_SHOWN_DIGITS:
        return f"less than -10^{_SHOWN_DIGITS}" if number < 0 else f"more than 10^{_SHOWN_DIGITS}"
    match kind:
        case NumberType():
            return write_fraction(round_to("half even", number, 2))
        case DateType():
            return datetime.date.fromordinal(int(number)).isoformat()
        case DurationType():
            return write_duration(int(number))
        case _:
            assert_never(kind)


_SHOWN_DIGITS = 15


def _is_literal(text: OutcomeText, kind: Type) -> bool:
    """Return True if the text is a literal, not an expression."""
    match kind:
        case ChoiceType() | TextType() | TagsType():
            return True
        case BooleanType():
            return text in ("true", "false")
        case DateType():
            return isinstance(text, str) and parse_date(text) is not None
        case DurationType():
            return isinstance(text, str) and parse_duration(text) is not None
        case NumberType():
            return False
        case _:
            assert_never(kind)
