"""An expression's text as tokens."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from policy_service.language.diagnostics import Code
from policy_service.language.functions import FUNCTIONS

Kind = Literal["number", "text", "name", "function", "word", "symbol", "end"]
WORDS = frozenset({"and", "or", "not", "between", "in", "is", "missing", "true", "false", "date", "duration"})
"""Words of the grammar. A fact may not be called so."""
MAX_LENGTH = 4_000
"""Characters of one expression or cell."""

_MANY_WORDS = sorted((name for name in FUNCTIONS if " " in name), key=len, reverse=True)
_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)"
    r"|(?P<number>[0-9]+(?:\.[0-9]+)?)"
    r'|(?P<text>"(?:[^"\\\n]|\\.)*")'
    rf"|(?P<function>(?:{'|'.join(name.replace(' ', '[ ]+') for name in _MANY_WORDS)})(?=[ ]*\())"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<symbol>\.\.|<=|>=|!=|[-+*/<>=()\[\],.@?])",
    re.ASCII,
)
_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\nt]))')
_ESCAPED = {'"': '"', "\\": "\\", "n": "\n", "t": "\t"}


@dataclass(frozen=True, slots=True)
class Token:
    """One token; `text` of a text token is what it says, without quotes and escapes."""

    kind: Kind
    text: str
    start: int
    end: int


class ExpressionFault(Exception):
    """An expression cannot be read; start and end are characters of its text."""

    def __init__(self, message: str, start: int, end: int, hint: str | None = None, code: Code = Code.SYNTAX) -> None:
        super().__init__(message)
        self.message, self.start, self.end, self.hint, self.code = message, start, end, hint, code


def tokenise(text: str) -> list[Token]:
    """The tokens of `text`, ended by one of kind `end`.

    Raises ExpressionFault at the first character that fits none.
    """
    tokens = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _unreadable(text, position)
        position = match.end()
        if match.lastgroup != "space":
            tokens.append(_token(match))
    tokens.append(Token("end", "the end", len(text), len(text)))
    return tokens


def _token(match: re.Match[str]) -> Token:
    kind, text = match.lastgroup, match[0]
    if kind == "text":
        return Token("text", _unescape(match), match.start(), match.end())
    if kind == "function":
        return Token("function", " ".join(text.split()), match.start(), match.end())
    if kind == "name" and text in WORDS:
        return Token("word", text, match.start(), match.end())
    return Token(
        "number" if kind == "number" else "name" if kind == "name" else "symbol",
        text,
        match.start(),
        match.end(),
    )


def _unescape(match: re.Match[str]) -> str:
    body = match[0][1:-1]
    stray = re.search(r"\\", _ESCAPE.sub("", body))
    unescaped = _ESCAPE.sub(lambda m: chr(int(m[1], 16)) if m[1] else _ESCAPED[m[2]], body)
    if stray or re.search("[\ud800-\udfff]", unescaped):
        raise ExpressionFault(
            "unknown escape in text", match.start(), match.end(), 'escapes are \\", \\\\, \\n, \\t, \\uXXXX'
        )
    return unescaped


def _unreadable(text: str, position: int) -> ExpressionFault:
    character = text[position]
    if character == '"':
        return ExpressionFault("text without its closing quote", position, len(text))
    hint = {
        "'": 'text stands in double quotes: "it"',
        "“": 'text stands in straight quotes: "it"',
        "≥": "write `>=`",
        "≤": "write `<=`",
    }
    shown = f"`{character}`" if character.isprintable() else f"the character U+{ord(character):04X}"
    return ExpressionFault(f"unexpected {shown}", position, position + 1, hint.get(character))
