"""Help: documents of the product on pages, in the reader's language, with links that lead somewhere."""

from __future__ import annotations

import re
from collections.abc import Iterator
from urllib.parse import unquote

import pytest

from api.auth.permissions import PERMISSIONS
from api.kit.frame import TOPICS, help_topic
from policy_service.documents import CHINESE, FILES, INDEX, document
from policy_service.language.policy import Language
from tests.api.company import Company, company
from tests.pages.visitor import Visitor

LANGUAGES: tuple[Language, ...] = ("zh", "en")
PATHS = sorted(path.removesuffix(".md") for path in FILES if path.endswith(".md") and not path.endswith(CHINESE))
LINK = re.compile(r'(?:href|src)="([^"]*)"')


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as here:
        yield here


def test_every_page_leads_to_a_document_there_is_in_both_languages() -> None:
    topics = {topic for _, topic in TOPICS}
    assert {help_topic(path) for method, path in PERMISSIONS if method == "GET"} == topics
    assert [topic for topic in topics if f"{topic}.md" not in FILES or f"{topic}{CHINESE}" not in FILES] == []
    assert (help_topic("/changes/1/draft"), help_topic("/changes/1")) == (
        "how-to/write-a-change",
        "how-to/sign-a-change",
    )
    assert (help_topic("/accounts"), help_topic("/account")) == ("how-to/manage-accounts", "reference/roles")


@pytest.mark.parametrize("lang", LANGUAGES)
def test_every_link_of_a_document_leads_to_a_heading_a_picture_or_a_page(lang: Language) -> None:
    headings: dict[str, set[str]] = {}
    for path in PATHS:
        result = document(path, lang)
        assert result is not None
        headings["/help" if path == INDEX else f"/help/{path}"] = set(re.findall(r'id="([^"]+)"', result.body))
    assert len(headings) > 80
    for path in PATHS:
        result = document(path, lang)
        assert result is not None
        for target in map(unquote, LINK.findall(result.body)):
            address, _, anchor = target.partition("#")
            if "://" in target or address == "/regulations":
                continue
            if address.startswith("/help/images/"):
                assert address.removeprefix("/help/") in FILES
            else:
                assert not anchor or anchor in headings[address or f"/help/{path}"], f"{path}: {target}"


def test_a_document_has_no_markup_of_its_own_and_nothing_inline() -> None:
    for path in PATHS:
        result = document(path, "en")
        assert result is not None
        assert not re.search(r"<(?:script|style|iframe)|style=|<h1[^>]*>.*<h1", result.body, re.DOTALL), path


@pytest.mark.parametrize(("lang", "title"), [("zh", "签署变更"), ("en", "Sign a change")])
def test_the_question_mark_leads_to_help_in_the_language_of_the_reader(here: Company, lang: str, title: str) -> None:
    reader = Visitor(here, "sales", lang)
    page = reader.get(str(reader.get("/changes").one("a.help").attributes["href"]))
    assert (page.status, page.text("h1")) == (200, title)
    assert reader.get(str(page.one(".trail a").attributes["href"])).has('a[href="/help/how-to/sign-a-change"]')
    picture = reader.get("/help/images/zh/dossier.png")
    assert (picture.headers["content-type"], picture.body[:4]) == ("image/png", b"\x89PNG")


@pytest.mark.parametrize(
    "path",
    [
        "how-to/nothing",
        "how-to/sign-a-change.zh",
        "how-to/sign-a-change.md",
        "images/en/nothing.png",
        "images/en/%2e%2e",
    ],
)
def test_nothing_else_is_served(here: Company, path: str) -> None:
    assert Visitor(here, "sales").get(f"/help/{path}").status == 404
