"""In a browser without fonts of its own every word is drawn in the service's typeface; what is rare is fetched late."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from fontTools import subset
from playwright.sync_api import Browser, Page, Playwright

from api.faces import FOLDER
from tests.api.company import Company, company
from tests.approval.world import TIER, tier
from tests.e2e.browser import launched, person
from tests.effort import sample
from tests.pages.serving import served

TITLE = "提高上限 林頔 Łukasz Erdoğan"
"""With a character that is fetched when it is needed, and with western letters that the Chinese font lacks."""
SETTINGS = """<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd">
<fontconfig><dir>{folder}</dir><cachedir>{folder}/cache</cachedir></fontconfig>"""


@pytest.fixture(scope="module")
def browser(playwright: Playwright, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    """A browser on a machine whose only font has a blank and nothing else; without any font Chromium draws no page."""
    folder = tmp_path_factory.mktemp("fonts")
    subset.main([str(FOLDER / "mono-400.ttf"), "--unicodes=20", f"--output-file={folder / 'blank.ttf'}"])
    settings = folder / "fonts.conf"
    settings.write_text(SETTINGS.format(folder=folder), "utf-8")
    with launched(playwright, {"FONTCONFIG_FILE": str(settings)}) as opened:
        yield opened


@pytest.fixture(scope="module")
def here() -> Iterator[tuple[Company, str]]:
    with company() as here, served(here) as address:
        yield here, address


@pytest.mark.parametrize("lang", sample(["zh", "en"], 2))
def test_every_word_is_drawn_in_the_typeface_of_the_service(
    browser: Browser, here: tuple[Company, str], lang: str
) -> None:
    result, address = here
    change = result.create(tier("1.1.0", 150), title=TITLE)
    with person(browser, address, lang=lang, token=result.token("ann")) as one:
        for path in ("/", f"/policies/{TIER}", f"/changes/{change['id']}", f"/changes/{change['id']}/print", "/docs"):
            page = one.go(path)
            page.wait_for_load_state("networkidle")
            page.evaluate("document.fonts.ready")
            drawn = fonts(page)
            assert sum(drawn.values()) > 100, path
            assert {name for name in drawn if name not in FILES} == set(), path


def test_what_is_rare_is_fetched_by_pages_that_have_it(browser: Browser, here: tuple[Company, str]) -> None:
    result, address = here
    change = result.create(tier("1.1.0", 150), title=TITLE)
    with person(browser, address, lang="zh", token=result.token("ann")) as one:
        fetched: list[str] = []
        one.page.on("request", lambda request: fetched.append(Path(request.url.split("?")[0]).name))
        one.go("/policies").wait_for_load_state("networkidle")
        assert {"sans-400.woff2", "sans-700.woff2"} <= set(fetched)
        assert not {"sans-rare-400.woff2", "latin-400.woff2", "latin-700.woff2"} & set(fetched)
        one.go(f"/changes/{change['id']}").wait_for_load_state("networkidle")
        assert {"sans-rare-400.woff2", "latin-700.woff2"} <= set(fetched)


FILES = {"NotoSansSC-Regular", "NotoSansSC-Bold", "NotoSans-Regular", "NotoSans-Bold", "NotoSansMono-Regular"}
"""What the fonts of the service call themselves."""


WRITTEN = """() => {
    const drawn = {};
    return [...document.querySelectorAll("body *")].flatMap((node, index) => {
        if (!node.checkVisibility()) return [];
        const { fontFamily, fontWeight, fontStyle } = getComputedStyle(node);
        const known = drawn[[fontFamily, fontWeight, fontStyle, node.closest("[lang]").lang]] ??= new Set();
        const own = [...node.childNodes].filter(each => each.nodeType === Node.TEXT_NODE);
        const text = own.map(each => each.data.trim()).join("");
        const before = known.size;
        for (const character of text) known.add(character);
        return known.size > before ? [index] : [];
    });
}"""
"""The elements, by their numbers, with a character that none before has in the same style."""


def fonts(page: Page) -> dict[str, int]:
    """How many characters each font draws of the elements that have new ones; one of the system stands in brackets."""
    session = page.context.new_cdp_session(page)
    session.send("DOM.enable")
    session.send("CSS.enable")
    root = session.send("DOM.getDocument")["root"]["nodeId"]
    nodes = session.send("DOM.querySelectorAll", {"nodeId": root, "selector": "body *"})["nodeIds"]
    results: dict[str, int] = {}
    for index in page.evaluate(WRITTEN):
        for font in session.send("CSS.getPlatformFontsForNode", {"nodeId": nodes[index]})["fonts"]:
            name = font["postScriptName"] if font["isCustomFont"] else f"({font['familyName']})"
            results[name] = results.get(name, 0) + int(font["glyphCount"])
    return results
