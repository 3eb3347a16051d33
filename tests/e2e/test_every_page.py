"""Every page in a browser: no serious fault for axe-core, no hidden rows, nothing too wide, no English in Chinese."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page
from selectolax.lexbor import LexborHTMLParser

from tests.api.company import Company, company
from tests.approval.world import TIER, bonus, tier
from tests.e2e.browser import Person, person
from tests.e2e.furnished import DRAFT_TITLE, POPULATION, furnish, pages
from tests.effort import effort, sample
from tests.pages.serving import served

SERIOUS = {"serious", "critical"}
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
}
Furnished = tuple[Company, str]


@pytest.fixture(scope="module")
def furnished() -> Iterator[Furnished]:
    with company(furnish=furnish) as here, served(here) as address:
        yield here, address


# A quick run looks at every twelfth page on the narrow screen, where most can go wrong; a long one, and `make looks`,
# at every page on all of them.
SCREENS = [("zh", True, True), ("en", False, False), ("zh", False, True), ("en", True, False)]
NAMES = ["zh-phone-dark", "en-desk-light", "zh-desk-dark", "en-phone-light"]
SEEN = effort(1, len(SCREENS))


@pytest.mark.parametrize(("lang", "phone", "dark"), SCREENS[:SEEN], ids=NAMES[:SEEN])
def test_no_page_has_a_serious_fault(
    browser: Browser, furnished: Furnished, lang: str, *, phone: bool, dark: bool
) -> None:
    here, address = furnished
    faults: list[str] = []
    for name in ("-", "ann", "sales", "compliance", "root"):
        token = None if name == "-" else here.token(name)
        with person(browser, address, lang=lang, token=token, phone=phone, dark=dark) as one:
            for path in [path for path, by in sample(pages(here.values), 12) if by == name]:
                faults += [f"{path} as {name}: {fault}" for fault in look(here, one, path, lang=lang, phone=phone)]
    assert not faults, "\n".join(faults)


def look(here: Company, one: Person, path: str, *, lang: str, phone: bool) -> Iterator[str]:
    """What is wrong with a page."""
    answer = one.page.goto(f"{one.address}{path}")
    assert answer is not None
    if answer.status >= 400 and path != "/nowhere" and "00000000-0000-7000" not in path:
        yield f"answers {answer.status}"
        return
    result = Axe().run(one.page, options=RULES)
    for violation in result.response["violations"]:
        if violation["impact"] in SERIOUS:
            nodes = [node["html"][:150] for node in violation["nodes"][:2]]
            yield f"{violation['id']}: {violation['help']} ({len(violation['nodes'])}): {nodes}"
    if lang == "zh" and (words := english(here, one.page.content())):
        yield f"in English on a Chinese page: {sorted(words)}"
    if hiding := one.page.evaluate(HIDING):
        yield f"hides rows of a table: {hiding}"
    if not phone and (height := one.page.evaluate("document.querySelector('header.top')?.offsetHeight ?? 0")) > HEAD:
        yield f"the head stands on more than a line: {height} px"
    if phone and (wide := overflow(one.page)):
        yield f"{wide} px wider than the phone"
    if phone and (boxes := one.page.evaluate(SIDEWAYS)):
        yield f"must be scrolled sideways on the phone: {boxes}"


HEAD = 60
"""Pixels that the head of a page takes on one line."""
HIDING = """[...document.querySelectorAll("main table")].filter(table => {
    for (let node = table; node !== document.body; node = node.parentElement)
        if (getComputedStyle(node).overflowY !== "visible" && node.scrollHeight > node.clientHeight + 1) return true;
}).map(table => table.closest("[id]")?.id)"""
"""Where tables stand in a box that one must scroll to see all of their rows."""
SIDEWAYS = """[...document.querySelectorAll("main *:not(.sheet, .sheet *, pre, .swipes, :has(> svg.chart))")].filter(
    node => /auto|scroll/.test(getComputedStyle(node).overflowX) && node.scrollWidth > node.clientWidth + 1
).map(node => node.ariaLabel ?? node.outerHTML.slice(0, 80))"""
"""Boxes of the main part that hold more than they are wide, but for texts in an editor, quoted code and charts, each
of which has a table behind it."""
WORD = re.compile(r"[A-Za-z][A-Za-z_'-]{2,}")
SAME_IN_CHINESE = """
    policy-service CSV csv Excel xlsx Parquet parquet PDF JSON YAML SHA- RFC MAC ASVS FEEL HTTP SQLite PostgreSQL TOTP
    UTC Asia Shanghai MiB utf-8 Weibull Hazen
"""
"""Names that are the same in Chinese: of the product, of formats, of a database, of a time zone, of people."""
FILES = {"CHANGELOG", "benchmarks", "regulations", "yaml", "log", "ndjson"}
QUOTED = "script, style, svg, code, pre, textarea, .written, .long, [lang=en]"
"""What is quoted: addresses, texts of people, and the words of the policy language."""


def english(here: Company, html: str) -> set[str]:
    """Words of a page in Latin letters that are no names and that no author wrote."""
    tree = LexborHTMLParser(html)
    for node in tree.css(QUOTED):
        node.decompose()
    people = " ".join(f"{each.name} {each.printed_name}" for each in here.people.values())
    policies = f"{tier('1.0.0').decode()} {bonus('1.0.0').decode()} {TIER} governance/sign_off governance/overrides"
    written = f"{people} {policies} small big {DRAFT_TITLE} {POPULATION} customers-"
    text = WORD.findall(tree.body.text(separator=" ")) if tree.body else []
    return set(text) - FILES - set(WORD.findall(f"{written} {SAME_IN_CHINESE}"))


def overflow(page: Page) -> int:
    """How much wider the page is than the screen."""
    answer: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return answer
