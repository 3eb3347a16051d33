"""Cells that are read a column at once, against the same cells read one by one."""

from __future__ import annotations

import re
from datetime import date
from decimal import Decimal

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_service.language.types import BooleanType, ChoiceType, DateType, NumberType, TagsType, TextType, Type
from policy_service.population.cells import ColumnJudge
from policy_service.subject import PLAIN_ID, id_error

MONEY = NumberType("money", 2, 0, 10**15, "CNY")
TEXTS = st.one_of(
    st.sampled_from(["", "-", "1", "-1", "007", "45.00", "1.5", "0.125", "1e3", "9" * 17, "it", "true", "2026-11-30"]),
    st.decimals(-100, 10**6, places=3).map(str),
    st.text(max_size=3),
)
"""What cells of a text say, rightly and wrongly."""


def agrees(kind: Type, cells: pa.Array, **named: object) -> bool:
    """True if an array is read as its cells are one by one."""
    judge = ColumnJudge("fact", kind, named.get("words", {}), ["-"])  # type: ignore[arg-type]
    one_by_one = judge.read([tuple(cell) if isinstance(cell, list) else cell for cell in cells.to_pylist()])
    return judge.read(cells) == one_by_one


@pytest.mark.parametrize(
    "kind", [MONEY, NumberType("integer", 0, -5, 50), DateType(), ChoiceType(("it", "-")), TextType()]
)
@given(cells=st.lists(TEXTS | st.none(), max_size=8))
def test_texts_are_read_at_once_as_they_are_one_by_one(kind: Type, cells: list[str | None]) -> None:
    array = pa.array(cells, pa.string())
    assert agrees(kind, array)
    assert agrees(kind, array, words={"1": "2"})
    assert all(agrees(kind, array.slice(start, 1)) for start in range(len(cells)))


@given(cells=st.lists(st.decimals(-10, 10**14, places=4) | st.none(), max_size=8), whole=st.lists(st.integers(-10, 60)))
def test_typed_columns_are_read_at_once_as_they_are_cell_by_cell(cells: list[Decimal | None], whole: list[int]) -> None:
    for kind in (MONEY, NumberType("number", 4, 0, 10**19), NumberType("integer", 0, 0, 50)):
        assert agrees(kind, pa.array(cells, pa.decimal128(38, 4)))
        assert agrees(kind, pa.array([None if each is None else int(each) for each in cells], pa.int64()))
        assert agrees(kind, pa.array(whole, pa.int8()))


def test_columns_of_other_types_are_read_at_once_as_they_are_cell_by_cell() -> None:
    for kind in (BooleanType(), DateType(), TagsType(("a", "b")), MONEY):
        for array in (
            pa.array([True, None, False]),
            pa.array([date(2026, 11, 30), None]),
            pa.array([["b", "a"], ["c"], None]),
            pa.array(["a", "b;a", None]).dictionary_encode(),
            pa.array([None, None]),
            pa.array([2**64 - 1], pa.uint64()),
        ):
            assert agrees(kind, array)


@given(id_=st.one_of(st.from_regex(PLAIN_ID, fullmatch=True), st.text(" !./-0a~é", max_size=6), st.just("a" * 201)))
def test_an_identifier_that_is_plain_has_no_error(id_: str) -> None:
    if re.fullmatch(PLAIN_ID, id_):
        assert id_error(id_) is None
