"""Reads a policy file's expectations: its examples and invariants."""

from __future__ import annotations

from collections.abc import Mapping

from policy_service.language.check import Checker
from policy_service.language.declare import either_language, title_of
from policy_service.language.diagnostics import Code, did_you_mean, shorten
from policy_service.language.document import ExampleDoc, InvariantDoc
from policy_service.language.findings import Findings
from policy_service.language.logic import Logic
from policy_service.language.policy import AS_OF, Always, Example, Fact, Invariant, Monotone, Outcome, Total
from policy_service.language.source import Path
from policy_service.language.types import (
    UNKNOWN_TYPE,
    BooleanType,
    ChoiceType,
    DateType,
    DurationType,
    NumberType,
    Type,
    Value,
    ValueRejected,
    parse_value,
)

TOTAL = "total"


class ExpectationReader:
    """Reads examples and invariants against the facts, outcomes and rules of their policy."""

    def __init__(
        self,
        facts: Mapping[str, Fact],
        outcomes: Mapping[str, Outcome],
        logic: Logic | None,
        findings: Findings,
    ) -> None:
        self.facts = facts
        self.outcomes = outcomes
        self.logic = logic
        self.findings = findings
        rules = logic.rules if logic else ()
        bands = logic.scorecard.bands if logic and logic.scorecard else ()
        self.rule_ids = [rule.id for rule in (*rules, *bands)]

    # examples

    def read_examples(self, docs: list[ExampleDoc]) -> tuple[Example, ...]:
        """Return the examples, in the author's order."""
        names: set[str] = set()
        for index, doc in enumerate(docs):
            if doc.name in names:
                self.findings.add_error(
                    Code.DUPLICATE_ID, f"`{shorten(doc.name)}` is used twice", ("examples", index, "name")
                )
            names.add(doc.name)
        return tuple(self.read_example(doc, ("examples", index)) for index, doc in enumerate(docs))

    def read_example(self, doc: ExampleDoc, path: Path) -> Example:
        facts = {
            name: value
            for name, text in doc.facts.items()
            for value in [self.read_fact(name, text, path)]
            if value is not None
        }
        if doc.as_of is not None:
            self.read_value(DateType(), doc.as_of, (*path, "as_of"), Code.EXAMPLE_FACTS)
        expected = [key for key in ("outcome", "missing", "status") if getattr(doc, key) is not None]
        if len(expected) != 1:
            message = "an example expects one of `outcome` with `rule`, `missing`, or `status`"
            self.findings.add_error(Code.EXAMPLE_EXPECTATION, message, path)
        rules = [doc.rule] if doc.rule is not None else doc.rules
        self.check_rules(doc, rules, path)
        for index, name in enumerate(doc.missing or ()):
            if name not in self.facts:
                self.findings.add_error(Code.UNKNOWN_FACT, f"unknown fact `{shorten(name)}`", (*path, "missing", index))
        outcome: Mapping[str, object] | tuple[Mapping[str, object], ...] | None = None
        if isinstance(doc.outcome, dict):
            outcome = self.read_outcome(doc.outcome, (*path, "outcome"))
        elif doc.outcome is not None:
            outcome = tuple(
                self.read_outcome(entry, (*path, "outcome", index)) for index, entry in enumerate(doc.outcome)
            )
        status = doc.status or ("missing_facts" if doc.missing is not None else "decided")
        return Example(
            doc.name,
            facts,
            doc.as_of,
            status,
            outcome,
            tuple(rules) if rules is not None else None,
            tuple(doc.missing or ()),
            tuple(doc.source),
            title_of(doc),
        )

    def check_rules(self, doc: ExampleDoc, rules: list[str] | None, path: Path) -> None:
        """Check that an example that expects an outcome names its rules: a right answer for a wrong reason is wrong."""
        if doc.outcome is not None and (doc.rule is None) == (doc.rules is None):
            self.findings.add_error(
                Code.EXAMPLE_EXPECTATION, "an expected outcome names its `rule`, or its `rules`", path
            )
        for rule in rules or ():
            if self.logic and rule not in self.rule_ids:
                hint = did_you_mean(rule, self.rule_ids)
                self.findings.add_error(
                    Code.UNKNOWN_RULE,
                    f"unknown rule `{shorten(rule)}`",
                    (*path, "rule" if doc.rule else "rules"),
                    hint,
                )
        if self.logic and doc.outcome is not None and isinstance(doc.outcome, list) != self.returns_list:
            expected = "a list with one entry a rule" if self.returns_list else "one value for each outcome"
            self.findings.add_error(
                Code.EXAMPLE_EXPECTATION, f"this policy's outcome is {expected}", (*path, "outcome")
            )

    @property
    def returns_list(self) -> bool:
        """True if the outcome is a list."""
        return bool(
            self.logic and self.logic.hit in ("RULE ORDER", "OUTPUT ORDER", "COLLECT") and not self.logic.aggregate
        )

    def read_fact(self, name: str, text: str | list[str] | None, path: Path) -> Value | None:
        """Return the stored value of an example's fact; None if it is not given."""
        fact_path = (*path, "facts", name)
        fact = self.facts.get(name)
        if fact is None:
            hint = did_you_mean(name, self.facts)
            self.findings.add_key_error(Code.UNKNOWN_FACT, f"unknown fact `{shorten(name)}`", fact_path, hint)
            return None
        return None if text is None else self.read_value(fact.type, text, fact_path, Code.EXAMPLE_FACTS)

    def read_outcome(self, entries: Mapping[str, str | list[str] | None], path: Path) -> Mapping[str, object]:
        """Return the stored values that an example expects."""
        for name in entries:
            if name not in self.outcomes:
                hint = did_you_mean(name, self.outcomes)
                self.findings.add_key_error(
                    Code.UNKNOWN_OUTCOME, f"unknown outcome `{shorten(name)}`", (*path, name), hint
                )
        if missing := [name for name in self.outcomes if name not in entries]:
            self.findings.add_error(
                Code.EXAMPLE_EXPECTATION, f"the example does not say which {', '.join(missing)}", path
            )
        known = [(name, entries[name]) for name in self.outcomes if name in entries]
        return {
            name: self.read_value(self.outcomes[name].type, text, (*path, name), Code.EXAMPLE_EXPECTATION)
            for name, text in known
        }

    def read_value(self, kind: Type, text: object, path: Path, code: Code) -> Value | None:
        """Return a value written in YAML, where every scalar is text."""
        if kind is UNKNOWN_TYPE:
            return None
        raw = (
            {"true": True, "false": False}.get(text, text)
            if isinstance(kind, BooleanType) and isinstance(text, str)
            else text
        )
        try:
            return parse_value(kind, raw)
        except ValueRejected as error:
            actual = "nothing" if text is None else f"`{shorten(str(text))}`"
            self.findings.add_error(code, f"expected {error.expected}, found {actual}", path)
            return None

    # invariants

    def read_invariants(self, docs: list[InvariantDoc]) -> tuple[Invariant, ...]:
        """Return the invariants, in the author's order."""
        self.findings.check_ids((doc.id, ("invariants", index, "id")) for index, doc in enumerate(docs))
        invariants = [self.read_invariant(doc, ("invariants", index)) for index, doc in enumerate(docs)]
        return tuple(invariant for invariant in invariants if invariant is not None)

    def read_invariant(self, doc: InvariantDoc, path: Path) -> Invariant | None:
        directions = [doc.increasing, doc.decreasing, doc.never_lowers, doc.never_raises]
        law: Total | Monotone | Always | None = None
        if doc.id == TOTAL and not any(directions) and doc.always is None and doc.when is None:
            law = Total()
        elif doc.always is not None and not any(directions):
            law = self.read_always(doc, doc.always, path)
        elif doc.always is None and doc.when is None and self._is_monotone(doc):
            law = self.read_monotone(doc, path)
        else:
            hint = (
                "an invariant is `total`, or has `increasing`/`decreasing` with `never_lowers`/`never_raises`, "
                "or `always`"
            )
            self.findings.add_error(Code.INVARIANT, "the invariant states no law", path, hint)
        return Invariant(doc.id, either_language(doc.says), law) if law is not None else None

    @staticmethod
    def _is_monotone(doc: InvariantDoc) -> bool:
        return (doc.increasing is None) != (doc.decreasing is None) and (doc.never_lowers is None) != (
            doc.never_raises is None
        )

    def read_always(self, doc: InvariantDoc, text: str, path: Path) -> Always | None:
        names: dict[str, Type] = {name: fact.type for name, fact in self.facts.items()}
        checker = Checker(
            {**names, AS_OF: DateType()},
            frozenset(name for name, fact in self.facts.items() if fact.optional),
        )
        when = self.findings.read_expression(doc.when or "true", (*path, "when"))
        known = checker.check_condition(when) if when else frozenset()
        self.findings.take_errors(checker, (*path, "when"))
        names.update({AS_OF: DateType()}, **{name: outcome.type for name, outcome in self.outcomes.items()})
        checker = Checker(names, checker.optional - known)
        always = self.findings.read_expression(text, (*path, "always"))
        if always:
            checker.check_condition(always)
            self.findings.take_errors(checker, (*path, "always"))
        if self.returns_list:
            self.findings.add_error(
                Code.INVARIANT, "an invariant speaks of one outcome, and this policy lists several", path
            )
        return Always(when, always) if when and always else None

    def read_monotone(self, doc: InvariantDoc, path: Path) -> Monotone | None:
        fact_key, fact_name = (
            ("increasing", doc.increasing) if doc.increasing is not None else ("decreasing", doc.decreasing)
        )
        outcome_key, outcome_name = (
            ("never_lowers", doc.never_lowers) if doc.never_lowers is not None else ("never_raises", doc.never_raises)
        )
        fact, outcome = self.facts.get(fact_name or ""), self.outcomes.get(outcome_name or "")
        if fact is None:
            hint = did_you_mean(fact_name or "", self.facts)
            self.findings.add_error(
                Code.UNKNOWN_FACT, f"unknown fact `{shorten(fact_name or '')}`", (*path, fact_key), hint
            )
        if outcome is None:
            hint = did_you_mean(outcome_name or "", self.outcomes)
            self.findings.add_error(
                Code.UNKNOWN_OUTCOME,
                f"unknown outcome `{shorten(outcome_name or '')}`",
                (*path, outcome_key),
                hint,
            )
        if fact is None or outcome is None:
            return None
        if fact.type is not UNKNOWN_TYPE and not is_ordered(fact.type):
            self.findings.add_error(
                Code.INVARIANT,
                f"`{fact.name}` has no order",
                (*path, fact_key),
                "a choice needs `ordered: best-first`",
            )
        if self.returns_list or (outcome.type is not UNKNOWN_TYPE and not is_ordered(outcome.type)):
            message = (
                f"`{outcome.name}` has no order" if not self.returns_list else "this policy lists several outcomes"
            )
            self.findings.add_error(
                Code.INVARIANT, message, (*path, outcome_key), "a choice needs `ordered: best-first`"
            )
        return Monotone(fact.name, fact_key == "increasing", outcome.name, outcome_key == "never_lowers")


def is_ordered(kind: Type) -> bool:
    """Return True if values of the type can be higher or lower."""
    return isinstance(kind, NumberType | DateType | DurationType) or (
        isinstance(kind, ChoiceType) and kind.ordered is not None
    )
