"""The fields of an outcome, one a value, made from its type; and what was filled in, read exactly.

A field is called `o.`, the number of the entry and the name of the outcome: `o.0.tier`. A policy that lists has several
entries; those that are left empty are none.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from api.pages.forms import Faults, Filled, Form
from api.pages.values import Options, Widget, as_json, widget_of
from policy_service.compilers.prose import kind_in_words
from policy_service.language.policy import Bilingual, Language, Outcome, Policy
from policy_service.language.types import TagsType, TextType, ValueRefused, read, write
from policy_service.sentences import Sentence

FIELD = re.compile(r"o\.([0-9]{1,2})\.(.+)", re.DOTALL)
ENTRIES = 3
"""Entries that are offered for a policy that lists; there is always one more than are filled in."""
MOST = 20
NOTHING = "nothing"
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


def is_of_outcome(name: str) -> bool:
    """Whether a field of the form is one of these."""
    return name == NOTHING or FIELD.fullmatch(name) is not None


def entries_of(policy: Policy, form: Filled, lang: Language) -> tuple[tuple[OutcomeField, ...], ...]:
    """The fields, by entry; of a policy that lists more than are filled in."""
    filled = [int(found[1]) for name in form.values if (found := FIELD.fullmatch(name)) and form.value(name)]
    count = min(MOST, max(ENTRIES, max(filled, default=0) + 2)) if policy.lists else 1
    return tuple(tuple(_field(entry, outcome, lang) for outcome in policy.outcomes.values()) for entry in range(count))


def _field(entry: int, outcome: Outcome, lang: Language) -> OutcomeField:
    widget, options = widget_of(outcome.type, outcome.words, lang)
    expects = kind_in_words(outcome.type, lang, outcome.words)
    return OutcomeField(f"o.{entry}.{outcome.name}", outcome.title, expects, widget, options)


def outcome_given(policy: Policy, form: Form, lang: Language) -> tuple[Any, Faults]:
    """What was filled in, as JSON, and what is wrong with each field."""
    entries: dict[int, dict[str, Sequence[str]]] = {}
    faults: Faults = {}
    for field, values in form.fields.items():
        found = FIELD.fullmatch(field)
        if found and found[2] in policy.outcomes and (int(found[1]) == 0 or (policy.lists and int(found[1]) < MOST)):
            if given := [value.strip() for value in values if value.strip()]:
                entries.setdefault(int(found[1]), {})[found[2]] = given
        elif is_of_outcome(field) and field != NOTHING:
            faults[""] = Sentence("There is no such field.")
    if not policy.lists:
        return _entry(policy, 0, entries.get(0, {}), lang, faults), faults
    listed = [_entry(policy, entry, given, lang, faults) for entry, given in sorted(entries.items())]
    if not listed and not form.one(NOTHING):
        faults[NOTHING] = Sentence("Fill in at least one entry, or say that the list is empty.")
    elif listed and form.one(NOTHING):
        faults[NOTHING] = Sentence("The list cannot be empty and have entries.")
    return listed, faults


def _entry(
    policy: Policy, entry: int, given: Mapping[str, Sequence[str]], lang: Language, faults: Faults
) -> dict[str, object]:
    """One outcome as JSON; what is wrong is added to `faults`."""
    found: dict[str, object] = {}
    for name, outcome in policy.outcomes.items():
        field, typed = f"o.{entry}.{name}", given.get(name, ())
        if not typed and not isinstance(outcome.type, TagsType | TextType):
            faults[field] = Sentence("This has to be filled in.")
            continue
        try:
            found[name] = write(outcome.type, read(outcome.type, as_json(outcome.type, typed)))
        except ValueRefused:
            expected = kind_in_words(outcome.type, lang, outcome.words)
            faults[field] = Sentence("This does not fit. Expected: {expected}", expected=expected)
    return found
