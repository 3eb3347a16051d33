"""Sentences that can be told in another language: each remembers its English pattern and what was put into it.

    refusal = Sentence("Only {roles} may decide about this change.", roles=either(roles))
    str(refusal)                       what programs and logs read
    told(refusal, catalogue.gettext)   what a page shows: the pattern is looked up, and so is every sentence within it
    plain(refusal)                     the same text as `str` itself, for records and for strict encoders

A `Sentence` is a `str`, so nobody who only reads it needs to know. Whatever makes another text of it (an f-string, a
slice, `"".join`) gives a plain `str`; so sentences are put together as values of other sentences, and by the functions
below. The patterns are collected into the catalogues of `api/locales` from the calls of `Sentence`, whose first
argument is therefore always a literal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from types import MappingProxyType
from typing import Self

NOTHING: Mapping[str, object] = MappingProxyType({})
_ONE = {
    "entries": "entry",
    "checkpoints were": "checkpoint was",
    "checkpoints": "checkpoint",
    "rows are": "row is",
    "rows were": "row was",
    "MACs are": "MAC is",
}
"""What is counted in patterns, of one."""


class Sentence(str):
    """An English sentence, with its pattern and the values in it; a pattern without values is taken as it stands."""

    __slots__ = ("pattern", "values")

    pattern: str
    values: Mapping[str, object]

    def __new__(cls, pattern: str, /, **values: object) -> Self:
        made = super().__new__(cls, filled(pattern, values) if values else pattern)
        made.pattern = pattern
        made.values = MappingProxyType(values) if values else NOTHING
        return made

    def __str__(self) -> str:
        return self  # so that `str(error)` of an exception keeps the pattern

    def __reduce__(self) -> tuple[object, ...]:
        return rebuilt, (self.pattern, dict(self.values))


def rebuilt(pattern: str, values: Mapping[str, object]) -> Sentence:
    """A sentence out of what was kept of one."""
    return Sentence(pattern, **values)


def plain(text: str) -> str:
    """A text without its pattern, for records and for encoders that take nothing but `str` itself."""
    return text[:]


def told(text: str, translate: Callable[[str], str], shown: Callable[[str], str] | None = None) -> str:
    """A sentence in the language of `translate`; any other text as it is, or as `shown` has it.

    What was put into a sentence and is none itself, such as a name that somebody wrote, goes through `shown` too.
    """
    if not isinstance(text, Sentence):
        return text if shown is None else shown(text)
    pattern = translate(text.pattern)
    if not text.values:
        return pattern
    values = {
        name: told(value, translate, shown) if isinstance(value, str) else value for name, value in text.values.items()
    }
    return filled(pattern, values)


def filled(pattern: str, values: Mapping[str, object]) -> str:
    """A pattern with its values: `{count} entries` of one is `1 entry`."""
    for name, value in values.items():
        if value == 1:
            for many, one in _ONE.items():
                pattern = pattern.replace(f"{{{name}}} {many}", f"{{{name}}} {one}")
    return pattern.format_map(values)


def on_one_line(text: str) -> str:
    """A text with a blank for every line break in it."""
    if "\n" not in text:
        return text
    if not isinstance(text, Sentence) or "\n" in text.pattern:
        return text.replace("\n", " ")
    values = {name: on_one_line(value) if isinstance(value, str) else value for name, value in text.values.items()}
    return Sentence(text.pattern, **values)


# ------------------------------------------------------------------------------------------- several, as one text


def either(words: Iterable[str]) -> str:
    """`a or b or c`; empty when there are none."""
    return _joined(words, lambda before, word: Sentence("{before} or {word}", before=before, word=word))


def every(words: Iterable[str]) -> str:
    """`a and b and c`; empty when there are none."""
    return _joined(words, lambda before, word: Sentence("{before} and {word}", before=before, word=word))


def listed(words: Iterable[str]) -> str:
    """`a, b, c`; empty when there are none."""
    return _joined(words, lambda before, word: Sentence("{before}, {word}", before=before, word=word))


def in_turn(clauses: Iterable[str]) -> str:
    """`a; b; c`; empty when there are none."""
    return _joined(clauses, lambda before, clause: Sentence("{before}; {clause}", before=before, clause=clause))


def together(sentences: Iterable[str]) -> str:
    """`A. B. C.`: whole sentences, one after the other; empty when there are none."""
    return _joined(
        sentences, lambda before, sentence: Sentence("{before} {sentence}", before=before, sentence=sentence)
    )


def _joined(words: Iterable[str], join: Callable[[str, str], str]) -> str:
    found = list(words)
    return reduce(join, found) if found else ""
