"""Compiles policies to one query: the answers of every subject of a table, in columns.

    missing   a fact that is not optional is null; asked first, so that every condition after it is true or false
    rule      a flat CASE over the rules, in the order of the hit policy
    outcomes  by the rule's number

PRIORITY and OUTPUT ORDER only depend on the words of choices, which are the same for every subject, so they give a
fixed order of rules.
"""

from __future__ import annotations

import operator
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

from policy_service.compilers.columnar import door
from policy_service.compilers.columnar.door import Dialect, Table, Value, balanced, cases, text, whole
from policy_service.compilers.columnar.layout import (
    LIST_SEPARATOR,
    TAG_SEPARATOR,
    AnswerColumns,
    NotColumnar,
    column_type,
)
from policy_service.compilers.columnar.terms import Terms
from policy_service.compilers.columnar.widths import Bounds, Interval, type_interval
from policy_service.language.core import Core, CoreRule, OutcomeExpr
from policy_service.language.outcome import by_priority
from policy_service.language.policy import AS_OF, SCORE, Aggregate, Hit, Policy, Scorecard
from policy_service.language.types import DateType, Type

MAX_SHARED = 2_000
"""Maximum number of conditions that become columns; larger tables are not supported."""


def fact_bounds(policy: Policy) -> dict[str, Interval]:
    """Return the bounds of the policy's facts by their declared types."""
    bounds = {name: type_interval(fact.type) for name, fact in policy.facts.items()}
    return {**bounds, AS_OF: type_interval(DateType())}


def add_answers(  # noqa: PLR0913  # what a query is made of
    table: Table,
    policy: Policy,
    core: Core,
    *,
    columns: Mapping[str, str],
    bounds: Bounds,
    prefix: str,
    dialect: Dialect,
    refused: str | None = None,
) -> Table:
    """Return the table with the policy's answers added, in the columns of `AnswerColumns`.

    `columns` are those of the facts and of AS_OF, `bounds` the values that these can have. Where the column `refused`
    is true, the status is `contradiction`. Raises NotColumnar.
    """
    return _Answers(table, policy, core, columns, bounds, prefix, dialect, refused).build()


class _Answers:
    """One policy's answers, being added to a table."""

    def __init__(  # noqa: PLR0913, PLR0917  # see add_answers
        self,
        table: Table,
        policy: Policy,
        core: Core,
        columns: Mapping[str, str],
        bounds: Bounds,
        prefix: str,
        dialect: Dialect,
        refused: str | None,
    ) -> None:
        self.policy = policy
        self.core = core
        self.refused = refused
        self.kept = table.columns
        self.answer = AnswerColumns(policy, prefix)
        self.kinds = [outcome.type for outcome in policy.outcomes.values()]
        self.terms = Terms(policy.id, prefix, table, columns, bounds, dialect)

    def build(self) -> Table:
        terms, answer = self.terms, self.answer
        words = [word for kind in self.kinds + [f.type for f in self.policy.facts.values()] for word in _words(kind)]
        if any(sign in word for word in words for sign in (TAG_SEPARATOR, LIST_SEPARATOR)):
            raise NotColumnar(self.policy.id, "a word of it holds a separator of records")
        terms.add({self._name("absent"): self._absent()})
        terms.prepare((rule.when, rule.then) for rule in self.core.rules)
        if (card := self.policy.scorecard) is not None:
            self._add_band(card)
        elif self.answer.has_rule:
            self._add_rule()
        else:
            self._add_matches()
        terms.add({**self._outcomes(), answer.status: self._status()})
        return terms.table.select(*self.kept, *answer.names)

    # which rules match

    def _name(self, suffix: str) -> str:
        return f"{self.answer.prefix}{suffix}"

    @cached_property
    def order(self) -> list[int]:
        """Return the rules except `otherwise`, in the order in which the hit policy evaluates them."""
        asked = [index for index, _ in enumerate(self.policy.rules) if index != self.policy.otherwise]
        if self.policy.hit not in {Hit.PRIORITY, Hit.OUTPUT_ORDER}:
            return asked
        return by_priority(self.policy, asked, lambda index: self.core.rules[index].then)  # type: ignore[arg-type, return-value]  # words of choices are never computed

    def _add_matches(self) -> None:
        """Add a column for the condition of each rule, and one for the matching rules."""
        if len(self.order) > MAX_SHARED:
            raise NotColumnar(self.policy.id, f"it has more than {MAX_SHARED:,} rules of which several may match")
        rules = self.core.rules
        self.terms.add({self._name(f"m{index}"): self.terms.condition(rules[index].when) for index in self.order})
        self.terms.add({self.answer.matched: self._concatenated({index: text(f"{index},") for index in self.order})})

    def _matches(self, index: int) -> Value:
        return self.terms.table[self._name(f"m{index}")]

    def _concatenated(self, texts: Mapping[int, Value]) -> Value:
        """Return the concatenated texts of the matching rules."""
        parts = [cases([(self._matches(index), each)], text("")) for index, each in texts.items()]
        return door.balanced_sum(parts) if parts else text("")

    def _add_rule(self) -> None:
        """Add the number of the deciding rule; null if there is none, and for a conflict."""
        answer, policy = self.answer, self.policy
        if not answer.has_matched:
            self._add_number([(self.terms.condition(self.core.rules[index].when), index) for index in self.order])
            return
        self._add_matches()
        number, matched = self._name("first"), self.terms.table[answer.matched]
        first = cases([(self._matches(index), _number(index)) for index in self.order], _null_number())
        self.terms.add({number: first if self.order else _null_number()})
        conflict = self._several(matched) if policy.hit is Hit.UNIQUE else self._differ(self.terms.table[number])
        self.terms.add({self._name("conflict"): conflict})
        last = _number(policy.otherwise) if policy.otherwise is not None else _null_number()
        table = self.terms.table
        branches = [
            (table[self._name("absent")] | table[self._name("conflict")], _null_number()),
            (matched == "", last),
        ]
        self.terms.add({answer.rule: cases(branches, table[number])})

    def _add_number(self, branches: Sequence[tuple[Value, int]]) -> None:
        last = self.policy.otherwise if self.policy.scorecard is None else None
        otherwise = _null_number() if last is None else _number(last)
        absent = (self.terms.table[self._name("absent")], _null_number())
        numbered = [(condition, _number(index)) for condition, index in branches]
        self.terms.add({self.answer.rule: cases([absent, *numbered], otherwise)})

    def _several(self, matched: Value) -> Value:
        """Return the condition that more than one rule matches: each index in `matched` is followed by a comma."""
        return matched.length() - matched.replace(",", "").length() > 1

    def _differ(self, first: Value) -> Value:
        """Return the condition that a matching rule's outcome differs from that of the first."""
        differences: list[Value] = []
        for position, kind in enumerate(self.kinds):
            values = {index: self.core.rules[index].then[position] for index in self.order}
            if len(set(map(repr, values.values()))) > 1:
                name = self._name(f"first{position}")
                self.terms.add({name: self._by_number(first, values, kind)})
                for index, value in values.items():
                    other = self.terms.outcome(value, kind)
                    differences.append(self._matches(index) & (self.terms.table[name] != other))
        return door.any_of(differences) if differences else door.truth(value=False)

    # scorecards

    def _add_band(self, card: Scorecard) -> None:
        """Add the total, and the number of its band."""
        terms = self.terms
        self._add_matches()
        points = [
            cases([(self._matches(index), terms.outcome(self.core.rules[index].then[0], card.type))], whole(0))
            for index in self.order
        ]
        terms.add({self._name("score"): door.balanced_sum([whole(card.base), *points])})
        terms.columns[SCORE] = self._name("score")
        terms.bounds[SCORE] = type_interval(card.type)
        terms.prepare((rule.when, rule.then) for rule in self.core.bands)
        self._add_number([(terms.condition(band.when), index) for index, band in enumerate(self.core.bands)])

    # outcomes

    @property
    def _deciding(self) -> Sequence[CoreRule]:
        return self.core.rules if self.policy.scorecard is None else self.core.bands

    def _outcomes(self) -> dict[str, Value]:
        """Return the column of each outcome."""
        names = [self.answer.outcome(position) for position, _ in enumerate(self.kinds)]
        if self.policy.returns_list:
            values = [self._list(position, kind) for position, kind in enumerate(self.kinds)]
        elif self.policy.aggregate is not None:
            values = [self._aggregate(self.policy.aggregate)]
        else:
            number = self.terms.table[self.answer.rule]
            values = [
                self._by_number(number, dict(enumerate(rule.then[position] for rule in self._deciding)), kind)
                for position, kind in enumerate(self.kinds)
            ]
        return dict(zip(names, values, strict=True))

    def _by_number(self, number: Value, outcomes: Mapping[int, OutcomeExpr], kind: Type) -> Value:
        """Return the outcome of the rule with this number."""
        groups: dict[str, tuple[OutcomeExpr, list[int]]] = {}
        for index, outcome in outcomes.items():
            groups.setdefault(repr(outcome), (outcome, []))[1].append(index)
        branches = [
            (number.isin(indices) if len(indices) > 1 else number == indices[0], self.terms.outcome(outcome, kind))
            for outcome, indices in groups.values()
        ]
        return cases(branches, door.nothing(column_type(kind)))

    def _last(self, position: int, kind: Type) -> Value:
        """Return the outcome of the rule `otherwise`, or null."""
        if (last := self.policy.otherwise) is None:
            return door.nothing(column_type(kind))
        return self.terms.outcome(self.core.rules[last].then[position], kind)

    def _list(self, position: int, kind: Type) -> Value:
        """Return the outcomes of all matching rules, each followed by a separator."""

        def entry(outcome: OutcomeExpr) -> Value:
            value = self.terms.outcome(outcome, kind)
            return (value.cast("string") if column_type(kind) != "string" else value) + text(LIST_SEPARATOR)

        matched = self.terms.table[self.answer.matched]
        last = self.policy.otherwise
        otherwise = door.nothing("string") if last is None else entry(self.core.rules[last].then[position])
        entries = {index: entry(self.core.rules[index].then[position]) for index in self.order}
        return cases([self._unless_absent("string"), (matched == "", otherwise)], self._concatenated(entries))

    def _aggregate(self, aggregate: Aggregate) -> Value:
        """Return the number, sum, least or greatest of the outcomes of all matching rules."""
        [kind] = self.kinds
        matched = self.terms.table[self.answer.matched]
        if aggregate is Aggregate.COUNT:
            value = (matched.length() - matched.replace(",", "").length()).cast(door.NARROW_TYPE)
            return self._decided(matched, kind, value)
        known = [self._interval(self.core.rules[index].then[0], kind) for index in self.order]
        masks = {
            Aggregate.SUM: 0,
            Aggregate.MIN: max((each.high for each in known), default=0),
            Aggregate.MAX: min((each.low for each in known), default=0),
        }
        joins: dict[Aggregate, Callable[[Value, Value], Value]] = {
            Aggregate.SUM: operator.add,
            Aggregate.MIN: lambda left, right: door.extreme("min", [left, right]),
            Aggregate.MAX: lambda left, right: door.extreme("max", [left, right]),
        }
        mask = whole(masks[aggregate])
        values = [
            cases([(self._matches(index), self.terms.outcome(self.core.rules[index].then[0], kind))], mask)
            for index in self.order
        ]
        value = balanced(joins[aggregate], values) if values else mask
        return self._decided(matched, kind, value)

    def _decided(self, matched: Value, kind: Type, value: Value) -> Value:
        """Return `value` if a rule matches."""
        return cases([self._unless_absent(column_type(kind)), (matched == "", self._last(0, kind))], value)

    def _unless_absent(self, kind: str) -> tuple[Value, Value]:
        return self.terms.table[self._name("absent")], door.nothing(kind)

    def _interval(self, outcome: OutcomeExpr, kind: Type) -> Interval:
        return Interval(outcome, outcome) if isinstance(outcome, int) else type_interval(kind)

    # facts that are missing

    def _absent(self) -> Value:
        """Return the condition that the policy is not evaluated."""
        table, columns = self.terms.table, self.terms.columns
        reasons = [table[columns[name]].isnull() for name, fact in self.policy.facts.items() if not fact.optional]
        if self.refused is not None:
            reasons.append(table[self.refused])
        return door.any_of(reasons) if reasons else door.truth(value=False)

    def _status(self) -> Value:
        answer, table = self.answer, self.terms.table
        branches = [] if self.refused is None else [(table[self.refused], text("contradiction"))]
        branches.append((table[self._name("absent")], text("missing_facts")))
        if self.policy.hit in {Hit.UNIQUE, Hit.ANY} and self.policy.scorecard is None:
            branches.append((table[self._name("conflict")], text("conflict")))
        if self.answer.has_rule:
            branches.append((table[answer.rule].isnull(), text("no_rule_matched")))
        elif self.policy.otherwise is None:
            branches.append((table[answer.matched] == "", text("no_rule_matched")))
        return cases(branches, text("decided"))


def _words(kind: Type) -> Sequence[str]:
    return getattr(kind, "of", ())


def _number(index: int) -> Value:
    return whole(index).cast("int32")


def _null_number() -> Value:
    return door.nothing("int32")
