"""An expression's text as tokens.

Ambiguous text is rejected: `1,000` (two values), `01`, a date without its sign, `2026-01-31` (a subtraction), and
`0...5` (zero to a half).
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Literal

from policy_service.characters import describe_character
from policy_service.language.diagnostics import Code
from policy_service.language.functions import FUNCTIONS
from policy_service.language.types import parse_date

Kind = Literal["number", "text", "name", "function", "word", "symbol", "end"]
WORDS = frozenset({"and", "or", "not", "between", "in", "is", "missing", "true", "false", "null", "date", "duration"})
"""Keywords of the grammar, not allowed as names of facts."""
MAX_LENGTH = 4_000
"""Maximum length of one expression or cell, characters."""

_MANY_WORDS = sorted((name for name in FUNCTIONS if " " in name), key=len, reverse=True)
_TOKEN = re.compile(
    r"(?P<space>[ \t\r\n]+)"
    r"|(?P<number>[0-9]+(?:\.[0-9]+)?|\.[0-9]+)"
    r'|(?P<text>"(?:[^"\\\n]|\\.)*")'
    rf"|(?P<function>(?:{'|'.join(name.replace(' ', '[ ]+') for name in _MANY_WORDS)})(?=[ ]*\())"
    r"|(?P<name>[A-Za-z_][A-Za-z0-9_]*)"
    r"|(?P<symbol>\.\.|\*\*|<=|>=|!=|[-+*/<>=()\[\],.@?])",
    re.ASCII,
)
_DAY = re.compile(r"([0-9]{4})([-/.])([0-9]{1,2})\2([0-9]{1,2})(?![0-9])", re.ASCII)
_CONTINUED = re.compile(r"[0-9], *\Z", re.ASCII)
_GROUPED = re.compile(r"[0-9]+(?:[,，][0-9]{3}(?![0-9]))+(?:\.[0-9]+)?", re.ASCII)
_GROUPED_FURTHER = re.compile(r"[,，][0-9]", re.ASCII)
_ESCAPE = re.compile(r'\\(?:u([0-9a-fA-F]{4})|(["\\nt]))')
_ESCAPED = {'"': '"', "\\": "\\", "n": "\n", "t": "\t"}


@dataclass(frozen=True, slots=True)
class Token:
    """One token; the `text` of a text token is its value, without quotes and escapes."""

    kind: Kind
    text: str
    start: int
    end: int


class ExpressionSyntaxError(Exception):
    """An expression cannot be parsed; start and end are positions in its text."""

    def __init__(self, message: str, start: int, end: int, hint: str | None = None, code: Code = Code.SYNTAX) -> None:
        super().__init__(message)
        self.message, self.start, self.end, self.hint, self.code = message, start, end, hint, code


def tokenise(text: str) -> list[Token]:
    """Return the tokens of `text`, ending with one of kind `end`.

    Raises ExpressionSyntaxError at the first invalid character.
    """
    tokens = []
    position = 0
    while position < len(text):
        match = _TOKEN.match(text, position)
        if match is None:
            raise _unreadable(text, position)
        if match.lastgroup == "number" and (error := _ambiguous(text, match)):
            raise error
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
        raise ExpressionSyntaxError(
            "unknown escape in text", match.start(), match.end(), 'escapes are \\", \\\\, \\n, \\t, \\uXXXX'
        )
    return unescaped


def _ambiguous(text: str, number: re.Match[str]) -> ExpressionSyntaxError | None:
    """Return the error of an ambiguous number, or None."""
    start = number.start()
    if day := _DAY.match(text, start):
        iso_date = f"{day[1]}-{day[3]:0>2}-{day[4]:0>2}"
        hint = f'write `@"{iso_date}"`' if parse_date(iso_date) else "there is no such day"
        return ExpressionSyntaxError(f"the date `{day[0]}` is read as a calculation", start, day.end(), hint)
    if number[0][0] == "." and text[start - 2 : start] == "..":
        return ExpressionSyntaxError("an interval has two dots", start - 2, number.end(), "write `..`")
    if grouped := _GROUPED.match(text, start):
        whole = re.sub("[,，]", "", grouped[0])
        hint = f"write `{whole}`; several values have a blank after each comma"
        if _GROUPED_FURTHER.match(text, grouped.end()):
            hint = "leave the commas out of a number; several values have a blank after each comma"
        return ExpressionSyntaxError(f"`{grouped[0]}` is read as several values", start, grouped.end(), hint)
    if number[0][0] == "0" and number[0][1:2].isdigit():
        hint = 'a date is written `@"2026-01-31"`'
        if not {text[start - 1 : start], text[number.end() : number.end() + 1]} & {"-", "/"}:
            hint = f"write `{number[0].lstrip('0') or '0'}`; {hint}"
        if _CONTINUED.search(text, 0, start):
            hint = "leave the commas out of a number"
        return ExpressionSyntaxError(f"the number `{number[0]}` begins with a needless zero", *number.span(), hint)
    return None


def _unreadable(text: str, position: int) -> ExpressionSyntaxError:
    character = text[position]
    if character == '"':
        return ExpressionSyntaxError("text without its closing quote", position, len(text))
    description = f"`{character}`" if character.isprintable() else f"the character {describe_character(character)}"
    return ExpressionSyntaxError(f"unexpected {description}", position, position + 1)
