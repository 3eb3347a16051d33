"""One search box: each kind is found by what it is called, and nobody finds what they may not read."""

from __future__ import annotations

from collections.abc import Iterator
from urllib.parse import quote

import pytest

from policy_service.language.policy import Bilingual
from policy_service.search import searched_text
from tests.api.company import Company, Json, company
from tests.approval.world import TIER, tier
from tests.pages.decisions.deciding import HOSTILE, decided
from tests.pages.visitor import Visitor


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as made:
        for subject in ("C2024-1", "C2024-2", "C2025-1", "客户/001", HOSTILE):
            decided(made, subject, TIER)
        yield made


@pytest.fixture(scope="module")
def change(here: Company) -> str:
    name: str = here.create(tier("2.0.0", 7), title="大客户 Larger limit")["id"]
    return name


def find(here: Company, text: str, by: str = "compliance") -> list[Json]:
    items: list[Json] = here.did("GET", f"/v1/search?q={quote(text)}", by)["items"]
    return items


def names(items: list[Json], kind: str) -> list[str]:
    return [each["id"] for each in items if each["kind"] == kind]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("C2024", ["C2024-1", "C2024-2"]),
        ("c2025-1", ["C2025-1"]),
        ("Ｃ２０２４－１", ["C2024-1"]),
        ("客户/", ["客户/001"]),
        ("2024", []),
        ("C2024-1 ", ["C2024-1"]),
    ],
)
def test_subjects_are_found_by_how_they_begin_however_they_are_typed(
    here: Company, text: str, expected: list[str]
) -> None:
    assert names(find(here, text), "subject") == expected


def test_a_decision_is_found_by_its_identifier_and_the_beginning_of_it(here: Company) -> None:
    decision = decided(here, "C2026-1", TIER)
    for text in (decision, decision[:18], decision.upper()):
        assert decision in names(find(here, text), "decision")
    assert names(find(here, decision[:7]), "decision") == []


def test_policies_and_rules_are_found_by_identifier_and_by_title_in_both_languages(here: Company) -> None:
    for text in ("size", "规模", "TIERING size", "规模 tiering"):
        assert names(find(here, text), "policy") == [TIER], text
    digest = here.did("GET", f"/v1/policies/{TIER}", "compliance")["digest"]
    assert names(find(here, digest), "policy") == names(find(here, digest[7:19]), "policy") == [TIER]
    [rule] = [each for each in find(here, "big") if each["kind"] == "rule" and each["of"] == TIER]
    assert rule["id"] == "big"


def test_a_chinese_title_is_found_with_its_blanks_and_without_them() -> None:
    text = searched_text("above-A", Bilingual("高于 A 级", "above tier A"))
    assert all(word in text for word in ("高于", "a级", "高于a级", "a 级", "tier"))
    assert "abovetier" not in text


def test_changes_are_found_by_title_and_identifier(here: Company, change: str) -> None:
    for text in ("larger", "大客户", change, change[:13]):
        assert change in names(find(here, text), "change"), text


def test_entries_of_the_log_are_found_by_number_and_digest(here: Company) -> None:
    entry = here.did("GET", "/v1/audit/3", "compliance")
    for text in ("3", entry["digest"], entry["digest"][7:20]):
        [hit] = [each for each in find(here, text) if each["kind"] == "entry"]
        assert (hit["id"], hit["of"]) == ("3", entry["event"]), text
    assert names(find(here, "9999999999999999999"), "entry") == []


def test_nobody_finds_what_they_may_not_read(here: Company, change: str) -> None:
    for by, hidden in (("ann", {"subject", "decision", "entry"}), ("root", {"subject", "decision", "entry"})):
        for text in ("C2024", "3", change[:8], "size"):
            assert hidden.isdisjoint(each["kind"] for each in find(here, text, by)), (by, text)
    assert names(find(here, "larger", "ann"), "change") == [change]


def test_the_box_stands_on_every_page_and_leads_to_what_was_found(here: Company, change: str) -> None:
    visitor = Visitor(here, "compliance", "zh-CN")
    page = visitor.send(visitor.get("/policies"), "header form[role=search]", q="大客户")
    assert visitor.get(page.link("大客户 Larger limit")).address == f"/changes/{change}"
    for text in ("C2024-1", TIER, "big", "3"):
        page = visitor.get(f"/search?q={quote(text)}")
        for each in page.all("main section li a"):
            assert visitor.get(each.attributes["href"] or "").status == 200, text


@pytest.mark.parametrize("text", ["", " ", "%", "'", "\u202e", "<b>", "no such thing", "x" * 900])
def test_what_is_found_nowhere_is_said(here: Company, text: str) -> None:
    page = Visitor(here, "compliance").get(f"/search?q={quote(text)}")
    assert (page.status, page.has("main section")) == (200, False)
    assert page.has("main .empty") == bool(text.strip())


def test_a_hostile_name_is_shown_as_text(here: Company) -> None:
    page = Visitor(here, "compliance").get(f"/search?q={quote(HOSTILE[:12])}")
    assert [each.text() for each in page.all("main section li a")]
    assert not page.has("main script")


def test_programs_are_told_what_is_wrong_with_a_search(here: Company) -> None:
    for query in ("", "?q=", f"?q={'x' * 201}", "?q=a&other=1"):
        assert here.ask("GET", f"/v1/search{query}", "compliance").status_code == 422, query
