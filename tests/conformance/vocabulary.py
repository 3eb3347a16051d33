"""The facts a generated policy declares: types, bounds, and the words and texts that are hard to get right."""

from __future__ import annotations

import json
import random
import re
from dataclasses import dataclass

WORDS = (
    "it", "retail", "零售", "金卡会员", "a b", 'say "hi"', "it's", "back\\slash", "😀", "A", "a", "true", "null", "-",
    "is missing", "?", "1", "\u00e9", "e\u0301", "x" * 100, "< 3", "#", "{}", ", ", "ß", "İ",
)  # fmt: skip
"""Words of choices and tags: printable, 1 to 100 characters; two of them look alike and are different."""
TEXTS = (
    "", " ", "a", "ab", "abc", "北京市", "北京", "京", '"', "'", '""', "\\", "\\n", "\n", "\t", "😀", "a\u0000b",
    "\u00e9", "e\u0301", "%", "_", "$s", "null", "x" * 1000, "长" * 1000, "İ", "ß",
)  # fmt: skip
PARTS = ("", "a", "b", "ab", "北京", "京", '"', "\\", "\n", "😀", "%", "\u00e9", "x", "xx")
CURRENCIES = {"CNY": 2, "JPY": 0, "USD": 2}
TYPES = ("boolean", "integer", "number", "money", "date", "duration", "choice", "text", "tags")
DAYS = (
    "1900-01-01", "1999-12-31", "2000-02-29", "2023-02-28", "2024-01-31", "2024-02-28", "2024-02-29", "2024-03-01",
    "2024-12-31", "2025-02-28", "2026-11-21", "2026-11-30", "2100-02-28", "2199-12-31",
)  # fmt: skip
SPANS = ("PT0S", "P1D", "PT36H", "P30D", "-P1D", "PT1S", "-PT1H", "P365D", "P7DT12H30M", "PT23H59M59S", "-PT36H")
MONTHS = ("P1M", "P3M", "P1Y", "P1Y6M", "-P1M", "P11M", "P0M", "-P2Y")
LIMIT = 2**53


@dataclass(frozen=True)
class Declared:
    """A fact or an outcome as the generator knows it; `unit` is what it can be compared and added with."""

    name: str
    type: str
    unit: str
    text: str
    optional: bool = False
    scale: int = 0
    low: int | None = None
    high: int | None = None
    words: tuple[str, ...] = ()

    @property
    def positive(self) -> bool:
        """Return True if the number can be divided by."""
        return self.low is not None and self.low > 0


def scalar(rng: random.Random, text: str) -> str:
    """`text` as a YAML scalar, in one of the ways YAML has."""
    style = rng.random()
    if style < 0.3 and re.fullmatch(r"[A-Za-z][A-Za-z0-9_]*", text) and text not in ("null", "Null", "NULL"):
        return text
    if style < 0.6 and text.isprintable():
        return "'" + text.replace("'", "''") + "'"
    return json.dumps(text, ensure_ascii=False)


def sequence(rng: random.Random, items: list[str] | tuple[str, ...]) -> str:
    """A YAML list of texts."""
    return "[" + ", ".join(scalar(rng, item) for item in items) + "]"


def decimal(scaled: int, scale: int) -> str:
    """A scaled number as text."""
    digits = str(abs(scaled)).rjust(scale + 1, "0")
    point = len(digits) - scale
    return ("-" if scaled < 0 else "") + digits[:point] + (f".{digits[point:]}" if scale else "")


def declare(rng: random.Random, name: str, kind: str, *, outcome: bool = False) -> Declared:
    """A fact, or an outcome, of a type, with chance deciding what the type leaves open."""
    optional = not outcome and rng.random() < 0.3
    more = ", optional: true" if optional else ""
    match kind:
        case "integer" | "number" | "money":
            return _number(rng, name, kind, more, optional=optional)
        case "choice" | "tags":
            words = tuple(rng.sample(WORDS, rng.choice((1, 2, 3, 3, 4, 6))))
            if kind == "choice" and rng.random() < 0.3:
                more += ", ordered: best-first"
            text = f"{{type: {kind}, of: {sequence(rng, words)}{more}}}"
            return Declared(name, kind, kind, text, optional, words=words)
        case "duration":
            bounds = ", min: -P2000D, max: P2000D" if outcome is False and rng.random() < 0.8 else ""
            return Declared(name, kind, kind, f"{{type: duration{bounds}{more}}}", optional, low=-1 if bounds else None)
        case "date":
            low, high = rng.choice(
                (("", ""), ("", ""), (", min: 2000-01-01", ", max: 2050-12-31"), (", min: 1999-12-31", ""))
            )
            bounds = "" if outcome else low + high
            return Declared(name, kind, kind, f"{{type: date{bounds}{more}}}", optional)
        case _:
            return Declared(name, kind, kind, f"{{type: {kind}{more}}}", optional)


def _number(rng: random.Random, name: str, kind: str, more: str, *, optional: bool) -> Declared:
    scale, unit = 0, "number"
    if kind == "number":
        scale = rng.randrange(7)
        more = f", scale: {scale}{more}"
    elif kind == "money":
        unit = rng.choice(("CNY", "CNY", "JPY", "USD"))
        scale = CURRENCIES[unit]
        more = f", currency: {unit}{more}"
    size = 10**scale
    low, high = rng.choice(
        (
            (None, None),
            (0, None),
            (0, 10 * size),
            (-5 * size, 5 * size),
            (1, 20 * size),
            (size, 3 * size),
            (-LIMIT, LIMIT),
            (7, 7),
        )
    )
    bounds = "" if low is None else f", min: {scalar(rng, decimal(low, scale))}"
    bounds += "" if high is None else f", max: {scalar(rng, decimal(high, scale))}"
    return Declared(name, kind, unit, f"{{type: {kind}{bounds}{more}}}", optional, scale, low, high)
