"""Understands what a policy file decides by: a decision table, free rules or a scorecard."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal

from policy_service.language.ast import TRUE, And, Constant, Expr, In, IsMissing, Name, Negation, Not, Or, Range
from policy_service.language.check import Checker
from policy_service.language.diagnostics import Code, did_you_mean, shorten
from policy_service.language.document import BandDoc, PolicyDoc, RowDoc, RulesDoc, ScorecardDoc, TableDoc
from policy_service.language.evaluate import holds
from policy_service.language.findings import Findings
from policy_service.language.functions import ROUND
from policy_service.language.policy import AS_OF, SCORE, Aggregate, Bilingual, Fact, Hit, Outcome, Rule, Scorecard
from policy_service.language.source import Path
from policy_service.language.thens import Bounds, Giver
from policy_service.language.types import LIMIT, ChoiceType, DateType, DurationType, NumberType, Type, exact, parse_decimal

Form = Literal["table", "rules", "scorecard"]


@dataclass(frozen=True, slots=True)
class Logic:
    """What the file decides by."""

    form: Form
    hit: Hit
    aggregate: Aggregate | None
    inputs: tuple[str, ...]
    rules: tuple[Rule, ...]
    scorecard: Scorecard | None


class LogicReader:
    """Reads the logic of one file against its facts and outcomes."""

    def __init__(self, facts: Mapping[str, Fact], outcomes: Mapping[str, Outcome], findings: Findings) -> None:
        self.facts = facts
        self.outcomes = outcomes
        self.findings = findings
        names: dict[str, Type] = {name: fact.type for name, fact in facts.items()}
        self.names: dict[str, Type] = {**names, AS_OF: DateType()}
        self.optional = frozenset(name for name, fact in facts.items() if fact.optional)
        self.checker = Checker(self.names, self.optional)
        self.giver = Giver(self.checker, outcomes, findings)

    def read(self, doc: PolicyDoc) -> Logic | None:
        """The logic, or None after noting why there is none."""
        forms = {"table": doc.table, "rules": doc.rules, "scorecard": doc.scorecard}
        written = [(form, part) for form, part in forms.items() if part is not None]
        if len(written) != 1:
            found = " and ".join(form for form, _ in written) or "none"
            message = f"a policy has one of `table`, `rules` and `scorecard`, this one has {found}"
            self.findings.fault(Code.MISSING_KEY if not written else Code.KEY_NOT_ALLOWED, message, ())
            return None
        match written[0][1]:
            case TableDoc() as table:
                return self.table(table)
            case RulesDoc() as rules:
                return self.free_rules(rules)
            case ScorecardDoc() as scorecard:
                return self.scorecard(scorecard)

    # tables and free rules

    def table(self, doc: TableDoc) -> Logic | None:
        hit = self.hit(doc, "table")
        for index, name in enumerate(doc.inputs):
            if name not in self.names:
                hint = did_you_mean(name, self.names)
                self.findings.fault(Code.UNKNOWN_FACT, f"unknown fact `{shorten(name)}`", ("table", "inputs", index), hint)
            elif name in doc.inputs[:index]:
                self.findings.fault(Code.DUPLICATE_ID, f"`{name}` is a column already", ("table", "inputs", index))
        self.findings.ids((row.id, ("table", "rows", index, "id")) for index, row in enumerate(doc.rows))
        asked: set[str] = set()
        rules, bounds = [], []
        for index, row in enumerate(doc.rows):
            path: Path = ("table", "rows", index)
            cells = self.cells(row, doc.inputs, path, asked)
            if cells is None:
                continue
            when, known = cells[0], cells[1]
            then, bound = self.giver.give(row.then, path, known, count=hit is not None and hit[1] is Aggregate.COUNT)
            rules.append(Rule(row.id, when, then, _words(row), cells[2]))
            bounds.append(bound)
        for index, name in enumerate(doc.inputs):
            if name in self.optional and name not in asked:
                hint = 'add a row with "is missing" in this column'
                message = f"the table never says what holds when `{name}` is missing"
                self.findings.fault(Code.OPTIONAL_NOT_ASKED, message, ("table", "inputs", index), hint)
        return self.finish("table", hit, tuple(doc.inputs), rules, bounds)

    def cells(
        self, row: RowDoc, inputs: list[str], path: Path, asked: set[str]
    ) -> tuple[Expr, frozenset[str], tuple[Expr, ...]] | None:
        """A row's condition, the optional facts that are there when it holds, and its cells."""
        if len(row.when) != len(inputs):
            message = f"expected {len(inputs)} cells, one for each of {', '.join(inputs)}; found {len(row.when)}"
            self.findings.fault(Code.WRONG_CELL_COUNT, shorten(message, 300), (*path, "when"))
            return None
        cells = [self.findings.cell(text, inputs[index], (*path, "when", index)) for index, text in enumerate(row.when)]
        columns = [(name, index, cell) for index, (name, cell) in enumerate(zip(inputs, cells, strict=True)) if cell]
        guarded = [name for name, _, cell in columns if name in self.optional and not cell.asks]
        asked.update(name for name, _, cell in columns if cell.asks and cell.condition != TRUE)
        known = frozenset(guarded)
        for name, index, cell in columns:
            if name in self.names:
                self.checker.infer(cell.condition)
                known = self.checker.presence(cell.condition, known)[0]
                self.findings.take(self.checker, (*path, "when", index))
        guards = [Not(operand=IsMissing(fact=Name(name=name))) for name in guarded]
        conditions = tuple(cell.condition for _, _, cell in columns)
        parts = (*guards, *(condition for condition in conditions if condition != TRUE))
        when = TRUE if not parts else parts[0] if len(parts) == 1 else And(operands=parts)
        return when, known, conditions

    def free_rules(self, doc: RulesDoc) -> Logic | None:
        hit = self.hit(doc, "rules")
        self.findings.ids((row.id, ("rules", "rows", index, "id")) for index, row in enumerate(doc.rows))
        rules, bounds = [], []
        for index, row in enumerate(doc.rows):
            path: Path = ("rules", "rows", index)
            when, known = self.condition(row.when, (*path, "when"))
            then, bound = self.giver.give(row.then, path, known, count=hit is not None and hit[1] is Aggregate.COUNT)
            rules.append(Rule(row.id, when, then, _words(row)))
            bounds.append(bound)
        return self.finish("rules", hit, (), rules, bounds)

    def condition(self, text: str, path: Path) -> tuple[Expr, frozenset[str]]:
        """A condition, and the optional facts that are there when it holds."""
        expression = self.findings.expression(text, path)
        if expression is None:
            return TRUE, self.optional
        known = self.checker.condition(expression)
        self.findings.take(self.checker, path)
        return expression, known

    def finish(
        self, form: Form, hit: tuple[Hit, Aggregate | None] | None, inputs: tuple[str, ...], rules: list[Rule], bounds: list[Bounds]
    ) -> Logic | None:
        if hit is None:
            return None
        if hit[1] is Aggregate.SUM and (kind := next(iter(self.outcomes.values())).type) and isinstance(kind, NumberType):
            low, high = (sum(edge(0, bound[i]) for bound in bounds if bound) for i, edge in ((0, min), (1, max)))
            size = 10**kind.scale
            if low * size < kind.low or high * size > kind.high:
                message = f"the sum can be anything from {low} to {high}, outside what the outcome may be"
                self.findings.fault(Code.MAY_EXCEED, message, (form, "aggregate"), "cap the values with `min(…)` and `max(…)`")
        return Logic(form, hit[0], hit[1], inputs, tuple(rules), None)

    def hit(self, doc: TableDoc | RulesDoc, form: Form) -> tuple[Hit, Aggregate | None] | None:
        """The hit policy and the aggregate, or None after noting why there is none."""
        if doc.hit not in [*Hit]:
            hint = did_you_mean(doc.hit.upper(), [*Hit]) or f"the hit policies are {', '.join(Hit)}"
            self.findings.fault(Code.HIT_POLICY, f"unknown hit policy `{shorten(doc.hit)}`", (form, "hit"), hint)
            return None
        if doc.aggregate is not None and doc.aggregate not in [*Aggregate]:
            hint = f"the aggregates are {', '.join(Aggregate)}; leave it out to list the outcomes"
            self.findings.fault(Code.HIT_POLICY, f"unknown aggregate `{shorten(doc.aggregate)}`", (form, "aggregate"), hint)
            return None
        hit, aggregate = Hit(doc.hit), Aggregate(doc.aggregate) if doc.aggregate else None
        kinds = [outcome.type for outcome in self.outcomes.values()]
        if aggregate and hit is not Hit.COLLECT:
            self.findings.fault(Code.HIT_POLICY, "`aggregate` goes with `hit: COLLECT`", (form, "aggregate"))
        elif aggregate and (len(kinds) != 1 or not isinstance(kinds[0], _AGGREGATED[aggregate])):
            message = f"`aggregate: {aggregate}` needs exactly one outcome, {_SUMMABLE[aggregate]}"
            self.findings.fault(Code.HIT_POLICY, message, (form, "aggregate"))
        elif aggregate is Aggregate.COUNT and kinds[0] != NumberType("integer"):
            self.findings.fault(Code.HIT_POLICY, "`aggregate: count` needs an integer without `min` and `max`", (form, "aggregate"))
        elif hit in (Hit.PRIORITY, Hit.OUTPUT_ORDER) and not any(isinstance(kind, ChoiceType) for kind in kinds):
            message = f"`{hit}` goes by the order of a choice's words, and no outcome is a choice"
            self.findings.fault(Code.HIT_POLICY, message, (form, "hit"))
        else:
            return hit, aggregate
        return None

    # scorecards

    def scorecard(self, doc: ScorecardDoc) -> Logic | None:
        scale = int(doc.scale) if doc.scale in {*"0123456"} else None
        base = parse_decimal(doc.base)
        if scale is None or base is None or (base * 10**scale).denominator != 1:
            message = "`base` is a number with at most `scale` decimals, and `scale` is 0 to 6"
            self.findings.fault(Code.INVALID_VALUE, message, ("scorecard", "base" if doc.base != "0" else "scale"))
            return None
        lines = [(row.id, ("scorecard", "rows", index, "id")) for index, row in enumerate(doc.rows)]
        lines += [(band.id, ("scorecard", "bands", index, "id")) for index, band in enumerate(doc.bands)]
        self.findings.ids(lines)
        kind = NumberType("number" if scale else "integer", scale)
        low, high = base, base
        rules = []
        for index, row in enumerate(doc.rows):
            path: Path = ("scorecard", "rows", index)
            when, known = self.condition(row.when, (*path, "when"))
            points, bound = self.giver.value(row.points, kind, (*path, "points"), known)
            if points is not None:
                rules.append(Rule(row.id, when, (points,), Bilingual(row.because.zh, row.because.en)))
            if bound:
                low, high = low + min(0, bound[0]), high + max(0, bound[1])
        size = 10**scale
        if low * size < -LIMIT or high * size > LIMIT:
            self.findings.fault(Code.MAY_EXCEED, "the total can leave ±2^53", ("scorecard", "rows"), "cap the points with `min(…)`")
            return None
        total = NumberType(kind.kind, scale, int(low * size), int(high * size))
        bands = [self.band(band, index, total) for index, band in enumerate(doc.bands)]
        known_bands = tuple(band for band in bands if band is not None)
        if len(known_bands) == len(bands) and not self.findings.diagnostics:
            self.coverage(known_bands, total)
        return Logic("scorecard", Hit.UNIQUE, None, (), tuple(rules), Scorecard(total, int(base * size), known_bands))

    def band(self, doc: BandDoc, index: int, total: NumberType) -> Rule | None:
        path: Path = ("scorecard", "bands", index)
        cell = self.findings.cell(doc.when, SCORE, (*path, "when"))
        if cell is None:
            return None
        if cell.asks or constants(cell.condition) is None:
            message = "a band tests the total against plain numbers"
            self.findings.fault(Code.SYNTAX, message, (*path, "when"), 'write "< 40", "[40..70)" or ">= 70"')
            return None
        checker = Checker({**self.names, SCORE: total}, self.optional)
        checker.condition(cell.condition)
        self.findings.take(checker, (*path, "when"))
        then, _ = Giver(checker, self.outcomes, self.findings).give(doc.then, path, frozenset(), count=False)
        return Rule(doc.id, cell.condition, then, Bilingual(doc.because.zh, doc.because.en))

    def coverage(self, bands: tuple[Rule, ...], total: NumberType) -> None:
        """Every possible total lies in exactly one band.

        A band can only change its mind at the numbers it names, so it is enough to ask at those and beside them.
        """
        size = 10**total.scale
        edges = {ROUND["floor"](edge * size) for band in bands for edge in constants(band.when) or ()}
        asked = {total.low, total.high} | {edge + step for edge in edges for step in (-1, 0, 1)}
        for score in sorted(score for score in asked if total.low <= score <= total.high):
            shown = exact(total, score)
            inside = [index for index, band in enumerate(bands) if holds(band.when, {SCORE: shown})]
            if not inside:
                hint = f"totals run from {exact(total, total.low)} to {exact(total, total.high)}"
                self.findings.fault(Code.BAND_GAP, f"no band holds a total of {shown}", ("scorecard", "bands"), hint)
                return
            if len(inside) > 1:
                names = " and ".join(f"`{bands[index].id}`" for index in inside)
                path = ("scorecard", "bands", inside[1], "when")
                self.findings.fault(Code.BAND_OVERLAP, f"{names} both hold a total of {shown}", path)
                return


_AGGREGATED: Mapping[Aggregate, type | tuple[type, ...]] = {
    Aggregate.SUM: NumberType,
    Aggregate.COUNT: NumberType,
    Aggregate.MIN: (NumberType, DateType, DurationType),
    Aggregate.MAX: (NumberType, DateType, DurationType),
}
_SUMMABLE = {
    Aggregate.SUM: "a number or an amount",
    Aggregate.COUNT: "an integer",
    Aggregate.MIN: "a number, an amount, a date or a duration",
    Aggregate.MAX: "a number, an amount, a date or a duration",
}


def constants(condition: Expr) -> set[Fraction] | None:
    """The numbers a band names, or None when it is more than tests of the total against plain numbers."""
    match condition:
        case Not(operand=operand):
            return constants(operand)
        case Or(operands=parts):
            found = [constants(part) for part in parts]
            return None if None in found else {number for numbers in found for number in numbers or ()}
        case In(operand=Name(), tests=tests):
            numbers = [_number(part) for test in tests for part in ((test.low, test.high) if isinstance(test, Range) else (test.value,))]
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


def _words(doc: RowDoc | BandDoc | object) -> Bilingual:
    because = doc.because  # type: ignore[attr-defined]
    return Bilingual(because.zh, because.en)
