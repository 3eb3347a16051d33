"""Two versions side by side: in sentences, and in tables cell by cell."""

from typing import Any

from tests.api.company import Company
from tests.approval.world import TIER
from tests.pages.visitor import Visitor

COMPARE = f"/policies/{TIER}/compare"


def test_what_is_in_force_is_compared_with_the_newest(here: Company) -> None:
    page = Visitor(here, "sales").get(COMPARE)
    assert page.status == 200
    assert "rule big : the condition on “orders” was: at least 150; it is now: at least 200" in page.text(
        "ul.differences"
    )
    assert "results may change" in page.text("main")
    changed = page.all("table.merged td.changed")
    assert [node.css("del")[0].text() for node in changed] == ["at least 150", "less than 150"]
    assert [node.css("ins")[0].text() for node in changed] == ["at least 200", "less than 200"]


def test_any_two_versions_are_compared_as_the_address_says(here: Company) -> None:
    visitor = Visitor(here, "sales")
    chosen: dict[str, Any] = {"from": "1.0.0", "to": "1.1.0"}
    page = visitor.send(visitor.get(COMPARE), "main form.filters", **chosen)
    assert page.address == f"{COMPARE}?from=1.0.0&to=1.1.0"
    assert "at least 100; it is now: at least 150" in page.text("ul.differences")
    assert page.link("Swap") == f"{COMPARE}?from=1.1.0&to=1.0.0"


def test_facts_and_outcomes_are_laid_over_each_other(here: Company) -> None:
    page = Visitor(here, "sales").get(f"{COMPARE}?from=1.1.0&to=1.2.0")
    assert "The rules are the same." in page.text("main")
    assert "The inputs are the same." in page.text("main")
    assert page.one("section[aria-labelledby=outcomes] td.changed del").text() == "one of big, small"
    assert page.one("section[aria-labelledby=outcomes] td.changed ins").text() == "one of small, big"


def test_a_changed_cell_of_a_cross_table_is_marked_in_the_grid_and_in_its_rule(here: Company) -> None:
    page = Visitor(here, "sales").get("/policies/tiering/answer/compare?from=1.0.0&to=1.1.0")
    grid, listed = page.all("section[aria-labelledby=cells] table.merged")
    for table in (grid, listed):
        [changed] = table.css("td.changed")
        assert "1 hour" in changed.css("del")[0].text()
        assert "30 minutes" in changed.css("ins")[0].text()
    assert "tier ↓ orders →" in grid.text()
    assert "S-many" in page.text("ul.differences")


def test_a_version_says_the_same_as_itself(here: Company) -> None:
    page = Visitor(here, "sales").get(f"{COMPARE}?from=1.1.0&to=1.1.0")
    assert "1.1.0 has the same content as 1.1.0." in page.text("main")


def test_one_version_is_compared_with_nothing(here: Company) -> None:
    page = Visitor(here, "sales").get("/policies/tiering/score/compare")
    assert "There is only one version." in page.text("main")


def test_a_version_that_is_not_there_is_told(here: Company) -> None:
    assert Visitor(here, "sales").get(f"{COMPARE}?from=8.0.0&to=1.1.0").status == 404
    assert Visitor(here, "sales").get(f"{COMPARE}?to=8.0.0").status == 404


def test_the_comparison_is_there_in_chinese(here: Company) -> None:
    page = Visitor(here, "sales", "zh").get(COMPARE)
    assert "结果可能改变" in page.text("main")
    assert "原为：大于或等于 150；现为：大于或等于 200" in page.text("ul.differences")
