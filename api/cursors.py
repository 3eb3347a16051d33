"""Cursors: where a list goes on, as text that means nothing to whoever holds it."""

from __future__ import annotations

import base64
import binascii
import re
from typing import Annotated

from fastapi import Query

from api.problems import INVALID_PARAMETER, ProblemError, refused_parameters
from policy_service.decisions.request import shown

Cursor = Annotated[str | None, Query(max_length=400, description="`next_cursor` of the page before")]

NUMBER = re.compile("[0-9]{1,15}")


def close_cursor(name: str) -> str:
    """The cursor that stands for a name."""
    return base64.urlsafe_b64encode(name.encode()).decode()


def open_cursor(cursor: str | None) -> str:
    """The name a cursor stands for; empty when there is none. Raises ProblemError."""
    if cursor is None:
        return ""
    try:
        name = base64.b64decode(cursor, altchars=b"-_", validate=True).decode()
    except (binascii.Error, ValueError):
        raise _no_cursor(cursor) from None
    if not name.isprintable():
        raise _no_cursor(cursor)
    return name


def open_number(cursor: str | None) -> int | None:
    """The number a cursor stands for; None when there is none. Raises ProblemError."""
    text = open_cursor(cursor)
    if cursor is not None and not NUMBER.fullmatch(text):
        raise _no_cursor(cursor)
    return int(text) if text else None


def _no_cursor(cursor: str) -> ProblemError:
    expected = "`next_cursor` of the page before"
    fault = {"parameter": "cursor", "code": "mistyped", "value": shown(cursor), "expected": expected}
    return ProblemError(INVALID_PARAMETER, refused_parameters(["cursor"]), problems=[fault])
