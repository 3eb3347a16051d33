"""Parses a policy file's bytes into a tree of text with positions.

Nothing is interpreted: every scalar is the author's text.

YAML 1.2 without features that could mislead a reader: no aliases, no tags, no duplicate keys, no hidden characters, one
document. Limits: 2 MiB, 12 levels, UTF-8.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from itertools import islice
from typing import Any, NamedTuple, assert_never

import yaml

from policy_service.characters import describe_character, find_hidden_character, iter_hidden_characters
from policy_service.language.diagnostics import (
    MAX_DIAGNOSTICS,
    START,
    Code,
    Diagnostic,
    PolicyError,
    SourceSpan,
    shorten,
)

MAX_BYTES = 2 * 1024 * 1024
MAX_LEVELS = 12
NULLS = frozenset({"", "~", "null", "Null", "NULL"})


_new_tuple = tuple.__new__
"""Creates a named tuple in half the time of its constructor: a file has thousands of them."""


class Scalar(NamedTuple):
    """A text with its position.

    `exact` is true if the characters of the text appear unescaped and contiguous in the file, from `start`.
    """

    text: str | None
    span: SourceSpan
    exact: bool
    start: SourceSpan

    @property
    def full_width_sign(self) -> str | None:
        """The first full-width sign of unquoted text, where it has no meaning."""
        match = _FULL_WIDTH.search(self.text) if self.text and self.start == self.span else None
        return match[0] if match else None

    def span_of(self, first: int, last: int) -> SourceSpan:
        """Return the span of the characters `first` to `last` (exclusive) of the text."""
        if not self.exact:
            return self.span
        return SourceSpan(self.start.line, self.start.column + first, max(1, last - first))


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list of nodes."""

    items: tuple[Node, ...]
    span: SourceSpan


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and their nodes, in the author's order, each key once."""

    entries: dict[str, tuple[Scalar, Node]]
    span: SourceSpan


_HALF_WIDTH = {"，": ", ", "、": ", ", "；": ", ", "：": ": ", "（": "(", "）": ")", "【": "[", "】": "]"}
_FULL_WIDTH = re.compile(f"[{''.join(_HALF_WIDTH)}]")
_BETWEEN_WORDS = re.compile(r"[\w\])}\"']([，、；：]) ?[\[({\"'A-Za-z0-9_]", re.ASCII)
_KEY = re.compile(r"( *(?:- )?[a-z][a-z0-9_]*)：")


def full_width_hint(node: object) -> str | None:
    """Return a hint for a full-width sign in unquoted text; None if there is none."""
    sign = node.full_width_sign if isinstance(node, Scalar) else None
    return f"`{sign}` is full-width: write `{_HALF_WIDTH[sign]}`" if sign else None


Node = Scalar | Sequence | Mapping
Path = tuple[str | int, ...]
Plain = str | None | list["Plain"] | dict[str, "Plain"]


def to_plain(node: Node) -> Plain:
    """Return the tree without positions: text, None for null, lists and dicts."""
    match node:
        case Scalar():
            return node.text
        case Sequence():
            return [to_plain(item) for item in node.items]
        case Mapping():
            return {key: to_plain(value) for key, (_, value) in node.entries.items()}
        case _:
            assert_never(node)


def find_node(node: Node, path: Path) -> Node:
    """Return the node at `path`, or the last existing one on the way."""
    for step in path:
        match node, step:
            case Sequence(), int() if step < len(node.items):
                node = node.items[step]
            case Mapping(), str() if step in node.entries:
                node = node.entries[step][1]
            case _:
                break
    return node


def find_key_span(node: Node, path: Path) -> SourceSpan:
    """Return the span of the key that ends `path`; of the node if it has no key."""
    parent = find_node(node, path[:-1])
    if path and isinstance(parent, Mapping) and (entry := parent.entries.get(str(path[-1]))):
        return entry[0].span
    return find_node(node, path).span


def read_source(path: str, content: bytes) -> tuple[Mapping, str]:
    """Parse a policy file; return its tree and text. Raises PolicyError."""
    text = _decode(path, content)
    if diagnostics := _hidden_character_errors(text):
        raise PolicyError(path, diagnostics, text)
    reader = _Reader(text)
    try:
        root = reader.document()
    except yaml.YAMLError as error:
        raise PolicyError(path, [*reader.diagnostics, _syntax_error(error, text)], text) from None
    except _Stop:
        raise PolicyError(path, reader.diagnostics, text) from None
    if not isinstance(root, Mapping):
        reader.diagnostics.append(Diagnostic(Code.WRONG_SHAPE, "expected a mapping with `policy`, `version`, …", START))
    if reader.diagnostics or not isinstance(root, Mapping):
        raise PolicyError(path, reader.diagnostics, text)
    return root, text


def _decode(path: str, content: bytes) -> str:
    if len(content) > MAX_BYTES:
        message = f"a policy file has at most {MAX_BYTES:,} bytes"
        raise PolicyError(path, [Diagnostic(Code.FILE_TOO_LARGE, message, START, "split the policy into several")])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = content.count(b"\n", 0, error.start) + 1
        column = error.start - (content.rfind(b"\n", 0, error.start) + 1) + 1
        diagnostic = Diagnostic(
            Code.NOT_UTF8, "the file is not UTF-8 text", SourceSpan(line, column), "save it as UTF-8"
        )
        raise PolicyError(path, [diagnostic]) from None


def _hidden_character_errors(text: str) -> list[Diagnostic]:
    if find_hidden_character(text) is None:
        return []
    lines = enumerate(text.split("\n"), 1)
    matches = ((number, match) for number, line in lines for match in iter_hidden_characters(line))
    return [
        _hidden_character_error(match[0], SourceSpan(number, match.start() + 1))
        for number, match in islice(matches, MAX_DIAGNOSTICS)
    ]


def _hidden_character_error(character: str, span: SourceSpan) -> Diagnostic:
    message = f"the hidden character {describe_character(character)}"
    return Diagnostic(Code.HIDDEN_CHARACTER, message, span, "leave it out")


def _indentation_error(lines: list[str]) -> Diagnostic | None:
    """Return the error for a tab or full-width colon at the start of one of the first lines, which is invalid YAML."""
    for number, line in enumerate(lines, 1):
        if match := re.match(r" *\t", line):
            span = SourceSpan(number, match.end())
            return Diagnostic(Code.YAML_SYNTAX, "a tab stands where spaces must", span, "indent with spaces")
        if match := _KEY.match(line):
            span = SourceSpan(number, match.end())
            hint = f"write `{match[1].strip()}: {line[match.end() :].strip()}`"
            return Diagnostic(Code.YAML_SYNTAX, "a full-width `：` stands where `: ` must", span, hint)
    return None


def _syntax_error(error: yaml.YAMLError, text: str) -> Diagnostic:
    if isinstance(error, yaml.MarkedYAMLError) and (mark := error.problem_mark):
        lines = text.split("\n")[: mark.line + 1]
        if indentation_error := _indentation_error(lines):
            return indentation_error
        hint = 'text with `: `, `#`, `[` or a leading `-` stands in quotes: "-"'
        if sign := _BETWEEN_WORDS.search(lines[-1]):
            hint = f"`{sign[1]}` is full-width: write `{_HALF_WIDTH[sign[1]]}`"
        return Diagnostic(Code.YAML_SYNTAX, str(error.problem), SourceSpan(mark.line + 1, mark.column + 1), hint)
    before = text.encode()[: getattr(error, "position", 0)].decode(errors="ignore")
    span = SourceSpan(before.count("\n") + 1, len(before) - before.rfind("\n"))
    return Diagnostic(Code.YAML_SYNTAX, getattr(error, "reason", "not YAML"), span)


class _Stop(Exception):  # control flow: the errors are in `diagnostics`
    """Parsing cannot continue."""


class _Reader:
    """Builds the tree from YAML events, so that rejected content is never built."""

    def __init__(self, text: str) -> None:
        self.lines = text.splitlines()
        self.next_event: Callable[[], Any] = yaml.CSafeLoader(text).get_event
        self.diagnostics: list[Diagnostic] = []

    def document(self) -> Node:
        self.next_event()  # the start of the stream
        event = self.next_event()
        if isinstance(event, yaml.StreamEndEvent):
            self.stop(Code.WRONG_SHAPE, "the file is empty", START)
        root = self.node(self.next_event(), 1)
        self.next_event()  # the end of the document
        event = self.next_event()
        if not isinstance(event, yaml.StreamEndEvent):
            self.stop(Code.YAML_SYNTAX, "a policy file is one document", _event_span(event))
        return root

    def node(self, event: Any, level: int) -> Node:  # noqa: ANN401  # libyaml's events have no types
        span = _event_span(event)
        if level > MAX_LEVELS:
            self.stop(Code.TOO_DEEP, f"a policy file nests at most {MAX_LEVELS} deep", span)
        kind = type(event)
        if kind is yaml.AliasEvent:
            self.add_error(Code.YAML_ALIAS, f"alias `*{event.anchor}` is not allowed", span, "write the value out")
            return Scalar(None, span, exact=False, start=span)
        if event.anchor is not None:
            self.add_error(Code.YAML_ALIAS, f"anchor `&{event.anchor}` is not allowed", span, "write the value out")
        if event.tag is not None:
            self.add_error(Code.YAML_TAG, f"tag `{shorten(event.tag)}` is not allowed", span, "leave the tag out")
        if kind is yaml.ScalarEvent:
            return self.scalar(event, span)
        if kind is yaml.SequenceStartEvent:
            items = []
            while type(event := self.next_event()) is not yaml.SequenceEndEvent:
                items.append(self.node(event, level + 1))
            return Sequence(tuple(items), span)
        return self.mapping(span, level)

    def mapping(self, span: SourceSpan, level: int) -> Mapping:
        entries: dict[str, tuple[Scalar, Node]] = {}
        while type(event := self.next_event()) is not yaml.MappingEndEvent:
            key = self.node(event, level + 1)
            value = self.node(self.next_event(), level + 1)
            if not isinstance(key, Scalar) or key.text is None:
                self.add_error(Code.YAML_KEY, "a key is a plain word", key.span)
            elif key.text in entries:
                first_span = entries[key.text][0].span
                self.add_error(
                    Code.DUPLICATE_KEY,
                    f"`{shorten(key.text)}` is written twice, first in line {first_span.line}",
                    key.span,
                )
            else:
                entries[key.text] = (key, value)
        return Mapping(entries, span)

    def scalar(self, event: Any, span: SourceSpan) -> Scalar:  # noqa: ANN401  # the same
        text: str = event.value
        is_plain = event.style in (None, "")
        start = span if is_plain else _new_tuple(SourceSpan, (span.line, span.column + 1, 1))
        line = self.lines[span.line - 1] if span.line <= len(self.lines) else ""
        if event.style == '"' and (match := find_hidden_character(text)):
            self.diagnostics.append(_hidden_character_error(match[0], span))
        exact = line[start.column - 1 : start.column - 1 + len(text)] == text
        return _new_tuple(Scalar, (None if is_plain and text in NULLS else text, span, exact, start))

    def add_error(self, code: Code, message: str, span: SourceSpan, hint: str | None = None) -> None:
        self.diagnostics.append(Diagnostic(code, message, span, hint))
        if len(self.diagnostics) >= MAX_DIAGNOSTICS:
            raise _Stop

    def stop(self, code: Code, message: str, span: SourceSpan) -> None:
        self.add_error(code, message, span)
        raise _Stop


def _event_span(event: Any) -> SourceSpan:  # noqa: ANN401  # the same
    start, end = event.start_mark, event.end_mark  # libyaml marks every event
    width = end.column - start.column if end.line == start.line else 1
    return _new_tuple(SourceSpan, (start.line + 1, start.column + 1, max(1, width)))
