"""The fields of the form: one a fact, made from its type; and what a reader typed into them, read exactly.

A field is called `f.` and the fact's name. An empty field is a fact that is not given.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from api.kit.values import NO_TAGS, Options, ValueWidget, to_json, widget_of
from policy_service.compilers.prose import origin_in_words, type_in_words
from policy_service.language.policy import Bilingual, Language, Policy
from policy_service.language.types import MAX_TEXT, Value, ValueRejected, format_value, parse_value
from policy_service.messages import Message

PREFIX = "f."
FactTexts = Mapping[str, Sequence[str]]
"""What was typed, by the name of the fact."""


@dataclass(frozen=True, slots=True)
class FactField:
    """One fact to fill in."""

    name: str
    """Of the field."""
    fact: str
    title: Bilingual
    expects: str
    """Its type in words, with its unit and bounds."""
    widget: ValueWidget
    options: Options
    values: tuple[str, ...]
    """What stands in it."""
    is_required: bool
    is_sensitive: bool
    origin: str
    """Where it comes from when a decision is made; nothing when the caller gives it."""
    error: Message | None

    @property
    def value(self) -> str:
        """The text in a field of one line."""
        return self.values[0] if self.values else ""


@dataclass(frozen=True, slots=True)
class FactValues:
    """The facts that were given, as the language keeps them, and what is wrong with the others."""

    facts: Mapping[str, Value]
    errors: Mapping[str, Message]


def read_facts(policy: Policy, texts: FactTexts, lang: Language) -> FactValues:
    """The facts in the fields."""
    facts: dict[str, Value] = {}
    errors: dict[str, Message] = {}
    for name, fact in policy.facts.items():
        typed_texts = [text.strip() for text in texts.get(name, ()) if text.strip()]
        if typed_texts:
            try:
                facts[name] = parse_value(fact.type, to_json(fact.type, typed_texts))
            except ValueRejected:
                expected = type_in_words(fact.type, lang, fact.words)
                errors[name] = Message("Invalid. Expected: {expected}", expected=expected)
    return FactValues(facts, errors)


def fact_fields(policy: Policy, texts: FactTexts, values: FactValues, lang: Language) -> Iterator[FactField]:
    """The form of a policy, with what was typed."""
    for name, fact in policy.facts.items():
        widget, options = widget_of(fact.type, fact.words, lang)
        yield FactField(
            name=f"{PREFIX}{name}",
            fact=name,
            title=fact.title,
            expects=type_in_words(fact.type, lang, fact.words),
            widget=widget,
            options=options,
            values=tuple(text[:MAX_TEXT] for text in texts.get(name, ())),
            is_required=not fact.optional,
            is_sensitive=fact.sensitive,
            origin=origin_in_words(fact, lang),
            error=values.errors.get(name),
        )


def fact_texts(policy: Policy, facts: Mapping[str, Value]) -> dict[str, tuple[str, ...]]:
    """Facts as they would be typed: of an example, to begin with."""
    texts: dict[str, tuple[str, ...]] = {}
    for name, value in facts.items():
        formatted = format_value(policy.facts[name].type, value)
        match formatted:
            case bool():
                texts[name] = ("true" if formatted else "false",)
            case list():
                texts[name] = tuple(map(str, formatted)) or (NO_TAGS,)
            case _:
                texts[name] = (str(formatted),)
    return texts
