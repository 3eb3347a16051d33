"""The list of decisions: found by subject, by identifier, by policy and by day; in either order, a page at a time."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import urlencode

import pytest
from sqlmodel import select

from policy_service.decisions import record_queries
from policy_service.decisions.tables import DecisionRow
from tests.api.company import Company, company
from tests.approval.world import BONUS, SIGN_OFF, TIER
from tests.pages.decisions.deciding import HOSTILE, decided, excepted
from tests.pages.visitor import Seen, Visitor

ODD = "客户/001?x=1&y=#"


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as here:
        for number in range(30):
            decided(here, f"L{number}", TIER, orders=number * 7)
        here.clock.move(days=2)
        decided(here, ODD)
        decided(here, HOSTILE)
        excepted(here, "L1")
        decided(here, "L1")
        yield here


def listed(here: Company, by: str = "compliance", lang: str = "en", **query: str) -> Seen:
    return Visitor(here, by, lang).get(f"/decisions?{urlencode(query)}")


def subjects(page: Seen) -> list[str]:
    return ["".join(row.text().split()) for row in page.all("tbody > tr > td:nth-child(2) a")]


def all_subjects(visitor: Visitor, page: Seen) -> list[str]:
    """The subjects of this page and of all behind it."""
    result = subjects(page)
    while page.has("a[rel=next]"):
        page = visitor.get(page.link("Next page"))
        result += subjects(page)
    return result


def test_the_latest_stand_first_with_what_was_decided_by_which_rule(here: Company) -> None:
    page = listed(here)
    assert page.status == 200
    assert subjects(page)[0] == "L1"
    first = " ".join(page.all("tbody tr")[0].text(separator=" ").split())
    assert "override" in first
    assert "size : small" in first.replace("size:", "size :")
    assert page.has(f'tbody a[href="/policies/{TIER}/rules/small"]')


def test_the_next_page_goes_on_where_this_one_ends(here: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.kit.table.PAGE_SIZE", 25)
    first = listed(here)
    second = Visitor(here, "compliance").get(first.link("Next page"))
    assert len(subjects(first)) == 25
    assert len(subjects(second)) == 8
    assert not set(subjects(first)[1:]) & set(subjects(second)) - {"L1"}
    assert second.link("First page") == "/decisions?sort=-decided"


@pytest.mark.parametrize("query", [{}, {"policy": TIER}, {"since": "2026-11-20", "until": "2026-11-22"}])
def test_its_heading_turns_the_order_round_on_every_page_of_it(here: Company, query: dict[str, str]) -> None:
    visitor = Visitor(here, "compliance")
    newest, page = all_subjects(visitor, listed(here, **query)), listed(here, **query)
    assert page.one('th[aria-sort="descending"] a').text() == "Decided"
    page = visitor.get(page.link("Decided"))
    assert page.one('th[aria-sort="ascending"] a').text() == "Decided"
    oldest = all_subjects(visitor, page)
    assert len(oldest) > 25
    assert oldest == newest[::-1]


def test_the_order_stays_when_the_list_is_narrowed(here: Company) -> None:
    visitor = Visitor(here, "compliance")
    page = visitor.send(listed(here, sort="decided"), "form.filters[role=search]", q="L1")
    assert "sort=decided" in page.address
    assert set(subjects(page)) == {"L1"}
    assert listed(here, sort="nonsense").has('th[aria-sort="descending"]')


def test_those_of_a_policy_are_looked_through_a_part_at_a_time(here: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(record_queries, "MAX_SCANNED", 5)
    for sort in ("decided", "-decided"):
        page = listed(here, policy=SIGN_OFF, sort=sort)
        assert "There are more: go on to the next page." in page.text(".empty")
        assert page.has("a[rel=next]")


def test_one_field_finds_a_subject_whatever_it_is_called(here: Company) -> None:
    page = listed(here, q=ODD)
    assert subjects(page) == [ODD]
    again = Visitor(here, "compliance").get(page.link(ODD))
    assert subjects(again) == [ODD]


def test_one_field_finds_a_decision_by_its_identifier(here: Company) -> None:
    with here.database.read() as session:
        decision = session.exec(select(DecisionRow.id).where(DecisionRow.subject == "L7")).one()
    assert listed(here, q=f" {decision.upper()} ").address == f"/decisions/{decision}"
    assert "No matching decisions." in listed(here, q="01a1ff94-2390-7b0a-9ce3-d0d78dc00a10").text(".empty")


def test_a_list_is_narrowed_to_a_policy_and_to_days(here: Company) -> None:
    assert BONUS not in listed(here, policy=TIER, until="2026-11-20").html.partition("<tbody>")[2]
    assert subjects(listed(here, policy=BONUS, since="2026-11-22"))[-1] == ODD
    assert subjects(listed(here, subject="L1", policy=BONUS)) == ["L1"]
    assert subjects(listed(here, subject="L1", until="2026-11-20")) == ["L1"]
    assert subjects(listed(here, subject="L1", since="2026-11-30")) == []


@pytest.mark.parametrize(
    ("query", "fault"),
    [
        ({"subject": "x" * 201}, "Invalid subject: write at most 200 characters."),
        ({"subject": "a\u0007b"}, "Invalid subject: leave out the hidden character U+0007."),
        ({"policy": "no/such"}, "Choose one of the options."),
        ({"since": "2026-02-31"}, "Not a valid date or time."),
        ({"until": "9999-12-31"}, "Not a valid date or time."),
    ],
)
def test_what_cannot_be_looked_for_is_said_at_the_field(here: Company, query: dict[str, str], fault: str) -> None:
    page = listed(here, **query)
    assert page.status == 422
    assert fault in page.text("main")


def test_a_cursor_that_is_none_is_refused(here: Company) -> None:
    assert listed(here, cursor="!").status == 422


def test_nothing_found_is_said(here: Company) -> None:
    page = listed(here, subject="nobody")
    assert page.status == 200
    assert "No matching decisions." in page.text()
    assert page.link("Show all") == "/decisions"
    assert "No matching decisions." in listed(here, policy=SIGN_OFF).text()


def test_subjects_are_shown_and_not_run(here: Company) -> None:
    page = listed(here, subject=HOSTILE)
    assert subjects(page)[0].startswith("<script>")
    assert not page.has("main script")


def test_the_list_is_told_in_chinese(here: Company) -> None:
    page = listed(here, lang="zh")
    assert page.one("h1").text() == "决定"
    assert "导出筛选后的全部行" in page.text()


def test_before_anything_is_decided_the_page_says_so() -> None:
    with company() as here:
        assert "Nothing was decided yet." in listed(here).text()


def test_a_policy_is_counted_by_outcome_and_rule_and_the_counts_lead_to_their_decisions(here: Company) -> None:
    page = listed(here, policy=TIER)
    drawn = [each.text() for each in page.all("svg.chart text")]
    counts = dict(zip(drawn[::2], map(int, drawn[1::2]), strict=True))
    answers = here.did("GET", f"/v1/policies/{TIER}/answers", "compliance")
    assert answers["uncounted"] == 0
    assert counts == {
        f"{item['outcome']['size']}": item["decisions"] for item in answers["items"] if item["rule"] is None
    }
    by_rule = {item["rule"]: item["decisions"] for item in answers["items"] if item["rule"]}
    big = next(each for each in page.all("details a") if "rule=big" in (each.attributes["href"] or ""))
    found = all_subjects(visitor := Visitor(here, "compliance"), visitor.get(big.attributes["href"] or ""))
    assert len(found) == by_rule["big"] > 0
    items = here.did("GET", f"/v1/decisions?policy={TIER}&rule=big&limit=50", "compliance")["items"]
    assert [item["subject"].replace("\u202e", "U+202E") for item in items] == found


def test_an_outcome_is_offered_of_a_policy_and_refused_of_none(here: Company) -> None:
    assert not listed(here).has("#outcome")
    page = listed(here, policy=TIER, outcome="size:small")
    assert [each.attributes["value"] for each in page.all("#outcome option")] == ["", "size:big", "size:small"]
    assert page.status == 200
    assert subjects(page)
    refused = here.ask("GET", "/v1/decisions?outcome=size:small&rule=big", "compliance")
    assert (refused.status_code, [each["parameter"] for each in refused.json()["problems"]]) == (
        422,
        ["outcome", "rule"],
    )
