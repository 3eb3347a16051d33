"""Understands what a policy file decides by: a decision table, free rules or a scorecard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Literal, assert_never

from policy_service.language.ast import (
    FALSE,
    TRUE,
    And,
    Expr,
    IsMissing,
    Name,
    Not,
)
from policy_service.language.check import Checker
from policy_service.language.declare import title_of, words_of
from policy_service.language.diagnostics import Code, counted, did_you_mean, shorten
from policy_service.language.document import PolicyDoc, RowDoc, RuleDoc, RulesDoc, ScorecardDoc, TableDoc
from policy_service.language.findings import Findings
from policy_service.language.policy import (
    AS_OF,
    OTHERWISE,
    Aggregate,
    Fact,
    Hit,
    Outcome,
    Rule,
    Scorecard,
)
from policy_service.language.scorecards import ScorecardReader
from policy_service.language.source import Path
from policy_service.language.thens import Bounds, Giver, show_number
from policy_service.language.types import (
    UNKNOWN_TYPE,
    ChoiceType,
    DateType,
    DurationType,
    NumberType,
    Type,
    describe,
)

Form = Literal["table", "rules", "scorecard"]
NOTHING = Fraction(0)


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
            case other:
                assert_never(other)

    # tables and free rules

    def table(self, doc: TableDoc) -> Logic | None:
        hit = self.hit(doc, "table")
        for index, name in enumerate(doc.inputs):
            if name not in self.names:
                hint = did_you_mean(name, self.names)
                self.findings.fault(
                    Code.UNKNOWN_FACT, f"unknown fact `{shorten(name)}`", ("table", "inputs", index), hint
                )
            elif name in doc.inputs[:index]:
                self.findings.fault(Code.DUPLICATE_ID, f"`{name}` is a column already", ("table", "inputs", index))
        self.ids(doc, "table")
        asked: set[str] = set()
        rules, bounds = [], []
        for index, row in enumerate(doc.rows):
            path: Path = ("table", "rows", index)
            cells = self.cells(row, doc.inputs, path, asked)
            if cells is None:
                continue
            when, known = cells[0], cells[1]
            then, bound = self.giver.give(row.then, path, known, count=doc.aggregate == Aggregate.COUNT)
            rules.append(Rule(row.id, when, then, words_of(row.because), cells[2], title=title_of(row)))
            bounds.append(bound)
        for index, name in enumerate(doc.inputs):
            if name in self.optional and name not in asked:
                hint = 'add a row with "is missing" in this column'
                message = f"the table never says what holds when `{name}` is missing"
                self.findings.fault(Code.OPTIONAL_NOT_ASKED, message, ("table", "inputs", index), hint)
        rules += self.otherwise(doc, "table", len(doc.inputs))
        return self.finish("table", hit, tuple(doc.inputs), rules, bounds)

    def cells(
        self, row: RowDoc, inputs: list[str], path: Path, asked: set[str]
    ) -> tuple[Expr, frozenset[str], tuple[Expr, ...]] | None:
        """A row's condition, the optional facts that are there when it holds, and its cells."""
        if len(row.when) != len(inputs):
            message = f"expected {counted(len(inputs), 'cell')}, for {', '.join(inputs)}; found {len(row.when)}"
            hint = "a cell with a comma stands in quotes" if len(row.when) > len(inputs) else None
            self.findings.fault(Code.WRONG_CELL_COUNT, shorten(message, 300), (*path, "when"), hint)
            return None
        cells = [self.findings.cell(text, inputs[index], (*path, "when", index)) for index, text in enumerate(row.when)]
        columns = [(name, index, cell) for index, (name, cell) in enumerate(zip(inputs, cells, strict=True)) if cell]
        guarded = [name for name, _, cell in columns if name in self.optional and not cell.asks]
        asked.update(name for name, _, cell in columns if cell.asks and cell.condition != TRUE)
        known = frozenset(guarded)
        for name, index, cell in columns:
            if name in self.names:
                known = self.checker.condition(cell.condition, known)
                self.findings.take(self.checker, (*path, "when", index))
        guards = [Not(operand=IsMissing(fact=Name(name=name))) for name in guarded]
        conditions = tuple(cell.condition for _, _, cell in columns)
        parts = (*guards, *(condition for condition in conditions if condition != TRUE))
        when = TRUE if not parts else parts[0] if len(parts) == 1 else And(operands=parts)
        return when, known, conditions

    def free_rules(self, doc: RulesDoc) -> Logic | None:
        hit = self.hit(doc, "rules")
        self.ids(doc, "rules")
        rules, bounds = [], []
        for index, row in enumerate(doc.rows):
            path: Path = ("rules", "rows", index)
            when, known = self.condition(row.when, (*path, "when"))
            then, bound = self.giver.give(row.then, path, known, count=doc.aggregate == Aggregate.COUNT)
            rules.append(Rule(row.id, when, then, words_of(row.because), title=title_of(row)))
            bounds.append(bound)
        rules += self.otherwise(doc, "rules", 0)
        return self.finish("rules", hit, (), rules, bounds)

    def ids(self, doc: TableDoc | RulesDoc, form: Form) -> None:
        """Every rule has a name of its own, and none that of the rule `otherwise`."""
        rows: Sequence[RowDoc | RuleDoc] = doc.rows
        ids: list[tuple[str, Path]] = [(row.id, (form, "rows", index, "id")) for index, row in enumerate(rows)]
        self.findings.ids([*([(OTHERWISE, (form, OTHERWISE))] if doc.otherwise else []), *ids])

    def otherwise(self, doc: TableDoc | RulesDoc, form: Form, columns: int) -> list[Rule]:
        """The rule that applies when no other does, if there is one."""
        if doc.otherwise is None:
            return []
        then, _ = self.giver.give(doc.otherwise.then, (form, OTHERWISE), frozenset(), count=False)
        because, title = words_of(doc.otherwise.because), title_of(doc.otherwise)
        return [Rule(OTHERWISE, FALSE, then, because, (TRUE,) * columns, otherwise=True, title=title)]

    def condition(self, text: str, path: Path) -> tuple[Expr, frozenset[str]]:
        """A condition, and the optional facts that are there when it holds."""
        expression = self.findings.expression(text, path)
        if expression is None:
            return TRUE, self.optional
        known = self.checker.condition(expression)
        self.findings.take(self.checker, path)
        return expression, known

    def scorecard(self, doc: ScorecardDoc) -> Logic | None:
        read = ScorecardReader(self.checker, self.giver, self.findings, self.condition).read(doc)
        return Logic("scorecard", Hit.UNIQUE, None, (), *read) if read else None

    def finish(
        self,
        form: Form,
        hit: tuple[Hit, Aggregate | None] | None,
        inputs: tuple[str, ...],
        rules: list[Rule],
        bounds: list[Bounds],
    ) -> Logic | None:
        if hit is None:
            return None
        kind = next(iter(self.outcomes.values())).type
        if hit[1] is Aggregate.SUM and isinstance(kind, NumberType):
            low = sum((min(NOTHING, bound[0]) for bound in bounds if bound), NOTHING)
            high = sum((max(NOTHING, bound[1]) for bound in bounds if bound), NOTHING)
            size = 10**kind.scale
            if low * size < kind.low or high * size > kind.high:
                shown = show_number(low, kind), show_number(high, kind)
                message = f"the sum can be anything from {shown[0]} to {shown[1]}, expected {describe(kind)}"
                self.findings.fault(
                    Code.MAY_EXCEED, message, (form, "aggregate"), "cap the values with `min(…)` and `max(…)`"
                )
        return Logic(form, hit[0], hit[1], inputs, tuple(rules), None)

    def hit(self, doc: TableDoc | RulesDoc, form: Form) -> tuple[Hit, Aggregate | None] | None:
        """The hit policy and the aggregate, or None after noting why there is none."""
        if doc.hit not in [*Hit]:
            hint = did_you_mean(doc.hit.upper(), [*Hit]) or f"the hit policies are {', '.join(Hit)}"
            self.findings.fault(Code.HIT_POLICY, f"unknown hit policy `{shorten(doc.hit)}`", (form, "hit"), hint)
            return None
        if doc.aggregate is not None and doc.aggregate not in [*Aggregate]:
            hint = f"the aggregates are {', '.join(Aggregate)}; leave it out to list the outcomes"
            self.findings.fault(
                Code.HIT_POLICY, f"unknown aggregate `{shorten(doc.aggregate)}`", (form, "aggregate"), hint
            )
            return None
        hit, aggregate = Hit(doc.hit), Aggregate(doc.aggregate) if doc.aggregate else None
        kinds = [outcome.type for outcome in self.outcomes.values()]
        if aggregate and hit is not Hit.COLLECT:
            self.findings.fault(Code.HIT_POLICY, "`aggregate` goes with `hit: COLLECT`", (form, "aggregate"))
        elif any(kind is UNKNOWN_TYPE for kind in kinds):
            return hit, aggregate
        elif aggregate and (len(kinds) != 1 or not isinstance(kinds[0], _AGGREGATED[aggregate])):
            message = f"`aggregate: {aggregate}` needs exactly one outcome, {_SUMMABLE[aggregate]}"
            self.findings.fault(Code.HIT_POLICY, message, (form, "aggregate"))
        elif aggregate is Aggregate.COUNT and kinds[0] != NumberType("integer"):
            self.findings.fault(
                Code.HIT_POLICY,
                "`aggregate: count` needs an integer without `min` and `max`",
                (form, "aggregate"),
            )
        elif hit in (Hit.PRIORITY, Hit.OUTPUT_ORDER) and not any(isinstance(kind, ChoiceType) for kind in kinds):
            message = f"`{hit}` goes by the order of a choice's words, and no outcome is a choice"
            self.findings.fault(Code.HIT_POLICY, message, (form, "hit"))
        else:
            return hit, aggregate
        return None


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
