"""Collects the errors of one policy file while it is read, each with its position."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from typing import TypeVar

from pydantic import ValidationError

from policy_service.language.ast import Expr
from policy_service.language.check import Checker
from policy_service.language.diagnostics import Code, Diagnostic, shorten
from policy_service.language.parser import Cell, parse, parse_cell
from policy_service.language.shape_errors import shape_errors
from policy_service.language.source import Mapping, Path, Scalar, find_key_span, find_node, full_width_hint
from policy_service.language.tokens import WORDS, ExpressionSyntaxError

NAME = re.compile(r"[a-z][a-z0-9_]{0,63}")
"""The pattern of names of facts and outcomes."""
RULE_ID = re.compile(r"[A-Za-z0-9][A-Za-z0-9._+-]{0,63}")
"""The pattern of ids of rules, bands and invariants."""

_SEVERAL = re.compile("[，、；]")
Parsed = TypeVar("Parsed", Expr, Cell)
MAX_ERRORS = 1_000
"""Number of errors after which reading stops."""


class TooManyErrors(Exception):  # control flow: the errors are in `diagnostics`
    """Raised at the maximum number of errors, to stop reading."""


class Findings:
    """The errors of one file so far."""

    def __init__(self, root: Mapping) -> None:
        self.root = root
        self.diagnostics: list[Diagnostic] = []

    def add_error(self, code: Code, message: str, path: Path, hint: str | None = None) -> None:
        """Report an error of the value at `path`."""
        node = find_node(self.root, path)
        self._add(Diagnostic(code, message, node.span, full_width_hint(node) or hint))

    def add_key_error(self, code: Code, message: str, path: Path, hint: str | None = None) -> None:
        """Report an error of the key that ends `path`."""
        parent = find_node(self.root, path[:-1])
        entry = parent.entries.get(str(path[-1])) if path and isinstance(parent, Mapping) else None
        hint = full_width_hint(entry[0] if entry else None) or hint
        self._add(Diagnostic(code, message, find_key_span(self.root, path), hint))

    def add_span_error(
        self, code: Code, message: str, path: Path, span: tuple[int, int], hint: str | None = None
    ) -> None:
        """Report an error of some characters of the text at `path`."""
        node = find_node(self.root, path)
        source_span = node.span_of(*span) if isinstance(node, Scalar) else node.span
        self._add(Diagnostic(code, message, source_span, hint))

    def read_expression(self, text: str, path: Path) -> Expr | None:
        """Return the expression at `path`; None after reporting errors."""
        return self._read(text, path, parse)

    def read_cell(self, text: str, column: str, path: Path) -> Cell | None:
        """Return the cell at `path`; None after reporting errors."""
        return self._read(text, path, lambda text: parse_cell(text, column))

    def _read(self, text: str, path: Path, reader: Callable[[str], Parsed]) -> Parsed | None:
        try:
            return reader(text)
        except ExpressionSyntaxError as error:
            self.add_span_error(error.code, error.message, path, (error.start, error.end), error.hint)
            return None

    def take_errors(self, checker: Checker, path: Path) -> bool:
        """Move the checker's errors here, for the text at `path`; return whether there were any."""
        for error in checker.errors:
            self.add_span_error(error.code, error.message, path, error.span, error.hint)
        had_errors = bool(checker.errors)
        checker.errors.clear()
        return had_errors

    def check_name(self, name: str, path: Path) -> None:
        """Report an error if `name` is not allowed for a fact or outcome."""
        if not NAME.fullmatch(name):
            hint = "lower-case letters, digits and underscores, a letter first, at most 64"
            self.add_key_error(Code.INVALID_NAME, f"`{shorten(name)}` is no name", path, hint)
        elif name in WORDS:
            self.add_key_error(Code.INVALID_NAME, f"`{name}` is a word of the language", path, f"call it `{name}_`")

    def check_ids(self, ids: Iterable[tuple[str, Path]]) -> None:
        """Report an error for every invalid or duplicate id."""
        seen: set[str] = set()
        for id_, path in ids:
            if not RULE_ID.fullmatch(id_):
                hint = "letters, digits and . _ + -, at most 64"
                self.add_error(Code.INVALID_NAME, f"`{shorten(id_)}` is no id", path, hint)
            elif id_ in seen:
                self.add_error(Code.DUPLICATE_ID, f"`{id_}` is used twice", path)
            seen.add(id_)

    def add_shape_errors(self, error: ValidationError) -> None:
        """Report every error of the file's shape, in the author's words."""
        for diagnostic in shape_errors(error, self.root):
            self._add(diagnostic)

    def check_one_value(self, text: str, path: Path) -> None:
        """Report an error if unquoted text was meant as several values: `制造业，零售`."""
        if full_width_hint(node := find_node(self.root, path)) and (parts := _SEVERAL.split(text))[1:]:
            hint = f"write `{', '.join(parts)}`, or put it in quotes when it is one"
            self._add(Diagnostic(Code.INVALID_VALUE, f"`{shorten(text)}` is one value", node.span, hint))

    def _add(self, diagnostic: Diagnostic) -> None:
        if diagnostic in self.diagnostics:  # the head of a cross table is read once per cell
            return
        self.diagnostics.append(diagnostic)
        if len(self.diagnostics) >= MAX_ERRORS:
            raise TooManyErrors
