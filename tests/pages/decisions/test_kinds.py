"""Kinds of subjects on the pages: two subjects with one identifier are told apart wherever one is shown."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any
from urllib.parse import urlencode

import pytest

from tests.api.client import SECRET
from tests.api.company import Company, company
from tests.approval.world import TIER, tier
from tests.faults.machine import put
from tests.pages.decisions.deciding import decided, excepted, said
from tests.pages.visitor import Seen, Visitor
from tests.shipped import NEWEST

ORDERS = "rewards/order_size"
BOTH = "17"
"""The identifier of a customer and of an order."""
REACH = next(policy.text for policy in NEWEST if policy.id == "governance/overrides").encode()
"""Lets a person record an override that applies before the others have signed."""
OLD = "C900 "
"""An identifier from before there was one spelling."""


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as here:
        put(
            here,
            tier("1.0.0").replace(b"subject: customer", b"subject: order").replace(TIER.encode(), ORDERS.encode()),
        )
        put(here, REACH)
        here.app.service.decisions.in_force.refresh()
        decided(here, BOTH, TIER, orders=120)
        decided(here, BOTH, ORDERS, kind="order", orders=5)
        decided(here, "18", ORDERS, kind="order", orders=5)
        decided(here, OLD, TIER, orders=120)
        excepted(here, BOTH)
        excepted(here, BOTH, ORDERS, kind="order")
        yield here


def listed(here: Company, lang: str = "en", **query: str) -> Seen:
    return Visitor(here, "compliance", lang).get(f"/decisions?{urlencode(query)}")


def rows(page: Seen) -> list[str]:
    return [" ".join(node.text(separator=" ").split()) for node in page.all("tbody > tr > td:nth-child(2)")]


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ({"q": BOTH}, ["17 order", "17 customer"]),
        ({"q": f" {BOTH} "}, ["17 order", "17 customer"]),
        ({"q": BOTH, "kind": "order"}, ["17 order"]),
        ({"subject": BOTH, "kind": "customer"}, ["17 customer"]),
        ({"kind": "order"}, ["18 order", "17 order"]),
        ({"kind": "order", "policy": TIER}, []),
        ({"kind": "visit"}, []),
        ({"subject": OLD}, ["C900 customer"]),
    ],
)
def test_the_list_is_narrowed_to_a_kind(here: Company, query: dict[str, str], expected: list[str]) -> None:
    page = listed(here, **query)
    assert page.status == 200
    assert rows(page) == expected


def test_a_row_leads_to_the_decisions_about_the_very_subject(here: Company) -> None:
    visitor, page = Visitor(here, "compliance"), listed(here, q=BOTH)
    links = [node.attributes["href"] for node in page.all("tbody > tr > td:nth-child(2) a")]
    assert links == ["/decisions?subject=17&kind=order", "/decisions?subject=17&kind=customer"]
    assert [rows(visitor.get(str(link))) for link in links] == [["17 order"], ["17 customer"]]
    assert page.text("select#kind option") == "all kinds customer change order override"


def test_a_second_spelling_is_told_what_to_write_where_it_was_typed(here: Company) -> None:
    page = listed(here, subject="C1\u200b")
    assert page.status == 422
    assert "leave out the hidden character U+200B ZERO WIDTH SPACE" in page.text("#fault-subject")
    assert listed(here, kind="Order").status == 422


def test_pages_of_a_decision_and_an_exception_say_what_the_subject_is(here: Company) -> None:
    visitor = Visitor(here, "compliance")
    order = visitor.get("/decisions/" + decided(here, BOTH, ORDERS, kind="order", orders=5))
    assert order.one("h1").text() == "Decision about order 17"
    assert order.link("All decisions about this subject") == "/decisions?subject=17&kind=order"
    page = visitor.get("/overrides?kind=order")
    assert "17 order" in page.text("tbody")
    assert "customer" not in page.text("tbody")
    exception = visitor.get(str(page.one("tbody th a").attributes["href"]))
    assert exception.one("h1").text() == "Override for order 17"
    assert exception.link("All decisions about this subject") == "/decisions?subject=17&kind=order"
    assert "Result of the rules in the last decision" in said(exception)
    assert "order 17" in Visitor(here, "compliance").get("/audit").text()


def test_a_new_exception_is_for_the_kind_that_its_policy_is_about(here: Company) -> None:
    visitor = Visitor(here, "sales")
    form = visitor.get(f"/overrides/new?subject=19&policy={ORDERS}")
    assert form.text('label[for="subject"]') == "Subject (order)"
    fields: dict[str, Any] = {"o.0.size": "big", "reason": "agreed", "last_day": "2026-12-24", "password": SECRET}
    made = visitor.send(form, "form#making", **fields)
    assert made.one("h1").text() == "Override for order 19"
    assert "an override" not in said(visitor.get("/decisions/" + decided(here, "19", TIER, orders=5)))
    answered = visitor.get("/decisions/" + decided(here, "19", ORDERS, kind="order", orders=5))
    assert "Decided by a person: an override was in force for the subject." in said(answered)


def test_the_kinds_are_told_in_chinese(here: Company) -> None:
    page = listed(here, lang="zh", q=BOTH)
    assert {"17 订单", "17 客户"} <= set(rows(page))
    assert page.text("select#kind option") == "全部类型 客户 变更 订单 例外"
    form = Visitor(here, "sales", "zh").get(f"/overrides/new?subject=19&policy={ORDERS}")
    assert form.text('label[for="subject"]') == "对象（订单）"


def test_a_pack_is_about_a_subject_of_one_kind(here: Company) -> None:
    visitor = Visitor(here, "compliance")
    form = visitor.get(f"/packs?{urlencode({'subject': BOTH, 'kind': 'order'})}")
    assert form.one("select#kind option[selected]").text() == "order"
    for subject, kind, fault in (
        ("18", "customer", "No records about this subject."),
        ("18 ", "order", "Invalid subject: leave out the blanks around it."),
    ):
        assert fault in visitor.send(form, "#ask", subject=subject, kind=kind).text("#fault-subject")


def test_what_could_be_written_before_is_still_reached(here: Company) -> None:
    old = "A\u202eB"
    decided(here, old, TIER, orders=120)
    page = listed(here, subject=old)
    assert page.status == 200
    assert "U+202E" in page.text("tbody .mark")
    one = Visitor(here, "compliance").get(str(page.one("tbody th a").attributes["href"]))
    assert one.text("head > title").startswith("Decision about customer A[U+202E]B")
