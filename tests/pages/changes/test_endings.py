"""A policy is ended on the pages: begun from its page, read in the dossier, told afterwards where it was."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.company import Company, company
from tests.approval.world import BONUS, TIER
from tests.pages.visitor import Visitor


@pytest.fixture
def here() -> Iterator[Company]:
    with company() as made:
        yield made


def test_an_author_ends_a_policy_from_its_page(here: Company) -> None:
    author = Visitor(here, "ann")
    begun = author.get(author.get(f"/policies/{BONUS}").link("End this policy"))
    assert begun.one(f'input[name=ends][value="{BONUS}"]').attributes.get("checked", "no") != "no"
    page = author.send(begun, "form#new", title="Abolish the bonus", reason="replaced by the loyalty scheme")
    assert page.has(f'form#draft input[name=ends][value="{BONUS}"][checked]')
    change = page.address.split("/")[2]
    assert f"Policies to end: {BONUS}" in author.get(f"/changes/{change}").text("main")
    report = author.get(f"/changes/{change}/report").text("main")
    assert f"Ends the policy {BONUS} 1.0.0" in report
    assert "No policy uses its outcome." in report
    stored = author.send(page, "form#draft", do="save")
    assert stored.has(f'form#draft input[name=ends][value="{BONUS}"][checked]')


def test_those_who_sign_read_what_dependants_do(here: Company) -> None:
    change = here.moved("submit", here.create(ends=[TIER, BONUS]))
    for address in (f"/changes/{change['id']}", f"/changes/{change['id']}/print"):
        page = Visitor(here, "sales").get(address)
        text = page.text("body")
        assert f"Ends the policy {TIER} no longer in force" in text
        assert f"{BONUS} 1.0.0 ended too size" in text


def test_after_the_day_the_page_of_the_policy_says_what_ended_it(here: Company) -> None:
    change = here.moved("schedule", here.signed(ends=[BONUS]))
    here.clock.move(days=1)
    page = Visitor(here, "ann").get(f"/policies/{BONUS}")
    assert "No version is in force: it was ended on 21 Nov 2026" in page.text("main")
    assert page.link("The change that ended it") == f"/changes/{change['id']}"
    listed = Visitor(here, "ann").get("/policies?text=rewards")
    assert "ended since 21 Nov 2026" in listed.text("tbody")
    assert listed.link("ended") == f"/changes/{change['id']}"
    chinese = Visitor(here, "ann", "zh-CN").get("/policies?text=rewards")
    assert "已废止 自 2026年11月21日 起" in chinese.text("tbody")
    assert BONUS not in Visitor(here, "ann").get("/in-force").text("main")
    assert "ended" in Visitor(here, "ann").get("/").text("main")


def test_what_is_ended_has_to_be_chosen(here: Company) -> None:
    author = Visitor(here, "ann")
    page = author.send(author.get("/changes/new?end="), "form#new", title="a", reason="b")
    assert page.status == 422
    assert "Choose at least one policy to end." in page.text("main")
