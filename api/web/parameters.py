"""Parameters of addresses that several lists have: days as decisions write them, and the cursor of a page."""

from __future__ import annotations

from datetime import date
from typing import Annotated, cast

from fastapi import Query
from pydantic import BeforeValidator

from api.web.problems import INVALID_PARAMETER, Problem, ProblemError, invalid_parameters_detail
from policy_service.decisions.request import format_or_null
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
        problem = {"parameter": parameter, "code": "out-of-range", "value": str(day), "expected": expected}
        raise ProblemError(INVALID_PARAMETER, invalid_parameters_detail([parameter]), problems=[problem])


MAX_CURSOR_LENGTH = 2_000
"""Characters of a cursor: a name of 200, in any writing, fits."""
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR_LENGTH, description="`next_cursor` of the page before")]


def invalid_cursor_problem(cursor: str) -> Problem:
    """That a cursor was not issued by the list it is given to."""
    expected = "`next_cursor` of the page before"
    problem = {"parameter": "cursor", "code": "mistyped", "value": format_or_null(cursor), "expected": expected}
    return Problem(INVALID_PARAMETER, invalid_parameters_detail(["cursor"]), {"problems": [problem]})
