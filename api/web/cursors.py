"""The parameter `cursor` of lists, and the problem of one that the list did not issue (policy_service/paging.py)."""

from __future__ import annotations

from typing import Annotated

from fastapi import Query

from api.web.problems import INVALID_PARAMETER, Problem, invalid_parameters_detail
from policy_service.decisions.request import format_or_null

MAX_CURSOR_LENGTH = 2_000
"""Characters of a cursor: a name of 200, in any writing, fits."""
Cursor = Annotated[str | None, Query(max_length=MAX_CURSOR_LENGTH, description="`next_cursor` of the page before")]


def invalid_cursor_problem(cursor: str) -> Problem:
    """That a cursor was not issued by the list it is given to."""
    expected = "`next_cursor` of the page before"
    problem = {"parameter": "cursor", "code": "mistyped", "value": format_or_null(cursor), "expected": expected}
    return Problem(INVALID_PARAMETER, invalid_parameters_detail(["cursor"]), {"problems": [problem]})
