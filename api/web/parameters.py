"""Parameters common to several operations: any text, days, cursors."""

from __future__ import annotations

from datetime import date
from typing import Annotated, cast

from fastapi import Query
from pydantic import BeforeValidator
from starlette.convertors import PathConvertor, register_url_convertor

from api.web.problems import invalid_parameters_error, parameter_fault
from policy_service.language.types import DateType, ValueRejected, parse_value

ANY_TEXT = "text"
"""The convertor of `{subject:text}`: an identifier with slashes, or with a line feed, which then gets an error message.
"""


class _TextConvertor(PathConvertor):
    """Accepts line feeds, too: Starlette's convertors do not match them."""

    regex = "(?s:.*)"


register_url_convertor(ANY_TEXT, _TextConvertor())

_DAY_TYPE = DateType()
MAX_ADDRESS = 2_000
"""Maximum length of a redirect address, characters."""


def _day(value: object) -> object:
    """Parse a day like decisions do. Raises ValueError."""
    try:
        return date.fromordinal(cast("int", parse_value(_DAY_TYPE, value)))
    except ValueRejected as error:
        raise ValueError(error.expected) from None


DayText = Annotated[date, BeforeValidator(_day)]


def check_day(parameter: str, day: date, first: date, last: date | None = None) -> None:
    """Raise ProblemError unless a day is between the first and the last, if any."""
    if day < first or (last is not None and day > last):
        expected = f"a day from {first} on" if last is None else f"a day from {first} to {last}"
        raise invalid_parameters_error([parameter_fault(parameter, str(day), expected, "out-of-range")])


MAX_CURSOR_LENGTH = 2_000
"""Maximum length of a cursor, characters: a name of 200 in any script fits."""
A_CURSOR = "`next_cursor` of the page before"
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR_LENGTH, description=A_CURSOR)]


def safe_redirect_address(address: str | None) -> str:
    """Return a redirect address within this service; `/` for any other site."""
    if address is None or len(address) > MAX_ADDRESS or not address.isprintable():
        return "/"
    local = address.startswith("/") and not address.startswith(("//", "/\\")) and "\\" not in address
    return address if local else "/"
