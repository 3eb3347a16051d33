"""A policy can be tried: the form is made from its facts, and the answer says why, for every rule."""

from collections.abc import Iterator
from typing import Any

import pytest

from api.features.tryout.pages import fact_fields
from policy_service.analysis.examples import day_of
from policy_service.analysis.explained_answer import try_policy
from policy_service.analysis.typed_values import fact_texts, read_facts
from policy_service.language.policy import Language, Policy
from tests.api.company import Company, company
from tests.approval.world import BONUS, TIER, tier
from tests.pages.policies.texts import crossed
from tests.pages.visitor import Seen, Visitor
from tests.shipped import NEWEST

PATH = f"/policies/{TIER}/try"
SECRET_FACT = b"""
policy: rewards/gift
version: 1.0.0
title: {zh: "\xe7\xa4\xbc", en: gift}
subject: customer
facts:
  name: {type: text, sensitive: true, title: {zh: "\xe5\x90\x8d", en: name}}
  vip: {type: boolean, title: {zh: VIP, en: VIP}}
  since: {type: date, optional: true, title: {zh: "\xe8\x87\xaa", en: since}}
  wishes: {type: tags, of: [tea, pen], title: {zh: "\xe6\x84\xbf", en: wishes}}
  waits: {type: duration, title: {zh: "\xe7\xad\x89", en: waits}}
  sales: {type: money, currency: CNY, title: {zh: "\xe9\x94\x80", en: sales}}
outcome:
  gift: {type: choice, of: [pen, none], title: {zh: "\xe7\xa4\xbc", en: gift}}
table:
  hit: FIRST
  inputs: [vip, sales]
  rows:
    - {id: pen, when: ["true", ">= 1000"], then: [pen], because: {zh: "\xe7\xac\x94", en: a pen}}
    - {id: other, when: ["-", "-"], then: [none], because: {zh: "\xe6\x97\xa0", en: none}}
"""


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as here:
        here.create(tier("1.1.0", 7), title="my draft")
        here.in_force(SECRET_FACT)
        here.in_force(crossed())
        yield here


def tried(here: Company, path: str = PATH, by: str = "ann", lang: str = "en", **values: Any) -> Seen:  # noqa: ANN401
    visitor = Visitor(here, by, lang)
    typed_in: dict[str, Any] = {f"f.{name}": value for name, value in values.items()}
    return visitor.send(visitor.get(path), "form#facts", **typed_in)


def test_before_anything_is_filled_in_the_page_says_what_to_do(here: Company) -> None:
    page = Visitor(here, "ann").get(PATH)
    assert page.status == 200
    assert "Fill in the inputs" in page.text()
    assert page.one("input[name='f.orders']").attributes["value"] == ""
    filled = Visitor(here, "ann").get(page.link("many"))
    assert filled.text("dd.outcome") == "big"


def test_the_decision_says_which_rule_and_why_and_why_not_every_other(here: Company) -> None:
    page = tried(here, orders="120")
    assert page.text("dd.outcome") == "big"
    assert "many" in page.text("section.decided")
    assert page.text("tr.fired th") == "big"
    text = page.text("ul.rules")
    assert "big matched" in text
    assert "small did not match Failed condition: “orders” is less than 100 Value: orders = 120" in text


def test_the_cell_that_decided_is_marked_in_the_grid(here: Company) -> None:
    page = tried(here, "/policies/tiering/answer/try", tier="S", orders="9")
    assert [node.text() for node in page.all("td.fired")] == ["high; 2 hours"]
    assert not page.has("tr.fired")


def test_the_same_in_chinese(here: Company) -> None:
    text = tried(here, lang="zh", orders="120").text()
    assert "「订单」小于 100" in text
    assert "订单 = 120" in text
    assert "did not match" not in text


def test_figures_are_typed_as_people_write_them(here: Company) -> None:
    assert tried(here, orders="1,200").text("dd.outcome") == "big"
    wrong = tried(here, orders="1,2")
    assert wrong.status == 422
    assert "Invalid" in wrong.text(".fault")
    assert wrong.one("input[name='f.orders']").attributes["value"] == "1,2"


def test_a_fact_that_is_not_given_is_missing_and_no_rule_is_asked(here: Company) -> None:
    page = tried(here)
    assert "these required inputs are missing. orders" in page.text("section.decided")
    assert not page.has("ul.rules")


def test_the_day_has_to_be_a_day(here: Company) -> None:
    page = Visitor(here, "ann").get(f"{PATH}?as_of=2026-02-30&f.orders=1")
    assert page.status == 422
    assert page.has("#fault-as_of")


def test_the_link_keeps_the_case(here: Company) -> None:
    page = tried(here, orders="7")
    again = Visitor(here, "sales").get(page.link("Link to this case"))
    assert again.text("dd.outcome") == page.text("dd.outcome") == "small"


def test_what_is_typed_is_shown_and_never_run(here: Company) -> None:
    page = tried(here, orders="<script>alert(1)</script>\u202e" + "9" * 10_000)
    assert page.status == 422
    assert not page.has("main script")


def test_sensitive_facts_stay_out_of_every_address(here: Company) -> None:
    fields: dict[str, Any] = {
        "name": "Nobody",
        "vip": "true",
        "since": "2026-01-31",
        "wishes": ["tea", "pen"],
        "waits": "PT4H",
        "sales": "1,000.00",
    }
    page = tried(here, "/policies/rewards/gift/try", **fields)
    assert page.status == 200
    assert page.text("dd.outcome") == "pen"
    link = page.link("Link to this case")
    assert "Nobody" not in link
    assert "f.wishes=tea&f.wishes=pen" in link
    assert "required inputs are missing. name" in Visitor(here, "ann").get(link).text()


def test_what_another_policy_decides_can_be_given(here: Company) -> None:
    page = tried(here, f"/policies/{BONUS}/try", size="big")
    assert page.text("dd.outcome") == "10"
    assert f"a decision fills it in: the outcome size of policy {TIER}" in page.text("form#facts")


def test_a_case_becomes_an_example_of_my_own_draft(here: Company) -> None:
    visitor = Visitor(here, "ann")
    page = tried(here, orders="3")
    done = visitor.send(page, "form#example", name="three", follow=False)
    assert done.status == 303, done.text()
    draft = done.headers["location"].split("/")[2]
    texts = here.did("GET", f"/v1/changes/{draft}")["texts"]
    text = here.ask("GET", f"/v1/changes/{draft}/texts/{texts[0]}").text
    assert '{name: "three", facts: {"orders": 3}, outcome: {"size": "small"}, rule: "small"}' in text
    assert (
        visitor.send(page, "form#example", name="three", follow=False)
        .headers["location"]
        .startswith(f"/changes/{draft}")
    )
    again = visitor.send(tried(here, orders="3"), "form#example", name="three", draft=draft)
    assert again.status == 422
    assert "of this name already" in again.text(".refusal")
    assert again.one("input[name=name]").attributes["value"] == "three"


def test_the_text_of_a_draft_can_be_tried(here: Company) -> None:
    change = here.create(tier("1.3.0", 5000), title="another")["id"]
    page = Visitor(here, "sales").get(f"{PATH}?draft={change}&as_of=2026-11-20&f.orders=120")
    assert page.text("dd.outcome") == "small"
    assert "not in force" in page.text("p.about")
    assert Visitor(here, "sales").get(f"/policies/{BONUS}/try?draft={change}").status == 404


def test_who_writes_no_policies_is_offered_no_example(here: Company) -> None:
    assert not tried(here, by="sales", orders="3").has("form#example")
    assert Visitor(here, "sales").post(f"{PATH}/example", {}).status == 403


def test_an_author_without_a_draft_is_told_why_there_is_no_button(here: Company) -> None:
    page = tried(here, by="ben", orders="3")
    assert "You have no draft with this policy." in page.text()


def test_another_version_can_be_tried_and_unknown_ones_are_told(here: Company) -> None:
    assert Visitor(here, "ann").get(f"{PATH}?version=9.9.9").status == 404
    assert Visitor(here, "ann").get("/policies/tiering/nothing/try").status == 404


@pytest.mark.one_in(4)
@pytest.mark.parametrize("lang", ["zh", "en"])
@pytest.mark.parametrize("policy", NEWEST, ids=lambda policy: policy.id)
def test_every_shipped_example_fills_the_form_and_comes_out_as_it_says(policy: Policy, lang: Language) -> None:
    for example in policy.examples:
        value = fact_texts(policy, example.facts)
        filled = read_facts(policy, value, lang)
        assert filled.facts == example.facts
        result = try_policy(policy, filled.facts, day_of(example), lang)
        assert result.status == example.status
        if example.rules is not None and result.status == "decided":
            assert tuple(reason.rule for reason in result.deciding_rules) == example.rules
        assert all(field.expects for field in fact_fields(policy, value, filled, lang))
