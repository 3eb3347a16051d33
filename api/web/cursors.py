"""Cursors: where a list goes on, as text that means nothing to anyone who holds it."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated

from fastapi import Query

from api.web.problems import INVALID_PARAMETER, Problem, ProblemError, invalid_parameters_detail
from policy_service.decisions.request import format_or_null

MAX_CURSOR_LENGTH = 2_000
"""Characters of a cursor: a name of 200, in any writing, fits."""
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR_LENGTH, description="`next_cursor` of the page before")]

NUMBER = re.compile("[0-9]{1,15}")


def encode_cursor(name: str) -> str:
    """The cursor that stands for a name."""
    return base64.urlsafe_b64encode(name.encode()).decode()


def decode_cursor(cursor: str | None) -> str:
    """The name a cursor stands for; empty when there is none. Raises ProblemError."""
    if cursor is None:
        return ""
    try:
        name = base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise _invalid_cursor(cursor) from None
    if not name.isprintable():
        raise _invalid_cursor(cursor)
    return name


def decode_number_cursor(cursor: str | None) -> int | None:
    """The number a cursor stands for; None when there is none. Raises ProblemError."""
    text = decode_cursor(cursor)
    if cursor is not None and not NUMBER.fullmatch(text):
        raise _invalid_cursor(cursor)
    return int(text) if text else None


def _invalid_cursor(cursor: str) -> ProblemError:
    return ProblemError.from_problem(invalid_cursor_problem(cursor))


def invalid_cursor_problem(cursor: str) -> Problem:
    """That a cursor was not issued by the list it is given to."""
    expected = "`next_cursor` of the page before"
    problem = {"parameter": "cursor", "code": "mistyped", "value": format_or_null(cursor), "expected": expected}
    return Problem(INVALID_PARAMETER, invalid_parameters_detail(["cursor"]), {"problems": [problem]})
