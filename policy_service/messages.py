"""Translatable messages: each has its English pattern and values.

    message = Message("Only {roles} may decide about this change.", roles=join_or(roles))
    str(message)                           what programs and logs read
    translate(message, catalogue.gettext)  what a page shows: the pattern is looked up, and so is every message in it
    plain_text(message)                    the same text as `str` itself, for records and for strict encoders

A `Message` is a `str`, so code that only reads text needs no special case. Deriving text from it (an f-string, a slice,
`"".join`) gives a plain `str`; so messages are combined as values of other messages, and by the functions below. The
patterns are collected into the catalogues of `api/locales` from the calls of `Message`, whose first argument is
therefore always a literal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from functools import reduce
from types import MappingProxyType
from typing import Self

NO_VALUES: Mapping[str, object] = MappingProxyType({})
_ONE = {
    "entries": "entry",
    "checkpoints were": "checkpoint was",
    "checkpoints": "checkpoint",
    "rows are": "row is",
    "rows were": "row was",
    "MACs are": "MAC is",
}
"""Singular forms of what patterns count."""


class Message(str):
    """An English message, with its pattern and values; a pattern without values is used unchanged."""

    __slots__ = ("pattern", "values")

    pattern: str
    values: Mapping[str, object]

    def __new__(cls, pattern: str, /, **values: object) -> Self:
        message = super().__new__(cls, fill_pattern(pattern, values) if values else pattern)
        message.pattern = pattern
        message.values = MappingProxyType(values) if values else NO_VALUES
        return message

    def __str__(self) -> str:
        return self  # so that `str(error)` of an exception keeps the pattern

    def __reduce__(self) -> tuple[object, ...]:
        return rebuild_message, (self.pattern, dict(self.values))


def rebuild_message(pattern: str, values: Mapping[str, object]) -> Message:
    """Rebuild a message from its pattern and values (for pickle)."""
    return Message(pattern, **values)


def plain_text(text: str) -> str:
    """Return a text without its pattern, for records and for encoders that only accept `str` itself."""
    return text[:]


def translate(text: str, gettext: Callable[[str], str], format_text: Callable[[str], str] | None = None) -> str:
    """Translate a message by `gettext`; return any other text unchanged, or formatted by `format_text`.

    A value that is no message, such as a name typed by a person, is formatted by `format_text` too.
    """
    if not isinstance(text, Message):
        return text if format_text is None else format_text(text)
    pattern = gettext(text.pattern)
    if not text.values:
        return pattern
    values = {
        name: translate(value, gettext, format_text) if isinstance(value, str) else value
        for name, value in text.values.items()
    }
    return fill_pattern(pattern, values)


def fill_pattern(pattern: str, values: Mapping[str, object]) -> str:
    """Return a pattern with its values: `{count} entries` for 1 is `1 entry`."""
    for name, value in values.items():
        if value == 1:
            for many, one in _ONE.items():
                pattern = pattern.replace(f"{{{name}}} {many}", f"{{{name}}} {one}")
    return pattern.format_map(values)


def single_line(text: str) -> str:
    """Return a text with line breaks replaced by blanks."""
    if "\n" not in text:
        return text
    if not isinstance(text, Message) or "\n" in text.pattern:
        return text.replace("\n", " ")
    values = {name: single_line(value) if isinstance(value, str) else value for name, value in text.values.items()}
    return Message(text.pattern, **values)


# ------------------------------------------------------------------------------------------- several, as one text


def join_or(words: Iterable[str]) -> str:
    """Return `a or b or c`; empty for no words."""
    return _join(words, lambda before, word: Message("{before} or {word}", before=before, word=word))


def join_and(words: Iterable[str]) -> str:
    """Return `a and b and c`; empty for no words."""
    return _join(words, lambda before, word: Message("{before} and {word}", before=before, word=word))


def join_comma(words: Iterable[str]) -> str:
    """Return `a, b, c`; empty for no words."""
    return _join(words, lambda before, word: Message("{before}, {word}", before=before, word=word))


def join_semicolon(clauses: Iterable[str]) -> str:
    """Return `a; b; c`; empty for no clauses."""
    return _join(clauses, lambda before, clause: Message("{before}; {clause}", before=before, clause=clause))


def join_sentences(sentences: Iterable[str]) -> str:
    """Return `A. B. C.`: sentences one after the other; empty for none."""
    return _join(sentences, lambda before, sentence: Message("{before} {sentence}", before=before, sentence=sentence))


def _join(words: Iterable[str], join: Callable[[str, str], str]) -> str:
    parts = list(words)
    return reduce(join, parts) if parts else ""
