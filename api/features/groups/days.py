"""The two days that movements lie between."""

from __future__ import annotations

from datetime import date

from api.web.problems import INVALID_PARAMETER, ProblemError, invalid_parameters_detail


def check_days(since: date, until: date) -> None:
    """Raise ProblemError unless the second day is not before the first."""
    if until < since:
        expected = f"a day from {since} on"
        problem = {"parameter": "to", "code": "out-of-range", "value": str(until), "expected": expected}
        raise ProblemError(INVALID_PARAMETER, invalid_parameters_detail(["to"]), problems=[problem])
