"""Understands what rules give: for each outcome a value, or an expression that is proved to fit the outcome's type."""

from __future__ import annotations

import datetime
from collections.abc import Mapping
from fractions import Fraction
from typing import assert_never

from policy_service.language.ast import Expr
from policy_service.language.check import Checker
from policy_service.language.diagnostics import Code, counted, did_you_mean, shorten
from policy_service.language.evaluate import constant_value
from policy_service.language.findings import Findings
from policy_service.language.functions import rounded
from policy_service.language.policy import Outcome
from policy_service.language.quantities import DATE, DURATION, LITERAL, NUMBER, Quantity
from policy_service.language.source import Path
from policy_service.language.static import Static, spell
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
    ValueRefused,
    describe,
    kept,
    parse_date,
    parse_duration,
    read,
    write_duration,
)
from policy_service.language.unparse import write_fraction

Given = str | list[str] | None
Then = list[Given] | dict[str, Given]
"""What a rule gives, as written: a value for each outcome in their order, or by their names."""
Bounds = tuple[Fraction, Fraction] | None
"""The least and the greatest number a rule can give, in units; None for what is no number."""


class Giver:
    """Reads the `then` of rules."""

    def __init__(self, checker: Checker, outcomes: Mapping[str, Outcome], findings: Findings) -> None:
        self.checker = checker
        self.outcomes = outcomes
        self.findings = findings

    def give(
        self,
        then: Then | None,
        path: Path,
        known: frozenset[str],
        *,
        count: bool = False,
        at: Path | None = None,
    ) -> tuple[tuple[Expr | Value, ...], Bounds]:
        """What a rule gives, one value an outcome, and the bounds of the first.

        `known` are the optional facts that are there when the rule holds. With `count` a rule gives nothing. `at` is
        where `then` stands when it is no key of the rule at `path`.
        """
        at = at or (*path, "then")
        if count:
            if then is not None:
                self.findings.key_fault(Code.KEY_NOT_ALLOWED, "rules that are only counted give nothing", at)
            return (), None
        entries = self._entries(then, path, at)
        found = [
            self.value(given, outcome.type, (*at, key), known)
            for name, outcome in self.outcomes.items()
            if name in entries
            for key, given in [entries[name]]
        ]
        return tuple(part for part, _ in found if part is not None), found[0][1] if found else None

    def _entries(self, then: Then | None, path: Path, at: Path) -> dict[str, tuple[str | int, Given]]:
        """For each outcome where its value stands and what it is."""
        names = list(self.outcomes)
        if then is None:
            self.findings.fault(Code.MISSING_OUTCOME, f"the rule gives no {', '.join(names)}", path, "add `then`")
            return {}
        if isinstance(then, list):
            if len(then) != len(names):
                message = f"expected {counted(len(names), 'value')}, for {', '.join(names)}; found {len(then)}"
                hint = "a value with a comma stands in quotes" if len(then) > len(names) else None
                self.findings.fault(Code.MISSING_OUTCOME, message, at, hint)
                return {}
            return {name: (index, given) for index, (name, given) in enumerate(zip(names, then, strict=True))}
        for key in then:
            if key not in self.outcomes:
                hint = did_you_mean(key, names)
                self.findings.key_fault(Code.UNKNOWN_OUTCOME, f"unknown outcome `{shorten(key)}`", (*at, key), hint)
        if absent := [name for name in names if name not in then]:
            self.findings.fault(Code.MISSING_OUTCOME, f"the rule gives no {', '.join(absent)}", at)
        return {name: (name, then[name]) for name in names if name in then}

    def value(self, given: Given, kind: Type, path: Path, known: frozenset[str]) -> tuple[Expr | Value | None, Bounds]:
        """A value or a checked expression for an outcome of type `kind`, or None after noting why there is none."""
        if kind is UNKNOWN_TYPE:
            return None, None
        literal = _is_literal(given, kind)
        if given is None or literal or isinstance(given, list):
            return self._literal(given, kind, path), None
        expression = self.findings.expression(given, path)
        if expression is None:
            return None, None
        static = self.checker.infer(expression)
        self.checker.presence(expression, known)
        if static is not None and self._fits(static, kind, expression):
            self.findings.take(self.checker, path)
            bounds = (static.low, static.high) if isinstance(static, Quantity) else None
            constant = constant_value(expression)
            return (expression if constant is None else kept(kind, constant)), bounds
        self.findings.take(self.checker, path)
        return None, None

    def _literal(self, given: Given, kind: Type, path: Path) -> Value | None:
        raw = {"true": True, "false": False}.get(str(given), given) if isinstance(kind, BooleanType) else given
        try:
            return read(kind, raw)
        except ValueRefused as refused:
            shown = "nothing" if given is None else f"`{shorten(str(given))}`"
            hint = did_you_mean(str(given), kind.of) if isinstance(kind, ChoiceType) else None
            code = Code.UNKNOWN_CHOICE if isinstance(kind, ChoiceType | TagsType) and given else Code.TYPE_MISMATCH
            self.findings.fault(code, f"expected {refused.expected}, found {shown}", path, hint)
            return None

    def _fits(self, static: Static, kind: Type, expression: Expr) -> bool:
        """Notes a fault unless every value of the expression is one of the outcome's type."""
        span = expression.span
        match kind, static:
            case BooleanType(), BooleanType():
                return True
            case NumberType() | DateType() | DurationType(), Quantity() as quantity:
                pass
            case _:
                message = f"expected {describe(kind)}, found {spell(static)}"
                self.checker.fault(Code.TYPE_MISMATCH, message, span)
                return False
        units = {DateType: {DATE}, DurationType: {DURATION}}.get(type(kind))
        if units is None:
            units = {LITERAL, NUMBER, kind.currency} if isinstance(kind, NumberType) else set()
        if quantity.unit not in units:
            self.checker.fault(Code.TYPE_MISMATCH, f"expected {describe(kind)}, found {spell(quantity)}", span)
            return False
        scale = kind.scale if isinstance(kind, NumberType) else 0
        if quantity.scale is None or quantity.scale > scale:
            if isinstance(kind, NumberType):
                hint = f"write `round(…, {scale})`, or `floor`, `ceiling`, `decimal`"
                self.checker.fault(Code.UNROUNDED, f"the value can have more than {scale} decimals", span, hint)
            else:
                hint = "multiply by whole numbers only"
                self.checker.fault(Code.UNROUNDED, "the value can have parts of a second", span, hint)
            return False
        size = 10**scale
        if quantity.low * size < kind.low or quantity.high * size > kind.high:
            low, high = show_number(quantity.low, kind), show_number(quantity.high, kind)
            reach = f"can be anything from {low} to {high}" if low != high else f"is {low}"
            cap = "cap it: `min(…, most)` and `max(…, least)`, or bound its facts" if low != high else None
            self.checker.fault(Code.MAY_EXCEED, f"the value {reach}, expected {describe(kind)}", span, cap)
            return False
        return True


def show_number(number: Fraction, kind: NumberType | DateType | DurationType) -> str:
    """A bound of a value of type `kind` in the author's words, or its size when it is too long to be read."""
    if abs(number) >= 10**_SHOWN_DIGITS:
        return f"less than -10^{_SHOWN_DIGITS}" if number < 0 else f"more than 10^{_SHOWN_DIGITS}"
    match kind:
        case NumberType():
            return write_fraction(rounded("half even", number, 2))
        case DateType():
            return datetime.date.fromordinal(int(number)).isoformat()
        case DurationType():
            return write_duration(int(number))
        case _:
            assert_never(kind)


_SHOWN_DIGITS = 15


def _is_literal(given: Given, kind: Type) -> bool:
    """Whether `given` stands for itself and is no expression."""
    match kind:
        case ChoiceType() | TextType() | TagsType():
            return True
        case BooleanType():
            return given in ("true", "false")
        case DateType():
            return isinstance(given, str) and parse_date(given) is not None
        case DurationType():
            return isinstance(given, str) and parse_duration(given) is not None
        case NumberType():
            return False
        case _:
            assert_never(kind)
