"""Numbers, amounts, dates and authors' texts in human-readable form, before units are added."""

from __future__ import annotations

import json
from fractions import Fraction

from policy_service.language.quantities import decimals
from policy_service.language.types import CURRENCIES, SECONDS_PER_DAY

QUOTES = "\"'`‘’“”「」『』\\"
"""Closing quotation marks of both languages."""


def group_thousands(value: Fraction, min_decimals: int = 0) -> str:
    """Return the exact number with grouped thousands and at least `min_decimals` decimals, such as `1,000,000.00`.

    A number with endless decimals is written as a ratio.
    """
    scale = decimals(value)
    if scale is None:
        return f"{value.numerator:,}/{value.denominator:,}"
    scale = max(scale, min_decimals)
    digits = str(int(abs(value) * 10**scale)).rjust(scale + 1, "0")
    whole, rest = digits[: len(digits) - scale], digits[len(digits) - scale :]
    return f"{'-' if value < 0 else ''}{int(whole):,}{'.' if rest else ''}{rest}"


def amount(value: Fraction, currency: str) -> str:
    """Return an amount of money without its unit, with at least the decimals of its minor unit."""
    return group_thousands(value, CURRENCIES[currency])


def percent(factor: Fraction) -> str | None:
    """Return `2%` for 0.02; None for 0, 1 and more, and thousandths of a per cent."""
    scale = decimals(factor * 100)
    return f"{group_thousands(factor * 100)}%" if 0 < factor < 1 and scale is not None and scale <= 2 else None  # noqa: PLR2004


def clock_parts(seconds: Fraction) -> list[tuple[Fraction, int]]:
    """Return the days, hours, minutes and seconds of a duration, without zero parts, each with its position."""
    rest = abs(seconds)
    parts = []
    for place, size in enumerate((SECONDS_PER_DAY, 3600, 60)):
        count, rest = divmod(rest, size)
        parts.append((Fraction(count), place))
    parts.append((rest, 3))
    return [part for part in parts if part[0]] or [(Fraction(0), 0)]


def printable_line(text: str) -> str:
    """Return an author's text on one line, with invisible characters escaped."""
    return "".join(
        character if character.isprintable() else f"\\u{ord(character):04x}" for character in " ".join(text.split())
    )


def quotable(text: str) -> str | None:
    """Return `text` if it can be put in quotation marks unescaped, else None."""
    return text if text == printable_line(text) and not any(mark in text for mark in QUOTES) else None


def escape_text(text: str) -> str:
    """Return the text in straight quotes, with quotes, line breaks and invisible characters escaped."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(character if character.isprintable() else f"\\u{ord(character):04x}" for character in quoted)
