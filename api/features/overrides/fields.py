"""The fields of an outcome, one a value, made from its type; and what was filled in, read exactly.

A field is called `o.`, the number of the entry and the name of the outcome: `o.0.tier`. A policy that lists has several
entries; those that are left empty are none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.kit.forms import FieldErrors, Form, FormState
from api.kit.values import Options, Widget, to_json, widget_of
from policy_service.compilers.prose import type_in_words
from policy_service.language.policy import Bilingual, Language, Outcome, Policy
from policy_service.language.types import TagsType, TextType, ValueRejected, format_value, parse_value
from policy_service.messages import Message

FIELD = re.compile(r"o\.([0-9]{1,2})\.(.+)", re.DOTALL)
MIN_ENTRIES = 3
"""Entries that are offered for a policy that lists; there is always one more than are filled in."""
MAX_ENTRIES = 20
EMPTY_LIST_FIELD = "nothing"
"""The box that says that the list is empty."""


@dataclass(frozen=True, slots=True)
class OutcomeField:
    """One value to fill in."""

    name: str
    title: Bilingual
    expects: str
    """Its type in words, with its unit and bounds."""
    widget: Widget
    options: Options


def is_outcome_field(name: str) -> bool:
    """Return True if a field of the form is one of these."""
    return name == EMPTY_LIST_FIELD or FIELD.fullmatch(name) is not None


def outcome_entries(policy: Policy, form: FormState, lang: Language) -> tuple[tuple[OutcomeField, ...], ...]:
    """The fields, by entry; of a policy that lists more than are filled in."""
    numbers = [int(match[1]) for name in form.values if (match := FIELD.fullmatch(name)) and form.value(name)]
    count = min(MAX_ENTRIES, max(MIN_ENTRIES, max(numbers, default=0) + 2)) if policy.returns_list else 1
    return tuple(tuple(_field(entry, outcome, lang) for outcome in policy.outcomes.values()) for entry in range(count))


def _field(entry: int, outcome: Outcome, lang: Language) -> OutcomeField:
    widget, options = widget_of(outcome.type, outcome.words, lang)
    expects = type_in_words(outcome.type, lang, outcome.words)
    return OutcomeField(f"o.{entry}.{outcome.name}", outcome.title, expects, widget, options)


def read_outcome_fields(policy: Policy, form: Form, lang: Language) -> tuple[Any, FieldErrors]:
    """Read the fields as JSON; return it with the errors of each field."""
    entries: dict[int, dict[str, Sequence[str]]] = {}
    errors: FieldErrors = {}
    for field, values in form.fields.items():
        match = FIELD.fullmatch(field)
        if (
            match
            and match[2] in policy.outcomes
            and (int(match[1]) == 0 or (policy.returns_list and int(match[1]) < MAX_ENTRIES))
        ):
            if texts := [value.strip() for value in values if value.strip()]:
                entries.setdefault(int(match[1]), {})[match[2]] = texts
        elif is_outcome_field(field) and field != EMPTY_LIST_FIELD:
            errors[""] = Message("There is no such field.")
    if not policy.returns_list:
        return _read_entry(policy, 0, entries.get(0, {}), lang, errors), errors
    outcomes = [_read_entry(policy, entry, texts, lang, errors) for entry, texts in sorted(entries.items())]
    if not outcomes and not form.value(EMPTY_LIST_FIELD):
        errors[EMPTY_LIST_FIELD] = Message("Fill in at least one entry, or mark the list as empty.")
    elif outcomes and form.value(EMPTY_LIST_FIELD):
        errors[EMPTY_LIST_FIELD] = Message("A list marked as empty cannot have entries.")
    return outcomes, errors


def _read_entry(
    policy: Policy, entry: int, texts: Mapping[str, Sequence[str]], lang: Language, errors: FieldErrors
) -> dict[str, object]:
    """One outcome as JSON; what is wrong is added to `errors`."""
    values: dict[str, object] = {}
    for name, outcome in policy.outcomes.items():
        field, typed_texts = f"o.{entry}.{name}", texts.get(name, ())
        if not typed_texts and not isinstance(outcome.type, TagsType | TextType):
            errors[field] = Message("This field is required.")
            continue
        try:
            values[name] = format_value(outcome.type, parse_value(outcome.type, to_json(outcome.type, typed_texts)))
        except ValueRejected:
            expected = type_in_words(outcome.type, lang, outcome.words)
            errors[field] = Message("Invalid. Expected: {expected}", expected=expected)
    return values
