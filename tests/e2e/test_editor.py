"""The editor of drafts with scripts on: faults are told while one types, and lead to their place in the text."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Dialog, Page, expect

from tests.api.company import Company, company
from tests.approval.world import bonus, tier
from tests.e2e.browser import Person, person
from tests.effort import effort
from tests.pages.serving import served

TEXT = "#text-0"


@pytest.fixture(scope="module")
def here() -> Iterator[tuple[Company, str]]:
    with company() as here, served(here) as address:
        yield here, address


@pytest.fixture
def ann(browser: Browser, here: tuple[Company, str]) -> Iterator[Person]:
    result, address = here
    change = result.create(tier("1.1.0"), bonus("1.1.0"))
    with person(browser, address, token=result.token("ann")) as one:
        one.go(f"/changes/{change['id']}/draft")
        expect(one.page.locator("#looked .badge").first).to_have_text("valid")
        yield one


def selected(page: Page) -> str:
    """The text that is selected in the first file."""
    result: str = page.eval_on_selector(TEXT, "area => area.value.slice(area.selectionStart, area.selectionEnd)")
    return result


def questions(page: Page) -> list[str]:
    """What the browser asks from now on; every question is answered with yes."""
    requests: list[str] = []

    def answer(dialog: Dialog) -> None:
        requests.append(dialog.type)
        dialog.accept()

    page.on("dialog", answer)
    return requests


def test_a_fault_is_told_while_one_types_and_leads_to_its_place(ann: Person) -> None:
    page = ann.page
    page.fill(TEXT, tier("1.1.0").decode().replace("inputs: [orders]", "inputs: [order]"))
    fault = page.locator("#looked .faults a")
    expect(fault).to_have_text("line 12, column 12")
    expect(page.locator(".gutter mark")).to_have_text("12")
    fault.click()
    assert selected(page) == "order"
    page.keyboard.type("orders")
    expect(page.locator("#looked .badge").first).to_have_text("valid")
    expect(page.locator(".gutter mark")).to_have_count(0)


def test_the_lines_are_numbered_as_far_as_they_are_written(ann: Person) -> None:
    page = ann.page
    lines = effort(300, 1_500)
    page.fill(TEXT, "\n" * lines)
    expect(page.locator(".gutter").first).to_contain_text(str(lines + 1))
    heights = "area => [area.closest('.sheet').querySelector('.gutter').clientHeight, area.offsetHeight]"
    gutter, area = page.eval_on_selector(TEXT, heights)
    assert abs(gutter - area) <= 1, "the numbers stand beside their lines"


def test_what_is_not_saved_is_not_left_by_mistake(ann: Person) -> None:
    page, request = ann.page, questions(ann.page)
    page.locator(TEXT).press_sequentially("# ")
    page.click("nav.sections a[href='/changes']")
    page.wait_for_url("**/changes")
    assert request == ["beforeunload"]


def test_what_is_saved_is_left_without_a_question(ann: Person) -> None:
    page, request = ann.page, questions(ann.page)
    page.locator(TEXT).press_sequentially("# ")
    page.click("text=Save the draft")
    expect(page.locator(".notice")).to_have_text("The draft was saved.")
    page.click("nav.sections a[href='/changes']")
    page.wait_for_url("**/changes")
    assert not request
