"""One browser for these tests: while it runs, nothing else in this process can begin an event loop."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Playwright

from tests.e2e.browser import driven, launched


@pytest.fixture(scope="package")
def playwright() -> Iterator[Playwright]:
    with driven() as started:
        yield started


@pytest.fixture(scope="package")
def browser(playwright: Playwright) -> Iterator[Browser]:
    with launched(playwright) as opened:
        yield opened
