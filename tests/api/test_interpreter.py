"""While the service runs, no thread keeps the interpreter for long, and what was loaded is not looked through again."""

import asyncio
import gc
import sys
from collections.abc import Iterator

import pytest

from api.interpreter import SWITCH_SECONDS
from tests.api.client import apart, one_policy


@pytest.fixture
def interpreter() -> Iterator[None]:
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)
    gc.unfreeze()


@pytest.mark.usefixtures("interpreter")
def test_a_service_that_starts_shares_the_interpreter() -> None:
    async def run() -> tuple[float, int]:
        async with app.router.lifespan_context(app):
            return sys.getswitchinterval(), gc.get_freeze_count()

    with apart(one_policy()) as app:
        interval, frozen = asyncio.run(run())
    assert interval == pytest.approx(SWITCH_SECONDS)
    assert frozen > 10_000
