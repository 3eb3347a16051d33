"""The passport of a rule: through all versions, since when, why, and how often it decided lately."""

from api.features.policies.rule_history import PAGE
from policy_service.actor import Actor, Role
from policy_service.decisions.request import DecisionRequest
from tests.api.company import Company, company
from tests.approval.world import TIER, tier
from tests.pages.policies.conftest import importing
from tests.pages.visitor import Visitor

CRM = Actor("id-crm", "crm", "crm", frozenset({Role.INTEGRATION}), "machine")
RULE = f"/policies/{TIER}/rules"


def test_a_rule_is_followed_through_the_versions(here: Company) -> None:
    page = Visitor(here, "sales").get(f"{RULE}/big")
    assert page.status == 200
    stamps = [" ".join(node.text(separator=" ").split()) for node in page.all("ol.stamps > li")]
    assert [stamp.split()[0] for stamp in stamps] == ["1.3.0", "1.2.0", "1.1.0", "1.0.0"]
    assert "the condition on “orders” was: at least 150; it is now: at least 200" in stamps[0]
    assert "unchanged" in stamps[1]
    assert "in force" in stamps[1]
    assert "first version" in stamps[3]


def test_it_says_since_when_it_is_worded_so(here: Company) -> None:
    page = Visitor(here, "sales").get(f"{RULE}/big")
    assert "This wording since version 1.1.0" in page.text("section[aria-labelledby=wording]")
    assert "first in force on 21 Nov 2026, 10:00" in page.text("section[aria-labelledby=wording]")


def test_it_counts_how_often_the_rule_decided_lately(here: Company) -> None:
    before = Visitor(here, "sales").get("/policies/tiering/score/rules/many")
    assert "No recent decisions by this policy." in before.text("main")
    for orders in (9, 9, 1):
        request = DecisionRequest("C1", {"orders": orders}, ("tiering/score",))
        here.app.service.decisions.decide_in_thread(request, CRM)
    page = Visitor(here, "sales").get("/policies/tiering/score/rules/many")
    assert "2 times in the last 3 decisions of this policy" in page.text("section[aria-labelledby=use]")


def test_a_band_has_a_passport_too(here: Company) -> None:
    page = Visitor(here, "sales").get("/policies/tiering/score/rules/low")
    assert "number 2 of 2" in page.text("section[aria-labelledby=wording]")


def test_the_rows_that_its_reason_names_are_linked(here: Company) -> None:
    page = Visitor(here, "sales").get("/policies/rewards/gift/rules/share")
    assert "Cited in its reason: R-GIFT-1" in page.text("section[aria-labelledby=use]")
    assert "R-GIFT-2" in page.text("section[aria-labelledby=use]")


def test_a_rule_that_no_version_has_is_told(here: Company) -> None:
    page = Visitor(here, "sales").get(f"{RULE}/nobody")
    assert page.status == 404
    assert "nobody" in page.text("main")
    assert "没有规则" in Visitor(here, "sales", "zh").get(f"{RULE}/nobody").text("main")


def test_a_page_behind_the_last_one_is_the_first(here: Company) -> None:
    page = Visitor(here, "sales").get(f"{RULE}/big?cursor=1.0.0")
    assert len(page.all("ol.stamps > li")) == 4


def test_a_rule_is_told_in_chinese(here: Company) -> None:
    page = Visitor(here, "sales", "zh").get(f"{RULE}/big")
    assert "「订单」大于或等于 150" in page.text("section[aria-labelledby=wording]")
    assert "原为：大于或等于 150；现为：大于或等于 200" in page.text("ol.stamps")


def test_a_rule_that_went_long_ago_is_found_from_a_version_that_has_it() -> None:
    with company() as here:
        old = tier("1.0.1").replace(b"id: big", b"id: huge").replace(b"rule: big", b"rule: huge")
        importing(here, old, *(tier(f"1.1.{number}", 100 + number) for number in range(PAGE + 2)), active=False)
        visitor = Visitor(here, "sales")
        assert visitor.get(f"{RULE}/huge").status == 404
        assert visitor.get(f"/policies/{TIER}/versions/1.0.1").has(f'a[href="{RULE}/huge?at=1.0.1"]')
        page = visitor.get(f"{RULE}/huge?at=1.0.1")
        assert page.status == 200
        assert "1.0.1" in page.text("ol.stamps")
        assert page.link("First page") == f"{RULE}/huge"
        first = visitor.get(f"{RULE}/big")
        assert len(first.all("ol.stamps > li")) == PAGE
        assert "1.0.0" in visitor.get(first.link("Next page")).text("ol.stamps")
