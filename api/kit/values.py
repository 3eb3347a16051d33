"""One value of a policy in a form: the kind of field that its type needs."""

from __future__ import annotations

from collections.abc import Mapping
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

ValueWidget = Literal["text", "number", "date", "one", "several"]
Options = tuple[tuple[str, str], ...]
"""Of a choice: each value and its words."""


def widget_of(kind: Type, titles: Mapping[str, Bilingual], lang: Language) -> tuple[ValueWidget, Options]:
    """Return the field that a type needs; `titles` are those of its values."""
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
