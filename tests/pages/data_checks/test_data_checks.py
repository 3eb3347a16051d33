"""Data checks in a browser: from the list of findings to the merge of two numbers, in both languages."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.client import SECRET, assert_problem
from tests.api.company import Company, company
from tests.approval.world import TIER
from tests.pages.decisions.deciding import decided
from tests.pages.reevaluations.test_reevaluations import ended
from tests.pages.visitor import Visitor

WORDS = {"en": "likely duplicate", "zh-CN": "可能与另一对象相同"}


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    """Two customers, one of them under two numbers."""
    with company(duplicate_keys="orders") as made:
        for subject, orders in (("C-1", 60), ("c1", 70), ("C2", 80)):
            decided(made, subject, TIER, orders=orders)
        yield made


@pytest.mark.parametrize("lang", WORDS)
def test_a_duplicate_is_found_and_leads_to_its_merge(here: Company, lang: str) -> None:
    visitor = Visitor(here, "compliance", lang)
    page = ended(visitor, visitor.send(visitor.get("/data-checks"), "#ask", keys=""))
    assert WORDS[lang] in page.text("#work tbody"), page.text()
    assert [each.text() for each in page.all("#work tbody th a")] == ["c1"]
    file = visitor.get(f"{page.address}/file").body.decode("utf-8-sig")
    assert file.splitlines()[1:] == ["c1,customer,duplicate,identifier,,C-1"]
    merge = next(href for each in page.all("#work td a") if "merge" in (href := each.attributes["href"] or ""))
    form = visitor.get(merge)
    assert form.one("#subject").attributes["value"] == "c1"
    assert form.one("#into").attributes["value"] == "C-1"


def test_the_form_proposes_the_keys_of_the_settings_and_refuses_others(here: Company) -> None:
    visitor = Visitor(here, "sales")
    form = visitor.get("/data-checks")
    assert form.one("#keys").attributes["value"] == "orders"
    assert visitor.send(form, "#ask", keys=",").status == 422
    page = ended(visitor, visitor.send(form, "#ask", keys="fax"))
    assert "No policy in force about this kind reads these facts: fax." in page.text(".refusal")
    refused = here.ask("POST", "/v1/jobs/data-check", "sales", {"keys": ";,", "kind": "Customer"})
    assert {each["pointer"] for each in assert_problem(refused, 422, "request-refused")["problems"]} == {
        "/keys",
        "/kind",
    }
    assert Visitor(here, "ann").get("/data-checks").status == 403


def test_compliance_merges_on_the_page_and_is_told_in_the_log(here: Company) -> None:
    visitor = Visitor(here, "compliance")
    form = visitor.get("/subjects/merge?subject=c1&into=C-1")
    assert visitor.send(form, "#merge", reason="one company", password="wrong").status == 403  # noqa: S106  # it is wrong
    here.clock.move(minutes=5)  # passwords are taken at a pace
    page = visitor.send(form, "#merge", reason="one company", password=SECRET)
    assert "merged the customer c1 into C-1: one company" in page.text("tbody"), page.text()
    again = visitor.send(visitor.get("/subjects/merge?subject=c1&into=C-1"), "#merge", reason="x", password=SECRET)
    assert again.status == 409
    assert "c1 was merged into C-1 already." in again.text(".refusal")
