"""What directors and compliance came for, in Chromium at 1280 by 800, in both languages, on one service for all."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import count
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from policy_service.clock import timestamp
from tests.api.client import SECRET
from tests.api.company import Company, Json, company
from tests.api.simulated import furnish
from tests.approval.test_effect_limits import limits
from tests.approval.world import TIER, World, tier
from tests.e2e.browser import Person, person
from tests.effort import sample
from tests.pages.decisions.deciding import decided, excepted
from tests.pages.serving import served
from tests.pages.workbook import workbook_rows
from tests.population.recorded import NEARLY_BIG, record

LANGUAGES = sample(["zh", "en"], 2)
SIX = {"zh": "600 个客户中有 6 个发生变动", "en": "6 of 600 move (customer)"}
EVERYBODY = {"zh": "600 个客户中有 600 个发生变动", "en": "600 of 600 move (customer)"}
DRIFTED = {"zh": "客户群体已偏离", "en": "population has drifted"}
MONTHS = f"/movements?policy={TIER}&from=2026-02-01&to=2026-03-31"
NAMES = count()


@dataclass(frozen=True)
class Acceptance:
    """A company of 600 customers, where it is served, and two of its changes."""

    here: Company
    address: str
    six: Json
    """Moves one threshold, and six customers."""
    everybody: Json
    """Puts every customer in the best group."""

    def submitted(self, limit: int, days: int) -> Json:
        """A submitted change of the threshold."""
        return self.here.moved("submit", self.drafted(limit, days))

    def drafted(self, limit: int, days: int) -> Json:
        effective = {"from": timestamp(self.here.clock.at + timedelta(days=days))}
        return self.here.create(tier(self.here.next_version(), limit), effective=effective)


@pytest.fixture(scope="module")
def made() -> Iterator[Acceptance]:
    """The two changes are simulated over 600; then come four more customers, and limits of an effect."""
    with company(furnish=furnish) as here, served(here) as address:
        without = Acceptance(here, address, {}, {})
        result = Acceptance(here, address, without.submitted(95, 2), without.submitted(1, 3))
        for subject, january, march in (("M1", 1, 200), ("M2", 200, 1), ("M3", 200, 200)):
            for month, orders in ((1, january), (3, march)):
                decided(here, subject, TIER, orders=orders, as_of=date(2026, month, 10))
        excepted(here, "M4", policy=TIER, outcome={"size": "big"})
        decided(here, "M4", TIER, orders=1)
        World(here.database, here.clock).import_(limits(), at=here.clock.at)
        yield result


@pytest.fixture(params=LANGUAGES)
def lang(request: pytest.FixtureRequest) -> str:
    result: str = request.param
    return result


@pytest.fixture
def sales(made: Acceptance, browser: Browser, lang: str) -> Iterator[Person]:
    with person(browser, made.address, lang=lang, token=made.here.token("sales")) as director:
        yield director


def test_one_threshold_moves_six_who_are_named_and_two_sign(made: Acceptance, sales: Person, lang: str) -> None:
    assert made.six["roles"] == ["sales_director", "compliance"]
    page = sales.go(f"/changes/{made.six['id']}")
    assert page.locator("header.top").bounding_box()["height"] < 60, "the head stands on one line"  # type: ignore[index]
    assert SIX[lang] in sales.read("#effect-line")
    for seen in ("#effect-line", ".cells del", ".cells ins", ".owed > li >> nth=1", ".act-bar .button"):
        expect(page.locator(seen).first).to_be_in_viewport(ratio=1)
    assert page.locator(".owed > li").count() == 2
    page.click("#effect-line a")
    expect(page.locator("#effect svg.chart").first).to_be_in_viewport()
    assert not any(name in sales.read("#effect") for name in NEARLY_BIG), "who moves is folded"
    page.click("#effect .movers summary")
    text = sales.read("#effect")
    assert all(name in text for name in NEARLY_BIG)


def test_everybody_is_red_and_one_more_director_signs(made: Acceptance, sales: Person, lang: str) -> None:
    page = sales.go(f"/changes/{made.everybody['id']}")
    assert EVERYBODY[lang] in sales.read("#effect-line.refusal")
    expect(page.locator("#effect-line.refusal")).to_be_in_viewport(ratio=1)
    assert page.locator(".owed > li").count() == 3


def test_everybody_is_not_submitted_where_the_limit_says_so(made: Acceptance, browser: Browser, lang: str) -> None:
    change = made.drafted(1, 4)
    with person(browser, made.address, lang=lang, token=made.here.token("ann")) as author:
        page = author.go(f"/changes/{change['id']}")
        page.click("#submit .actions button")
        expect(page.locator("main .refusal").first).to_be_in_viewport(ratio=1)
        assert "governance/effect_limits" in author.read("main .refusal >> nth=0")
    assert made.here.read(change)["state"] == "draft"


def test_nobody_signs_when_the_population_has_drifted(made: Acceptance, sales: Person, lang: str) -> None:
    change = made.submitted(95, 5)
    keys = made.here.app.service.settings.keys
    record(made.here.database, made.here.clock, keys, {f"D{next(NAMES)}": 99 for _ in range(40)})
    page = sales.go(f"/changes/{change['id']}")
    page.fill("#sign [name=reason]", "sound")
    page.fill("#sign [name=password]", SECRET)
    page.click("#sign .actions button")
    expect(page.locator("main")).to_contain_text(DRIFTED[lang])
    expect(page.locator("main .refusal").first).to_be_in_viewport(ratio=1)
    read = made.here.read(change)
    assert (read["state"], read["signatures"]) == ("draft", [])


def test_two_clicks_lead_from_home_to_the_customers_of_a_group_and_why(sales: Person) -> None:
    page = sales.go("/")
    page.click("main a[href*='group=size%3Abig']")
    names = page.locator("tbody tr[id]")
    expect(names).to_have_count(3)
    assert [each.split("\n")[0] for each in names.locator("th").all_inner_texts()] == ["M1", "M3", "M4"]
    assert "a partner of ten years" in sales.read("tbody")
    page.click("tbody tr[id] >> nth=0 >> a[href*='/decisions/']")
    text = sales.read()
    assert "M1" in text
    assert "200" in text


def test_three_clicks_lead_from_a_movement_to_its_cause(sales: Person) -> None:
    page = sales.go(MONTHS)
    page.click("table:not(.matrix) a[href*='before=size%3Abig'] >> nth=-1")
    assert "M2" in sales.read("tbody")
    page.click("tbody a[href*='/decisions/']")
    assert "M2" in sales.read()


@pytest.mark.parametrize("path", sample([f"/groups/members?policy={TIER}&group=size%3Abig", MONTHS], 2))
def test_the_files_of_a_list_equal_its_page(sales: Person, path: str) -> None:
    page = sales.go(path)
    shown = [[cell.strip() for cell in row] for row in table(page)]
    texts = list(csv.reader(io.StringIO(download(page, ".csv").decode("utf-8-sig"))))
    rows = [[cell.strip() for cell in row] for row in texts]
    assert workbook_rows(download(page, ".xlsx")) == texts
    assert len(rows) == len(shown) + 1
    for row, cells in zip(rows[1:], shown, strict=True):
        assert cells[0].startswith(row[0]), "each row is where it is on the page"


def table(page: Page) -> list[list[str]]:
    """The cells of the rows of the list."""
    return [row.locator("th, td").all_inner_texts() for row in page.locator("tbody tr[id]").all()]


def download(page: Page, ending: str) -> bytes:
    """A file of the list that is shown."""
    with page.expect_download() as begun:
        page.click(f"main a[href*='{ending}']")
    return Path(begun.value.path()).read_bytes()
