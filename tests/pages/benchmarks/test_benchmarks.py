"""Renewals of benchmark figures in a browser: made of the records, beside those in force, drafted and signed."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

import pytest

from policy_service.approval import service as approval
from policy_service.language.load import load_bytes
from tests.api.client import assert_problem
from tests.api.company import Company, company
from tests.pages.decisions.deciding import decided
from tests.pages.reevaluations.test_reevaluations import ended
from tests.pages.visitor import Seen, Visitor

VALUE, FIGURES = "tiering/value", "tiering/customers_by_industry"
POLICY = f"""policy: {VALUE}
version: 1.0.0
title: {{zh: 价值, en: value}}
subject: customer
facts:
  orders: {{type: integer, min: 0, max: 1000, title: {{zh: 订单, en: orders}}}}
  industry: {{type: choice, of: [it, retail, care], title: {{zh: 行业, en: industry}}}}
  mean_orders: {{type: number, scale: 2, min: 0, max: 1000, from: benchmark, measure: mean(orders) by industry,
    title: {{zh: 平均, en: mean}}}}
outcome:
  value: {{type: choice, of: [high, low], title: {{zh: 价值, en: value}}}}
table:
  hit: FIRST
  inputs: [orders]
  rows:
    - {{id: high, when: ["> mean_orders"], then: [high], because: {{zh: 高, en: high}}}}
    - {{id: low, when: ["-"], then: [low], because: {{zh: 低, en: low}}}}
examples:
  - {{name: high, facts: {{orders: 3, industry: it, mean_orders: "2.00"}}, outcome: {{value: high}}, rule: high}}
""".encode()
CUSTOMERS = {"it": (10, 20, 31), "retail": (5, 7), "care": (4, 4, 4)}


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as made:
        made.in_force(POLICY)
        made.app.service.decisions.in_force.refresh()
        for industry, orders in CUSTOMERS.items():
            for number, count in enumerate(orders):
                decided(made, f"{industry}{number}", VALUE, orders=count, industry=industry, mean_orders="1.00")
        yield made


def renewed(here: Company, lang: str = "en", **fields: str) -> Seen:
    visitor = Visitor(here, "ann", lang)
    return ended(visitor, visitor.send(visitor.get("/benchmarks"), "#ask", **{"smallest_group": "3", **fields}))  # type: ignore[arg-type]


def rows(page: Seen) -> list[list[str]]:
    lines = [row.css("th, td") for row in page.all("#work tbody tr")]
    return [[cell.text(strip=True) for cell in line][1:] for line in lines]


def test_figures_are_drafted_signed_and_shown_beside_those_of_the_next_month(here: Company) -> None:
    page = renewed(here, name="customers", start=(here.clock.now().date() + timedelta(days=1)).isoformat())
    assert rows(page) == [
        ["care", "3", "4.00", "", ""],
        ["it", "3", "20.33", "", ""],
        ["retail", "2", "too few subjects", "", ""],
    ], page.text()
    change = page.one('#work a[href^="/changes/"]').attributes["href"].rpartition("/")[2]  # type: ignore[union-attr]
    with here.database.read() as session:
        (text,) = approval.read_change(session, change).draft.texts
        policy = load_bytes(approval.read_text(session, text))
    assert (policy.id, policy.version) == (FIGURES, "2026.11.0")
    assert (
        here.did("GET", f"/v1/changes/{change}", "ann")["title"]
        == "Benchmark figures of 2026-11-21 (customers 2026.11.0)"
    )
    here.in_force(policy.text.encode())
    here.app.service.decisions.in_force.refresh()
    decided(here, "it0", VALUE, orders=40, industry="it")
    for number in range(3):
        decided(here, f"care{number}", VALUE, orders=4, industry="it")
    page = renewed(here, lang="zh-CN")
    assert rows(page) == [
        ["care", "0", "无对象", "4.00", ""],
        ["it", "6", "17.17", "20.33", "-3.16"],
        ["retail", "2", "对象过少", "", ""],
    ], page.text()
    assert "2026.11.1" in page.text("#work")


def test_it_is_told_as_json_and_refused_with_every_reason(here: Company) -> None:
    job = here.did("POST", "/v1/jobs/renewal", "ann", {"name": "others", "smallest_group": 900})
    page = ended(visitor := Visitor(here, "ann"), visitor.get(f"/benchmarks/{job['id']}"))
    assert "No figures were made: no group has 900 subjects." in page.text(".refusal")
    job = here.did("POST", "/v1/jobs/renewal", "ann", {"kind": "complaint"})
    page = ended(visitor, visitor.get(f"/benchmarks/{job['id']}"))
    assert "No figures were made:" in page.text(".refusal")
    job = here.did("POST", "/v1/jobs/renewal", "ann", {"name": "others", "smallest_group": 3})
    page = ended(visitor, visitor.get(f"/benchmarks/{job['id']}"))
    result = here.did("GET", f"/v1/jobs/{job['id']}", "ann")["result"]
    assert (result["version"], result["subjects"], result["refused"]) == ("2026.11.0", 8, 0)
    refused = here.ask("POST", "/v1/jobs/renewal", "ann", {"name": "Mine!", "smallest_group": 2, "quantiles": "x"})
    pointers = {each["pointer"] for each in assert_problem(refused, 422, "request-refused")["problems"]}
    assert pointers == {"/name", "/smallest_group", "/quantiles"}
    assert Visitor(here, "compliance").get("/benchmarks").status == 403
