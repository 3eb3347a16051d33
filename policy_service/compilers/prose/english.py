"""English wording for directors: exact at every boundary."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from fractions import Fraction
from typing import Literal

from policy_service.compilers.prose.figures import (
    amount,
    clock_parts,
    escape_text,
    group_thousands,
    printable_line,
    quotable,
)
from policy_service.compilers.prose.vocabulary import Connective, Sort
from policy_service.language.ast import Comparator
from policy_service.language.functions import Rounding
from policy_service.language.policy import Bilingual, Language

MONTHS = (
    "January", "February", "March", "April", "May", "June",
    "July", "August", "September", "October", "November", "December",
)  # fmt: skip
CLOCK = ("day", "hour", "minute", "second")
LEADS: Mapping[Connective, str] = {
    "all": "all of the following hold",
    "any": "at least one of the following holds",
    "same": "either both of the following hold or neither does",
    "differ": "exactly one of the following two holds",
}
NUMBERS: Mapping[Comparator, str] = {
    "=": "is exactly",
    "!=": "is not",
    "<": "is less than",
    "<=": "is at most",
    ">": "is more than",
    ">=": "is at least",
}
DATES: Mapping[Comparator, str] = {
    "=": "is",
    "!=": "is not",
    "<": "is before",
    "<=": "is on or before",
    ">": "is after",
    ">=": "is on or after",
}
TEXT_TESTS = {
    "contains": ("contains", "does not contain"),
    "starts with": ("begins with", "does not begin with"),
    "ends with": ("ends with", "does not end with"),
}
ROUNDINGS: Mapping[Rounding, tuple[str, str]] = {
    "half up": ("rounded to", " (halves away from zero)"),
    "half down": ("rounded to", " (halves towards zero)"),
    "half even": ("rounded to", " (halves to the even digit)"),
    "up": ("rounded away from zero to", ""),
    "down": ("rounded towards zero to", ""),
    "floor": ("rounded down to", ""),
    "ceiling": ("rounded up to", ""),
}
EXTREMES: Mapping[tuple[Sort, bool], tuple[str, str]] = {
    ("date", True): ("earlier", "earliest"),
    ("date", False): ("later", "latest"),
    ("duration", True): ("shorter", "shortest"),
    ("duration", False): ("longer", "longest"),
    ("number", True): ("smaller", "smallest"),
    ("number", False): ("larger", "largest"),
}
PARTS = {
    "year": "the year of",
    "month": "the month (1 to 12) of",
    "day": "the day of the month of",
    "weekday": "the weekday (Monday is 1, Sunday is 7) of",
    "days": "the number of whole days in",
}


def count_of(number: Fraction, noun: str) -> str:
    """Return a number with its noun: `1 day`, `3 days`."""
    return f"{group_thousands(number)} {noun}{'' if number == 1 else 's'}"


class English:
    """The words of English."""

    language: Language = "en"
    colon = ":"
    semicolon = "; "
    link = ", "
    stop = "."
    gap = " "
    always = "always, whatever the facts are"
    never = "never, whatever the facts are"
    anything = "any"
    as_of = "the day of decision"
    score = "the total score"
    ambiguous = re.compile(r"^(?:not|one|the|that|any|given|none)\b", re.IGNORECASE)

    def of(self, bilingual: Bilingual) -> str:
        return bilingual.en

    def unfold(self, text: str) -> str:
        return printable_line(text)

    def fill(self, label: str, **parts: str) -> str:
        return label.format(**parts)

    def title(self, text: str) -> str:
        return f"“{text}”"

    def word(self, text: str) -> str:
        return escape_text(text) if quotable(text) is None else f"‘{text}’"

    def titled_word(self, title: str, word: str) -> str:
        return f"{self.word(title)} {self.bracket(word if quotable(word) else escape_text(word))}"

    def truth(self, value: bool) -> str:  # noqa: FBT001  # the value is what is said
        return "yes" if value else "no"

    def number(self, value: Fraction, currency: str = "") -> str:
        return f"{currency} {amount(value, currency)}" if currency else group_thousands(value)

    def date(self, day: datetime.date) -> str:
        return f"{day.day} {MONTHS[day.month - 1]} {day.year}"

    def duration(self, seconds: Fraction) -> str:
        return self._minus(" ".join(count_of(number, CLOCK[place]) for number, place in clock_parts(seconds)), seconds)

    def months(self, count: int) -> str:
        years, rest = divmod(abs(count), 12)
        size = count_of(Fraction(years), "year") if years and not rest else count_of(Fraction(abs(count)), "month")
        return self._minus(size, Fraction(count))

    def _minus(self, size: str, value: Fraction) -> str:
        return f"minus {size}" if value < 0 else size

    def bracket(self, text: str) -> str:
        return f"({text})"

    def listing(self, items: Sequence[str]) -> str:
        return ", ".join(items) or "none"

    def say(self, subject: str, predicate: str) -> str:
        return f"{subject} {predicate}"

    def bare(self, predicate: str) -> str:
        return predicate.removeprefix("is ")

    def join(self, connective: Literal["all", "any"], predicates: Sequence[str]) -> str:
        return f", {'and' if connective == 'all' else 'or'} ".join(predicates)

    def lead(self, connective: Connective) -> str:
        return LEADS[connective]

    def presence(self, *, missing: bool) -> str:
        return "is not given" if missing else "is given"

    def is_truth(self, *, value: bool) -> str:
        return f"is {self.truth(value)}"

    def comparison(self, comparator: Comparator, other: str, sort: Sort, *, literal: bool) -> str:
        if sort in ("number", "duration"):
            return f"{NUMBERS[comparator]} {other}"
        same = "" if literal or sort == "date" else "the same as "
        return f"{DATES[comparator]} {same}{other}"

    def between(self, low: str, high: str, closed: tuple[bool, bool], *, negated: bool) -> str:
        ends = [
            f"{end} ({'included' if inside else 'not included'})"
            for end, inside in zip((low, high), closed, strict=True)
        ]
        return f"is {'outside the range ' if negated else ''}from {ends[0]} to {ends[1]}"

    def one_of(self, values: Sequence[str], *, negated: bool) -> str:
        return f"is {'not ' if negated else ''}one of {', '.join(values)}"

    def tag_test(self, tag: str, *, literal: bool, negated: bool) -> str:
        verb = "does not contain" if negated else "contains"
        return f"{verb} the tag {'' if literal else 'that is the value of '}{tag}"

    def text_test(self, function: str, part: str, *, negated: bool) -> str:
        return f"{TEXT_TESTS[function][negated]} the text {part}"

    def share(self, percent: str, whole: str) -> str:
        return f"{percent} of {whole}"

    def times(self, factor: str, unit: str) -> str:
        return f"{factor} times {unit}"

    def elapsed_time(self, start: str, end: str, *, days: bool) -> str:
        return f"the {'number of days' if days else 'time'} from {start} to {end}"

    def date_shift(self, day: str, offset: str, *, later: bool) -> str:
        return f"the day {offset} {'after' if later else 'before'} {day}"

    def rounding(self, way: Rounding, value: str, decimals: int) -> str:
        verb, halves = ROUNDINGS[way]
        return f"{value} {verb} {count_of(Fraction(decimals), 'decimal') if decimals else 'a whole number'}{halves}"

    def extreme(self, *, least: bool, parts: Sequence[str], sort: Sort) -> str:
        pair, many = EXTREMES[sort, least]
        return f"the {many if len(parts) > 2 else pair} of {', '.join(parts[:-1])} and {parts[-1]}"  # noqa: PLR2004

    def cap(self, value: str, limit: str, sort: Sort, *, most: bool) -> str:
        bound = (
            ("no later than" if most else "no earlier than") if sort == "date" else "at most" if most else "at least"
        )
        return f"{value}, but {bound} {limit}"

    def size(self, value: str) -> str:
        return f"the absolute value of {value}"

    def power(self, base: str, exponent: str) -> str:
        return f"{base} to the power of {exponent}"

    def remainder(self, dividend: str, divisor: str) -> str:
        return f"{dividend} modulo {divisor}"

    def count_of(self, tags: str) -> str:
        return f"the number of tags in {tags}"

    def part(self, name: str, whole: str) -> str:
        return f"{PARTS[name]} {whole}"
