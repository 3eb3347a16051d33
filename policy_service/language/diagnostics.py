"""A diagnostic: an error or warning about a policy file, its position, and a hint.

    policies/tiering/rfm_value/1.0.0.yaml:9:11: unknown-fact: unknown fact `anual_spend`
            when: anual_spend >= 10000 and region = "euu"
                  ^^^^^^^^^^^
      hint: did you mean `annual_spend`?

Messages are for the author: small first letter, no full stop, the author's own words in backticks. A warning says
`warning` before its code. Every code has its heading in `docs/reference/errors.md`.
"""

from __future__ import annotations

import difflib
import unicodedata
from collections.abc import Iterable
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal, NamedTuple


class Code(StrEnum):
    """The closed set of errors of policy files."""

    # the file as text
    NOT_UTF8 = "not-utf8"
    HIDDEN_CHARACTER = "hidden-character"
    FILE_TOO_LARGE = "file-too-large"
    YAML_SYNTAX = "yaml-syntax"
    YAML_ALIAS = "yaml-alias"
    YAML_TAG = "yaml-tag"
    YAML_KEY = "yaml-key"
    DUPLICATE_KEY = "duplicate-key"
    TOO_DEEP = "too-deep"
    # the file's shape
    MISSING_KEY = "missing-key"
    UNKNOWN_KEY = "unknown-key"
    WRONG_SHAPE = "wrong-shape"
    INVALID_VALUE = "invalid-value"
    INVALID_NAME = "invalid-name"
    DUPLICATE_ID = "duplicate-id"
    DUPLICATE_CHOICE = "duplicate-choice"
    KEY_NOT_ALLOWED = "key-not-allowed"
    EMPTY_RANGE = "empty-range"
    WRONG_CELL_COUNT = "wrong-cell-count"
    TOO_MANY_RULES = "too-many-rules"
    MISPLACED_FILE = "misplaced-file"
    # expressions
    SYNTAX = "syntax"
    EXPRESSION_TOO_LARGE = "expression-too-large"
    UNKNOWN_FACT = "unknown-fact"
    UNKNOWN_FUNCTION = "unknown-function"
    UNKNOWN_PROPERTY = "unknown-property"
    WRONG_ARGUMENTS = "wrong-arguments"
    UNKNOWN_CHOICE = "unknown-choice"
    TYPE_MISMATCH = "type-mismatch"
    CURRENCY_MISMATCH = "currency-mismatch"
    ZERO_DIVISOR = "zero-divisor"
    OPTIONAL_NOT_ASKED = "optional-not-asked"
    NOT_OPTIONAL = "not-optional"
    DATE_OUT_OF_RANGE = "date-out-of-range"
    # outcomes
    UNROUNDED = "unrounded"
    MAY_EXCEED = "may-exceed"
    UNKNOWN_OUTCOME = "unknown-outcome"
    MISSING_OUTCOME = "missing-outcome"
    HIT_POLICY = "hit-policy"
    # scorecards
    BAND_GAP = "band-gap"
    BAND_OVERLAP = "band-overlap"
    # the engine's limits
    RULE_TOO_WIDE = "rule-too-wide"
    TOO_COMPLEX = "too-complex"
    # several policies
    UNKNOWN_POLICY = "unknown-policy"
    REQUIREMENT_CYCLE = "requirement-cycle"
    REQUIREMENT_MISMATCH = "requirement-mismatch"
    DUPLICATE_VERSION = "duplicate-version"
    # examples and invariants
    EXAMPLE_FACTS = "example-facts"
    EXAMPLE_EXPECTATION = "example-expectation"
    UNKNOWN_RULE = "unknown-rule"
    INVARIANT = "invariant"


class WarningCode(StrEnum):
    """The closed set of warnings about valid policy files."""

    NEVER_TRUE = "never-true"
    ALWAYS_TRUE = "always-true"
    TOO_FINE = "too-fine"
    OUT_OF_BOUNDS = "out-of-bounds"
    LIST_OF_TWO = "list-of-two"
    REDUNDANT_TEST = "redundant-test"
    UNREACHABLE_RULE = "unreachable-rule"
    OVERLAPPING_RULES = "overlapping-rules"


class SourceSpan(NamedTuple):
    """A span of a file: line and column count from 1, in characters; `width` is its number of characters."""

    line: int
    column: int
    width: int = 1


START = SourceSpan(1, 1)


@dataclass(frozen=True, slots=True)
class Diagnostic:
    """One error or warning about one file."""

    code: Code | WarningCode
    message: str
    span: SourceSpan
    hint: str | None = None

    @property
    def severity(self) -> Literal["error", "warning"]:
        """`error` if the file is rejected because of it, else `warning`."""
        return "warning" if isinstance(self.code, WarningCode) else "error"

    def render(self, path: str, lines: list[str]) -> str:
        """Return the diagnostic for display: position, message, the line with a caret, hint."""
        span = self.span
        code = f"warning: {self.code}" if self.severity == "warning" else self.code
        output = [f"{path}:{span.line}:{span.column}: {code}: {_printable(self.message)}"]
        if 0 < span.line <= len(lines) and (line := lines[span.line - 1]).strip():
            excerpt, offset = _excerpt(line, span)
            prefix, marked = excerpt[:offset], excerpt[offset : offset + span.width]
            output.append(f"    {excerpt}")
            output.append(f"    {_blank(prefix)}{'^' * max(1, _columns(marked))}")
        if self.hint:
            output.append(f"  hint: {_printable(self.hint)}")
        return "\n".join(output)

    def to_dict(self) -> dict[str, object]:
        """Return the diagnostic as JSON: severity, code, message, line, column, width (characters), hint."""
        span = self.span
        return {
            "severity": self.severity,
            "code": str(self.code),
            "message": self.message,
            "line": span.line,
            "column": span.column,
            "width": span.width,
            "hint": self.hint,
        }


MAX_DIAGNOSTICS = 200
"""Maximum number of errors reported per file; correcting them may reveal more."""
MAX_EXCERPT = 400
"""Maximum length of a displayed line, characters; a line may be megabytes long."""


class PolicyError(ValueError):
    """A policy file is invalid. Carries every diagnostic, in source order, and renders them."""

    def __init__(self, path: str, diagnostics: Iterable[Diagnostic], text: str = "") -> None:
        self.path = path
        ordered = sorted(diagnostics, key=lambda d: (d.span, d.code))
        self.diagnostics = tuple(ordered[:MAX_DIAGNOSTICS])
        self.more = len(ordered) - len(self.diagnostics)
        self.text = text
        super().__init__(self.render())

    def render(self) -> str:
        """Return all diagnostics as text, one after another."""
        lines = self.text.splitlines()
        rendered = [diagnostic.render(self.path, lines) for diagnostic in self.diagnostics]
        if self.more:
            rendered.append(f"{self.path}: and {self.more:,} more")
        return "\n".join(rendered)


def did_you_mean(word: str, known: Iterable[str]) -> str | None:
    """Return a hint with the closest known word; None if none is close."""
    matches = difflib.get_close_matches(word[:100], list(known), n=1, cutoff=0.6)
    return f"did you mean `{matches[0]}`?" if matches else None


def pluralize(number: int, word: str) -> str:
    """Return a number with its noun: `1 cell`, `2 cells`."""
    return f"{number:,} {word}{'' if number == 1 else 's'}"


def shorten(text: str, limit: int = 60) -> str:
    """Return `text`, cut to `limit` characters."""
    return text if len(text) <= limit else f"{text[:limit]}… ({len(text)} characters)"


def _excerpt(line: str, span: SourceSpan) -> tuple[str, int]:
    """Return an excerpt of a line, and the column in it where the span begins."""
    offset = span.column - 1
    cut = 0 if offset + span.width <= MAX_EXCERPT else max(0, offset - MAX_EXCERPT // 4)
    excerpt = line[cut : cut + MAX_EXCERPT]
    visible = "".join("\N{REPLACEMENT CHARACTER}" if _is_control(c) and c != "\t" else c for c in excerpt)
    return (f"…{visible}", offset - cut + 1) if cut else (visible, offset)


def _is_control(character: str) -> bool:
    """Return True if the character is invisible or would control a terminal."""
    return unicodedata.category(character)[0] == "C" or character in "\u2028\u2029"


def _printable(text: str) -> str:
    """Return `text` with control characters escaped."""
    return "".join(c.encode("unicode_escape").decode("ascii") if _is_control(c) else c for c in text)


def _columns(text: str) -> int:
    """Return the width of `text` in terminal columns: Chinese characters take two."""
    return sum(2 if unicodedata.east_asian_width(c) in "WF" else 1 for c in text)


def _blank(text: str) -> str:
    return "".join("\t" if c == "\t" else " " * _columns(c) for c in text)
