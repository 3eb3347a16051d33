"""Checks which types can be compared with each other."""

from __future__ import annotations

import re
from collections.abc import Iterator

from policy_service.language.ast import Comparator, Range
from policy_service.language.diagnostics import Code, did_you_mean, shorten
from policy_service.language.quantities import (
    DATE,
    DURATION,
    LITERAL,
    MONTHS,
    Quantity,
    common_unit,
    is_plain,
)
from policy_service.language.static_types import CheckError, Static, Word, spell, spell_unit
from policy_service.language.types import (
    BooleanType,
    ChoiceType,
    TagsType,
    TextType,
    parse_date,
    parse_decimal,
    parse_duration,
)
from policy_service.language.unparse import quote

_SEPARATOR = re.compile("[,，、;；|/]")
UNIT_HINTS = {
    (DURATION, LITERAL): 'write a duration: `@"P30D"`, or count days: `(…).days`',
    (LITERAL, DURATION): 'write a duration: `@"P30D"`, or count days: `(…).days`',
    (DURATION, MONTHS): 'months have no fixed length: compare days, `x < as_of - @"P3M"`',
    (MONTHS, DURATION): 'months have no fixed length: compare days, `x < as_of - @"P3M"`',
    (DATE, LITERAL): 'write a date: `date("2026-11-21")`',
    (LITERAL, DATE): 'write a date: `date("2026-11-21")`',
}
"""Suggestions by the units of both sides of a comparison."""


def comparison_errors(
    comparator: Comparator, left: Static, right: Static, span: tuple[int, int]
) -> Iterator[CheckError]:
    """Yield the errors of `left comparator right`."""
    match left, right:
        case Quantity(), Quantity():
            if common_unit(left.unit, right.unit) in (None, MONTHS):
                yield from unit_errors(left.unit, right.unit, span)
            return
        case (BooleanType(), BooleanType()) | (TextType(), TextType() | Word()) | (Word(), TextType() | Word()):
            pass
        case (ChoiceType() as choice, Word() as word) | (Word() as word, ChoiceType() as choice):
            yield from choice_errors(choice, word, span)
        case ChoiceType(), ChoiceType():
            if not set(left.of) & set(right.of):
                yield CheckError(Code.TYPE_MISMATCH, "the two choices have no word in common", span)
        case TagsType(), TagsType():
            yield CheckError(
                Code.TYPE_MISMATCH,
                "tag lists are not compared with each other",
                span,
                hint_for(left, right),
            )
            return
        case _:
            yield CheckError(
                Code.TYPE_MISMATCH,
                f"expected {spell(left)}, found {spell(right)}",
                span,
                hint_for(left, right),
            )
            return
    if comparator not in ("=", "!="):
        yield CheckError(
            Code.TYPE_MISMATCH,
            f"`{comparator}` compares numbers, dates and durations, not {spell(left)}",
            span,
        )


def unit_errors(left: str, right: str, span: tuple[int, int]) -> Iterator[CheckError]:
    """Yield the error of comparing or adding two incompatible units."""
    if left == right:
        yield CheckError(Code.TYPE_MISMATCH, f"{left} have no order and are only added to dates", span)
    else:
        code = Code.CURRENCY_MISMATCH if is_plain(left) and is_plain(right) else Code.TYPE_MISMATCH
        message = f"expected {spell_unit(left)}, found {spell_unit(right)}"
        yield CheckError(code, message, span, UNIT_HINTS.get((left, right)))


def choice_errors(kind: ChoiceType | TagsType, word: Word, span: tuple[int, int]) -> Iterator[CheckError]:
    """Yield the error of a word that is not one of the choices."""
    if word.text not in kind.of:
        message = f"unknown choice {quote(shorten(word.text))}"
        several = [part.strip() for part in _SEPARATOR.split(word.text)]
        if len(several) > 1 and set(several) <= set(kind.of):
            hint = f"write `{', '.join(quote(part) for part in several)}`"
        else:
            hint = did_you_mean(word.text, kind.of) or f"the choices are {shorten(', '.join(kind.of), 200)}"
        yield CheckError(Code.UNKNOWN_CHOICE, message, span, hint)


def range_errors(test: Range, low: Static, high: Static) -> Iterator[CheckError]:
    """Yield the error of an interval that is always empty."""
    if isinstance(low, Quantity) and isinstance(high, Quantity):
        open_point = low.low == high.high and not (test.low_closed and test.high_closed)
        if low.low > high.high or open_point:
            yield CheckError(Code.EMPTY_RANGE, "nothing lies in this interval", test.span, "the lower end stands first")


def hint_for(left: Static, right: Static) -> str | None:
    """Return a suggestion for a comparison of different kinds."""
    match left, right:
        case (Quantity() | BooleanType() as other, Word(text=text)) | (
            Word(text=text),
            Quantity() | BooleanType() as other,
        ):
            return _unquoted(text, other)
        case (TagsType(), _) | (_, TagsType()):
            return 'write `list contains(tags, "word")` or `"word" in tags`'
        case _:
            return None


def _unquoted(text: str, other: Quantity | BooleanType) -> str | None:
    """Return a quoted text as a literal of the kind that was probably meant."""
    is_temporal = isinstance(other, Quantity) and not is_plain(other.unit)
    if is_temporal and (parse_date(text) or parse_duration(text)):
        return f'write `@"{text}"`'
    is_plain_text = parse_decimal(text) if isinstance(other, Quantity) else text in ("true", "false")
    return f"write `{text}`, without quotes" if is_plain_text and not is_temporal else None
