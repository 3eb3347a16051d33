"""While the service runs, no thread keeps the interpreter for long, and what was loaded is not looked through again."""

import asyncio
import gc
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from fastapi import FastAPI
from pydantic import SecretStr

from api.app import create_app
from policy_service.workers.interpreter import SWITCH_SECONDS
from tests.api.client import HERE, StandingClock, one_policy, populated, settings


@pytest.fixture
def interpreter() -> Iterator[None]:
    before = sys.getswitchinterval()
    yield
    sys.setswitchinterval(before)
    gc.enable()


@pytest.mark.usefixtures("interpreter")
def test_a_service_that_starts_shares_the_interpreter(tmp_path: Path) -> None:
    async def run(app: FastAPI) -> tuple[float, int, bool]:
        gc.disable()  # as `serve` does for the start
        async with app.router.lifespan_context(app):
            return sys.getswitchinterval(), gc.get_freeze_count(), gc.isenabled()

    before = gc.get_freeze_count()  # of other services in this process; to look through all of that takes long
    with populated(policies=one_policy()) as url:
        here = {"database_url": SecretStr(url), "policies": one_policy(), "checkpoints": tmp_path / "checkpoints"}
        interval, frozen, is_collecting = asyncio.run(run(create_app(settings(**here), StandingClock(), HERE)))
    assert interval == pytest.approx(SWITCH_SECONDS)
    assert frozen > before + 10_000
    assert is_collecting
