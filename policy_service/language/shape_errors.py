"""Translates pydantic's errors about the shape of a file into the author's words and keys: one error per position.

A value with two allowed forms (`then` is a list, or keys with values) gives one error, not one per form.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from pydantic import ValidationError

from policy_service.language.diagnostics import Code, Diagnostic, did_you_mean, shorten
from policy_service.language.source import Mapping as SourceMapping
from policy_service.language.source import Node, Path, Scalar, Sequence, find_key_span, find_node, full_width_hint

_KINDS = {
    "string_type": "text",
    "dict_type": "keys with values",
    "model_type": "keys with values",
    "model_attributes_type": "keys with values",
    "list_type": "a list",
    "bool_type": "`true` or `false`",
    "string_too_short": "text",
}
"""The expectation for each of pydantic's error types."""

_KNOWN_KEYS = frozenset(
    [
        "policy",
        "version",
        "title",
        "source",
        "notes",
        "subject",
        "facts",
        "outcome",
        "table",
        "rules",
        "cross_table",
        "down",
        "across",
        "columns",
        "cells",
        "otherwise",
        "scorecard",
        "examples",
        "invariants",
        "type",
        "optional",
        "sensitive",
        "scale",
        "currency",
        "min",
        "max",
        "of",
        "ordered",
        "from",
        "measure",
        "replaceable",
        "hit",
        "aggregate",
        "inputs",
        "rows",
        "bands",
        "base",
        "id",
        "when",
        "words",
        "then",
        "because",
        "points",
        "name",
        "as_of",
        "rule",
        "missing",
        "status",
        "says",
        "increasing",
        "decreasing",
        "never_lowers",
        "never_raises",
        "always",
        "zh",
        "en",
    ]
)


def shape_errors(error: ValidationError, root: SourceMapping) -> Iterator[Diagnostic]:
    """Yield every error of the file's shape."""
    expected: dict[Path, list[str]] = {}
    for detail in error.errors(include_url=False, include_input=False):
        path = _path(detail["loc"], root, whole=detail["type"] == "missing")
        kind, context = detail["type"], detail.get("ctx", {})
        match kind, context:
            case "missing", _:
                yield Diagnostic(Code.MISSING_KEY, f"`{path[-1]}` is missing", find_key_span(root, path))
            case "extra_forbidden", _:
                yield _unknown_key(str(path[-1]), root, path)
            case "too_long", {"max_length": most} if path[-1] == "rows":
                message = f"a policy has at most {most:,} rules, this one {_length(find_node(root, path)):,}"
                yield Diagnostic(
                    Code.TOO_MANY_RULES, message, find_key_span(root, path), "split the policy into several"
                )
            case _:
                words = _KINDS.get(kind) or _limit(kind, context, find_node(root, path)) or "another value"
                expected.setdefault(path, []).append(words)
    prefixes = {path[:length] for path in expected for length in range(len(path))}
    for path, kinds in expected.items():
        if path not in prefixes:
            alternatives = " or ".join(dict.fromkeys(kinds))
            yield Diagnostic(Code.WRONG_SHAPE, f"expected {alternatives}", find_node(root, path).span)


def _unknown_key(key: str, root: SourceMapping, path: Path) -> Diagnostic:
    parent = find_node(root, path[:-1])
    known = [
        word for word in sorted(_KNOWN_KEYS) if not isinstance(parent, SourceMapping) or word not in parent.entries
    ]
    entry = parent.entries.get(key) if isinstance(parent, SourceMapping) else None
    hint = full_width_hint(entry[0] if entry else None) or did_you_mean(key, known)
    if isinstance(value := find_node(root, path), Scalar) and value.text is None:
        hint = hint or "a comma in `{…}` begins a new key; text with a comma stands in quotes"
    return Diagnostic(Code.UNKNOWN_KEY, f"unknown key `{shorten(key)}`", find_key_span(root, path), hint)


def _length(node: Node) -> int:
    return (
        len(node.items) if isinstance(node, Sequence) else len(node.entries) if isinstance(node, SourceMapping) else 0
    )


def _limit(kind: str, context: Mapping[str, Any], node: Node) -> str | None:
    """Return the expectation for a value that is too long, too short, or not one of a few words."""
    match kind, context:
        case "too_long", {"max_length": most}:
            return f"at most {most:,} entries, found {_length(node):,}"
        case "too_short", _:
            return "at least one entry, found none"
        case "string_too_long", {"max_length": most}:
            return f"at most {most:,} characters"
        case "literal_error", {"expected": words}:
            return str(words).replace("'", "`")
        case _:
            return None


def _path(location: tuple[str | int, ...], root: SourceMapping, *, whole: bool) -> Path:
    """Return the steps of pydantic's location that are in the file, since it also includes union members.

    The last step of a `whole` location is a missing key.
    """
    path: list[str | int] = []
    node: Node = root
    for step in location[:-1] if whole else location:
        match node, step:
            case (SourceMapping(), str()) if step in node.entries:
                node = node.entries[step][1]
            case (Sequence(), int()):
                node = node.items[step]
            case _:
                continue
        path.append(step)
    return (*path, location[-1]) if whole else tuple(path)
