"""One value of a policy in a form: the kind of field that its type needs, and what was typed there, as JSON has it.

Figures may be typed as people write them, with groups of three: `800,000.00`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Literal, assert_never

from policy_service.compilers.prose import value_words
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

NONE = "[]"
"""Stands for tags that are known to be none, which is something else than not being given."""
GROUPED = re.compile(r"-?[0-9]{1,3}(?:,[0-9]{3})+(?:\.[0-9]+)?")
Widget = Literal["text", "number", "date", "one", "several"]
Options = tuple[tuple[str, str], ...]
"""Of a choice: each value and its words."""


def widget_of(kind: Type, words: Mapping[str, Bilingual], lang: Language) -> tuple[Widget, Options]:
    """The field that a type needs; `words` are the titles of its words."""
    match kind:
        case BooleanType():
            return "one", tuple((word, value_words(kind, word == "true", lang)) for word in ("true", "false"))
        case ChoiceType(of=of):
            return "one", tuple((word, value_words(kind, word, lang, words)) for word in of)
        case TagsType(of=of):
            return "several", tuple((word, value_words(ChoiceType(of), word, lang, words)) for word in of)
        case NumberType():
            return "number", ()
        case DateType():
            return "date", ()
        case DurationType() | TextType():
            return "text", ()
        case _:
            assert_never(kind)


def as_json(kind: Type, typed: Sequence[str]) -> object:
    """What was typed, to be read by the type; nothing at all is no tag, and empty text."""
    text = typed[0] if typed else ""
    match kind:
        case BooleanType():
            return {"true": True, "false": False}.get(text, text)
        case NumberType():
            return text.replace(",", "") if GROUPED.fullmatch(text) else text
        case TagsType():
            return [word for word in typed if word != NONE]
        case DateType() | DurationType() | ChoiceType() | TextType():
            return text
        case _:
            assert_never(kind)
