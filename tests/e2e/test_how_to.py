"""How-to pages done literally, in Chromium: each label that is pressed or filled in stands in bold in the page itself.

Each by itself on a company of its own, in the language of its page. What is typed into a terminal is done by
`tests/api/test_walkthrough.py`; writing and signing a change by `tests/e2e/test_story.py`.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from itertools import product
from typing import Literal

import pytest
from playwright.sync_api import Browser, Page, expect

from api.kit.languages import translations
from policy_service.language.policy import Language
from tests.api.client import SECRET
from tests.api.company import Company, company
from tests.approval.world import BONUS, TIER, tier
from tests.architecture.project import ROOT
from tests.e2e.browser import person
from tests.effort import sample
from tests.pages.decisions.deciding import decided
from tests.pages.serving import served

LINES = re.compile(r"\s+")
PLACE = re.compile(r"%\(\w+\)s")


@dataclass
class Reader:
    """People who follow a page, each before a browser."""

    here: Company
    address: str
    browser: Browser
    lang: Language
    text: str
    """Of the how-to page, on one line."""
    closing: ExitStack
    page: Page | None = None

    def become(self, name: str) -> None:
        """Go on as another person, on the home page."""
        one = person(self.browser, self.address, lang=self.lang, token=self.here.token(name))
        self.page = self.closing.enter_context(one).go("/")

    @property
    def now(self) -> Page:
        """The page that is open."""
        assert self.page is not None
        return self.page

    def label(self, english: str, value: str = "…") -> str:
        """What a label is called in the reader's language; it stands in bold in the how-to, `…` where a value comes."""
        text = translations(self.lang).gettext(english)
        assert f"**{PLACE.sub('…', text)}**" in self.text, f"{text} is not in the how-to"
        return PLACE.sub(value, text)

    def press(self, english: str, value: str = "…", row: str = "") -> None:
        """Press the button or link of this name, in the content before the menu; in a row when it is named."""
        name, content = self.label(english, value), self.now.locator("main")
        places = [content.get_by_role("row").filter(has_text=row)] if row else [content, self.now.locator("header.top")]
        roles: tuple[Literal["button", "link"], ...] = ("button", "link")
        for place, role in product(places, roles):
            found = place.get_by_role(role, name=re.compile(rf"^\s*{re.escape(name)}(\s*\d+)?$"))
            if found.count():
                return found.first.click()
        raise AssertionError(f"{name} is not on {self.now.url}")

    def open(self, name: str) -> None:
        """Follow the link to a thing by its name."""
        self.now.get_by_role("link", name=name).first.click()

    def fill(self, english: str, value: str) -> None:
        """Fill the field in that has this label."""
        name = self.label(english)
        self.now.get_by_label(name).locator("visible=true").last.fill(value)

    def sees(self, english: str) -> None:
        """A label is on the page."""
        expect(self.now.locator("main").get_by_text(self.label(english)).first).to_be_visible()


def suspend_a_policy(reader: Reader) -> None:
    title = "规模" if reader.lang == "zh" else "size"
    reader.become("sales")
    reader.press("Policies")
    reader.open(title)
    reader.press("Suspend in an emergency")
    reader.sees("Version in its place")
    reader.sees("Effect of the suspension")
    reader.fill("Reason", "it misjudges everybody")
    reader.fill("Your password", SECRET)
    reader.press("Suspend now")
    assert reader.here.version() == "1.0.0"
    reader.become("compliance")
    reader.sees("To sign")
    reader.now.locator("main a[href^='/suspensions/']").first.click()
    reader.now.locator("#ratify [name=reason]").fill("it does")
    reader.now.locator("#ratify [name=password]").fill(SECRET)
    reader.press("Ratify")
    reader.press("Suspensions")
    reader.now.locator("main tbody a").first.click()
    reader.now.locator("#end [name=reason]").fill("a false alarm")
    reader.now.locator("#end [name=password]").fill(SECRET)
    reader.press("End the suspension")
    expect(reader.now.locator(".notice")).to_be_visible()
    assert reader.here.version() == "1.1.0"


def roll_back(reader: Reader) -> None:
    reader.become("ann")
    reader.press("Policies")
    reader.open("规模" if reader.lang == "zh" else "size")
    reader.press("Roll back to %(version)s", "1.0.0", row="1.0.0")
    draft(reader)
    reader.press("Open the change to submit it")
    reader.press("Submit")
    change = {"id": reader.now.url.split("/changes/")[1].split("?")[0]}
    for name in ("sales", "general", "compliance"):
        change = reader.here.read(change)
        if name in {"sales", "compliance"} or "general_manager" in change["owed"]:
            assert reader.here.sign(change, name).is_success
    reader.now.reload()
    reader.press("Schedule")
    expect(reader.now.locator(".state-scheduled").first).to_be_visible()


def end_a_policy(reader: Reader) -> None:
    reader.become("ann")
    reader.press("Policies")
    reader.open("奖励" if reader.lang == "zh" else "bonus")
    reader.press("End this policy")
    reader.sees("Policies to end")
    expect(reader.now.locator(f"input[name=ends][value='{BONUS}']")).to_be_checked()
    draft(reader)
    reader.press("Report")


def draft(reader: Reader) -> None:
    """Fill the fields of a new change in, and create the draft."""
    day = (reader.here.clock.at + timedelta(days=2)).astimezone(reader.here.app.service.zone)
    page = reader.now
    page.fill("#new [name=title]", "back")
    page.fill("#new [name=reason]", "as it was before")
    page.fill("#new [name=effective_from]", f"{day:%Y-%m-%dT%H:%M}")
    reader.press("Create the draft")


def record_an_override(reader: Reader) -> None:
    decided(reader.here, "C1", TIER, orders=1)
    reader.become("sales")
    reader.press("Overrides")
    reader.press("Add override")
    reader.fill("Subject", "C1")
    reader.now.get_by_label(reader.label("Policy")).last.select_option(TIER)
    reader.press("Continue")
    reader.sees("Result of the rules")
    reader.sees("New value")
    reader.now.locator("select[name^='o.']").select_option("big")
    reader.fill("Reason", "a partner of ten years")
    reader.fill("Last day", f"{reader.here.clock.at + timedelta(days=20):%Y-%m-%d}")
    reader.fill("Your password", SECRET)
    reader.press("Sign and add the override")
    reader.become("compliance")
    reader.sees("To sign")
    reader.now.locator("main a[href^='/overrides/']").first.click()
    reader.now.locator("#signing [name=reason]").fill("it is so")
    reader.now.locator("#signing [name=password]").fill(SECRET)
    reader.press("Sign the override")
    expect(reader.now.locator(".notice")).to_be_visible()


def find_out_why(reader: Reader) -> None:
    decided(reader.here, "C1", TIER, orders=1)
    reader.become("compliance")
    reader.press("Decisions")
    reader.now.fill("#q", "C1")
    reader.press("Search")
    reader.now.locator("main tbody a[href*='/decisions/']").first.click()
    reader.now.locator("main a[href*='/rules/']").first.click()
    assert "1.1.0" in reader.now.inner_text("main")


HOW_TOS: dict[str, Callable[[Reader], None]] = {
    "suspend-a-policy": suspend_a_policy,
    "roll-back": roll_back,
    "end-a-policy": end_a_policy,
    "record-an-override": record_an_override,
    "find-out-why": find_out_why,
}
CASES: list[tuple[str, Language]] = [(name, lang) for name in HOW_TOS for lang in ("zh", "en")]


@pytest.fixture
def here() -> Iterator[Company]:
    with company() as made:
        made.in_force(tier("1.1.0", 50))
        yield made


@pytest.mark.slow
@pytest.mark.parametrize(("name", "lang"), sample(CASES, len(CASES)), ids=str)
def test_what_a_how_to_says_can_be_done(here: Company, browser: Browser, name: str, lang: Language) -> None:
    file = ROOT / "docs/how-to" / f"{name}{'.zh' if lang == 'zh' else ''}.md"
    text = LINES.sub(" ", file.read_text("utf-8"))
    with ExitStack() as closing, served(here) as address:
        HOW_TOS[name](Reader(here, address, browser, lang, text, closing))
