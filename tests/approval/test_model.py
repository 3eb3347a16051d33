"""Several people do whatever they like: a few hundred steps on each database here, many more on demand (`model.py`)."""

from __future__ import annotations

import pytest

from tests.approval import model
from tests.effort import effort

RUNS = {"sqlite": effort((100, 3), (50_000, 1_000)), "postgresql": effort((60, 2), (2_000, 40))}
"""Steps, and the worlds they are divided among."""


@pytest.mark.parametrize("backend", RUNS)
def test_the_laws_of_approval_hold_whatever_people_do(backend: str) -> None:
    steps, examples = RUNS[backend]
    assert model.run(steps, backend, examples) >= steps
