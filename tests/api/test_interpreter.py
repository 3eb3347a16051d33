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
    async def run(app: FastAPI) -> tuple[float, bool, bool]:
        gc.disable()  # as `serve` does for the start
        loaded = [app]
        async with app.router.lifespan_context(app):
            return sys.getswitchinterval(), is_looked_through(loaded), gc.isenabled()

    with populated(policies=one_policy()) as url:
        here = {"database_url": SecretStr(url), "policies": one_policy(), "checkpoints": tmp_path / "checkpoints"}
        interval, still_looked_through, is_collecting = asyncio.run(
            run(create_app(settings(**here), StandingClock(), HERE))
        )
    assert interval == pytest.approx(SWITCH_SECONDS)
    assert not still_looked_through
    assert is_collecting


def is_looked_through(value: object) -> bool:
    """Whether the garbage collector looks for this object; `gc.freeze` takes what there is out of its sight."""
    return any(one is value for one in gc.get_objects())
