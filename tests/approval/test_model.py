"""Several people do whatever they like: a few hundred steps on each database here, many more on demand (`model.py`)."""

from __future__ import annotations

import os

import pytest

from tests.approval import model


@pytest.mark.parametrize(("backend", "steps", "examples"), [("sqlite", 300, 8), ("postgresql", 100, 3)])
def test_the_laws_of_approval_hold_whatever_people_do(backend: str, steps: int, examples: int) -> None:
    if os.environ.get("HYPOTHESIS_PROFILE") == "long":
        steps, examples = (20_000, 400) if backend == "sqlite" else (2_000, 40)
    assert model.run(steps, backend, examples) >= steps
