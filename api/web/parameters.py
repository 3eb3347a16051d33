"""Parameters of addresses that several lists have: days as decisions write them, and the cursor of a page."""

from __future__ import annotations

from datetime import date
from typing import Annotated, cast

from fastapi import Query
from pydantic import BeforeValidator

from api.web.problems import invalid_parameters_error, parameter_fault
from policy_service.language.types import DateType, ValueRejected, parse_value

_DAY_TYPE = DateType()


def _day(value: object) -> object:
    """Read a day as decisions do. Raises ValueError."""
    try:
        return date.fromordinal(cast("int", parse_value(_DAY_TYPE, value)))
    except ValueRejected as error:
        raise ValueError(error.expected) from None


DayText = Annotated[date, BeforeValidator(_day)]


def check_day(parameter: str, day: date, first: date, last: date | None = None) -> None:
    """Raise ProblemError unless a day is not before the first, and not after the last if there is one."""
    if day < first or (last is not None and day > last):
        expected = f"a day from {first} on" if last is None else f"a day from {first} to {last}"
        raise invalid_parameters_error([parameter_fault(parameter, str(day), expected, "out-of-range")])


MAX_CURSOR_LENGTH = 2_000
"""Characters of a cursor: a name of 200, in any writing, fits."""
A_CURSOR = "`next_cursor` of the page before"
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR_LENGTH, description=A_CURSOR)]
