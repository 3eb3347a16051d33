"""A policy: its time drawn and told, its versions with their signatures, what can be done with it and why not."""

from datetime import timedelta

import pytest

from api.features.policies import overview
from tests.api.client import SECRET
from tests.api.company import Company, company
from tests.approval.world import TIER, tier
from tests.pages.visitor import Seen, Visitor

SIZE = f"/policies/{TIER}"


def test_the_periods_are_drawn_and_told_beneath(here: Company) -> None:
    page = Visitor(here, "sales").get(SIZE)
    assert page.status == 200
    assert page.one("svg.timeline title").text() == "Effective periods"
    assert len(page.all("svg.timeline polygon.period")) == 4
    assert len(page.all("svg.timeline polygon.now")) == 1
    assert len(page.all("svg.timeline polygon.planned")) == 1
    assert page.has("svg.timeline line.today")
    rows = [" ".join(row.text(separator=" ").split()) for row in page.all(".drawing tbody tr")]
    assert rows[0] == "1.3.0 26 Nov 2026, 12:00 without end change: larger limit planned"
    assert rows[-1] == "1.0.0 20 Nov 2026, 09:00 21 Nov 2026, 10:00 imported at set-up over"


def test_a_version_names_its_change_and_who_signed(here: Company) -> None:
    page = Visitor(here, "sales").get(SIZE)
    rows = [" ".join(row.text(separator=" ").split()) for row in page.all("section[aria-labelledby=versions] tbody tr")]
    assert len(rows) == 4
    assert "Sales sales director Compliance compliance" in rows[1]
    assert "imported at set-up not signed in this service" in rows[3]
    assert page.has('section[aria-labelledby=versions] a[href^="/changes/"]')


def test_what_was_imported_says_that_nobody_signed(here: Company) -> None:
    page = Visitor(here, "sales").get("/policies/rewards/bonus")
    assert "not signed in this service." in page.text(".panel")


def test_neighbours_in_the_graph_are_linked(here: Company) -> None:
    assert Visitor(here, "sales").get(SIZE).link("bonus") == "/policies/rewards/bonus"
    assert Visitor(here, "sales").get("/policies/rewards/bonus").link("size") == SIZE


def test_an_author_asks_to_go_back_to_what_was_in_force(here: Company) -> None:
    page = Visitor(here, "ann").get(SIZE)
    assert page.link("Roll back to 1.0.0") == "/changes/new?rollback=tiering%2Fsize&version=1.0.0"
    back = page.text("section[aria-labelledby=versions] tbody")
    assert "go back to 1.2.0" not in back, "it is in force"
    assert "go back to 1.3.0" not in back, "it never was in force"


def test_who_may_not_reads_why(here: Company) -> None:
    page = Visitor(here, "sales").get(SIZE)
    assert not page.has('a[href^="/changes/new"]')
    assert "Roll back: This is for author; you are sales director." in page.text(".because")
    assert page.link("Suspend in an emergency") == f"{SIZE}/suspend"
    author = Visitor(here, "ann").get(SIZE)
    assert not author.has(f'a[href="{SIZE}/suspend"]')
    assert "Suspend in an emergency: This is for sales director" in author.text(".because")


def test_a_policy_that_is_not_there_is_told_with_a_hint(here: Company) -> None:
    page = Visitor(here, "sales").get("/policies/tiering/sise")
    assert page.status == 404
    assert "tiering/sise" in page.text("main")


@pytest.mark.parametrize(
    "query", ["before=yesterday", "before=2026-11-21", "cursor=9.9.9", "before=9999-12-31T00:00:00Z"]
)
def test_what_is_asked_for_wrongly_is_the_latest(here: Company, query: str) -> None:
    assert Visitor(here, "sales").get(f"{SIZE}?{query}").status == 200


def test_earlier_periods_end_where_the_later_ones_begin(here: Company) -> None:
    at = (here.clock.at - timedelta(days=3)).isoformat()
    page = Visitor(here, "sales").get(f"{SIZE}?before={at.replace('+', '%2B')}")
    assert "1.3.0" not in page.text(".drawing tbody")
    assert page.link("Latest periods") == SIZE


def test_versions_are_listed_newest_or_oldest_first_a_page_at_a_time(
    here: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    def versions(page: Seen) -> list[str]:
        return [node.text() for node in page.all("table.history tbody th a")]

    visitor = Visitor(here, "sales")
    page = visitor.get(SIZE)
    newest = versions(page)
    assert newest == sorted(newest, reverse=True)
    assert page.one('th[aria-sort="descending"]').text() == "Version"
    monkeypatch.setattr(overview, "PAGE", 1)
    for sort, expected in (("version", newest[::-1]), ("-version", newest)):
        page = visitor.get(f"{SIZE}?sort={sort}")
        seen = versions(page)
        while page.has("a[rel=next]"):
            page = visitor.get(page.link("Next page"))
            seen += versions(page)
        assert seen == expected


def test_a_policy_that_was_never_in_force_says_so(here: Company) -> None:
    page = Visitor(here, "sales").get("/policies/tiering/waiting")
    assert "No version is in force." in page.text(".panel")
    assert "No version was ever in force." in page.text("section[aria-labelledby=time]")
    assert not page.has("svg.timeline")
    assert "Suspend in an emergency: No version is in force that could be suspended." in page.text(".because")
    listed = Visitor(here, "sales").get("/policies?text=tiering/waiting")
    assert "not in force" in listed.text("tbody")


def test_a_policy_is_there_in_chinese(here: Company) -> None:
    page = Visitor(here, "sales", "zh").get(SIZE)
    assert page.one("h1").text() == "规模"
    assert "变更：larger limit" in page.text(".drawing tbody")


def test_a_suspension_has_its_own_colour_and_leads_to_its_page() -> None:
    with company() as here:
        here.in_force(tier("1.1.0", 150))
        body = {"policy": TIER, "version": "1.1.0", "role": "sales_director", "reason": "wrong", "password": SECRET}
        made = here.did("POST", "/v1/suspensions", "sales", body)
        page = Visitor(here, "general").get(SIZE)
        assert page.has("svg.timeline polygon.suspension")
        assert page.link("in force while another version is suspended") == f"/suspensions/{made['id']}"
        assert "while another is suspended" in page.text(".panel")
