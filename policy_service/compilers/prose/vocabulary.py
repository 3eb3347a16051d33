"""The vocabulary that a language must define to describe policies; `english.py` and `chinese.py` implement it."""

from __future__ import annotations

import datetime
import re
from collections.abc import Sequence
from fractions import Fraction
from typing import Literal, Protocol

from policy_service.language.ast import Comparator
from policy_service.language.functions import Rounding
from policy_service.language.policy import Bilingual, Language

Connective = Literal["all", "any", "same", "differ"]
"""All parts are true; at least one; both or neither; exactly one of two."""
Sort = Literal["truth", "number", "date", "duration", "word", "tags"]
"""The kind of value compared, which determines the words for `<` and `min`."""


class Vocabulary(Protocol):
    """The words of one language. Arguments are already in words, unless their type says otherwise."""

    language: Language
    colon: str
    semicolon: str
    """The separator of parts of a sentence, with a space."""
    link: str
    """The separator of two halves of a sentence, with a space."""
    stop: str
    gap: str
    """The separator of sentences, or parts of one, on the same line."""
    always: str
    never: str
    anything: str
    """The text of an empty cell of a decision table."""
    as_of: str
    score: str
    ambiguous: re.Pattern[str]
    """Parts of a choice's words that read like another condition unless quoted."""

    def of(self, bilingual: Bilingual) -> str:
        """Return the author's text in this language."""
        ...

    def unfold(self, text: str) -> str:
        """Return an author's text on one line, without traces of folding in the file."""
        ...

    def fill(self, label: str, **parts: str) -> str:
        """Return a label with its placeholders, `{name}`, filled in."""
        ...

    # what is written

    def title(self, text: str) -> str:
        """Return the marked-up name of a fact."""
        ...

    def word(self, text: str) -> str:
        """Return a marked-up choice, tag or text."""
        ...

    def titled_word(self, title: str, word: str) -> str:
        """Return the title of a choice or tag, with its word in the file."""
        ...

    def truth(self, value: bool) -> str:  # noqa: FBT001  # the value is what is said
        """Return yes or no."""
        ...

    def number(self, value: Fraction, currency: str = "") -> str:
        """Return a number, or an amount of money in `currency`."""
        ...

    def date(self, day: datetime.date) -> str:
        """Return a day."""
        ...

    def duration(self, seconds: Fraction) -> str:
        """Return a days and time duration."""
        ...

    def months(self, count: int) -> str:
        """Return a years and months duration."""
        ...

    def bracket(self, text: str) -> str:
        """Return an expression in brackets."""
        ...

    def listing(self, items: Sequence[str]) -> str:
        """Return items one after another; a phrase for an empty list."""
        ...

    # what is said of something

    def say(self, subject: str, predicate: str) -> str:
        """Return a clause."""
        ...

    def bare(self, predicate: str) -> str:
        """Return a predicate in a table's cell."""
        ...

    def join(self, connective: Literal["all", "any"], predicates: Sequence[str]) -> str:
        """Return several predicates of one subject."""
        ...

    def lead(self, connective: Connective) -> str:
        """Return the lead of a list of conditions."""
        ...

    def presence(self, *, missing: bool) -> str:
        """Return that a fact is given, or missing."""
        ...

    def is_truth(self, *, value: bool) -> str:
        """Return that a boolean is true, or false."""
        ...

    def comparison(self, comparator: Comparator, other: str, sort: Sort, *, literal: bool) -> str:
        """Return `< other`; `literal` if the other value is a literal of the policy."""
        ...

    def between(self, low: str, high: str, closed: tuple[bool, bool], *, negated: bool) -> str:
        """Return `[low..high)`."""
        ...

    def one_of(self, values: Sequence[str], *, negated: bool) -> str:
        """Return that a value is one of a list."""
        ...

    def tag_test(self, tag: str, *, literal: bool, negated: bool) -> str:
        """Return that a tag list contains a tag; if not `literal`, `tag` is the fact that names it."""
        ...

    def text_test(self, function: str, part: str, *, negated: bool) -> str:
        """Return that a text contains, starts or ends with a part."""
        ...

    # what is computed

    def share(self, percent: str, whole: str) -> str:
        """Return a percentage of something, `2% of …`."""
        ...

    def times(self, factor: str, unit: str) -> str:
        """Return a multiple of something, `1.5 times …`."""
        ...

    def elapsed_time(self, start: str, end: str, *, days: bool) -> str:
        """Return the time from one day to another, as a duration or as a number of days."""
        ...

    def date_shift(self, day: str, offset: str, *, later: bool) -> str:
        """Return a day shifted to later or earlier."""
        ...

    def rounding(self, way: Rounding, value: str, decimals: int) -> str:
        """Return a rounded number."""
        ...

    def extreme(self, *, least: bool, parts: Sequence[str], sort: Sort) -> str:
        """Return the least or greatest of several values."""
        ...

    def cap(self, value: str, limit: str, sort: Sort, *, most: bool) -> str:
        """Return a value limited by a cap or floor."""
        ...

    def size(self, value: str) -> str:
        """Return the absolute value."""
        ...

    def power(self, base: str, exponent: str) -> str:
        """Return a number to the power of a whole number."""
        ...

    def remainder(self, dividend: str, divisor: str) -> str:
        """Return the remainder of a division, with the sign of the divisor."""
        ...

    def count_of(self, tags: str) -> str:
        """Return the number of tags."""
        ...

    def part(self, name: str, whole: str) -> str:
        """Return a property of a date or a duration."""
        ...
