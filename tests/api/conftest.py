"""Applications of these tests share a database: one by the machine's clock would move the time of all others."""

from collections.abc import Iterator
from unittest import mock

import pytest


@pytest.fixture(scope="package", autouse=True)
def _no_clock_that_goes() -> Iterator[None]:
    with mock.patch("api.app.SystemClock", side_effect=AssertionError("give the application a clock of the test's")):
        yield
