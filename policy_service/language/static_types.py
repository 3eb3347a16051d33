"""The static type of an expression, and its description for the author."""

from __future__ import annotations

from dataclasses import dataclass
from typing import assert_never

from policy_service.language.diagnostics import Code, shorten
from policy_service.language.quantities import LITERAL, Quantity
from policy_service.language.types import BooleanType, ChoiceType, TagsType, TextType
from policy_service.language.unparse import quote


@dataclass(frozen=True, slots=True)
class Word:
    """The static type of a quoted text: the other side of a comparison makes it a choice, tag or text."""

    text: str


Static = Quantity | Word | BooleanType | ChoiceType | TextType | TagsType


@dataclass(frozen=True, slots=True)
class CheckError:
    """An error of an expression, with its position in the text."""

    code: Code
    message: str
    span: tuple[int, int]
    hint: str | None = None


def spell_unit(unit: str) -> str:
    """Return a unit in the author's words."""
    return "a number" if unit == LITERAL else f"an amount in {unit}" if unit.isupper() else unit


def spell(static: Static) -> str:
    """Return a static type in the author's words."""
    match static:
        case Quantity(unit=unit):
            return spell_unit(unit)
        case Word():
            return f"the text {quote(shorten(static.text))}"
        case BooleanType():
            return "true or false"
        case ChoiceType():
            return f"one of {shorten(', '.join(static.of), 80)}"
        case TextType():
            return "text"
        case TagsType():
            return "a tag list"
        case _:
            assert_never(static)
