"""A real browser, headless: Debian's Chromium, driven by Playwright. Whatever a page complains about fails the test."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, ConsoleMessage, Page, Playwright, sync_playwright

from api.auth.authentication import COOKIE
from tests.absence import BROWSER
from tests.api.client import SECRET

NAMES = ("chromium", "chromium-browser", "google-chrome")
QUIET = (
    "--no-sandbox",  # of the tests' own pages, also as root
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
PATIENCE = 15_000
"""Milliseconds that a page may take to show what is looked for, on a busy machine."""
LOCALES = {"zh": "zh-CN", "en": "en-GB"}


def chromium() -> str | None:
    """Where Chromium is; None when it is nowhere. `CHROMIUM` names another."""
    return os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, NAMES)), None)


@contextmanager
def driven() -> Iterator[Playwright]:
    """What drives browsers; it takes seconds to start. Where there is none, skips; fails if REQUIRE_BROWSER is set."""
    if chromium() is None:
        (pytest.fail if os.environ.get("REQUIRE_BROWSER") else pytest.skip)(BROWSER)
    with sync_playwright() as playwright:
        yield playwright


@contextmanager
def launched(playwright: Playwright, environment: dict[str, str] | None = None) -> Iterator[Browser]:
    """The browser, for as long as this lasts, with more variables in its environment."""
    browser = playwright.chromium.launch(
        executable_path=chromium(), args=list(QUIET), env={**os.environ, **(environment or {})}
    )
    try:
        yield browser
    finally:
        browser.close()


@dataclass
class Person:
    """Somebody before a browser of their own."""

    context: BrowserContext
    page: Page
    address: str
    complaints: list[str] = field(default_factory=list)

    def go(self, path: str) -> Page:
        """Opens a page; it must be there."""
        answer = self.page.goto(f"{self.address}{path}")
        assert answer is not None
        assert answer.status < 400, f"{answer.status} at {path}: {self.page.inner_text('main')}"
        return self.page

    def sign_in(self, name: str, secret: str = SECRET) -> None:
        """Through the page, as people do."""
        self.page.goto(f"{self.address}/sign-in")
        self.page.fill("input[name=name]", name)
        self.page.fill("input[name=password]", secret)
        self.page.click("main form button")
        self.page.wait_for_url(lambda url: "/sign-in" not in url)

    def read(self, selector: str = "main") -> str:
        """What the page says."""
        return " ".join(self.page.inner_text(selector).split())


@contextmanager
def person(
    browser: Browser,
    address: str,
    *,
    lang: str = "en",
    scripts: bool = True,
    token: str | None = None,
    phone: bool = False,
    dark: bool = False,
    bypass_csp: bool = False,
) -> Iterator[Person]:
    """Somebody with a browser, signed in already when there is a token; at the end nothing may have gone wrong."""
    context = browser.new_context(
        locale=LOCALES[lang],
        timezone_id="Asia/Shanghai",
        java_script_enabled=scripts,
        viewport={"width": 390, "height": 844} if phone else {"width": 1280, "height": 800},
        color_scheme="dark" if dark else "light",
        accept_downloads=True,
        bypass_csp=bypass_csp,
    )
    context.set_default_timeout(PATIENCE)
    if token is not None:
        context.add_cookies([{"name": COOKIE, "value": token, "url": address}])
    result = Person(context, context.new_page(), address)

    def complain(message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"} and "status of 4" not in message.text:
            result.complaints.append(message.text)

    result.page.on("console", complain)
    result.page.on("pageerror", lambda error: result.complaints.append(str(error)))
    try:
        yield result
    finally:
        context.close()
    assert not result.complaints, result.complaints
