"""Gathers what is wrong in one policy file while it is being understood, each fault with its place in the file."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeVar

from pydantic import ValidationError

from policy_service.language.ast import Expr
from policy_service.language.check import Checker
from policy_service.language.diagnostics import Code, Diagnostic, shorten
from policy_service.language.misshapen import shape_faults
from policy_service.language.parser import Cell, parse, parse_cell
from policy_service.language.source import Mapping, Path, Scalar, find, find_key, full_width_hint
from policy_service.language.tokens import WORDS, ExpressionFault

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
"""What facts and outcomes are called."""
RULE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
"""What rules, bands and invariants are called."""

_SEVERAL = re.compile("[，、；]")
Parsed = TypeVar("Parsed", Expr, Cell)
MAX_FAULTS = 1_000
"""Faults after which reading on helps nobody."""


class TooManyFaults(Exception):  # not an error of its own: what was found is in `diagnostics`
    """There are so many faults that no more are looked for."""


class Findings:
    """The faults of one file so far, and the ways to note one."""

    def __init__(self, root: Mapping) -> None:
        self.root = root
        self.diagnostics: list[Diagnostic] = []

    def fault(self, code: Code, message: str, path: Path, hint: str | None = None) -> None:
        """Notes a fault of the value at `path`."""
        node = find(self.root, path)
        self._note(Diagnostic(code, message, node.place, full_width_hint(node) or hint))

    def key_fault(self, code: Code, message: str, path: Path, hint: str | None = None) -> None:
        """Notes a fault of the key that ends `path`."""
        parent = find(self.root, path[:-1])
        entry = parent.entries.get(str(path[-1])) if path and isinstance(parent, Mapping) else None
        hint = full_width_hint(entry[0] if entry else None) or hint
        self._note(Diagnostic(code, message, find_key(self.root, path), hint))

    def span_fault(self, code: Code, message: str, path: Path, span: tuple[int, int], hint: str | None = None) -> None:
        """Notes a fault of some characters of the text at `path`."""
        node = find(self.root, path)
        place = node.at(*span) if isinstance(node, Scalar) else node.place
        self._note(Diagnostic(code, message, place, hint))

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
        for diagnostic in shape_faults(error, self.root):
            self._note(diagnostic)

    def one_value(self, text: str, path: Path) -> None:
        """Notes a fault when text without quotes was meant as several values: `制造业，零售`."""
        if full_width_hint(node := find(self.root, path)) and (parts := _SEVERAL.split(text))[1:]:
            hint = f"write `{', '.join(parts)}`, or put it in quotes when it is one"
            self._note(Diagnostic(Code.INVALID_VALUE, f"`{shorten(text)}` is one value", node.place, hint))

    def _note(self, diagnostic: Diagnostic) -> None:
        if diagnostic in self.diagnostics:  # the head of a cross table is asked once a cell
            return
        self.diagnostics.append(diagnostic)
        if len(self.diagnostics) >= MAX_FAULTS:
            raise TooManyFaults
