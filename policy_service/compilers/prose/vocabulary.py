"""The vocabulary that a language must have for policies to be written in it; `english.py` and `chinese.py` have it."""

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
"""All of the parts hold; at least one; both or neither; exactly one of two."""
Sort = Literal["truth", "number", "date", "duration", "word", "tags"]
"""What kind of thing is compared, by which the words for `<` and `min` are chosen."""


class Vocabulary(Protocol):
    """The words of one language. Arguments are words already, unless their type says otherwise."""

    language: Language
    colon: str
    semicolon: str
    """Between the parts of a sentence, with the space after it."""
    link: str
    """Between two halves of a sentence, with the space after it."""
    stop: str
    gap: str
    """What stands between two sentences or parts of one on the same line."""
    always: str
    never: str
    anything: str
    """The empty cell of a decision table."""
    as_of: str
    score: str
    ambiguous: re.Pattern[str]
    """What is in the words of a choice that read as another condition unless they are quoted."""

    def of(self, bilingual: Bilingual) -> str:
        """Return the author's words in this language."""
        ...

    def unfold(self, text: str) -> str:
        """Return an author's words on one line, without what folding the line in the file left in them."""
        ...

    def fill(self, label: str, **parts: str) -> str:
        """Return a label with its places, `{name}`, filled in."""
        ...

    # what is written

    def title(self, text: str) -> str:
        """Return the name of a fact, marked as such."""
        ...

    def word(self, text: str) -> str:
        """Return a choice, a tag or a text, marked as such."""
        ...

    def titled_word(self, title: str, word: str) -> str:
        """Return a choice or a tag by its title, with the word that stands for it in the file."""
        ...

    def truth(self, value: bool) -> str:  # noqa: FBT001  # the value is what is said
        """Yes or no."""
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
        """Items one after another; words for an empty list."""
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
        """Return a fact is (not) there."""
        ...

    def is_truth(self, *, value: bool) -> str:
        """Return a boolean is true or false."""
        ...

    def comparison(self, comparator: Comparator, other: str, sort: Sort, *, literal: bool) -> str:
        """`< other`; `literal` when the other is written in the policy and not looked up."""
        ...

    def between(self, low: str, high: str, closed: tuple[bool, bool], *, negated: bool) -> str:
        """`[low..high)`."""
        ...

    def one_of(self, values: Sequence[str], *, negated: bool) -> str:
        """Return one of a list."""
        ...

    def tag_test(self, tag: str, *, literal: bool, negated: bool) -> str:
        """Return a tag list has a tag; when not `literal`, `tag` is the fact that names it."""
        ...

    def text_test(self, function: str, part: str, *, negated: bool) -> str:
        """Return a text contains, starts or ends with a part."""
        ...

    # what is computed

    def share(self, percent: str, whole: str) -> str:
        """2% of something."""
        ...

    def times(self, factor: str, unit: str) -> str:
        """1.5 times something."""
        ...

    def elapsed_time(self, start: str, end: str, *, days: bool) -> str:
        """Return the time from one day to another, as a duration or as a number of days."""
        ...

    def date_shift(self, day: str, offset: str, *, later: bool) -> str:
        """Return a day so much later or earlier."""
        ...

    def rounding(self, way: Rounding, value: str, decimals: int) -> str:
        """Return a number rounded."""
        ...

    def extreme(self, *, least: bool, parts: Sequence[str], sort: Sort) -> str:
        """Return the least or greatest of two or more."""
        ...

    def cap(self, value: str, limit: str, sort: Sort, *, most: bool) -> str:
        """Return a value that goes no further than a limit."""
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
