"""The log as those who audit read it: sentences, filters, order, pages, links; hostile text; nobody else reads it."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from policy_service.audit.events import EVENTS, OBJECT_FIELDS
from policy_service.audit.labels import EVENT_NAMES, THING_NAMES
from tests.api.company import Company, company, later
from tests.approval.world import TIER, tier
from tests.hidden import written_before
from tests.pages.visitor import Seen, Visitor

HOSTILE = '<script>alert(1)</script> =cmd()|" \u202etxt.exe 😀'
"""What somebody calls a change."""


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    """A company with a change in force and one whose names are hostile."""
    with company() as here:
        here.in_force(tier("1.1.0", 90_000))
        with written_before():
            here.create(tier("1.2.0", 80_000), title=HOSTILE, reason="x" * 3_000, effective=later(here, 3))
        here.app.service.sealer.seal_all()
        yield here


def numbers(page: Seen) -> list[int]:
    return [int(node.text()) for node in page.all("table.entries tbody th")]


def test_every_event_and_every_thing_has_a_name() -> None:
    assert set(EVENT_NAMES) == set(EVENTS)
    assert set(THING_NAMES) == set(OBJECT_FIELDS)


def test_the_newest_entry_comes_first_in_a_sentence(here: Company) -> None:
    page = Visitor(here, "compliance").get("/audit")
    assert page.status == 200
    result = numbers(page)
    assert result == sorted(result, reverse=True)
    assert "Sales signed as sales director (approves): sound" in page.text("table.entries")
    assert "is in force from" in page.text("table.entries")


def test_the_same_is_told_in_chinese(here: Company) -> None:
    page = Visitor(here, "compliance", "zh").get("/audit?event=change_signed_off")
    assert "以销售总监身份签署变更（同意）：sound" in page.text("table.entries")
    assert page.one("h1").text() == "审计日志"


def test_what_somebody_wrote_is_shown_and_not_run(here: Company) -> None:
    page = Visitor(here, "compliance").get("/audit?event=change_drafted")
    assert not page.has("main script")
    assert "<script>alert(1)</script>" in page.text("table.entries")
    assert page.one("table.entries .mark").text() == "U+202E"


def test_entries_are_found_by_event_person_thing_and_day(here: Company) -> None:
    visitor = Visitor(here, "compliance")

    def found(query: str) -> list[int]:
        return numbers(visitor.get(f"/audit?{query}"))

    everything = found("")
    signed = found("event=change_signed_off")
    assert signed == found("event=change_signed_off&sort=-seq") == sorted(signed, reverse=True)
    assert set(found("by=sales")) & set(signed)
    assert found(f"about={TIER}") == found(f"about=policy:{TIER}") != []
    assert found("by=nobody-here") == found("about=nothing") == []
    today = (here.clock.at + timedelta(hours=8)).date()
    assert found(f"since={today - timedelta(days=30)}&until={today}") == everything
    assert found(f"since={today + timedelta(days=1)}") == []
    assert found(f"until={today - timedelta(days=400)}") == []
    assert found("sort=seq")[0] == 1


def test_a_filter_without_a_match_says_so(here: Company) -> None:
    page = Visitor(here, "compliance").get("/audit?about=nothing")
    assert "No matching entries." in page.text(".empty")
    assert page.link("Show all") == "/audit"
    assert page.one("#about").attributes["value"] == "nothing"


@pytest.mark.parametrize(
    ("query", "field", "fault"),
    [
        ("event=gossip", "event", "Choose one of the options."),
        ("since=yesterday", "since", "Not a valid date or time."),
        ("since=0001-01-01", "since", "Not a valid date or time."),
        ("until=9999-12-31", "until", "Not a valid date or time."),
        (f"about={'x' * 301}", "about", "At most 300 characters."),
    ],
)
def test_a_wrong_filter_is_told_beside_its_field(here: Company, query: str, field: str, fault: str) -> None:
    page = Visitor(here, "compliance").get(f"/audit?{query}")
    assert page.status == 422
    assert page.one(f"#fault-{field}").text() == fault


def test_a_cursor_that_is_none_is_a_problem(here: Company) -> None:
    assert Visitor(here, "compliance").get("/audit?cursor=eHg=").status == 422


@pytest.mark.parametrize("sort", ["seq", "-seq"])
def test_pages_follow_each_other_without_a_gap(here: Company, monkeypatch: pytest.MonkeyPatch, sort: str) -> None:
    visitor, seen = Visitor(here, "compliance"), []
    monkeypatch.setattr("api.kit.table.PAGE_SIZE", 200)
    everything = numbers(visitor.get(f"/audit?sort={sort}"))
    monkeypatch.setattr("api.kit.table.PAGE_SIZE", 7)
    page = visitor.get(f"/audit?sort={sort}")
    seen += numbers(page)
    while page.has("a[rel=next]"):
        page = visitor.get(page.link("Next page"))
        seen += numbers(page)
    assert seen == everything
    assert page.link("First page")


def test_an_entry_leads_to_what_it_is_about(here: Company) -> None:
    page = Visitor(here, "compliance").get("/audit?event=version_submitted")
    links = [node.attributes["href"] for node in page.all("table.entries td a")]
    assert f"/policies/{TIER}/versions/1.1.0" in links
    assert any(str(link).startswith("/changes/") for link in links)


def test_who_may_not_open_accounts_gets_no_link_to_them(here: Company) -> None:
    for name, leads in (("compliance", True), ("sales", False)):
        page = Visitor(here, name).get("/audit?event=account_created")
        assert page.status == 200
        assert page.has('table.entries a[href^="/accounts/"]') is leads


@pytest.mark.parametrize("name", ["ann", "root"])
def test_others_do_not_read_the_log(here: Company, name: str) -> None:
    for path in ("/audit", "/audit/entries/1", "/audit/checkpoints", "/audit/public-key.pem"):
        assert Visitor(here, name).get(path).status == 403


def test_who_may_not_verify_is_told_why_the_button_is_not_there(here: Company) -> None:
    page = Visitor(here, "sales").get("/audit")
    assert "This is for compliance" in page.text(".because")
    assert not page.has("#verify-log")
    assert Visitor(here, "sales").post("/audit/verifications", {"_key": "a"}).status == 403
