"""A director who uses no mouse gets past the navigation, finds the form, and signs."""

from __future__ import annotations

from playwright.sync_api import Browser, Page, expect

from tests.api.client import SECRET
from tests.api.company import company
from tests.approval.world import tier
from tests.e2e.browser import person
from tests.pages.serving import served

FAR = 120
"""Presses of Tab that are too many to reach anything."""


def test_a_change_is_signed_with_the_keyboard_alone(browser: Browser) -> None:
    with company() as here, served(here) as address:
        change = here.moved("submit", here.create(tier("1.1.0", 150)))
        with person(browser, address, token=here.token("sales")) as director:
            page = director.go(f"/changes/{change['id']}")
            page.keyboard.press("Tab")
            expect(page.locator("a.skip")).to_be_focused()
            page.keyboard.press("Enter")
            expect(page.locator("main")).to_be_focused()
            tab_to(page, "#sign [name=reason]")
            page.keyboard.type("sound and feasible")
            tab_to(page, "#sign [name=password]")
            page.keyboard.type(SECRET)
            page.keyboard.press("Enter")
            expect(page.locator("#sign")).to_have_count(0)
        assert [each["role"] for each in here.read(change)["signatures"]] == ["sales_director"]


def tab_to(page: Page, selector: str) -> None:
    """Presses Tab until an element has the focus; whatever has it on the way can be seen to have it."""
    for _ in range(FAR):
        page.keyboard.press("Tab")
        if page.locator(selector).evaluate("node => node === document.activeElement"):
            return
        outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
        assert outline != "none", page.evaluate("document.activeElement.outerHTML")
    raise AssertionError(f"{selector} is not reached")
