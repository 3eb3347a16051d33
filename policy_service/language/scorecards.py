"""Reads scorecards: rules that add points, and bands of which exactly one contains each possible total."""

from __future__ import annotations

import re
from collections.abc import Callable
from fractions import Fraction

from policy_service.language.ast import Constant, Expr, In, Name, Negation, Not, Or
from policy_service.language.check import Checker
from policy_service.language.declare import title_of, to_bilingual
from policy_service.language.definedness import operands_of_test
from policy_service.language.diagnostics import Code
from policy_service.language.document import BandDoc, ScorecardDoc
from policy_service.language.evaluate import holds
from policy_service.language.findings import Findings
from policy_service.language.functions import ROUND
from policy_service.language.policy import SCORE, Rule, Scorecard
from policy_service.language.source import Path
from policy_service.language.then_values import ThenReader
from policy_service.language.types import LIMIT, MAX_SCALE, NumberType, parse_decimal, to_exact

MAX_EDGES = 300
"""Maximum number of distinct numbers in the bands of a scorecard."""
ReadCondition = Callable[[str, Path], tuple[Expr, frozenset[str]]]
"""Parses a condition; returns it with the optional facts known to be present if it is true."""


class ScorecardReader:
    """Reads a scorecard, given the facts and outcomes of its file."""

    def __init__(
        self, checker: Checker, then_reader: ThenReader, findings: Findings, read_condition: ReadCondition
    ) -> None:
        self.checker = checker
        self.then_reader = then_reader
        self.findings = findings
        self.read_condition = read_condition

    def read(self, doc: ScorecardDoc) -> tuple[tuple[Rule, ...], Scorecard] | None:
        """Return the rules and the scorecard; None after reporting errors."""
        scale = int(doc.scale) if re.fullmatch(f"[0-{MAX_SCALE}]", doc.scale) else None
        base = parse_decimal(doc.base)
        if scale is None:
            message = f"`scale` is the number of decimals, 0 to {MAX_SCALE}"
            self.findings.add_error(Code.INVALID_VALUE, message, ("scorecard", "scale"))
            return None
        if base is None or (base * 10**scale).denominator != 1:
            message = f"`base` is a number with at most {scale} decimals"
            self.findings.add_error(
                Code.INVALID_VALUE,
                message,
                ("scorecard", "base"),
                "`scale` says how many decimals points have",
            )
            return None
        lines = [(row.id, ("scorecard", "rows", index, "id")) for index, row in enumerate(doc.rows)]
        lines += [(band.id, ("scorecard", "bands", index, "id")) for index, band in enumerate(doc.bands)]
        self.findings.check_ids(lines)
        kind = NumberType("number" if scale else "integer", scale)
        low, high = base, base
        rules = []
        for index, row in enumerate(doc.rows):
            path: Path = ("scorecard", "rows", index)
            when, known = self.read_condition(row.when, (*path, "when"))
            points, bound = self.then_reader.read_value(row.points, kind, (*path, "points"), known)
            if points is not None:
                rules.append(Rule(row.id, when, (points,), to_bilingual(row.because), title=title_of(row)))
            if bound:
                low, high = low + min(Fraction(0), bound[0]), high + max(Fraction(0), bound[1])
        size = 10**scale
        if low * size < -LIMIT or high * size > LIMIT:
            self.findings.add_error(
                Code.MAY_EXCEED,
                "the total can leave ±2^53",
                ("scorecard", "rows"),
                "cap the points with `min(…)`",
            )
            return None
        total = NumberType(kind.kind, scale, int(low * size), int(high * size))
        bands = [self.read_band(band, index, total) for index, band in enumerate(doc.bands)]
        known_bands = tuple(band for band in bands if band is not None)
        if len(known_bands) == len(bands) and not self.findings.diagnostics:
            self.check_coverage(known_bands, total)
        return tuple(rules), Scorecard(total, int(base * size), known_bands)

    def read_band(self, doc: BandDoc, index: int, total: NumberType) -> Rule | None:
        path: Path = ("scorecard", "bands", index)
        cell = self.findings.read_cell(doc.when, SCORE, (*path, "when"))
        if cell is None:
            return None
        if cell.handles_missing or tested_numbers(cell.condition) is None:
            message = "a band tests the total against plain numbers"
            self.findings.add_error(Code.SYNTAX, message, (*path, "when"), 'write "< 40", "[40..70)" or ">= 70"')
            return None
        checker = Checker({**self.checker.names, SCORE: total}, self.checker.optional)
        checker.check_condition(cell.condition)
        self.findings.take_errors(checker, (*path, "when"))
        then, _ = ThenReader(checker, self.then_reader.outcomes, self.findings).read(
            doc.then, path, frozenset(), count=False
        )
        return Rule(doc.id, cell.condition, then, to_bilingual(doc.because), title=title_of(doc))

    def check_coverage(self, bands: tuple[Rule, ...], total: NumberType) -> None:
        """Check that every possible total is in exactly one band.

        A band can only change at the numbers it names, so it suffices to test those and their neighbours.
        """
        size = 10**total.scale
        edges = {ROUND["floor"](edge * size) for band in bands for edge in tested_numbers(band.when) or ()}
        if len(edges) > MAX_EDGES:
            message = f"the bands name {len(edges):,} numbers, at most {MAX_EDGES} are allowed"
            self.findings.add_error(Code.TOO_COMPLEX, message, ("scorecard", "bands"))
            return
        samples = {total.low, total.high} | {edge + step for edge in edges for step in (-1, 0, 1)}
        for score in sorted(score for score in samples if total.low <= score <= total.high):
            total_value = to_exact(total, score)
            containing = [index for index, band in enumerate(bands) if holds(band.when, {SCORE: total_value})]
            if not containing:
                hint = f"totals run from {to_exact(total, total.low)} to {to_exact(total, total.high)}"
                self.findings.add_error(
                    Code.BAND_GAP, f"no band holds a total of {total_value}", ("scorecard", "bands"), hint
                )
                return
            if len(containing) > 1:
                names = " and ".join(f"`{bands[index].id}`" for index in containing)
                path = ("scorecard", "bands", containing[1], "when")
                self.findings.add_error(Code.BAND_OVERLAP, f"{names} both hold a total of {total_value}", path)
                return


def tested_numbers(condition: Expr) -> set[Fraction] | None:
    """Return the numbers in a band; None if it does more than compare the total with plain numbers."""
    match condition:
        case Not(operand=operand):
            return tested_numbers(operand)
        case Or(operands=parts):
            number_sets = [tested_numbers(part) for part in parts]
            return None if None in number_sets else {number for numbers in number_sets for number in numbers or ()}
        case In(operand=Name(name=name), tests=tests) if name == SCORE:
            numbers = [_number(part) for test in tests for part in operands_of_test(test)]
            return None if None in numbers else {number for number in numbers if number is not None}
        case _:
            return None


def _number(expression: Expr) -> Fraction | None:
    match expression:
        case Constant(value=Fraction() as number):
            return number
        case Negation(operand=Constant(value=Fraction() as number)):
            return -number
        case _:
            return None
