"""Every page, as a browser shows it: no serious fault that axe-core finds, nothing that overflows a phone."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page

from tests.api.company import Company, company
from tests.e2e.browser import Person, person
from tests.e2e.furnished import furnish, pages
from tests.effort import effort, sample
from tests.pages.serving import served

SERIOUS = {"serious", "critical"}
RULES = {
    "runOnly": {"type": "tag", "values": ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]}
}
Furnished = tuple[Company, str, dict[str, str]]


@pytest.fixture(scope="module")
def furnished() -> Iterator[Furnished]:
    with company() as here:
        values = furnish(here)
        with served(here) as address:
            yield here, address, values


# A quick run looks at every other page on the narrow screen, where most can go wrong; a long one, and `make looks`,
# at every page on all of them.
SCREENS = [("zh", True, True), ("en", False, False), ("zh", False, True), ("en", True, False)]
NAMES = ["zh-phone-dark", "en-desk-light", "zh-desk-dark", "en-phone-light"]
SEEN = effort(1, len(SCREENS))


@pytest.mark.parametrize(("lang", "phone", "dark"), SCREENS[:SEEN], ids=NAMES[:SEEN])
def test_no_page_has_a_serious_fault(
    browser: Browser, furnished: Furnished, lang: str, *, phone: bool, dark: bool
) -> None:
    here, address, values = furnished
    faults: list[str] = []
    for name in ("-", "ann", "sales", "compliance", "root"):
        token = None if name == "-" else here.token(name)
        with person(browser, address, lang=lang, token=token, phone=phone, dark=dark) as one:
            for path in [path for path, by in sample(pages(values), 2) if by == name]:
                faults += [f"{path} as {name}: {fault}" for fault in look(one, path, phone=phone)]
    assert not faults, "\n".join(faults)


def look(one: Person, path: str, *, phone: bool) -> Iterator[str]:
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
    if phone and (wide := overflow(one.page)):
        yield f"{wide} px wider than the phone"


def overflow(page: Page) -> int:
    """How much wider the page is than the screen."""
    answer: int = page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth")
    return answer
