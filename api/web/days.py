"""Days in addresses: as decisions write them, and within bounds."""

from __future__ import annotations

from datetime import date
from typing import Annotated, cast

from pydantic import BeforeValidator

from api.web.problems import INVALID_PARAMETER, ProblemError, invalid_parameters_detail
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
