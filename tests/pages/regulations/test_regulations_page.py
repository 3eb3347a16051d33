"""What decides each row of a regulation today, on a page and for programs."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from policy_service.language.load import load_bytes
from tests.api.company import Company, company
from tests.approval.world import TIER, tier
from tests.pages.visitor import Visitor

ROWS = """\
regulation: sizes
dated: 2026-03-01
title: {zh: 规模制度, en: 'rules on size <script>alert(1)</script>'}
sections:
  - title: {zh: 规模, en: size}
    rows:
      - {id: R-ORD-1, says: {zh: 大小, en: large or small}}
      - {id: R-ORD-2, says: {zh: 记录, en: kept}, feature: {zh: 日志, en: the log}, page: /audit}
      - {id: R-ORD-3, says: {zh: 地图, en: a map}, not_yet: {zh: 无, en: there is none}}
"""


@pytest.fixture(scope="module")
def here(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Company]:
    folder = tmp_path_factory.mktemp("policies")
    (folder / "regulations").mkdir()
    (folder / "regulations" / "sizes.yaml").write_text(ROWS, "utf-8")
    with company(policies=folder) as here:
        text = tier("1.1.0", 50).replace(b"subject:", b"source: [R-ORD-1]\nsubject:", 1)
        assert load_bytes(text).source == ("R-ORD-1",)
        here.in_force(text)
        yield here


def test_each_row_leads_to_what_decides_it(here: Company) -> None:
    page = Visitor(here, "ann", "en").get("/regulations")
    assert page.status == 200
    [row] = page.all("#R-ORD-1")
    assert row.css(f'a[href="/policies/{TIER}"]')
    assert row.css(f'a[href="/policies/{TIER}/versions/1.1.0"]')
    assert "<script>alert" not in page.html
    assert page.all("#R-ORD-2")[0].css('a[href="/audit"]')
    assert "there is none" in page.all("#R-ORD-3")[0].text()


def test_the_rows_can_be_narrowed_to_what_is_missing(here: Company) -> None:
    page = Visitor(here, "ann", "zh").get("/regulations?status=not_yet")
    assert [bool(page.all(f"#R-ORD-{number}")) for number in (1, 2, 3)] == [False, False, True]
    assert Visitor(here, "ann", "zh").get("/regulations?status=other").all("#R-ORD-1")


def test_programs_get_the_same(here: Company) -> None:
    [regulation] = here.ask("GET", "/v1/regulations", "ann").json()["items"]
    assert (regulation["regulation"], regulation["dated"]) == ("sizes", "2026-03-01")
    assert regulation["counts"] == {"policy": 1, "feature": 1, "not_yet": 1, "nothing": 0}
    [first, second, third] = regulation["sections"][0]["rows"]
    assert first["status"] == "policy"
    assert [(each["policy"], each["version"]) for each in first["policies"]] == [(TIER, "1.1.0")]
    assert (second["feature"]["en"], third["not_yet"]["en"]) == ("the log", "there is none")
    narrowed = here.ask("GET", "/v1/regulations?status=feature", "ann").json()["items"][0]["sections"][0]["rows"]
    assert [each["id"] for each in narrowed] == ["R-ORD-2"]
    assert here.ask("GET", "/v1/regulations?status=other", "ann").status_code == 422


def test_a_service_without_regulations_says_so() -> None:
    with company() as bare:
        page = Visitor(bare, "ann", "en").get("/regulations")
        assert "No regulation file beside the policy files." in page.text()
