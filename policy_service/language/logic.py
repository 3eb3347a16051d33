"""Understands what a policy file decides by: a decision table, free rules or a scorecard."""

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
from policy_service.language.declare import title_of, words_of
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
    cross: CrossTable | None = None


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
        self.rows = RowReader(self.names, self.optional, self.checker, findings)
        self.giver = Giver(self.checker, outcomes, findings)

    def read(self, doc: PolicyDoc) -> Logic | None:
        """The logic, or None after noting why there is none."""
        forms = {"table": doc.table, CROSS: doc.cross_table, "rules": doc.rules, "scorecard": doc.scorecard}
        written = [(form, part) for form, part in forms.items() if part is not None]
        if len(written) != 1:
            found = " and ".join(form for form, _ in written) or "none"
            message = f"a policy has one of `table`, `cross_table`, `rules` and `scorecard`, this one has {found}"
            self.findings.fault(Code.MISSING_KEY if not written else Code.KEY_NOT_ALLOWED, message, ())
            return None
        match written[0][1]:
            case TableDoc() as table:
                return self.table(table)
            case CrossTableDoc() as table:
                return self.cross_table(table)
            case RulesDoc() as rules:
                return self.free_rules(rules)
            case ScorecardDoc() as scorecard:
                return self.scorecard(scorecard)
            case other:
                assert_never(other)

    # tables and free rules

    def table(self, doc: TableDoc) -> Logic | None:
        hit = self.hit(doc, "table")
        inputs: Inputs = [(name, ("table", "inputs", index)) for index, name in enumerate(doc.inputs)]
        self.rows.inputs(inputs)
        self.ids(doc, "table")
        asked: set[str] = set()
        rules, bounds = [], []
        for index, row in enumerate(doc.rows):
            path: Path = ("table", "rows", index)
            if len(row.when) != len(inputs):
                self.rows.wrong_count(row.when, doc.inputs, (*path, "when"))
                continue
            pairs = enumerate(zip(row.when, doc.inputs, strict=True))
            cells = [self.rows.cell(text, name, (*path, "when", column)) for column, (text, name) in pairs]
            asked.update(cell.name for cell in cells if cell.asks)
            when, known, conditions = self.rows.together(cells)
            then, bound = self.giver.give(row.then, path, known, count=doc.aggregate == Aggregate.COUNT)
            rules.append(Rule(row.id, when, then, words_of(row.because), conditions, title=title_of(row)))
            bounds.append(bound)
        self.rows.not_asked(inputs, asked)
        rules += self.otherwise(doc, "table", len(doc.inputs))
        return self.finish("table", hit, tuple(doc.inputs), rules, bounds)

    def cross_table(self, doc: CrossTableDoc) -> Logic | None:
        hit = self.hit(doc, CROSS)
        read = CrossTableReader(self.rows, self.giver, self.findings).read(doc)
        rules = self.otherwise(doc, CROSS, 2)
        if read is None:
            return None
        grid, cross = read
        logic = self.finish(CROSS, hit, (doc.down, doc.across), [*grid.rules, *rules], grid.bounds)
        return logic and replace(logic, cross=cross)

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

    def otherwise(self, doc: TableDoc | CrossTableDoc | RulesDoc, key: str, columns: int) -> list[Rule]:
        """The rule that applies when no other does, if there is one."""
        if doc.otherwise is None:
            return []
        then, _ = self.giver.give(doc.otherwise.then, (key, OTHERWISE), frozenset())
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
            low = sum((min(NOTHING, bound[0]) for bound in bounds if bound), NOTHING)
            high = sum((max(NOTHING, bound[1]) for bound in bounds if bound), NOTHING)
            size = 10**kind.scale
            if low * size < kind.low or high * size > kind.high:
                shown = show_number(low, kind), show_number(high, kind)
                message = f"the sum can be anything from {shown[0]} to {shown[1]}, expected {describe(kind)}"
                self.findings.fault(
                    Code.MAY_EXCEED, message, (key, "aggregate"), "cap the values with `min(…)` and `max(…)`"
                )
        return Logic("rules" if key == "rules" else "table", hit[0], hit[1], inputs, tuple(rules), None)

    def hit(self, doc: TableDoc | CrossTableDoc | RulesDoc, form: str) -> tuple[Hit, Aggregate | None] | None:
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
