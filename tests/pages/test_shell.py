"""What stands around every page: the language, the colours, the way to sign in, and problems told to people."""

from collections.abc import Iterator

import pytest

from tests.api.company import Company, company
from tests.pages.visitor import Visitor


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as here:
        yield here


def test_an_address_that_leads_nowhere_is_told_as_a_page(here: Company) -> None:
    page = Visitor(here, "ann").get("/nowhere")
    assert page.status == 404
    assert page.one("h1").text() == "Not found"
    assert page.one("html").attributes["lang"] == "en"


def test_a_program_is_told_the_same_as_a_problem(here: Company) -> None:
    page = Visitor(here, "ann").get("/nowhere", accept="*/*")
    assert page.status == 404
    assert page.headers["content-type"] == "application/problem+json"


def test_who_is_not_signed_in_is_led_to_sign_in_and_back(here: Company) -> None:
    page = Visitor(here).get("/changes?state=draft", follow=False)
    assert page.status == 303
    assert page.headers["location"] == "/sign-in?next=%2Fchanges%3Fstate%3Ddraft"


def test_a_part_of_a_page_leads_the_whole_page_to_sign_in(here: Company) -> None:
    page = Visitor(here).get("/changes", hx_request="true", follow=False)
    assert page.status == 204
    assert page.headers["hx-redirect"].startswith("/sign-in")


@pytest.mark.parametrize(
    ("header", "tag"),
    [
        ("zh-CN,zh;q=0.9,en;q=0.8", "zh-CN"),
        ("fr, zh-TW;q=0.4, en;q=0.3", "zh-CN"),
        ("en-US,en;q=0.9,zh;q=0.8", "en"),
        ("zh;q=0, en;q=0.1", "en"),
        ("fr", "en"),
        ("zh;q=x", "en"),
        ("", "en"),
    ],
)
def test_the_browser_says_which_language(here: Company, header: str, tag: str) -> None:
    assert Visitor(here, "ann", header).get("/nowhere").one("html").attributes["lang"] == tag


def test_the_reader_chooses_otherwise_and_stays_where_they_are(here: Company) -> None:
    visitor = Visitor(here, "ann")
    page = visitor.post("/preferences", {"language": "zh", "back": "/nowhere?a=1"}, follow=False)
    assert page.headers["location"] == "/nowhere?a=1"
    assert visitor.get("/nowhere").one("html").attributes["lang"] == "zh-CN"
    visitor.post("/preferences", {"theme": "dark"}, follow=False)
    assert visitor.get("/nowhere").one("html").attributes["data-theme"] == "dark"


@pytest.mark.parametrize("back", ["//elsewhere.example", "https://elsewhere.example", "/\\elsewhere.example", "x"])
def test_nobody_is_led_to_another_site(here: Company, back: str) -> None:
    page = Visitor(here, "ann").post("/preferences", {"language": "zh", "back": back}, follow=False)
    assert page.headers["location"] == "/"


def test_what_another_site_sends_is_refused(here: Company) -> None:
    page = Visitor(here).post("/preferences", {"language": "zh"}, sec_fetch_site="cross-site")
    assert page.status == 403
    assert not page.headers.get("set-cookie")


def test_nothing_inline_is_run_and_nothing_is_fetched_from_elsewhere(here: Company) -> None:
    page = Visitor(here, "ann").get("/nowhere")
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "unsafe" not in policy
    assert not page.has("style, script:not([src]), [style], [onclick]")
    for node in page.all("[src], link[href]"):
        address = node.attributes.get("src") or node.attributes.get("href") or ""
        assert address.startswith("/static/")
        assert Visitor(here).get(address).headers["cache-control"] == "public, max-age=31536000, immutable"
