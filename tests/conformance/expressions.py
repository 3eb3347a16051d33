"""Writes random expressions of a wanted type, so that nearly all of them mean something.

Every method gives text. `known` are the optional facts that may be used there; `depth` says how much may still nest.
"""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Callable, Sequence

from tests.conformance.vocabulary import DAYS, MONTHS, PARTS, SPANS, TEXTS, Declared

COMPARATORS = ("=", "!=", "<", "<=", ">", ">=")
ROUNDINGS = ("round", "round half up", "round half down", "round up", "round down", "decimal", "floor", "ceiling")
UNITS = ("number", "CNY", "JPY", "USD")
Known = frozenset[str]


def quoted(text: str) -> str:
    """`text` in the language's double quotes."""
    for plain, escaped in (("\\", "\\\\"), ('"', '\\"'), ("\n", "\\n"), ("\t", "\\t"), ("\0", "\\u0000")):
        text = text.replace(plain, escaped)
    return f'"{text}"'


def group(text: str) -> str:
    """`text` in brackets unless it is one word."""
    return text if text.replace("_", "").isalnum() else f"({text})"


class Writer:
    """Writes expressions over declared facts."""

    def __init__(self, rng: random.Random, facts: Sequence[Declared]) -> None:
        self.rng = rng
        self.facts = facts
        self.units: defaultdict[str, list[Declared]] = defaultdict(list)
        for fact in facts:
            self.units[fact.unit].append(fact)

    def usable(self, unit: str, known: Known) -> list[Declared]:
        """The facts of a unit that may be used here."""
        return [fact for fact in self.units[unit] if not fact.optional or fact.name in known]

    def fact(self, unit: str, known: Known) -> Declared | None:
        """One of them."""
        usable = self.usable(unit, known)
        return self.rng.choice(usable) if usable else None

    # numbers

    def literal(self) -> str:
        """A number."""
        rng, form = self.rng, self.rng.random()
        if form < 0.6:
            return str(rng.randrange(-3, 12))
        if form < 0.85:
            return f"{rng.randrange(-3, 10)}.{rng.choice(('5', '25', '1', '05', '50', '333333', '000001'))}"
        return rng.choice(
            ("0", "1", "100", "1000000", "9007199254740992", "-9007199254740992", "0.0000001", "123456789012.5")
        )

    def number(self, unit: str, depth: int, known: Known) -> str:
        """A number, or an amount in the currency `unit`."""
        if depth <= 0 or self.rng.random() < 0.25:
            fact = self.fact(unit, known) if self.rng.random() < 0.8 else None
            return fact.name if fact else self.literal()
        form = self.rng.choice(_NUMBER_FORMS if unit == "number" else _AMOUNT_FORMS)
        return form(self, unit, depth - 1, known)

    def sum(self, unit: str, depth: int, known: Known) -> str:
        left, right = self.number(unit, depth, known), self.number(unit, depth, known)
        return f"{left} {self.rng.choice('+-')} {group(right)}"

    def product(self, unit: str, depth: int, known: Known) -> str:
        parts = [group(self.number(unit, depth, known)), group(self.number("number", depth, known))]
        self.rng.shuffle(parts)
        return " * ".join(parts)

    def quotient(self, unit: str, depth: int, known: Known) -> str:
        return f"{group(self.number(unit, depth, known))} / {self.divisor('number', depth, known)}"

    def share(self, unit: str, depth: int, known: Known) -> str:
        """An amount for each unit of an amount, or a duration for a duration."""
        if self.rng.random() < 0.2:
            span = self.rng.choice(('@"P1D"', '@"-PT1H"', 'duration("PT7S")'))
            return f"{group(self.duration(depth, known))} / {span}"
        unit = self.rng.choice(UNITS)
        if self.fact(unit, known) is None:
            return self.literal()
        below = self.divisor(unit, depth, known)
        return f"{group(self.number(unit, depth, known))} / {below}"

    def divisor(self, unit: str, depth: int, known: Known) -> str:
        """A number that is never zero, but for one in ten, which may be one that only the checker can tell."""
        above = [fact.name for fact in self.usable(unit, known) if fact.positive]
        if above and self.rng.random() < 0.5:
            return self.rng.choice(above)
        if self.rng.random() < 0.1:
            part = group(self.number(unit, depth, known))
            return self.rng.choice(
                (part, f"abs({part})", f"({part} - {self.literal()})", f"max({part}, {self.literal()})")
            )
        if unit == "number" and self.rng.random() < 0.5:
            return self.rng.choice(("3", "7", "2", "0.3", "(-4)", "100", "-0.5"))
        fact = self.fact(unit, known)
        operand = fact.name if fact and unit != "number" else self.number(unit, depth, known)
        return self.rng.choice(
            (f"max({operand}, 1)", f"min({operand}, -0.5)", f"(abs({operand}) + 1)", f"(-2 - abs({operand}))")
        )

    def negation(self, unit: str, depth: int, known: Known) -> str:
        return f"-{group(self.number(unit, depth, known))}"

    def absolute(self, unit: str, depth: int, known: Known) -> str:
        return f"abs({self.number(unit, depth, known)})"

    def extreme(self, unit: str, depth: int, known: Known) -> str:
        parts = [self.number(unit, depth, known) for _ in range(self.rng.choice((1, 2, 2, 3)))]
        return f"{self.rng.choice(('min', 'max'))}({', '.join(parts)})"

    def rounding(self, unit: str, depth: int, known: Known) -> str:
        way = self.rng.choice(ROUNDINGS)
        places = "" if way in ("floor", "ceiling") and self.rng.random() < 0.5 else f", {self.rng.randrange(7)}"
        return f"{way}({self.number(unit, depth, known)}{places})"

    def power(self, unit: str, depth: int, known: Known) -> str:
        if self.rng.random() < 0.2:
            return f"{group(self.divisor(unit, depth, known))} ** {self.rng.choice(('-1', '-2', '-(1 + 1)'))}"
        exponent = self.rng.choice(("2", "2", "3", "0", "1", "(1 + 1)", "(6 / 2)", "10"))
        return f"{group(self.number(unit, depth, known))} ** {exponent}"

    def modulo(self, unit: str, depth: int, known: Known) -> str:
        return f"modulo({self.number(unit, depth, known)}, {self.divisor(unit, depth, known)})"

    def date_part(self, _unit: str, depth: int, known: Known) -> str:
        return f"{group(self.date(depth, known))}.{self.rng.choice(('year', 'month', 'day', 'weekday'))}"

    def days(self, _unit: str, depth: int, known: Known) -> str:
        return f"({self.duration(depth, known)}).days"

    def count(self, _unit: str, _depth: int, known: Known) -> str:
        fact = self.fact("tags", known)
        return f"count({fact.name})" if fact else self.literal()

    # dates and durations

    def date(self, depth: int, known: Known) -> str:
        """A day."""
        rng, form = self.rng, self.rng.random()
        if depth <= 0 or form < 0.4:
            fact = self.fact("date", known)
            if fact and rng.random() < 0.7:
                return fact.name
            return "as_of" if rng.random() < 0.4 else rng.choice(('date("{}")', '@"{}"')).format(rng.choice(DAYS))
        day = group(self.date(depth - 1, known))
        if form < 0.6:
            months = rng.choice(('duration("{}")', '@"{}"')).format(rng.choice(MONTHS))
            return f"{day} {rng.choice('+-')} {months}"
        if form < 0.85:
            return f"{day} {rng.choice('+-')} {group(self.duration(depth - 1, known, small=True))}"
        return f"{rng.choice(('min', 'max'))}({day}, {self.date(depth - 1, known)})"

    def duration(self, depth: int, known: Known, *, small: bool = False, whole: bool = False) -> str:
        """Days and time; `small` ones can be added to a date, `whole` ones have no part of a second."""
        rng, form = self.rng, self.rng.random()
        if depth <= 0 or form < 0.4:
            facts = [fact for fact in self.usable("duration", known) if fact.low is not None or not small]
            if facts and rng.random() < 0.7:
                return rng.choice(facts).name
            return rng.choice(('duration("{}")', '@"{}"')).format(rng.choice(SPANS))
        if form < 0.6:
            return f"{group(self.date(depth - 1, known))} - {group(self.date(depth - 1, known))}"
        part = group(self.duration(depth - 1, known, small=small, whole=whole))
        if form < 0.7:
            return f"{part} {rng.choice('+-')} {group(self.duration(depth - 1, known, small=small, whole=whole))}"
        if form < 0.8:
            factor = rng.choice(("2", "-1", "3", "0") if whole else ("2", "-1", "0.5", "1.25", "0.000001", "3"))
            return rng.choice((f"{part} * {factor}", f"{factor} * {part}"))
        if form < 0.85 and not whole:
            return f"{part} / {rng.choice(('7', '-3', '0.5', '86400'))}"
        if form < 0.9:
            return f"-{part}"
        if form < 0.95:
            return f"abs({part})"
        return f"{rng.choice(('min', 'max'))}({part}, {self.duration(depth - 1, known, small=small, whole=whole)})"

    def quantity(self, unit: str, depth: int, known: Known) -> str:
        """What can be compared by size."""
        match unit:
            case "date":
                return self.date(depth, known)
            case "duration":
                return self.duration(depth, known)
            case _:
                return self.number(unit, depth, known)

    def text(self, fact: Declared) -> str:
        """A quoted text that `fact` may be compared with."""
        return quoted(self.rng.choice(fact.words or TEXTS[:-8]))

    def part(self) -> str:
        """A quoted text to look for in another."""
        return quoted(self.rng.choice(PARTS))


Form = Callable[[Writer, str, int, Known], str]
_AMOUNT_FORMS: tuple[Form, ...] = (
    Writer.sum, Writer.sum, Writer.product, Writer.product, Writer.quotient, Writer.negation, Writer.absolute,
    Writer.extreme, Writer.rounding, Writer.rounding, Writer.modulo,
)  # fmt: skip
_NUMBER_FORMS: tuple[Form, ...] = (
    *_AMOUNT_FORMS,
    Writer.power,
    Writer.share,
    Writer.date_part,
    Writer.days,
    Writer.count,
)
