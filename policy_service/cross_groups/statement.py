"""Parses the statement of the dimensions of cross groups.

    statement = dimension { "×" dimension }            " x " and "*" stand for "×"
    dimension = name [ "(" class { "|" class } ")" ]   without classes, every value is one
    name      = [ policy "." ] name                    a fact or an outcome: `industry`, `tiering/region.region`
    class     = value | called "=" ( value { "+" value } | "rest" )
    called    = name [ "[" zh "/" en "]" ]

`industry(manufacturing | others[其他行业/other industries]=rest) × scale(large | smaller=medium+small)`
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace

from policy_service.characters import describe_character, find_hidden_character
from policy_service.errors import CrossGroupsRejected
from policy_service.language.diagnostics import shorten
from policy_service.language.policy import Bilingual

MAX_STATEMENT = 1_500
"""Maximum length of a statement, characters."""
REST = "rest"
_TIMES = re.compile(r"\s*[×*]\s*|\s+[xX]\s+")
_DIMENSION = re.compile(r"(?P<name>[a-z0-9_./]+)\s*(?:\((?P<classes>.*)\))?", re.DOTALL)
_CLASS = re.compile(
    r"(?P<name>[^\s()|=+\[\]×*]+)\s*(?:\[(?P<zh>[^\[\]/|×*]+)/(?P<en>[^\[\]/|×*]+)\]\s*)?(?:=(?P<values>[^=|\[\]]+))?"
)


@dataclass(frozen=True, slots=True)
class NamedClass:
    """A class of a dimension: its name, its title if given, and its values; None for all the rest."""

    name: str
    values: tuple[str, ...] | None
    title: Bilingual | None = None

    def __str__(self) -> str:
        title = f"[{self.title.zh}/{self.title.en}]" if self.title else ""
        if self.values == (self.name,) and not title:
            return self.name
        return f"{self.name}{title}={REST if self.values is None else '+'.join(self.values)}"


@dataclass(frozen=True, slots=True)
class NamedDimension:
    """A dimension as named, and its classes; empty when every value is a class."""

    name: str
    classes: tuple[NamedClass, ...]

    def __str__(self) -> str:
        return f"{self.name}({' | '.join(map(str, self.classes))})" if self.classes else self.name


def parse_statement(text: str) -> tuple[NamedDimension, ...]:
    """Return the dimensions of a statement, in order. Raises CrossGroupsRejected with every error."""
    if len(text) > MAX_STATEMENT:
        raise CrossGroupsRejected([f"a statement has at most {MAX_STATEMENT:,} characters, this one {len(text):,}"])
    if match := find_hidden_character(text):
        raise CrossGroupsRejected([f"the hidden character {describe_character(match[0])}: leave it out"])
    errors: list[str] = []
    dimensions = [_dimension(part, errors) for part in _TIMES.split(text.strip())]
    if errors:
        raise CrossGroupsRejected(errors)
    return tuple(each for each in dimensions if each is not None)


def write_statement(dimensions: tuple[NamedDimension, ...]) -> str:
    """Return the statement in one spelling."""
    return " × ".join(map(str, dimensions))


def without_titles(dimensions: tuple[NamedDimension, ...]) -> tuple[NamedDimension, ...]:
    """Return the same dimensions without titles of classes, for a reader of one language."""
    return tuple(
        replace(each, classes=tuple(replace(named_class, title=None) for named_class in each.classes))
        for each in dimensions
    )


def _dimension(text: str, errors: list[str]) -> NamedDimension | None:
    match = _DIMENSION.fullmatch(text.strip())
    if match is None:
        errors.append(
            f"`{shorten(text.strip())}` names no dimension: write `industry`, or `industry(it | others=rest)`"
        )
        return None
    if match["classes"] is None:
        return NamedDimension(match["name"], ())
    classes = [_class(part, match["name"], errors) for part in match["classes"].split("|")]
    return NamedDimension(match["name"], tuple(each for each in classes if each is not None))


def _class(text: str, dimension: str, errors: list[str]) -> NamedClass | None:
    match = _CLASS.fullmatch(text.strip())
    if match is None:
        errors.append(
            f"`{shorten(text.strip())}` names no class of `{dimension}`: write `it`, or `others=retail+finance`"
        )
        return None
    title = Bilingual(match["zh"].strip(), match["en"].strip()) if match["zh"] else None
    values_text = (match["values"] or match["name"]).strip()
    values = None if values_text == REST else tuple(value.strip() for value in values_text.split("+"))
    return NamedClass(match["name"], values, title)
