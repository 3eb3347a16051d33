"""A policy file's bytes as a tree of text with places. Nothing is interpreted: every scalar stays the author's text.

YAML 1.2 without what lets a file say something else than it shows: no aliases, no tags, no duplicate keys, no hidden
characters, one document. Limits: 2 MiB, 12 levels, UTF-8.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from itertools import islice
from typing import assert_never, cast

import yaml

from policy_service.characters import describe_character, hidden_character, hidden_characters
from policy_service.language.diagnostics import MAX_DIAGNOSTICS, START, Code, Diagnostic, Place, PolicyError, shorten

MAX_BYTES = 2 * 1024 * 1024
MAX_LEVELS = 12
NULLS = frozenset({"", "~", "null", "Null", "NULL"})


@dataclass(frozen=True, slots=True)
class Scalar:
    """A text with its place.

    `exact` is true when each character of the text stands as itself, in order, from `start`.
    """

    text: str | None
    place: Place
    exact: bool
    start: Place

    @property
    def full_width(self) -> str | None:
        """The first full-width sign of text without quotes, where it is a letter like any other."""
        found = _FULL_WIDTH.search(self.text) if self.text and self.start == self.place else None
        return found[0] if found else None

    def at(self, first: int, last: int) -> Place:
        """The place of the characters `first` to `last` (not included) of the text."""
        if not self.exact:
            return self.place
        return Place(self.start.line, self.start.column + first, max(1, last - first))


@dataclass(frozen=True, slots=True)
class Sequence:
    """A list of nodes."""

    items: tuple[Node, ...]
    place: Place


@dataclass(frozen=True, slots=True)
class Mapping:
    """Keys and their nodes, in the author's order, each key once."""

    entries: dict[str, tuple[Scalar, Node]]
    place: Place


_HALF_WIDTH = {"，": ", ", "、": ", ", "；": ", ", "：": ": ", "（": "(", "）": ")", "【": "[", "】": "]"}
_FULL_WIDTH = re.compile(f"[{''.join(_HALF_WIDTH)}]")
_BETWEEN_WORDS = re.compile(r"[\w\])}\"']([，、；：]) ?[\[({\"'A-Za-z0-9_]", re.ASCII)
_KEY = re.compile(r"( *(?:- )?[a-z][a-z0-9_]*)：")


def full_width_hint(node: object) -> str | None:
    """What to write instead of the full-width sign in unquoted text; None when there is none."""
    sign = node.full_width if isinstance(node, Scalar) else None
    return f"`{sign}` is full-width: write `{_HALF_WIDTH[sign]}`" if sign else None


Node = Scalar | Sequence | Mapping
Path = tuple[str | int, ...]
Plain = str | None | list["Plain"] | dict[str, "Plain"]


def plain(node: Node) -> Plain:
    """The tree without its places: text, None for null, lists and dicts."""
    match node:
        case Scalar():
            return node.text
        case Sequence():
            return [plain(item) for item in node.items]
        case Mapping():
            return {key: plain(value) for key, (_, value) in node.entries.items()}
        case _:
            assert_never(node)


def find(node: Node, path: Path) -> Node:
    """The node at `path`, or the last one on the way there when the path leads out of the tree."""
    for step in path:
        match node, step:
            case Sequence(), int() if step < len(node.items):
                node = node.items[step]
            case Mapping(), str() if step in node.entries:
                node = node.entries[step][1]
            case _:
                break
    return node


def find_key(node: Node, path: Path) -> Place:
    """The place of the key that ends `path`, or of the node there when it has no key."""
    parent = find(node, path[:-1])
    if path and isinstance(parent, Mapping) and (entry := parent.entries.get(str(path[-1]))):
        return entry[0].place
    return find(node, path).place


def read_source(path: str, content: bytes) -> tuple[Mapping, str]:
    """The tree and the text of a policy file. Raises PolicyError."""
    text = _decode(path, content)
    if faults := _hidden(text):
        raise PolicyError(path, faults, text)
    reader = _Reader(text)
    try:
        root = reader.document()
    except yaml.YAMLError as error:
        raise PolicyError(path, [*reader.faults, _syntax_fault(error, text)], text) from None
    except _Stop:
        raise PolicyError(path, reader.faults, text) from None
    if not isinstance(root, Mapping):
        reader.faults.append(Diagnostic(Code.WRONG_SHAPE, "expected a mapping with `policy`, `version`, …", START))
    if reader.faults or not isinstance(root, Mapping):
        raise PolicyError(path, reader.faults, text)
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
        fault = Diagnostic(Code.NOT_UTF8, "the file is not UTF-8 text", Place(line, column), "save it as UTF-8")
        raise PolicyError(path, [fault]) from None


def _hidden(text: str) -> list[Diagnostic]:
    if hidden_character(text) is None:
        return []
    lines = enumerate(text.split("\n"), 1)
    found = ((number, match) for number, line in lines for match in hidden_characters(line))
    return [
        _hidden_fault(match[0], Place(number, match.start() + 1)) for number, match in islice(found, MAX_DIAGNOSTICS)
    ]


def _hidden_fault(character: str, place: Place) -> Diagnostic:
    message = f"the hidden character {describe_character(character)}"
    return Diagnostic(Code.HIDDEN_CHARACTER, message, place, "leave it out")


def _mistyped(lines: list[str]) -> Diagnostic | None:
    """The tab or the full-width colon at the start of one of the first lines that keeps them from being YAML."""
    for number, line in enumerate(lines, 1):
        if found := re.match(r" *\t", line):
            place = Place(number, found.end())
            return Diagnostic(Code.YAML_SYNTAX, "a tab stands where spaces must", place, "indent with spaces")
        if found := _KEY.match(line):
            place = Place(number, found.end())
            hint = f"write `{found[1].strip()}: {line[found.end() :].strip()}`"
            return Diagnostic(Code.YAML_SYNTAX, "a full-width `：` stands where `: ` must", place, hint)
    return None


def _syntax_fault(error: yaml.YAMLError, text: str) -> Diagnostic:
    if isinstance(error, yaml.MarkedYAMLError) and (mark := error.problem_mark):
        lines = text.split("\n")[: mark.line + 1]
        if mistyped := _mistyped(lines):
            return mistyped
        hint = 'text with `: `, `#`, `[` or a leading `-` stands in quotes: "-"'
        if sign := _BETWEEN_WORDS.search(lines[-1]):
            hint = f"`{sign[1]}` is full-width: write `{_HALF_WIDTH[sign[1]]}`"
        return Diagnostic(Code.YAML_SYNTAX, str(error.problem), Place(mark.line + 1, mark.column + 1), hint)
    before = text.encode()[: getattr(error, "position", 0)].decode(errors="ignore")
    place = Place(before.count("\n") + 1, len(before) - before.rfind("\n"))
    return Diagnostic(Code.YAML_SYNTAX, getattr(error, "reason", "not YAML"), place)


class _Stop(Exception):  # not an error of its own: what was found is in `faults`
    """Reading on makes no sense."""


class _Reader:
    """Builds the tree from YAML events, so that nothing is built of what is refused."""

    def __init__(self, text: str) -> None:
        self.lines = text.splitlines()
        self.events = yaml.parse(text, Loader=yaml.CSafeLoader)
        self.faults: list[Diagnostic] = []

    def document(self) -> Node:
        next(self.events)  # the start of the stream
        if isinstance(next(self.events), yaml.StreamEndEvent):
            self.stop(Code.WRONG_SHAPE, "the file is empty", START)
        root = self.node(next(self.events), 1)
        next(self.events)  # the end of the document
        event = next(self.events)
        if not isinstance(event, yaml.StreamEndEvent):
            self.stop(Code.YAML_SYNTAX, "a policy file is one document", _place(event))
        return root

    def node(self, event: yaml.Event, level: int) -> Node:
        place = _place(event)
        if level > MAX_LEVELS:
            self.stop(Code.TOO_DEEP, f"a policy file nests at most {MAX_LEVELS} deep", place)
        anchor, tag = getattr(event, "anchor", None), getattr(event, "tag", None)
        if isinstance(event, yaml.AliasEvent):
            self.fault(Code.YAML_ALIAS, f"alias `*{anchor}` is not allowed", place, "write the value out")
            return Scalar(None, place, exact=False, start=place)
        if anchor is not None:
            self.fault(Code.YAML_ALIAS, f"anchor `&{anchor}` is not allowed", place, "write the value out")
        if tag is not None:
            self.fault(Code.YAML_TAG, f"tag `{shorten(tag)}` is not allowed", place, "leave the tag out")
        if isinstance(event, yaml.ScalarEvent):
            return self.scalar(event, place)
        if isinstance(event, yaml.SequenceStartEvent):
            items = []
            while not isinstance(event := next(self.events), yaml.SequenceEndEvent):
                items.append(self.node(event, level + 1))
            return Sequence(tuple(items), place)
        return self.mapping(place, level)

    def mapping(self, place: Place, level: int) -> Mapping:
        entries: dict[str, tuple[Scalar, Node]] = {}
        while not isinstance(event := next(self.events), yaml.MappingEndEvent):
            key = self.node(event, level + 1)
            value = self.node(next(self.events), level + 1)
            if not isinstance(key, Scalar) or key.text is None:
                self.fault(Code.YAML_KEY, "a key is a plain word", key.place)
            elif key.text in entries:
                first = entries[key.text][0].place
                self.fault(
                    Code.DUPLICATE_KEY,
                    f"`{shorten(key.text)}` is written twice, first in line {first.line}",
                    key.place,
                )
            else:
                entries[key.text] = (key, value)
        return Mapping(entries, place)

    def scalar(self, event: yaml.ScalarEvent, place: Place) -> Scalar:
        text: str = event.value
        is_plain = event.style in (None, "")
        start = place if is_plain else Place(place.line, place.column + 1)
        line = self.lines[place.line - 1] if place.line <= len(self.lines) else ""
        if event.style == '"' and (hidden := hidden_character(text)):
            self.faults.append(_hidden_fault(hidden[0], place))
        exact = line[start.column - 1 : start.column - 1 + len(text)] == text
        return Scalar(None if is_plain and text in NULLS else text, place, exact, start)

    def fault(self, code: Code, message: str, place: Place, hint: str | None = None) -> None:
        self.faults.append(Diagnostic(code, message, place, hint))
        if len(self.faults) >= MAX_DIAGNOSTICS:
            raise _Stop

    def stop(self, code: Code, message: str, place: Place) -> None:
        self.fault(code, message, place)
        raise _Stop


def _place(event: yaml.Event) -> Place:
    start, end = cast("tuple[yaml.Mark, yaml.Mark]", (event.start_mark, event.end_mark))  # libyaml marks every event
    width = end.column - start.column if end.line == start.line else 1
    return Place(start.line + 1, start.column + 1, max(1, width))
