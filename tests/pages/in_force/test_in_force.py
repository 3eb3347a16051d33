"""What was in force at an instant, as known at an instant, and who signed it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from urllib.parse import urlencode

import pytest

from api.features.in_force import page as in_force_page
from policy_service.clock import timestamp
from tests.api.client import SECRET
from tests.api.company import Company, company
from tests.approval.world import BONUS, TIER, tier
from tests.pages.decisions.deciding import HOSTILE, at, said
from tests.pages.visitor import Seen, Visitor


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    """The tiering policy changes on the 21st, and is planned to change again on the 26th."""
    with company() as here:
        here.in_force(tier("1.1.0", 50))
        later = {"from": timestamp(here.clock.at + timedelta(days=5))}
        here.moved("schedule", here.signed(tier("1.2.0", 60), title="still larger", effective=later))
        yield here


def get_page(here: Company, by: str = "ann", lang: str = "en", **query: str) -> Seen:
    return Visitor(here, by, lang).get(f"/in-force?{urlencode(query)}")


def row(page: Seen, policy: str = TIER) -> str:
    results = [each for each in page.all("tbody tr") if each.css(f'a[href="/policies/{policy}"]')]
    assert len(results) == 1
    return " ".join(results[0].text(separator=" ").split()).replace(" ,", ",").replace(" :", ":")


def test_now_is_shown_at_first(here: Company) -> None:
    page = get_page(here)
    assert page.status == 200
    assert "In force now, 21 Nov 2026, 11:00:00 +08:00 (03:00:00 UTC)." in said(page)
    assert row(page).startswith(
        "size tiering/size 1.1.0 21 Nov 2026, 10:00 until 26 Nov 2026, 11:00 change: larger limit"
    )
    assert "Sales, sales director, 20 Nov 2026, 10:00 Compliance, compliance, 20 Nov 2026, 10:00" in row(page)
    assert "imported at set-up not signed in this service" in row(page, BONUS)
    assert "differs today" not in page.text()
    assert page.has('th[scope="rowgroup"]')


def test_what_changes_nearby_is_drawn_with_its_table(here: Company) -> None:
    page = get_page(here)
    assert [each.text() for each in page.all("svg.timeline polygon + text")] == ["1.2.0"], "where there is room"
    shown = [[cell.text() for cell in row.css("th, td")] for row in page.all(".drawing tbody tr")]
    assert [(row[0], row[3], row[4]) for row in shown] == [
        ("size", "1.0.0", "over"),
        ("size", "1.1.0", "in force now"),
        ("size", "1.2.0", "planned"),
    ]
    for far in ("0001-01-01T00:00", "2020-01-01T00:00", "9999-12-31T00:00"):
        assert not get_page(here, valid_at=far).has("svg.timeline"), far


def test_an_earlier_day_shows_what_applied_and_what_stands_since(here: Company) -> None:
    page = get_page(here, valid_at="2026-11-21T09:59")
    assert (
        "Versions in force at 21 Nov 2026, 09:59:00 +08:00 (01:59:00 UTC), as recorded until 21 Nov 2026, 11:00:00"
        in said(page)
    )
    assert "1 policy differs today." in page.text()
    assert "1.0.0" in row(page)
    assert "since then 1.1.0, from 21 Nov 2026, 10:00" in row(page)
    assert "the same" in row(page, BONUS)
    assert page.link("Compare") == f"/policies/{TIER}/compare?from=1.0.0&to=1.1.0"


def test_a_day_to_come_shows_what_is_planned_as_far_as_it_was_known(here: Company) -> None:
    assert "1.2.0 26 Nov 2026, 11:00 onwards change: still larger" in row(get_page(here, valid_at="2026-11-30T00:00"))
    before = get_page(here, valid_at="2026-11-30T00:00", known_at="2026-11-20T23:00")
    assert "1.1.0 21 Nov 2026, 10:00 onwards" in row(before)
    assert "1.0.0" in row(get_page(here, valid_at="2026-11-30T00:00", known_at="2026-11-20T09:30"))


def test_before_the_set_up_nothing_was_in_force(here: Company) -> None:
    page = get_page(here, valid_at="2020-01-01T00:00")
    assert "3 policies differ today." in page.text()
    assert "none" in row(page)
    assert "since then 1.1.0" in row(page)


def test_the_minute_of_now_is_now(here: Company) -> None:
    here.clock.move(seconds=30)
    try:
        page = get_page(here, valid_at=at(here), known_at=at(here))
        assert "In force now, 21 Nov 2026, 11:00:30 +08:00 (03:00:30 UTC)." in said(page)
    finally:
        here.clock.move(seconds=-30)


@pytest.mark.parametrize(
    ("query", "field", "fault"),
    [
        ({"known_at": "2026-12-01T00:00"}, "known_at", "The future has no records"),
        ({"valid_at": "yesterday"}, "valid_at", "Not a valid date or time."),
        ({"valid_at": "0001-01-01T00:00"}, "valid_at", "Not a valid date or time."),
        ({"known_at": "2026-11-20T09:30+00:00"}, "known_at", "Not a valid date or time."),
        ({"valid_at": HOSTILE}, "valid_at", "Not a valid date or time."),
    ],
)
def test_instants_that_are_none_are_refused_beside_the_field(
    here: Company, query: dict[str, str], field: str, fault: str
) -> None:
    page = get_page(here, **query)
    assert page.status == 422
    assert fault in page.text(f"#fault-{field}")
    assert not page.has("tbody")
    assert not page.has("main script")


def listed(page: Seen) -> list[str]:
    """The policies in the order in which they are listed."""
    return [node.text() for node in page.all('tbody th[scope="row"] code')]


def test_one_domain_or_one_policy_may_be_looked_at_alone(here: Company) -> None:
    page = get_page(here, domain="tiering")
    assert len(page.all("th[scope=rowgroup]")) == 1
    assert listed(get_page(here, policy=TIER)) == [TIER]
    for wrong in ({"domain": "nowhere"}, {"policy": HOSTILE}, {"domain": "rewards", "policy": TIER}):
        page = get_page(here, **wrong)
        assert "No matching policies." in page.text(".empty")
        assert page.link("Show all") == "/in-force"
    narrowed = Visitor(here, "sales").get(f"/policies/{TIER}").link("View another time")
    assert listed(Visitor(here, "sales").get(narrowed)) == [TIER]


def test_it_is_sorted_by_its_headings(here: Company) -> None:
    visitor = Visitor(here, "ann")
    page = get_page(here, valid_at="2026-11-21T12:00")
    assert page.one('th[aria-sort="ascending"]').text() == "Policy"
    everything = listed(page)
    assert everything == sorted(everything)
    backwards = visitor.get(page.link("Policy"))
    assert listed(backwards) == everything[::-1]
    by_day = visitor.get(page.one("thead th:nth-child(3) a").attributes["href"] or "")
    assert by_day.one('th[aria-sort="ascending"]').text() == "Effective period"
    assert listed(by_day)[-1] == TIER
    assert not by_day.has('th[scope="rowgroup"]')
    assert listed(visitor.get(by_day.one("th[aria-sort=ascending] a").attributes["href"] or ""))[0] == TIER
    assert listed(get_page(here, sort="nonsense", cursor="nowhere")) == everything


@pytest.mark.parametrize("sort", ["policy", "-policy", "from", "-from"])
def test_pages_follow_each_other_without_a_gap(here: Company, monkeypatch: pytest.MonkeyPatch, sort: str) -> None:
    body = {"sort": sort, "valid_at": "2026-11-20T10:00"}
    everything = listed(get_page(here, **body))
    monkeypatch.setattr(in_force_page, "PAGE", 1)
    page, visitor = get_page(here, **body), Visitor(here, "ann")
    assert "1 policy differs today." in page.text()
    seen = listed(page)
    while page.has("a[rel=next]"):
        page = visitor.get(page.link("Next page"))
        assert "1 policy differs today." in page.text()
        seen += listed(page)
    assert seen == everything


def test_changes_are_linked_for_those_who_may_read_them(here: Company) -> None:
    assert get_page(here, "ann").has('tbody a[href^="/changes/"]')


def test_it_is_told_in_chinese(here: Company) -> None:
    text = said(get_page(here, lang="zh", valid_at="2026-11-20T10:00"))
    assert "其中 1 项政策如今有所不同。" in text
    assert "此后 1.1.0" in text
    assert "自 2026年11月21日 10:00" in text


def test_a_suspension_is_shown_with_its_signature() -> None:
    with company() as here:
        here.in_force(tier("1.1.0", 50))
        body = {"policy": TIER, "version": "1.1.0", "role": "sales_director", "reason": "wrong", "password": SECRET}
        suspension = here.did("POST", "/v1/suspensions", "sales", body)["id"]
        page = get_page(here)
        assert "suspension: The suspension Sales, sales director, 21 Nov 2026, 11:00" in row(page)
        assert page.link("The suspension") == f"/suspensions/{suspension}"
