"""Erasing a subject from its page: what is lost stands there first, and it is confirmed by its identifier."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.client import SECRET
from tests.api.company import Company, company
from tests.pages.decisions.deciding import decided
from tests.pages.visitor import Seen, Visitor

SECRETIVE = b"""
policy: tiering/size
version: 3.0.0
title: {zh: \xe8\xa7\x84\xe6\xa8\xa1, en: size}
subject: customer
facts:
  orders: {type: integer, min: 0, max: 1000000, title: {zh: \xe8\xae\xa2\xe5\x8d\x95, en: orders}}
  phone: {type: text, optional: true, sensitive: true, title: {zh: \xe7\x94\xb5\xe8\xaf\x9d, en: phone}}
outcome:
  size: {type: choice, of: [big, small], title: {zh: \xe8\xa7\x84\xe6\xa8\xa1, en: size}}
rules:
  hit: FIRST
  rows:
    - {id: known, when: phone is not missing and phone = "1", then: {size: big}, because: {zh: \xe5\xa4\x9a, en: many}}
    - {id: big, when: orders >= 100, then: {size: big}, because: {zh: \xe5\xa4\x9a, en: many}}
    - {id: small, when: orders < 100, then: {size: small}, because: {zh: \xe5\xb0\x91, en: few}}
examples:
  - {name: many, facts: {orders: 100}, outcome: {size: big}, rule: big}
"""
REASON = "request of 30 November"


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as made:
        made.in_force(SECRETIVE)
        yield made


def subject(here: Company, name: str) -> str:
    """A subject with two decisions, of which one holds its phone number; gives that one."""
    decided(here, name, "tiering/size", orders=5)
    return decided(here, name, "tiering/size", orders=5, phone="13800000000")


def form(here: Company, name: str, by: str = "compliance", lang: str = "en") -> tuple[Visitor, Seen]:
    visitor = Visitor(here, by, lang)
    return visitor, visitor.get(visitor.get(f"/decisions?subject={name}&kind=customer").link("Erase this subject"))


def test_what_will_be_lost_is_said_and_then_it_is_gone(here: Company) -> None:
    decision = subject(here, "E1")
    visitor, page = form(here, "E1")
    assert "phone" in page.text("dl.facts")
    assert "tiering/size" in page.text("dl.facts")
    done = visitor.send(page, "form#erase", reason=REASON, confirmation="E1", password=SECRET)
    assert (done.status, done.has(".notice")) == (200, True)
    entry = here.did("GET", "/v1/audit?event=subject_erased&limit=1", "compliance")["items"][0]
    assert (entry["by"]["name"], entry["body"]["reason"]) == ("compliance", REASON)
    assert "erased" in visitor.get(f"/decisions/{decision}").text()
    _, again = form(here, "E1")
    assert not again.has("form#erase")


@pytest.mark.parametrize(
    ("fields", "status", "field"),
    [
        ({"confirmation": "E3"}, 422, "confirmation"),
        ({"reason": ""}, 422, "reason"),
        ({"reason": "x" * 5_000}, 422, "reason"),
        ({"password": "no such secret"}, 403, "password"),
    ],
)
def test_what_is_refused_erases_nothing_and_is_told_at_its_field(
    here: Company, fields: dict[str, str], status: int, field: str
) -> None:
    decision = subject(here, "E2")
    visitor, page = form(here, "E2")
    sent = {"reason": REASON, "confirmation": "E2", "password": SECRET, **fields}
    refused = visitor.send(page, "form#erase", None, follow=True, **sent)
    assert refused.status == status
    assert refused.one("form#erase [aria-invalid=true]").attributes["name"] == field
    assert "erased" not in visitor.get(f"/decisions/{decision}").text()


@pytest.mark.parametrize("by", ["sales", "root", "ann"])
def test_only_compliance_may_erase(here: Company, by: str) -> None:
    subject(here, "E4")
    visitor = Visitor(here, by)
    assert visitor.get("/subjects/erase?subject=E4").status == 403
    assert visitor.post("/subjects/erase", {"subject": "E4", "kind": "customer"}).status == 403
    if by == "sales":
        assert "Erase this subject" not in visitor.get("/decisions?subject=E4&kind=customer").text()


def test_a_subject_that_nobody_knows_or_can_have_is_told(here: Company) -> None:
    visitor = Visitor(here, "compliance")
    assert not visitor.get("/subjects/erase?subject=nobody").has("form#erase")
    for wrong in ("", "subject=", "subject=%20E1", "subject=E1&kind=No+Kind"):
        assert visitor.get(f"/subjects/erase?{wrong}").status == 422, wrong
