"""The list of policies: what is in force and since when, what comes next, filtered and sorted by its address."""

import pytest

from tests.api.company import Company
from tests.pages.visitor import Seen, Visitor

EVERYBODY = ("ann", "sales", "finance", "general", "compliance", "root")


def names(page: Seen) -> list[str]:
    return [node.text() for node in page.all("tbody th[scope=row] code")]


@pytest.mark.parametrize("who", EVERYBODY)
def test_everybody_reads_the_list(here: Company, who: str) -> None:
    page = Visitor(here, who).get("/policies")
    assert page.status == 200
    assert page.one("h1").text() == "Policies"
    assert names(page) == sorted(names(page))
    assert {"tiering/size", "rewards/bonus", "governance/sign_off"} <= set(names(page))


def test_who_is_not_signed_in_reads_nothing(here: Company) -> None:
    assert Visitor(here).get("/policies", follow=False).status == 303


def test_a_policy_says_what_is_in_force_since_when_and_what_comes_next(here: Company) -> None:
    page = Visitor(here, "sales").get("/policies?text=tiering/size")
    assert names(page) == ["tiering/size"]
    assert "1.2.0 since 22 Nov 2026" in page.text("tbody")
    assert "1.3.0 from 26 Nov 2026" in page.text("tbody")
    assert page.link("size") == "/policies/tiering/size"


def test_domains_are_headings_until_the_list_is_sorted_otherwise(here: Company) -> None:
    page = Visitor(here, "sales").get("/policies")
    assert [node.text() for node in page.all("th[scope=rowgroup]")] == [
        "Governance",
        "Rewards and penalties",
        "Tiering",
    ]
    by_day = Visitor(here, "sales").get("/policies?sort=-since")
    assert not by_day.has("th[scope=rowgroup]")
    assert names(by_day)[0] == "tiering/size"
    assert by_day.one('th[aria-sort="descending"]').text() == "Version in force"


def test_a_domain_and_a_row_of_the_regulation_filter_the_list(here: Company) -> None:
    visitor = Visitor(here, "sales")
    page = visitor.send(visitor.get("/policies"), "form.filters", domain="rewards")
    assert names(page) == ["rewards/bonus", "rewards/gift"]
    assert names(visitor.get("/policies?text=r-gift-2")) == ["rewards/gift"]
    assert names(visitor.get("/policies?text=礼品")) == ["rewards/gift"]


def test_a_filter_that_nothing_matches_says_so_and_leads_back(here: Company) -> None:
    page = Visitor(here, "sales").get("/policies?text=nothing+of+the+kind")
    assert "No matching policies." in page.text("main")
    assert page.link("Show all") == "/policies"


def test_what_is_asked_for_wrongly_is_the_whole_list(here: Company) -> None:
    page = Visitor(here, "sales").get("/policies?sort=nonsense&cursor=nowhere")
    assert page.status == 200
    assert len(names(page)) == 8


def test_the_list_is_there_in_chinese(here: Company) -> None:
    page = Visitor(here, "sales", "zh-CN").get("/policies")
    assert page.one("h1").text() == "政策"
    assert "自 2026年11月22日 起" in page.text("tbody")
    assert "礼品" in page.text("tbody")
