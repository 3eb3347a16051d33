"""How long the tests look: `quick` in `make test`, `long` in `make nightly`, as TEST_EFFORT says."""

from __future__ import annotations

import os
from collections.abc import Iterable
from typing import TypeVar

T = TypeVar("T")
EFFORTS = ("quick", "long")
EFFORT = os.environ.get("TEST_EFFORT", EFFORTS[0])
if EFFORT not in EFFORTS:
    raise ValueError(f"TEST_EFFORT is {EFFORT!r}, and not one of {', '.join(EFFORTS)}")


def effort(quick: T, long: T) -> T:
    """The one of the two that belongs to this run."""
    return long if EFFORT == "long" else quick


def sample(cases: Iterable[T], every: int) -> list[T]:
    """All cases in a long run; in a quick one the first of each `every`."""
    return list(cases)[:: effort(every, 1)]
