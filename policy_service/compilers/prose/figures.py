"""Numbers, amounts, dates and author's words as people write them, before a language adds its units."""

from __future__ import annotations

import json
from fractions import Fraction

from policy_service.language.quantities import decimals
from policy_service.language.types import CURRENCIES, SECONDS_PER_DAY

QUOTES = "\"'`‘’“”「」『』\\"
"""Characters that end a quotation in one language or the other."""


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
    """Return an amount of money, without its unit, with at least the decimals of its minor unit."""
    return group_thousands(value, CURRENCIES[currency])


def percent(factor: Fraction) -> str | None:
    """`2%` for 0.02; None for what people do not call a percentage: 0, 1 and more, thousandths of a per cent."""
    scale = decimals(factor * 100)
    return f"{group_thousands(factor * 100)}%" if 0 < factor < 1 and scale is not None and scale <= 2 else None  # noqa: PLR2004


def clock_parts(seconds: Fraction) -> list[tuple[Fraction, int]]:
    """Days, hours, minutes and seconds of a duration, those that are there, each with its place in that order."""
    rest = abs(seconds)
    parts = []
    for place, size in enumerate((SECONDS_PER_DAY, 3600, 60)):
        count, rest = divmod(rest, size)
        parts.append((Fraction(count), place))
    parts.append((rest, 3))
    return [part for part in parts if part[0]] or [(Fraction(0), 0)]


def printable_line(text: str) -> str:
    """Return an author's words on one line, with nothing in them that could not be seen."""
    return "".join(
        character if character.isprintable() else f"\\u{ord(character):04x}" for character in " ".join(text.split())
    )


def quotable(text: str) -> str | None:
    """`text` as it stands when quotation marks can be put around it, None when it must be escaped."""
    return text if text == printable_line(text) and not any(mark in text for mark in QUOTES) else None


def escape_text(text: str) -> str:
    """Text in straight quotes, whatever it holds: quotes, line breaks and what cannot be seen are escaped."""
    quoted = json.dumps(text, ensure_ascii=False)
    return "".join(character if character.isprintable() else f"\\u{ord(character):04x}" for character in quoted)
