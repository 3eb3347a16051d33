"""The fields of the form: one a fact, made from its type.

A field is called `f.` and the fact's name. An empty field is a fact that is not given.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

from api.kit.values import Options, ValueWidget, widget_of
from policy_service.analysis.typed_values import FactValues, TypedTexts
from policy_service.compilers.prose import origin_in_words, type_in_words
from policy_service.language.policy import Bilingual, Language, Policy
from policy_service.language.types import MAX_TEXT
from policy_service.messages import Message

PREFIX = "f."


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


def fact_fields(policy: Policy, texts: TypedTexts, values: FactValues, lang: Language) -> Iterator[FactField]:
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
