"""What a policy is made of, piece by piece, so that two versions can be laid side by side.

    article  a fact, an outcome, a rule, a band, an example, an invariant, or the head of the policy
    aspect   one thing it says, e.g. a rule's condition: as written, to be compared, and in words, to be read

Two aspects are the same when they mean the same in the policy language, whatever the file's layout.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from enum import StrEnum

from policy_service.compilers.prose.conditions import condition
from policy_service.compilers.prose.context import Context, called_of, context_of
from policy_service.compilers.prose.decision import resolution, rule_words
from policy_service.compilers.prose.declarations import facts_table, kept_value, outcomes_table
from policy_service.compilers.prose.expectations import invariant_words
from policy_service.compilers.prose.labels import LABELS
from policy_service.compilers.prose.statement import cell, inline
from policy_service.language.ast import TRUE, Expr
from policy_service.language.policy import Bilingual, Example, Fact, Invariant, Outcome, Policy, Rule
from policy_service.language.types import Type, Value, write


class Kind(StrEnum):
    """What an article is."""

    HEAD = "policy"
    FACT = "fact"
    OUTCOME = "outcome"
    RULE = "rule"
    BAND = "band"
    EXAMPLE = "example"
    INVARIANT = "invariant"


@dataclass(frozen=True, slots=True)
class Aspect:
    """One thing an article says: what two versions are compared by, and how it is told."""

    key: object
    words: Bilingual
    alters: bool = False
    """Whether other answers may follow when it changes."""


@dataclass(frozen=True, slots=True)
class Cell:
    """One cell of a decision table, and what its column is called."""

    aspect: Aspect
    column: Bilingual


@dataclass(frozen=True, slots=True)
class Article:
    """One piece of a policy; its aspects by name, in the order they are told."""

    kind: Kind
    name: str
    aspects: Mapping[str, Aspect]
    cells: Mapping[str, Cell] = field(default_factory=dict)
    """Of a row of a decision table the condition once more, column by column."""


def articles(policy: Policy) -> tuple[Article, ...]:
    """All articles of a policy, in the order of its file."""
    return tuple(Laid(policy).all())


class Laid:
    """A policy laid out in both languages."""

    def __init__(self, policy: Policy) -> None:
        self.policy = policy
        self.zh, self.en = context_of(policy, "zh"), context_of(policy, "en")
        self.called = {each.words.language: called_of(policy, each) for each in (self.zh, self.en)}
        self.facts = _rows(facts_table(policy, self.zh).rows, facts_table(policy, self.en).rows)
        self.outcomes = _rows(outcomes_table(policy, self.zh).rows, outcomes_table(policy, self.en).rows)

    def all(self) -> Iterator[Article]:
        """Every article."""
        policy = self.policy
        yield self.head()
        for number, fact in enumerate(policy.facts.values()):
            yield self.fact(fact, self.facts[number])
        for number, outcome in enumerate(policy.outcomes.values()):
            yield self.outcome(outcome, self.outcomes[number])
        for rule in policy.rules:
            yield self.rule(Kind.RULE, rule)
        for band in policy.scorecard.bands if policy.scorecard else ():
            yield self.rule(Kind.BAND, band)
        for example in policy.examples:
            yield self.example(example)
        for invariant in policy.invariants:
            yield self.invariant(invariant)

    def head(self) -> Article:
        """The policy as a whole."""
        policy, card = self.policy, self.policy.scorecard
        way = (policy.form, policy.hit, policy.aggregate, (card.type, card.base) if card else None)
        aspects = {
            "title": _said(policy.title),
            "subject": Aspect(policy.subject, _same(policy.subject), alters=True),
            "source": _listed(policy.source),
            "notes": _said(policy.notes or _same("")),
            "resolution": Aspect(way, self._both(lambda each: resolution(policy, each)), alters=True),
            "columns": _listed(policy.inputs),
        }
        return Article(Kind.HEAD, policy.id, aspects)

    def fact(self, fact: Fact, told: list[Bilingual]) -> Article:
        """A fact: what it is called, its type, whether it must be given, and who gives it."""
        aspects = {
            "title": _said(fact.title),
            "type": _kind(fact.type, fact.words, told[2]),
            "needed": Aspect((fact.optional, fact.sensitive), told[3], alters=True),
            "origin": Aspect((fact.requirement, fact.measure), told[4], alters=True),
        }
        return Article(Kind.FACT, fact.name, aspects)

    def outcome(self, outcome: Outcome, told: list[Bilingual]) -> Article:
        """An outcome: what it is called and its type."""
        aspects = {"title": _said(outcome.title), "type": _kind(outcome.type, outcome.words, told[2])}
        return Article(Kind.OUTCOME, outcome.name, aspects)

    def rule(self, kind: Kind, rule: Rule) -> Article:
        """A rule or a band: when, then, because."""
        told = {each.words.language: rule_words(self.policy, rule, each) for each in (self.zh, self.en)}
        card = self.policy.scorecard if kind is Kind.RULE else None
        types = [card.type] if card else [each.type for each in self.policy.outcomes.values()]
        then = tuple(_given(kind_, value) for kind_, value in zip(types, rule.then, strict=False))
        aspects = {
            "title": _said(rule.title or _same("")),
            "when": Aspect(
                repr(rule.when),
                self._both(lambda each: inline(told[each.words.language].when, each.words)),
                alters=True,
            ),
            "then": Aspect(
                then, self._both(lambda each: each.words.semicolon.join(told[each.words.language].then)), alters=True
            ),
            "because": Aspect(rule.because, self._both(lambda each: told[each.words.language].because)),
        }
        columns = zip(self.policy.inputs, rule.cells, strict=True) if rule.cells else ()
        return Article(kind, rule.id, aspects, {name: self.cell(name, part) for name, part in columns})

    def cell(self, name: str, part: Expr) -> Cell:
        """A cell of the column that asks about a fact."""

        def told(each: Context) -> str:
            if part == TRUE:
                return each.words.anything
            return cell(condition(part, each), each.words, each.title(name))

        return Cell(Aspect(repr(part), self._both(told), alters=True), self._both(lambda each: each.title(name)))

    def example(self, example: Example) -> Article:
        """An example: the facts, and the answer they must get."""
        types = {name: each.type for name, each in self.policy.facts.items()}
        facts = {name: write(types[name], value) for name, value in example.facts.items()}
        answer = (example.status, _plain(example.outcome), example.rules, example.missing)
        aspects = {
            "title": _said(example.title or _same("")),
            "facts": Aspect(
                repr((sorted(facts.items()), example.as_of)), self._both(lambda each: _asks(example, each))
            ),
            "expected": Aspect(
                repr(answer), self._both(lambda each: _expects(example, each, self.called[each.words.language]))
            ),
            "source": _listed(example.source),
        }
        return Article(Kind.EXAMPLE, example.name, aspects)

    def invariant(self, invariant: Invariant) -> Article:
        """A law: the author's sentence, and what it says exactly."""

        def law(each: Context) -> str:
            told = invariant_words(self.policy, invariant, each)
            where = f"{inline(told.when, each.words)} → " if told.when else ""
            return where + inline(told.law, each.words)

        aspects = {"says": _said(invariant.says), "law": Aspect(repr(invariant.law), self._both(law))}
        return Article(Kind.INVARIANT, invariant.id, aspects)

    def _both(self, tell: Callable[[Context], str]) -> Bilingual:
        return Bilingual(tell(self.zh), tell(self.en))


def _said(words: Bilingual) -> Aspect:
    """The author's own words."""
    return Aspect(words, Bilingual(" ".join(words.zh.split()), " ".join(words.en.split())))


def _same(text: str) -> Bilingual:
    return Bilingual(text, text)


def _listed(items: tuple[str, ...]) -> Aspect:
    return Aspect(items, _same(", ".join(items)))


def _kind(kind: Type, words: Mapping[str, Bilingual], told: Bilingual) -> Aspect:
    return Aspect((kind, tuple(sorted((word, each.zh, each.en) for word, each in words.items()))), told, alters=True)


def _rows(zh: tuple[tuple[str, ...], ...], en: tuple[tuple[str, ...], ...]) -> list[list[Bilingual]]:
    """Two tables of the same shape, cell by cell."""
    pairs = zip(zh, en, strict=True)
    return [[Bilingual(*cells) for cells in zip(*rows, strict=True)] for rows in pairs]


def _given(kind: Type, then: Expr | Value) -> object:
    if isinstance(then, bool | int | str | frozenset):
        return repr(write(kind, then))
    return repr(then)


def _plain(outcome: object) -> object:
    """An example's outcome in an order of its own: tags have none."""
    match outcome:
        case Mapping():
            return sorted((name, _plain(value)) for name, value in outcome.items())
        case tuple():
            return [_plain(each) for each in outcome]
        case frozenset():
            return sorted(outcome)
        case _:
            return outcome


def _asks(example: Example, context: Context) -> str:
    """The facts of an example in words."""
    words = context.words
    day = [f"{words.as_of}{words.colon}{words.gap}{example.as_of}"] if example.as_of else []
    facts = (
        f"{context.title(name)}{words.colon}{words.gap}{_kept(name, example.facts[name], context)}"
        for name in example.facts
    )
    return words.semicolon.join((*facts, *day)) or LABELS[words.language].missing


def _expects(example: Example, context: Context, called: Mapping[str, str]) -> str:
    """The answer an example must get, in words."""
    words, labels = context.words, LABELS[context.words.language]
    rules = words.bracket(words.listing([called[rule] for rule in example.rules])) if example.rules else ""
    if example.status != "decided":
        missing = words.listing([context.title(name) for name in example.missing])
        return words.fill(labels.statuses[example.status], missing=missing) + rules
    outcomes = example.outcome if isinstance(example.outcome, tuple) else (example.outcome or {},)
    entries = [
        words.link.join(
            words.fill(labels.gives, title=context.title(name), value=_kept(name, value, context))
            for name, value in outcome.items()
        )
        for outcome in outcomes
    ]
    return words.semicolon.join(entries) + words.gap + rules


def _kept(name: str, value: object, context: Context) -> str:
    kind, shown = context.types[name], context.shown.get(name, {})
    return kept_value(kind, value, context.words, shown)  # type: ignore[arg-type]  # the loader has read it by this type
