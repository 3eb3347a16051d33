"""The fields of the form: one a fact, made from its type; and what a reader typed into them, read exactly.

A field is called `f.` and the fact's name. An empty field is a fact that is not given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from api.pages.values import NONE, Options, Widget, as_json, widget_of
from policy_service.compilers.prose import kind_in_words
from policy_service.language.policy import Bilingual, Language, Policy
from policy_service.language.types import MAX_TEXT, Value, ValueRefused, read, write
from policy_service.sentences import Sentence

PREFIX = "f."
Given = Mapping[str, Sequence[str]]
"""What was typed, by the name of the fact."""


@dataclass(frozen=True, slots=True)
class Field:
    """One fact to fill in."""

    name: str
    """Of the field."""
    fact: str
    title: Bilingual
    expects: str
    """Its type in words, with its unit and bounds."""
    widget: Widget
    options: Options
    values: tuple[str, ...]
    """What stands in it."""
    needed: bool
    sensitive: bool
    origin: str | None
    """The policy that decides it elsewhere, when one does."""
    measure: str | None
    fault: Sentence | None

    @property
    def value(self) -> str:
        """What stands in a field of one line."""
        return self.values[0] if self.values else ""


@dataclass(frozen=True, slots=True)
class Filled:
    """The facts that were given, as the language keeps them, and what is wrong with the others."""

    facts: Mapping[str, Value]
    faults: Mapping[str, Sentence]


def read_given(policy: Policy, given: Given, lang: Language) -> Filled:
    """The facts in the fields."""
    facts: dict[str, Value] = {}
    faults: dict[str, Sentence] = {}
    for name, fact in policy.facts.items():
        typed = [text.strip() for text in given.get(name, ()) if text.strip()]
        if typed:
            try:
                facts[name] = read(fact.type, as_json(fact.type, typed))
            except ValueRefused:
                expected = kind_in_words(fact.type, lang, fact.words)
                faults[name] = Sentence("This does not fit. Expected: {expected}", expected=expected)
    return Filled(facts, faults)


def fields(policy: Policy, given: Given, filled: Filled, lang: Language) -> Iterator[Field]:
    """The form of a policy, with what was typed."""
    for name, fact in policy.facts.items():
        widget, options = widget_of(fact.type, fact.words, lang)
        yield Field(
            name=f"{PREFIX}{name}",
            fact=name,
            title=fact.title,
            expects=kind_in_words(fact.type, lang, fact.words),
            widget=widget,
            options=options,
            values=tuple(text[:MAX_TEXT] for text in given.get(name, ())),
            needed=not fact.optional,
            sensitive=fact.sensitive,
            origin=fact.requirement.policy if fact.requirement else None,
            measure=fact.measure,
            fault=filled.faults.get(name),
        )


def typed(policy: Policy, facts: Mapping[str, Value]) -> dict[str, tuple[str, ...]]:
    """Facts as they would be typed: of an example, to begin with."""
    found: dict[str, tuple[str, ...]] = {}
    for name, value in facts.items():
        written = write(policy.facts[name].type, value)
        match written:
            case bool():
                found[name] = ("true" if written else "false",)
            case list():
                found[name] = tuple(map(str, written)) or (NONE,)
            case _:
                found[name] = (str(written),)
    return found
