"""One value of a policy in a form: the kind of field that its type needs, and what was typed there, as JSON has it.

Figures may be typed as people write them, with groups of three: `800,000.00`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, assert_never

from policy_service.compilers.prose import value_in_words
from policy_service.language.policy import Bilingual, Language
from policy_service.language.types import (
    BooleanType,
    ChoiceType,
    DateType,
    DurationType,
    NumberType,
    TagsType,
    TextType,
    Type,
)

NO_TAGS = "[]"
"""Stands for tags that are known to be none, which is something else than not being given."""
GROUPED_DIGITS = re.compile(r"-?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
ValueWidget = Literal["text", "number", "date", "one", "several"]
Options = tuple[tuple[str, str], ...]
"""Of a choice: each value and its words."""


def widget_of(kind: Type, titles: Mapping[str, Bilingual], lang: Language) -> tuple[ValueWidget, Options]:
    """The field that a type needs; `titles` are those of its values."""
    match kind:
        case BooleanType():
            return "one", tuple((value, value_in_words(kind, value == "true", lang)) for value in ("true", "false"))
        case ChoiceType(of=of):
            return "one", tuple((value, value_in_words(kind, value, lang, titles)) for value in of)
        case TagsType(of=of):
            return "several", tuple((value, value_in_words(ChoiceType(of), value, lang, titles)) for value in of)
        case NumberType():
            return "number", ()
        case DateType():
            return "date", ()
        case DurationType() | TextType():
            return "text", ()
        case _:
            assert_never(kind)


def to_json(kind: Type, texts: Sequence[str]) -> object:
    """Return the typed text as JSON, to be read by the type; nothing at all is no tag, and empty text."""
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
