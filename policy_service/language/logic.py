"""Reads a policy file's logic: a decision table, free rules or a scorecard."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from typing import Literal, assert_never

from policy_service.language.ast import (
    FALSE,
    TRUE,
    Expr,
)
from policy_service.language.check import Checker
from policy_service.language.cross_tables import CROSS, CrossTableReader
from policy_service.language.declare import title_of, to_bilingual
from policy_service.language.diagnostics import Code, did_you_mean, shorten
from policy_service.language.document import (
    CrossTableDoc,
    PolicyDoc,
    RowDoc,
    RuleDoc,
    RulesDoc,
    ScorecardDoc,
    TableDoc,
)
from policy_service.language.findings import Findings
from policy_service.language.policy import (
    AS_OF,
    OTHERWISE,
    Aggregate,
    CrossTable,
    Fact,
    Hit,
    Outcome,
    Rule,
    Scorecard,
)
from policy_service.language.rows import Inputs, RowReader
from policy_service.language.scorecards import ScorecardReader
from policy_service.language.source import Path
from policy_service.language.then_values import Bounds, ThenReader, format_bound
from policy_service.language.types import (
    UNKNOWN_TYPE,
    ChoiceType,
    DateType,
    DurationType,
    NumberType,
    Type,
    describe_type,
)

Form = Literal["table", "rules", "scorecard"]
ZERO = Fraction(0)


@dataclass(frozen=True, slots=True)
class Logic:
    """The logic of the file."""

    form: Form
    hit: Hit
    aggregate: Aggregate | None
    inputs: tuple[str, ...]
    rules: tuple[Rule, ...]
    scorecard: Scorecard | None
    cross: CrossTable | None = None


class LogicReader:
    """Reads the logic of one file, given its facts and outcomes."""

    def __init__(self, facts: Mapping[str, Fact], outcomes: Mapping[str, Outcome], findings: Findings) -> None:
        self.facts = facts
        self.outcomes = outcomes
        self.findings = findings
        names: dict[str, Type] = {name: fact.type for name, fact in facts.items()}
        self.names: dict[str, Type] = {**names, AS_OF: DateType()}
        self.optional = frozenset(name for name, fact in facts.items() if fact.optional)
        self.checker = Checker(self.names, self.optional)
        self.row_reader = RowReader(self.names, self.optional, self.checker, findings)
        self.then_reader = ThenReader(self.checker, outcomes, findings)

    def read(self, doc: PolicyDoc) -> Logic | None:
        """Return the logic; None after reporting errors."""
        forms = {"table": doc.table, CROSS: doc.cross_table, "rules": doc.rules, "scorecard": doc.scorecard}
        declared = [(form, part) for form, part in forms.items() if part is not None]
        if len(declared) != 1:
            actual = " and ".join(form for form, _ in declared) or "none"
            message = f"a policy has one of `table`, `cross_table`, `rules` and `scorecard`, this one has {actual}"
            self.findings.add_error(Code.MISSING_KEY if not declared else Code.KEY_NOT_ALLOWED, message, ())
            return None
        match declared[0][1]:
            case TableDoc() as table:
                return self.read_table(table)
            case CrossTableDoc() as table:
                return self.read_cross_table(table)
            case RulesDoc() as rules:
                return self.read_free_rules(rules)
            case ScorecardDoc() as scorecard:
                return self.read_scorecard(scorecard)
            case other:
                assert_never(other)

    # tables and free rules

    def read_table(self, doc: TableDoc) -> Logic | None:
        hit = self.read_hit_policy(doc, "table")
        inputs: Inputs = [(name, ("table", "inputs", index)) for index, name in enumerate(doc.inputs)]
        self.row_reader.check_inputs(inputs)
        self.check_ids(doc, "table")
        handled: set[str] = set()
        rules, bounds = [], []
        for index, row in enumerate(doc.rows):
            path: Path = ("table", "rows", index)
            if len(row.when) != len(inputs):
                self.row_reader.add_cell_count_error(row.when, doc.inputs, (*path, "when"))
                continue
            pairs = enumerate(zip(row.when, doc.inputs, strict=True))
            cells = [self.row_reader.read_cell(text, name, (*path, "when", column)) for column, (text, name) in pairs]
            handled.update(cell.name for cell in cells if cell.handles_missing)
            when, known, conditions = self.row_reader.read_row(cells)
            then, bound = self.then_reader.read(row.then, path, known, count=doc.aggregate == Aggregate.COUNT)
            rules.append(Rule(row.id, when, then, to_bilingual(row.because), conditions, title=title_of(row)))
            bounds.append(bound)
        self.row_reader.check_missing_handled(inputs, handled)
        rules += self.read_otherwise(doc, "table", len(doc.inputs))
        return self.finish("table", hit, tuple(doc.inputs), rules, bounds)

    def read_cross_table(self, doc: CrossTableDoc) -> Logic | None:
        hit = self.read_hit_policy(doc, CROSS)
        result = CrossTableReader(self.row_reader, self.then_reader, self.findings).read(doc)
        rules = self.read_otherwise(doc, CROSS, 2)
        if result is None:
            return None
        grid, cross = result
        logic = self.finish(CROSS, hit, (doc.down, doc.across), [*grid.rules, *rules], grid.bounds)
        return logic and replace(logic, cross=cross)

    def read_free_rules(self, doc: RulesDoc) -> Logic | None:
        hit = self.read_hit_policy(doc, "rules")
        self.check_ids(doc, "rules")
        rules, bounds = [], []
        for index, row in enumerate(doc.rows):
            path: Path = ("rules", "rows", index)
            when, known = self.read_condition(row.when, (*path, "when"))
            then, bound = self.then_reader.read(row.then, path, known, count=doc.aggregate == Aggregate.COUNT)
            rules.append(Rule(row.id, when, then, to_bilingual(row.because), title=title_of(row)))
            bounds.append(bound)
        rules += self.read_otherwise(doc, "rules", 0)
        return self.finish("rules", hit, (), rules, bounds)

    def check_ids(self, doc: TableDoc | RulesDoc, form: Form) -> None:
        """Check that every rule has a unique name, and none is `otherwise`."""
        rows: Sequence[RowDoc | RuleDoc] = doc.rows
        ids: list[tuple[str, Path]] = [(row.id, (form, "rows", index, "id")) for index, row in enumerate(rows)]
        self.findings.check_ids([*([(OTHERWISE, (form, OTHERWISE))] if doc.otherwise else []), *ids])

    def read_otherwise(self, doc: TableDoc | CrossTableDoc | RulesDoc, key: str, columns: int) -> list[Rule]:
        """Return the rule for when no other applies, if there is one."""
        if doc.otherwise is None:
            return []
        then, _ = self.then_reader.read(doc.otherwise.then, (key, OTHERWISE), frozenset())
        because, title = to_bilingual(doc.otherwise.because), title_of(doc.otherwise)
        return [Rule(OTHERWISE, FALSE, then, because, (TRUE,) * columns, otherwise=True, title=title)]

    def read_condition(self, text: str, path: Path) -> tuple[Expr, frozenset[str]]:
        """Return a condition, and the optional facts known to be present if it is true."""
        expression = self.findings.read_expression(text, path)
        if expression is None:
            return TRUE, self.optional
        known = self.checker.check_condition(expression)
        self.findings.take_errors(self.checker, path)
        return expression, known

    def read_scorecard(self, doc: ScorecardDoc) -> Logic | None:
        result = ScorecardReader(self.checker, self.then_reader, self.findings, self.read_condition).read(doc)
        return Logic("scorecard", Hit.UNIQUE, None, (), *result) if result else None

    def finish(
        self,
        key: str,
        hit: tuple[Hit, Aggregate | None] | None,
        inputs: tuple[str, ...],
        rules: list[Rule],
        bounds: list[Bounds],
    ) -> Logic | None:
        if hit is None:
            return None
        kind = next(iter(self.outcomes.values())).type
        if hit[1] is Aggregate.SUM and isinstance(kind, NumberType):
            low = sum((min(ZERO, bound[0]) for bound in bounds if bound), ZERO)
            high = sum((max(ZERO, bound[1]) for bound in bounds if bound), ZERO)
            size = 10**kind.scale
            if low * size < kind.low or high * size > kind.high:
                extremes = format_bound(low, kind), format_bound(high, kind)
                message = f"the sum can be anything from {extremes[0]} to {extremes[1]}, expected {describe_type(kind)}"
                self.findings.add_error(
                    Code.MAY_EXCEED, message, (key, "aggregate"), "cap the values with `min(…)` and `max(…)`"
                )
        return Logic("rules" if key == "rules" else "table", hit[0], hit[1], inputs, tuple(rules), None)

    def read_hit_policy(
        self, doc: TableDoc | CrossTableDoc | RulesDoc, form: str
    ) -> tuple[Hit, Aggregate | None] | None:
        """Return the hit policy and the aggregate; None after reporting errors."""
        if doc.hit not in [*Hit]:
            hint = did_you_mean(doc.hit.upper(), [*Hit]) or f"the hit policies are {', '.join(Hit)}"
            self.findings.add_error(Code.HIT_POLICY, f"unknown hit policy `{shorten(doc.hit)}`", (form, "hit"), hint)
            return None
        if doc.aggregate is not None and doc.aggregate not in [*Aggregate]:
            hint = f"the aggregates are {', '.join(Aggregate)}; leave it out to list the outcomes"
            self.findings.add_error(
                Code.HIT_POLICY, f"unknown aggregate `{shorten(doc.aggregate)}`", (form, "aggregate"), hint
            )
            return None
        hit, aggregate = Hit(doc.hit), Aggregate(doc.aggregate) if doc.aggregate else None
        kinds = [outcome.type for outcome in self.outcomes.values()]
        if aggregate and hit is not Hit.COLLECT:
            self.findings.add_error(Code.HIT_POLICY, "`aggregate` goes with `hit: COLLECT`", (form, "aggregate"))
        elif any(kind is UNKNOWN_TYPE for kind in kinds):
            return hit, aggregate
        elif aggregate and (len(kinds) != 1 or not isinstance(kinds[0], _AGGREGATED[aggregate])):
            message = f"`aggregate: {aggregate}` needs exactly one outcome, {_SUMMABLE[aggregate]}"
            self.findings.add_error(Code.HIT_POLICY, message, (form, "aggregate"))
        elif aggregate is Aggregate.COUNT and kinds[0] != NumberType("integer"):
            self.findings.add_error(
                Code.HIT_POLICY,
                "`aggregate: count` needs an integer without `min` and `max`",
                (form, "aggregate"),
            )
        elif hit in (Hit.PRIORITY, Hit.OUTPUT_ORDER) and not any(isinstance(kind, ChoiceType) for kind in kinds):
            message = f"`{hit}` goes by the order of a choice's words, and no outcome is a choice"
            self.findings.add_error(Code.HIT_POLICY, message, (form, "hit"))
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
