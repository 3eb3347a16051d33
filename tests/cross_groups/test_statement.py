"""The statement of cross groups: what it names, in one spelling, and what is said of one that names nothing."""

# ruff: noqa: E501  # a case is one line of a table

import pytest

from policy_service.cross_groups.statement import (
    MAX_STATEMENT,
    NamedClass,
    NamedDimension,
    parse_statement,
    write_statement,
)
from policy_service.errors import CrossGroupsRejected
from policy_service.language.policy import Bilingual


@pytest.mark.parametrize(
    "text", ["industry × scale", "industry x scale", "industry X  scale", "industry*scale", " industry×scale "]
)
def test_the_dimensions_stand_between_signs_of_times(text: str) -> None:
    assert parse_statement(text) == (NamedDimension("industry", ()), NamedDimension("scale", ()))


def test_an_x_inside_a_name_is_no_sign() -> None:
    assert [each.name for each in parse_statement("tax × index(x | y=rest)")] == ["tax", "index"]


def test_classes_are_named_merged_titled_or_the_rest() -> None:
    [dimension] = parse_statement(
        "tiering/size.scale(large | middling = medium + small | others [其他/the others] = rest)"
    )
    assert dimension == NamedDimension(
        "tiering/size.scale",
        (
            NamedClass("large", ("large",)),
            NamedClass("middling", ("medium", "small")),
            NamedClass("others", None, Bilingual("其他", "the others")),
        ),
    )


@pytest.mark.parametrize(
    ("text", "spelling"),
    [
        ("a*b", "a × b"),
        ("a( b|c = d+e |f=rest)", "a(b | c=d+e | f=rest)"),
        ("a(b[乙/bee])", "a(b[乙/bee]=b)"),
        ("a(b[ 乙 / bee ]=b+c|d=rest) x e", "a(b[乙/bee]=b+c | d=rest) × e"),
    ],
)
def test_a_statement_has_one_spelling_which_says_the_same(text: str, spelling: str) -> None:
    assert write_statement(parse_statement(text)) == spelling
    assert parse_statement(spelling) == parse_statement(text)


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        ("", ["`` names no dimension: write `industry`, or `industry(it | others=rest)`"]),
        ("industry ×", ["`` names no dimension: write `industry`, or `industry(it | others=rest)`"]),
        ("industry and scale", ["`industry and scale` names no dimension: write `industry`, or `industry(it | others=rest)`"]),
        ("Industry", ["`Industry` names no dimension: write `industry`, or `industry(it | others=rest)`"]),
        ("a(b", ["`a(b` names no dimension: write `industry`, or `industry(it | others=rest)`"]),
        ("a() × b(c=)", ["`` names no class of `a`: write `it`, or `others=retail+finance`", "`c=` names no class of `b`: write `it`, or `others=retail+finance`"]),
        ("a(b=c=d)", ["`b=c=d` names no class of `a`: write `it`, or `others=retail+finance`"]),
        ("a(b[乙]=c)", ["`b[乙]=c` names no class of `a`: write `it`, or `others=retail+finance`"]),
        ("a(b[乙\u202e/bee])", ["the hidden character U+202E RIGHT-TO-LEFT OVERRIDE: leave it out"]),
        ("x" * (MAX_STATEMENT + 1), ["a statement has at most 1,500 characters, this one 1,501"]),
    ],
)  # fmt: skip
def test_every_fault_of_a_statement_is_told(text: str, faults: list[str]) -> None:
    with pytest.raises(CrossGroupsRejected) as refused:
        parse_statement(text)
    assert list(refused.value.errors) == faults
