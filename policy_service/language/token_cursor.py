"""A cursor over the tokens of an expression: the next token, and the error if it is unexpected."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TypeVar

from policy_service.language.ast import Comparator, Operator
from policy_service.language.diagnostics import shorten
from policy_service.language.respelling import FOREIGN_WORDS
from policy_service.language.tokens import ExpressionSyntaxError, Token

TokenValue = TypeVar("TokenValue", Comparator, Operator)
VALUES = frozenset({"number", "text", "name"})
"""Kinds of tokens that are values."""
ENDINGS = frozenset({"true", "false", "missing"})
"""Words that end a value."""


class TokenCursor:
    """A cursor over tokens, the last of which is the end."""

    def __init__(self, tokens: list[Token]) -> None:
        self.tokens = tokens
        self.position = 0

    @property
    def next(self) -> Token:
        return self.tokens[self.position]

    @property
    def previous(self) -> Token:
        return self.tokens[self.position - 1]

    def advance(self) -> Token:
        token = self.next
        if token.kind != "end":
            self.position += 1
        return token

    def peek(self, text: str) -> bool:
        return self.next.text == text and self.next.kind in ("word", "symbol")

    def accept(self, text: str) -> Token | None:
        return self.advance() if self.peek(text) else None

    def accept_any(self, table: Mapping[str, TokenValue]) -> TokenValue | None:
        return table[self.advance().text] if self.next.kind == "symbol" and self.next.text in table else None

    def expect(self, text: str) -> Token:
        token = self.accept(text)
        if token is None:
            raise self.unexpected(self.next, f"`{text}`")
        return token

    def expect_end(self) -> None:
        if self.next.kind != "end":
            raise self.unexpected(self.next, "the end")

    def interval_ahead(self) -> bool:
        """Return True if the next bracket contains `..`, so that it opens an interval and not an expression."""
        open_brackets: list[bool] = []
        """For each open bracket, whether it contains `..`."""
        begins = True  # a value may begin here, so `]` opens an interval; `[` closes one only where none may
        for token in self.tokens[self.position :]:
            sign = token.text if token.kind == "symbol" else None
            closes = sign == ")" or (not begins and (sign == "]" or (sign == "[" and open_brackets[-1])))
            if closes:
                open_brackets.pop()
                if not open_brackets:
                    return False
            elif sign in {"(", "[", "]"}:
                open_brackets.append(False)
            elif sign == ".." and open_brackets:
                open_brackets[-1] = True
                if len(open_brackets) == 1:
                    return True
            begins = not (closes or sign == "?" or token.kind in VALUES or token.text in ENDINGS)
        return False

    def unexpected(self, token: Token, expected: str) -> ExpressionSyntaxError:
        actual = token.text if token.kind == "end" else f"`{shorten(token.text)}`"
        words = [
            word.text.lower()
            for word in (token, self.tokens[max(0, self.position - 1)])
            if word.kind in ("name", "word")
        ]
        hint = next((FOREIGN_WORDS[word] for word in words if word in FOREIGN_WORDS), None)
        return ExpressionSyntaxError(
            f"expected {expected}, found {actual}", token.start, max(token.end, token.start + 1), hint
        )
