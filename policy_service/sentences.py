"""Sentences that can be told in another language: each remembers its English pattern and what was put into it.

    refusal = Sentence("Only {roles} may decide about this change.", roles=either(roles))
    str(refusal)                       what programs and logs read
    told(refusal, catalogue.gettext)   what a page shows: the pattern is looked up, and so is every sentence within it

A `Sentence` is a `str`, so nobody who only reads it needs to know. The patterns are collected into the catalogues of
`api/locales` from the calls of `Sentence`, whose first argument is therefore always a literal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from types import MappingProxyType
from typing import Self

NOTHING: Mapping[str, object] = MappingProxyType({})


class Sentence(str):
    """An English sentence, with its pattern and the values in it; a pattern without values is taken as it stands."""

    __slots__ = ("pattern", "values")

    pattern: str
    values: Mapping[str, object]

    def __new__(cls, pattern: str, /, **values: object) -> Self:
        made = super().__new__(cls, pattern.format_map(values) if values else pattern)
        made.pattern = pattern
        made.values = MappingProxyType(values) if values else NOTHING
        return made

    def __str__(self) -> str:
        return self  # so that `str(error)` of an exception keeps the pattern

    def __reduce__(self) -> tuple[object, ...]:
        return _made, (self.pattern, dict(self.values))


def _made(pattern: str, values: Mapping[str, object]) -> Sentence:
    return Sentence(pattern, **values)


def told(text: str, translate: Callable[[str], str]) -> str:
    """A sentence in the language of `translate`; any other text as it is."""
    if not isinstance(text, Sentence):
        return text
    pattern = translate(text.pattern)
    if not text.values:
        return pattern
    return pattern.format_map(
        {name: told(value, translate) if isinstance(value, str) else value for name, value in text.values.items()}
    )


def plain(text: str) -> str:
    """A text without its pattern, for encoders that take nothing but `str` itself."""
    return text[:]


def either(words: Iterable[str]) -> str:
    """`a or b or c`; empty when there are none."""
    return _joined(words, lambda before, word: Sentence("{before} or {word}", before=before, word=word))


def every(words: Iterable[str]) -> str:
    """`a and b and c`; empty when there are none."""
    return _joined(words, lambda before, word: Sentence("{before} and {word}", before=before, word=word))


def listed(words: Iterable[str]) -> str:
    """`a, b, c`; empty when there are none."""
    return _joined(words, lambda before, word: Sentence("{before}, {word}", before=before, word=word))


def _joined(words: Iterable[str], join: Callable[[str, str], str]) -> str:
    found = list(words)
    return reduce(join, found) if found else ""
