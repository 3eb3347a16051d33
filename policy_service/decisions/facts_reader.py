"""Reads a caller's facts into slots: checks each against its type, reports all problems at once, guesses nothing."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from decimal import Decimal

from policy_service.characters import escape_hidden
from policy_service.errors import FactProblem
from policy_service.language.diagnostics import did_you_mean, shorten
from policy_service.language.numerals import scaled_text
from policy_service.language.policy import Policy
from policy_service.language.types import (
    BooleanType,
    ChoiceType,
    Duration,
    NumberType,
    Type,
    Value,
    ValueRejected,
    parse_duration,
    parse_value,
    write_duration,
)

ValueReader = Callable[[object], Value]
_COMMAS = (
    (re.compile(r"([-+]?[1-9]\d{0,2}(?:[,，]\d{3})+(?:\.\d+)?)"), r"\1", "leave out the thousands separators: {}"),
    (re.compile(r"([-+]?\d+)[,，](\d+)"), r"\1.\2", "write a decimal point: {}"),
)
"""Numbers with commas, by form, each with the intended number and the hint. The first form that gives a valid value is
suggested, so a comma before three digits groups thousands.
"""
MAX_NUMERAL = 60
"""Maximum length of a text that may be a number, characters."""
MAX_HINTS = 20
"""Maximum number of unknown facts that get a hint."""


def value_reader(kind: Type) -> ValueReader:
    """Return a reader of values of one type: `types.parse_value`, with a fast path for common cases."""
    match kind:
        case NumberType(scale=scale, low=low, high=high):
            size = 10**scale
            decimals = rf"\.[0-9]{{{scale}}}" if scale else ""
            has_all_decimals = re.compile(f"-?(?:0|[1-9][0-9]{{0,30}}){decimals}").fullmatch

            def read_number(raw: object) -> Value:
                scaled: int | None
                if raw.__class__ is int:
                    scaled = raw * size
                elif raw.__class__ is str:
                    scaled = int(raw.replace(".", "")) if has_all_decimals(raw) else scaled_text(raw, scale)
                else:
                    return parse_value(kind, raw)
                return scaled if scaled is not None and low <= scaled <= high else parse_value(kind, raw)

            return read_number
        case ChoiceType(of=of):
            words = {word: word for word in of}

            def read_choice(raw: object) -> Value:
                choice = words.get(raw) if raw.__class__ is str else None
                return choice if choice is not None else parse_value(kind, raw)

            return read_choice
        case BooleanType():
            return lambda raw: raw if raw is True or raw is False else parse_value(kind, raw)
        case _:
            return lambda raw: parse_value(kind, raw)


class FactsReader:
    """Reads the facts of one policy."""

    def __init__(self, policy: Policy) -> None:
        self._columns = tuple((name, value_reader(fact.type)) for name, fact in policy.facts.items())

    def slots(self, facts: Mapping[str, object], problems: list[FactProblem]) -> list[Value | None]:
        """Return one value per fact, None if it is missing or rejected; add the reasons to `problems`."""
        slots: list[Value | None] = []
        get = facts.get
        for name, read_value in self._columns:
            raw = get(name)
            try:
                slots.append(None if raw is None else read_value(raw))
            except ValueRejected as error:
                slots.append(None)
                if (problem := fact_problem(name, error, raw, read_value)) not in problems:
                    problems.append(problem)
        return slots


def fact_problem(name: str, error: ValueRejected, raw: object, read_value: ValueReader) -> FactProblem:
    """Return why the value `raw` of a fact was rejected, with a hint at the intended value."""
    return FactProblem(name, error.kind, raw_text(raw), error.expected, _hint(error.kind, raw, read_value))


def unknown_fact_problems(facts: Mapping[str, object], known_facts: frozenset[str]) -> list[FactProblem]:
    """Return a problem for each fact that no policy in service declares, in the caller's order.

    Finding the closest name is slow, so only the first `MAX_HINTS` get a hint.
    """
    expected = "a fact that a policy in service declares"
    names = [name for name in facts if name not in known_facts]
    hints = {name: did_you_mean(name, sorted(known_facts)) for name in names[:MAX_HINTS]}
    return [
        FactProblem(shorten(name), "unknown-fact", raw_text(facts[name]), expected, hints.get(name)) for name in names
    ]


def raw_text(raw: object) -> str:
    """Return a rejected value as JSON, shortened, with invisible characters escaped."""
    match raw:
        case bool():
            return "true" if raw else "false"
        case int() if abs(raw) >= 10**60:
            return "a number of more than 60 digits"
        case Decimal() | int() | float():
            return shorten(str(raw))
        case str():
            return f'"{escape_hidden(shorten(raw))}"'
        case list() | tuple() | set() | frozenset():
            return f"a list of {len(raw)}"
        case dict():
            return "an object"
        case _:
            return shorten(repr(raw))


def _hint(code: str, raw: object, read_value: ValueReader) -> str | None:
    match raw:
        case float():
            return "give it as text or as Decimal: a binary float is not exact"
        case str() if code == "mistyped" and isinstance(span := parse_duration(raw), Duration):
            return f"write it as {write_duration(int(span.seconds))}"
        case str() if raw != raw.strip():
            return "leave out the spaces around it"
        case str() if len(raw) <= MAX_NUMERAL:
            return next(_hints_on_commas(raw, read_value), None)
        case _:
            return None


def _hints_on_commas(raw: str, read_value: ValueReader) -> Iterator[str]:
    """Yield a hint for a number with commas, if it is then a valid value of the fact."""
    for form, template, hint in _COMMAS:
        if match := form.fullmatch(raw):
            numeral = match.expand(template).replace(",", "").replace("\N{FULLWIDTH COMMA}", "")
            with suppress(ValueRejected):
                read_value(numeral)
                yield hint.format(numeral)
