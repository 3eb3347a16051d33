"""Gathers what is wrong in one policy file while it is being understood, each fault with its place in the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeVar

from pydantic import ValidationError

from policy_service.language.ast import Expr
from policy_service.language.check import Checker
from policy_service.language.diagnostics import Code, Diagnostic, did_you_mean, shorten
from policy_service.language.parser import Cell, parse, parse_cell
from policy_service.language.source import Mapping, Path, Scalar, find, find_key
from policy_service.language.tokens import WORDS, ExpressionFault

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
"""What facts and outcomes are called."""
RULE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
"""What rules, bands and invariants are called."""

Parsed = TypeVar("Parsed", Expr, Cell)


class Findings:
    """The faults of one file so far, and the ways to note one."""

    def __init__(self, root: Mapping) -> None:
        self.root = root
        self.diagnostics: list[Diagnostic] = []

    def fault(self, code: Code, message: str, path: Path, hint: str | None = None) -> None:
        """Notes a fault of the value at `path`."""
        self.diagnostics.append(Diagnostic(code, message, find(self.root, path).place, hint))

    def key_fault(self, code: Code, message: str, path: Path, hint: str | None = None) -> None:
        """Notes a fault of the key that ends `path`."""
        self.diagnostics.append(Diagnostic(code, message, find_key(self.root, path), hint))

    def span_fault(self, code: Code, message: str, path: Path, span: tuple[int, int], hint: str | None = None) -> None:
        """Notes a fault of some characters of the text at `path`."""
        node = find(self.root, path)
        place = node.at(*span) if isinstance(node, Scalar) else node.place
        self.diagnostics.append(Diagnostic(code, message, place, hint))

    def expression(self, text: str, path: Path) -> Expr | None:
        """The expression written at `path`, or None after noting why there is none."""
        return self._parsed(text, path, parse)

    def cell(self, text: str, column: str, path: Path) -> Cell | None:
        """The cell written at `path`, or None after noting why there is none."""
        return self._parsed(text, path, lambda text: parse_cell(text, column))

    def _parsed(self, text: str, path: Path, reader: Callable[[str], Parsed]) -> Parsed | None:
        try:
            return reader(text)
        except ExpressionFault as error:
            self.span_fault(error.code, error.message, path, (error.start, error.end), error.hint)
            return None

    def take(self, checker: Checker, path: Path) -> bool:
        """Moves the checker's faults here, as faults of the text at `path`; gives whether there were any."""
        for fault in checker.faults:
            self.span_fault(fault.code, fault.message, path, fault.span, fault.hint)
        found = bool(checker.faults)
        checker.faults.clear()
        return found

    def name(self, name: str, path: Path) -> None:
        """Notes a fault when a fact or an outcome cannot be called `name`."""
        if not NAME.fullmatch(name):
            hint = "lower-case letters, digits and underscores, a letter first, at most 64"
            self.key_fault(Code.INVALID_NAME, f"`{shorten(name)}` is no name", path, hint)
        elif name in WORDS:
            self.key_fault(Code.INVALID_NAME, f"`{name}` is a word of the language", path, f"call it `{name}_`")

    def ids(self, ids: Iterable[tuple[str, Path]]) -> None:
        """Notes a fault for every id that is no id or stands twice."""
        seen: set[str] = set()
        for id_, path in ids:
            if not RULE_ID.fullmatch(id_):
                hint = "letters, digits and . _ + -, at most 64"
                self.fault(Code.INVALID_NAME, f"`{shorten(id_)}` is no id", path, hint)
            elif id_ in seen:
                self.fault(Code.DUPLICATE_ID, f"`{id_}` is used twice", path)
            seen.add(id_)

    def shape(self, error: ValidationError) -> None:
        """Notes every fault of the file's shape, in the author's words."""
        for detail in error.errors():
            path = tuple(step for step in detail["loc"] if _is_key(step))
            match detail["type"]:
                case "missing":
                    self.key_fault(Code.MISSING_KEY, f"`{path[-1]}` is missing", path)
                case "extra_forbidden":
                    parent = find(self.root, path[:-1])
                    known = _KNOWN_KEYS - set(parent.entries) if isinstance(parent, Mapping) else _KNOWN_KEYS
                    self.key_fault(Code.UNKNOWN_KEY, f"unknown key `{shorten(str(path[-1]))}`", path, did_you_mean(str(path[-1]), known))
                case kind:
                    self.fault(Code.WRONG_SHAPE, _SHAPES.get(kind) or detail["msg"][:1].lower() + detail["msg"][1:], path)


_SHAPES = {
    "string_type": "expected text",
    "dict_type": "expected keys with values",
    "model_type": "expected keys with values",
    "model_attributes_type": "expected keys with values",
    "list_type": "expected a list",
    "bool_type": "expected `true` or `false`",
    "string_too_short": "expected text, found nothing",
}
"""Shape faults in the author's words, by pydantic's name for them."""

_KNOWN_KEYS = frozenset(
    "policy version title source notes subject facts outcome table rules scorecard examples invariants type optional sensitive "
    "scale currency min max of ordered from measure hit aggregate inputs rows bands base id when then because points name "
    "as_of rule missing status says increasing decreasing never_lowers never_raises always zh en".split()
)


def _is_key(step: str | int) -> bool:
    """Whether a step of pydantic's path is one of the file's own, and not the name of a type tried."""
    return isinstance(step, int) or not re.search(r"[\[\](]|^(str|none|list|dict)$", step)
