"""Worlds in which `governance/overrides` is in force, on both databases and on one."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.approval.world import (
    World,
    world,
)
from tests.databases import BACKENDS
from tests.overrides.setting import PAYS, SHIPPED


@pytest.fixture(params=BACKENDS)
def both(request: pytest.FixtureRequest) -> Iterator[World]:
    with world(request.param) as made:
        made.import_(PAYS, SHIPPED, at=made.now)
        yield made


@pytest.fixture
def made() -> Iterator[World]:
    with world() as one:
        one.import_(PAYS, SHIPPED, at=one.now)
        yield one
