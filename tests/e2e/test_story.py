"""One change, from an author's first word to a verified log, in a real browser: in Chinese, in English, scripts off."""

from __future__ import annotations

import io
import json
import re
import zipfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from urllib.request import Request, urlopen
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.api.client import SECRET
from tests.api.company import Company, company
from tests.approval.world import TIER
from tests.e2e.browser import Person, person
from tests.effort import sample
from tests.pages.serving import served

SHANGHAI = ZoneInfo("Asia/Shanghai")
TITLE = "更大的客户 <b>larger</b> customers"
SUBJECT = "C202405001"


@dataclass
class Story:
    """A company, its service at an address, and its people, each before a browser of their own."""

    here: Company
    address: str
    browser: Browser
    lang: str
    scripts: bool
    closing: ExitStack
    people: dict[str, Person] = field(default_factory=dict)

    def __call__(self, name: str) -> Person:
        """Somebody, signed in through the page; who was signed out by time signs in again."""
        if name not in self.people:
            one = person(self.browser, self.address, lang=self.lang, scripts=self.scripts)
            self.people[name] = self.closing.enter_context(one)
            self.people[name].sign_in(name)
        return self.people[name]

    def later(self, **duration: float) -> None:
        """Time goes by; sessions end."""
        self.here.clock.move(**duration)
        for one in self.people.values():
            one.context.clear_cookies()
        self.people.clear()


@pytest.fixture(
    params=sample([("zh", True), ("en", True), ("zh", False)], 3), ids=sample(["zh", "en", "scripts-off"], 3)
)
def story(request: pytest.FixtureRequest, browser: Browser) -> Iterator[Story]:
    lang, scripts = request.param
    with open_story(browser, lang, scripts=scripts) as opened:
        yield opened


@contextmanager
def open_story(browser: Browser, lang: str, *, scripts: bool) -> Iterator[Story]:
    with ExitStack() as closing:
        here = closing.enter_context(company())
        address = closing.enter_context(served(here))
        yield Story(here, address, browser, lang, scripts, closing)


def test_a_change_from_its_draft_to_the_proof(story: Story) -> None:
    change = drafted(story)
    sent_back(story, change)
    amended(story, change)
    signed(story, change)
    scheduled(story, change)
    story.later(days=1, hours=1)
    decided(story)
    verified(story)
    replayed(story, change)
    packed(story)


def drafted(story: Story) -> str:
    """An author begins with the version in force, mends what the checker tells, and submits; gives the path."""
    author = story("ann")
    page = author.go("/changes/new")
    expect(page.locator("html")).to_have_attribute("lang", "zh-CN" if story.lang == "zh" else "en")
    tomorrow = (story.here.clock.at + timedelta(days=1)).astimezone(SHANGHAI)
    page.fill("#new [name=title]", TITLE)
    page.fill("#new [name=reason]", "it is time")
    page.fill("#new [name=effective_from]", f"{tomorrow:%Y-%m-%dT%H:%M}")
    page.select_option("#new [name=start]", TIER)
    page.click("#new .actions button")
    page.wait_for_url(re.compile("/changes/[^/]+/draft"))
    text = page.input_value("#text-0")
    assert "version: 1.1.0" in text, "the next number is proposed"
    page.fill("#text-0", text.replace(">= 100", ">= orderz"))
    if story.scripts:
        expect(page.locator("#looked")).to_contain_text("orderz")  # as it is typed, nothing was pressed
    page.click("#draft button[value=check]")
    expect(page.locator("#looked")).to_contain_text("unknown-fact")
    page.fill("#text-0", text.replace("100", "50"))
    page.click("#draft .bar button[value=save]")
    page.wait_for_url(re.compile("done="))
    page.click("#draft .bar a[href$='/changes/" + page.url.split("/")[4] + "']")
    page.click("#submit .actions button")
    expect(page.locator(".state-submitted").first).to_be_visible()
    assert page.locator("#sign").count() == 0, "who wrote it does not sign it"
    assert page.locator(".why-not .because").count() > 0, "and is told why"
    return "/changes/" + page.url.split("/changes/")[1].split("?")[0]


def sent_back(story: Story, change: str) -> None:
    """The director finds it at home, reads what changes, and asks for something else."""
    director = story("sales")
    page = director.go("/")
    page.click(f"a[href='{change}']")
    text = director.read()
    assert "<b>larger</b>" in text, "what was written is shown, not run"
    assert "100" in text
    assert "50" in text
    page.locator("#request-changes").locator("xpath=ancestor::details/summary").click()
    page.fill("#request-changes [name=reason]", "60 would be better")
    page.click("#request-changes .actions button")
    expect(page.locator(".state-draft").first).to_be_visible()


def amended(story: Story, change: str) -> None:
    """The author reads why, amends, and submits again: another text, so another number."""
    author = story("ann")
    page = author.go("/")
    page.click(f"a[href='{change}']")
    assert "60 would be better" in author.read()
    page.goto(f"{story.address}{change}/draft")
    page.fill("#text-0", page.input_value("#text-0").replace("50", "60").replace("1.1.0", "1.2.0"))
    page.click("#draft .bar button[value=save]")
    page.wait_for_url(re.compile("done="))
    author.go(change)
    page.click("#submit .actions button")
    expect(page.locator(".state-submitted").first).to_be_visible()


def signed(story: Story, change: str) -> None:
    """Those who must sign, each with their password; a wrong one signs nothing."""
    sales = story("sales").go(change)
    for seen in (".cells del", ".cells ins", ".owed", ".act-bar .button"):
        expect(sales.locator(seen).first).to_be_in_viewport(ratio=1)
    sales.click(".act-bar .button")
    expect(sales.locator("#sign [name=reason]")).to_be_in_viewport()
    sales.fill("#sign [name=reason]", "sound and feasible")
    sales.fill("#sign [name=password]", "not the password at all")
    sales.click("#sign .actions button")
    expect(sales.locator("#refusal")).to_be_in_viewport(ratio=1)
    expect(sales.locator("#sign [name=password]")).to_be_focused()
    expect(sales.locator("#sign [name=password]")).to_be_in_viewport(ratio=1)
    assert below(sales, "#refusal", "#sign [name=password]"), "neither hides the other"
    assert sales.input_value("#sign [name=reason]") == "sound and feasible"
    sales.fill("#sign [name=password]", SECRET)
    sales.click("#sign .actions button")
    expect(sales.locator("#sign")).to_have_count(0)
    compliance = story("compliance").go(change)
    assert "sound and feasible" in story("compliance").read()
    compliance.select_option("#sign [name=meaning]", "conforms")
    compliance.fill("#sign [name=reason]", "as the regulation has it")
    compliance.fill("#sign [name=password]", SECRET)
    compliance.click("#sign .actions button")
    expect(compliance.locator(".state-signed_off").first).to_be_visible()


def below(page: Page, upper: str, lower: str) -> bool:
    """Return True if the second of two elements begins where the first ends, or below it."""
    first, second = page.locator(upper).bounding_box(), page.locator(lower).bounding_box()
    assert first
    assert second
    return first["y"] + first["height"] <= second["y"]


def scheduled(story: Story, change: str) -> None:
    """The author schedules what everybody signed."""
    page = story("ann").go(change)
    page.click("#schedule .actions button")
    expect(page.locator(".state-scheduled").first).to_be_visible()


def decided(story: Story) -> None:
    """On its day a system asks, with a key that the administrator has just issued, and the new version answers."""
    page = story("root").go("/api-keys/new")
    page.fill("[name=name]", "crm")
    page.check("input[value=integration]")
    ends = (story.here.clock.at + timedelta(days=30)).astimezone(SHANGHAI)
    page.fill("[name=expires_at]", f"{ends:%Y-%m-%dT%H:%M}")
    page.click("main form .actions button")
    key = page.input_value("#secret")
    body = {"subject": SUBJECT, "facts": {"orders": 70}, "policies": [TIER], "explain": True}
    request = Request(  # noqa: S310  # the service under test
        f"{story.address}/v1/decisions",
        json.dumps(body).encode(),
        {"authorization": f"Bearer {key}", "content-type": "application/json"},
    )
    with urlopen(request) as answer:  # noqa: S310
        outcome = json.load(answer)["outcomes"][TIER]
    assert (outcome["version"], outcome["outcome"]) == ("1.2.0", {"size": "big"})


def verified(story: Story) -> None:
    """Compliance has the whole log verified, and reads the verdict when the work is done."""
    page = story("compliance").go("/audit")
    page.click("#verify-log button")
    expect(page.locator("#work.verdict.good")).to_be_visible(timeout=60_000)


def replayed(story: Story, change: str) -> None:
    """In three clicks: why this customer got this, under which rule of which version, signed by whom."""
    compliance = story("compliance")
    page = compliance.go("/decisions")
    page.fill("#q", SUBJECT)
    page.click("form[role=search] button")
    page.locator("main a[href*='/decisions/0']").first.click()
    text = compliance.read()
    assert "1.2.0" in text
    assert "Sales" in text, "who signed"
    assert page.locator(".badge.good").count() > 0, "the replay matches"
    assert page.locator(f"a[href^='{change}']").count() > 0, "and leads to the change"


def packed(story: Story) -> None:
    """And takes all of it away in one file."""
    page = story("compliance").go("/packs")
    page.select_option("#ask [name=policy]", TIER)
    page.click("#ask .actions button")
    link = page.locator("a[href$='/file']")
    expect(link).to_be_visible(timeout=60_000)
    with page.expect_download() as download:
        link.click()
    content = download.value.path().read_bytes()
    with zipfile.ZipFile(io.BytesIO(content)) as pack:
        assert pack.testzip() is None
        assert any(name.endswith("manifest.json") for name in pack.namelist())
