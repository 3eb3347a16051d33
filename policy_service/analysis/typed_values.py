"""Parses values of facts and outcomes typed by people, and formats values as typed.

Numbers may have groups of three digits: `800,000.00`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from policy_service.compilers.prose import type_in_words
from policy_service.language.policy import Fact, Language, Outcome, Policy
from policy_service.language.types import (
    BooleanType,
    ChoiceType,
    DateType,
    DurationType,
    NumberType,
    TagsType,
    TextType,
    Type,
    Value,
    ValueRejected,
    format_value,
    parse_value,
)
from policy_service.messages import Message

NO_TAGS = "[]"
"""Stands for an empty tag list, as opposed to missing tags."""
GROUPED_DIGITS = re.compile(r"-?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
TypedTexts = Mapping[str, Sequence[str]]
"""The typed texts, by name of the fact or outcome."""


@dataclass(frozen=True, slots=True)
class FactValues:
    """The given facts in stored form, and the errors of the others."""

    facts: Mapping[str, Value]
    errors: Mapping[str, Message]


def read_typed(declared: Fact | Outcome, texts: Sequence[str]) -> Value:
    """Parse a typed text; an empty one is an empty tag list or text. Raises ValueRejected."""
    return parse_value(declared.type, _to_json(declared.type, texts))


def read_facts(policy: Policy, texts: TypedTexts, lang: Language) -> FactValues:
    """Parse the typed facts of a policy; an empty text is a missing fact."""
    facts: dict[str, Value] = {}
    errors: dict[str, Message] = {}
    for name, fact in policy.facts.items():
        filled = [text.strip() for text in texts.get(name, ()) if text.strip()]
        if filled:
            try:
                facts[name] = read_typed(fact, filled)
            except ValueRejected:
                errors[name] = invalid_message(fact, lang)
    return FactValues(facts, errors)


def read_outcomes(
    policy: Policy, entries: Mapping[int, TypedTexts], lang: Language
) -> tuple[list[dict[str, object]], dict[tuple[int, str], Message]]:
    """Parse the typed entries of an outcome; return JSON, and the errors by entry and name."""
    errors: dict[tuple[int, str], Message] = {}

    def read(entry: int, texts: TypedTexts) -> dict[str, object]:
        values: dict[str, object] = {}
        for name, outcome in policy.outcomes.items():
            typed = texts.get(name, ())
            if not typed and not isinstance(outcome.type, TagsType | TextType):
                errors[entry, name] = Message("This field is required.")
                continue
            try:
                values[name] = format_value(outcome.type, read_typed(outcome, typed))
            except ValueRejected:
                errors[entry, name] = invalid_message(outcome, lang)
        return values

    return [read(entry, texts) for entry, texts in sorted(entries.items())], errors


def invalid_message(declared: Fact | Outcome, lang: Language) -> Message:
    """Return the error of an invalid value, with what was expected."""
    expected = type_in_words(declared.type, lang, declared.words)
    return Message("Invalid. Expected: {expected}", expected=expected)


def fact_texts(policy: Policy, facts: Mapping[str, Value]) -> dict[str, tuple[str, ...]]:
    """Return facts as typed texts, for editing an example."""
    return {name: _typed(format_value(policy.facts[name].type, value)) for name, value in facts.items()}


def _typed(formatted: object) -> tuple[str, ...]:
    match formatted:
        case bool():
            return ("true" if formatted else "false",)
        case list():
            return tuple(map(str, formatted)) or (NO_TAGS,)
        case _:
            return (str(formatted),)


def _to_json(kind: Type, texts: Sequence[str]) -> object:
    text = texts[0] if texts else ""
    match kind:
        case BooleanType():
            return {"true": True, "false": False}.get(text, text)
        case NumberType():
            return text.replace(",", "") if GROUPED_DIGITS.fullmatch(text) else text
        case TagsType():
            return [value for value in texts if value != NO_TAGS]
        case DateType() | DurationType() | ChoiceType() | TextType():
            return text
        case _:
            assert_never(kind)
