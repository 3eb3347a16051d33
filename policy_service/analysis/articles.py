"""The articles of a policy: its pieces, for comparing two versions.

    article  a fact, an outcome, a rule, a band, an example, an invariant, or the head of the policy
    aspect   one thing it says, e.g. a rule's condition: as written, to be compared, and in words, to be read

Two aspects are equal if they mean the same in the policy language, whatever the file's layout.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from policy_service.compilers.prose.conditions import condition
from policy_service.compilers.prose.context import Context, context_of, rule_labels
from policy_service.compilers.prose.decision import resolution, rule_words
from policy_service.compilers.prose.declarations import facts_table, outcomes_table
from policy_service.compilers.prose.expectations import invariant_words, value_of_name
from policy_service.compilers.prose.labels import LABELS
from policy_service.compilers.prose.statement import cell, inline
from policy_service.language.ast import TRUE, Expr
from policy_service.language.policy import Bilingual, Example, Fact, Invariant, Outcome, Policy, Rule
from policy_service.language.types import Type, Value, format_value


class Kind(StrEnum):
    """The kind of an article."""

    HEAD = "policy"
    FACT = "fact"
    OUTCOME = "outcome"
    RULE = "rule"
    BAND = "band"
    EXAMPLE = "example"
    INVARIANT = "invariant"


@dataclass(frozen=True, slots=True)
class Aspect:
    """One aspect of an article: the value by which two versions are compared, and its text."""

    key: object
    words: Bilingual
    alters: bool = False
    """True if a change may change answers."""


@dataclass(frozen=True, slots=True)
class ArticleCell:
    """One cell of a decision table, and its column's title."""

    aspect: Aspect
    column: Bilingual


@dataclass(frozen=True, slots=True)
class Article:
    """One piece of a policy; its aspects by name, in display order."""

    kind: Kind
    name: str
    aspects: Mapping[str, Aspect]
    cells: Mapping[str, ArticleCell] = field(default_factory=dict)
    """For a row of a decision table, the condition by column."""


def articles(policy: Policy) -> tuple[Article, ...]:
    """Return all articles of a policy, in the order of its file."""
    return tuple(PolicyArticles(policy).all())


class PolicyArticles:
    """The articles of a policy, in both languages."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.zh, self.en = context_of(policy, "zh"), context_of(policy, "en")
        self.rule_labels = {each.words.language: rule_labels(policy, each) for each in (self.zh, self.en)}
        self.facts = _rows(facts_table(policy, self.zh).rows, facts_table(policy, self.en).rows)
        self.outcomes = _rows(outcomes_table(policy, self.zh).rows, outcomes_table(policy, self.en).rows)

    def all(self) -> Iterator[Article]:
        """Yield every article."""
        policy = self.policy
        yield self.head()
        for number, fact in enumerate(policy.facts.values()):
            yield self.fact(fact, self.facts[number])
        for number, outcome in enumerate(policy.outcomes.values()):
            yield self.outcome(outcome, self.outcomes[number])
        for rule in policy.rules:
            yield self.rule(Kind.RULE, rule)
        for band in policy.bands:
            yield self.rule(Kind.BAND, band)
        for example in policy.examples:
            yield self.example(example)
        for invariant in policy.invariants:
            yield self.invariant(invariant)

    def head(self) -> Article:
        """Return the policy as a whole."""
        policy, card = self.policy, self.policy.scorecard
        way = (policy.form, policy.hit, policy.aggregate, (card.type, card.base) if card else None)
        aspects = {
            "title": _text_aspect(policy.title),
            "subject": Aspect(policy.subject, _same(policy.subject), alters=True),
            "source": _list_aspect(policy.source),
            "notes": _text_aspect(policy.notes or _same("")),
            "resolution": Aspect(way, self._in_both_languages(lambda each: resolution(policy, each)), alters=True),
            "columns": _list_aspect(policy.inputs),
        }
        return Article(Kind.HEAD, policy.id, aspects)

    def fact(self, fact: Fact, row: list[Bilingual]) -> Article:
        """Return the article of a fact: title, type, whether it is required, and its source."""
        aspects = {
            "title": _text_aspect(fact.title),
            "type": _type_aspect(fact.type, fact.words, row[2]),
            "needed": Aspect((fact.optional, fact.sensitive), row[3], alters=True),
            "origin": Aspect((fact.requirement, fact.measure, fact.replaceable, fact.previous), row[4], alters=True),
        }
        return Article(Kind.FACT, fact.name, aspects)

    def outcome(self, outcome: Outcome, row: list[Bilingual]) -> Article:
        """Return the article of an outcome: title and type."""
        aspects = {"title": _text_aspect(outcome.title), "type": _type_aspect(outcome.type, outcome.words, row[2])}
        return Article(Kind.OUTCOME, outcome.name, aspects)

    def rule(self, kind: Kind, rule: Rule) -> Article:
        """Return the article of a rule or band: condition, values, reason."""
        rule_texts = {each.words.language: rule_words(self.policy, rule, each) for each in (self.zh, self.en)}
        card = self.policy.scorecard if kind is Kind.RULE else None
        types = [card.type] if card else [each.type for each in self.policy.outcomes.values()]
        then = tuple(_outcome_key(kind_, value) for kind_, value in zip(types, rule.then, strict=False))
        aspects = {
            "title": _text_aspect(rule.title or _same("")),
            "when": Aspect(
                repr(rule.when),
                self._in_both_languages(lambda each: inline(rule_texts[each.words.language].when, each.words)),
                alters=True,
            ),
            "then": Aspect(
                then,
                self._in_both_languages(lambda each: each.words.semicolon.join(rule_texts[each.words.language].then)),
                alters=True,
            ),
            "because": Aspect(
                rule.because, self._in_both_languages(lambda each: rule_texts[each.words.language].because)
            ),
        }
        columns = zip(self.policy.inputs, rule.cells, strict=True) if rule.cells else ()
        return Article(kind, rule.id, aspects, {name: self.cell(name, part) for name, part in columns})

    def cell(self, name: str, part: Expr) -> ArticleCell:
        """Return the cell of the column of a fact."""

        def cell_text(each: Context) -> str:
            if part == TRUE:
                return each.words.anything
            return cell(condition(part, each), each.words, each.title(name))

        return ArticleCell(
            Aspect(repr(part), self._in_both_languages(cell_text), alters=True),
            self._in_both_languages(lambda each: each.title(name)),
        )

    def example(self, example: Example) -> Article:
        """Return the article of an example: its facts and expected answer."""
        types = {name: each.type for name, each in self.policy.facts.items()}
        facts = {name: format_value(types[name], value) for name, value in example.facts.items()}
        answer = (example.status, _sorted_outcome(example.outcome), example.rules, example.missing)
        aspects = {
            "title": _text_aspect(example.title or _same("")),
            "facts": Aspect(
                repr((sorted(facts.items()), example.as_of)),
                self._in_both_languages(lambda each: _facts_text(example, each)),
            ),
            "expected": Aspect(
                repr(answer),
                self._in_both_languages(
                    lambda each: _expected_text(example, each, self.rule_labels[each.words.language])
                ),
            ),
            "source": _list_aspect(example.source),
        }
        return Article(Kind.EXAMPLE, example.name, aspects)

    def invariant(self, invariant: Invariant) -> Article:
        """Return the article of an invariant: the author's text, and its exact meaning."""

        def law(each: Context) -> str:
            words = invariant_words(self.policy, invariant, each)
            where = f"{inline(words.when, each.words)} → " if words.when else ""
            return where + inline(words.law, each.words)

        aspects = {
            "says": _text_aspect(invariant.says),
            "law": Aspect(repr(invariant.law), self._in_both_languages(law)),
        }
        return Article(Kind.INVARIANT, invariant.id, aspects)

    def _in_both_languages(self, render: Callable[[Context], str]) -> Bilingual:
        return Bilingual(render(self.zh), render(self.en))


def _text_aspect(words: Bilingual) -> Aspect:
    """Return the author's own words."""
    return Aspect(words, Bilingual(" ".join(words.zh.split()), " ".join(words.en.split())))


def _same(text: str) -> Bilingual:
    return Bilingual(text, text)


def _list_aspect(items: tuple[str, ...]) -> Aspect:
    return Aspect(items, _same(", ".join(items)))


def _type_aspect(kind: Type, words: Mapping[str, Bilingual], text: Bilingual) -> Aspect:
    return Aspect((kind, tuple(sorted((word, each.zh, each.en) for word, each in words.items()))), text, alters=True)


def _rows(zh: tuple[tuple[str, ...], ...], en: tuple[tuple[str, ...], ...]) -> list[list[Bilingual]]:
    """Return the cells of two tables of the same shape in both languages."""
    pairs = zip(zh, en, strict=True)
    return [[Bilingual(*cells) for cells in zip(*rows, strict=True)] for rows in pairs]


def _outcome_key(kind: Type, then: Expr | Value) -> object:
    if isinstance(then, bool | int | str | frozenset):
        return repr(format_value(kind, then))
    return repr(then)


def _sorted_outcome(outcome: object) -> object:
    """Return an example's outcome in a fixed order, since tags have none."""
    match outcome:
        case Mapping():
            return sorted((name, _sorted_outcome(value)) for name, value in outcome.items())
        case tuple():
            return [_sorted_outcome(each) for each in outcome]
        case frozenset():
            return sorted(outcome)
        case _:
            return outcome


def _facts_text(example: Example, context: Context) -> str:
    """Return the facts of an example in words."""
    words = context.words
    day = [f"{words.as_of}{words.colon}{words.gap}{example.as_of}"] if example.as_of else []
    facts = (
        f"{context.title(name)}{words.colon}{words.gap}{value_of_name(name, example.facts[name], context)}"
        for name in example.facts
    )
    return words.semicolon.join((*facts, *day)) or LABELS[words.language].missing


def _expected_text(example: Example, context: Context, rule_labels: Mapping[str, str]) -> str:
    """Return the expected answer of an example in words."""
    words, labels = context.words, LABELS[context.words.language]
    rules = words.bracket(words.listing([rule_labels[rule] for rule in example.rules])) if example.rules else ""
    if example.status != "decided":
        missing = words.listing([context.title(name) for name in example.missing])
        return words.fill(labels.statuses[example.status], missing=missing) + rules
    outcomes = example.outcome if isinstance(example.outcome, tuple) else (example.outcome or {},)
    entries = [
        words.link.join(
            words.fill(labels.gives, title=context.title(name), value=value_of_name(name, value, context))
            for name, value in outcome.items()
        )
        for outcome in outcomes
    ]
    return words.semicolon.join(entries) + words.gap + rules
