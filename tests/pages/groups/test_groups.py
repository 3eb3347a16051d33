"""Group lists and movements in a browser: from the home page to the customers of a tier and why, and to a cause."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date
from unittest.mock import Mock

import pytest

from api.features.groups import listing
from policy_service.decisions.groups.movements import movements
from tests.api.company import Company, company
from tests.approval.world import BONUS, TIER, tier
from tests.pages.decisions.deciding import decided, excepted
from tests.pages.visitor import Seen, Visitor

WORDS = {
    "en": ("Group lists", "many", "Tier movements", "The decision for 10 Mar 2026"),
    "zh-CN": ("分组名单", "多", "等级变动", "2026年3月10日 的决定"),
}
MONTHS = f"/movements?policy={TIER}&from=2026-02-01&to=2026-03-31"


def link_with(page: Seen, part: str) -> str:
    """The first link of a table whose address has this part."""
    return next(href for each in page.all("table a") if part in (href := each.attributes["href"] or ""))


def rows(page: Seen) -> dict[str, str]:
    """The rows of a list, by subject."""
    return {each.text()[:2]: each.text() for each in page.all("tbody tr[id]")}


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    """C1 grew between January and March, C2 shrank, C3 stays big, C4 is big by an override."""
    with company() as made:
        made.in_force(tier("1.1.0", 100))
        for subject, january, march in (("C1", 1, 200), ("C2", 200, 1), ("C3", 200, 200)):
            for month, orders in ((1, january), (3, march)):
                decided(made, subject, TIER, orders=orders, as_of=date(2026, month, 10))
        excepted(made, "C4", policy=TIER, outcome={"size": "big"})
        decided(made, "C4", TIER, orders=1)
        decided(made, "C4", BONUS, orders=1)
        yield made


@pytest.mark.parametrize("lang", WORDS)
def test_from_the_home_page_to_the_customers_of_a_tier_and_why_in_two_clicks(here: Company, lang: str) -> None:
    lists, many, *_ = WORDS[lang]
    visitor = Visitor(here, "sales", lang)
    groups = visitor.get(visitor.get("/").link(lists))
    found = rows(visitor.get(link_with(groups, "group=size%3Abig")))
    assert list(found) == ["C1", "C3", "C4"]
    assert many in found["C1"]
    assert "a partner of ten years" in found["C4"]


@pytest.mark.parametrize("lang", WORDS)
def test_from_a_movement_to_its_cause_in_three_clicks(here: Company, lang: str) -> None:
    *_, movements, cause = WORDS[lang]
    visitor = Visitor(here, "sales", lang)
    assert visitor.get(visitor.get("/groups").link(movements)).status == 200
    moved = visitor.get(link_with(visitor.get(MONTHS), "before=size%3Abig"))
    assert list(rows(moved)) == ["C2"]
    decision = visitor.get(moved.link(cause))
    assert decision.status == 200
    assert "C2" in decision.text()


def test_the_rates_stand_below_the_matrix(here: Company) -> None:
    tables = Visitor(here, "sales").get(MONTHS).all("table")
    big = next(row for row in tables[2].css("tbody tr") if "big" in row.text())
    assert [cell.text() for cell in big.css("td")] == ["2", "2", "1", "0", "0", "50.0%", "0.0%"]


def test_the_matrix_is_read_once_for_the_list_and_its_summary(here: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Mock(wraps=movements)
    monkeypatch.setattr(listing, "movements", read)
    assert Visitor(here, "sales").get(MONTHS).has("tbody tr")
    read.assert_called_once()


def test_tiers_come_first_and_filters_stand_above_the_matrix(here: Company) -> None:
    visitor = Visitor(here, "sales")
    page = visitor.get("/movements")
    assert [each.attributes["value"] for each in page.all("#policy option")] == ["", TIER, BONUS]
    assert [each.text() for each in page.all("table.matrix thead th")] == ["Group", "big", "small"]
    assert page.body.index(b'id="filters"') < page.body.index(b'class="matrix"')
    assert visitor.get("/groups").all("#policy option")[1].attributes["value"] == TIER


def test_charts_show_what_their_tables_say(here: Company) -> None:
    page = Visitor(here, "sales").get(MONTHS)
    matrix, sizes = page.all("svg.chart")
    drawn = [f"{each.attributes['class']} {each.text()}" for each in matrix.css("rect")]
    assert drawn == [
        "heat same big → big: 1 (unchanged)",
        "heat other big → small: 1 (neither better nor worse)",
        "heat other small → big: 1 (neither better nor worse)",
    ]
    assert [each.attributes["href"] for each in matrix.css("a")] == [
        each.attributes["href"] for each in page.all("table.matrix a")
    ]
    assert [each.text() for each in sizes.css("text.figure")] == ["2", "2", "1", "1"]
    page = Visitor(here, "sales").get("/groups?day=2026-03-31")
    counts, months = page.all("svg.chart")
    assert [each.text() for each in counts.css("text")] == ["big", "2", "small", "1"]
    rows = [[cell.text() for cell in row.css("th, td")] for row in page.all("figure:last-of-type tbody tr")]
    assert [row[0] for row in rows] == [
        *(f"2025-{month:02}" for month in range(4, 13)),
        "2026-01",
        "2026-02",
        "2026-03",
    ]
    assert rows[-4:] == [["2025-12", "0", "0"], ["2026-01", "2", "1"], ["2026-02", "2", "1"], ["2026-03", "2", "1"]]
    dots = [each.text() for each in months.css("circle title")]
    assert dots[9:12] == ["big, 2026-01: 2", "big, 2026-02: 2", "big, 2026-03: 2"]


def test_what_cannot_be_shown_is_told(here: Company) -> None:
    visitor = Visitor(here, "sales")
    assert visitor.get("/movements?from=2026-03-02&to=2026-03-01").status == 422
    for wrong in ("policy=tiering/none", "to=0001-01-02", "from=nonsense"):
        refused = visitor.get(f"/movements?{wrong}")
        assert (refused.status, refused.has("table")) == (422, False), wrong
    before = visitor.get("/groups?day=2025-01-01")
    assert "No subject was in a group of this policy by then." in before.text()
    assert "No subject matches." in visitor.get(f"/groups/members?policy={TIER}&rule=none").text()


def test_a_company_without_decisions_has_no_lists() -> None:
    with company() as made:
        visitor = Visitor(made, "sales")
        for path in ("/groups", "/groups/members", "/movements", "/movements/subjects"):
            page = visitor.get(path)
            assert (page.status, page.has("tbody tr")) == (200, False), path
