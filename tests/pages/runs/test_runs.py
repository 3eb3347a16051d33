"""Runs in a browser: a policy over everybody on record, in force or as drafted, and the files that come of it."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from zipfile import ZipFile

import pyarrow.parquet as pq
import pytest
from python_calamine import CalamineWorkbook

from policy_service.population import run
from tests.api.client import SECRET, assert_problem
from tests.api.company import Company, company
from tests.approval.world import BONUS, TIER, tier
from tests.pages.decisions.deciding import decided
from tests.pages.reevaluations.test_reevaluations import ended
from tests.pages.visitor import Seen, Visitor

WORDS = {"en": ("Subjects decided about 2", "decided"), "zh-CN": ("已计算的对象 2", "已决定")}
COLUMNS = ["subject", "decided_on", f"{TIER}.size", *(f"{TIER}.{each}" for each in ("rule", "reason", "status"))]


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    """C1 and C2 were decided a month ago, C3 long before."""
    with company() as made:
        today = made.clock.now().date()
        for subject, orders, age in (("C1", 60, 30), ("C2", 200, 30), ("C3", 60, 100)):
            decided(made, subject, TIER, orders=orders, as_of=today - timedelta(days=age))
        yield made


def done(here: Company, by: str = "sales", lang: str = "en", **fields: Any) -> tuple[Visitor, Seen]:  # noqa: ANN401  # of a form
    visitor = Visitor(here, by, lang)
    form = visitor.get(f"/runs?policy={fields.pop('policy', TIER)}")
    return visitor, ended(visitor, visitor.send(form, "#ask", max_age="31", **fields))


def files(visitor: Visitor, page: Seen) -> dict[str, bytes]:
    with ZipFile(io.BytesIO(visitor.get(f"{page.address}/file").body)) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def rows(content: bytes) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(content.decode("utf-8-sig"))))


@pytest.mark.parametrize("lang", WORDS)
def test_everybody_on_record_is_answered_and_who_is_not_is_named(here: Company, lang: str) -> None:
    visitor, page = done(here, lang=lang)
    for word in WORDS[lang]:
        assert word in page.text("#work"), page.text()
    found = files(visitor, page)
    assert list(found) == ["answers.csv", "answers.csv.rejects.csv", "answers.csv.manifest.json"]
    answers = rows(found["answers.csv"])
    assert list(answers[0])[:6] == COLUMNS
    assert [(each["subject"], each[f"{TIER}.size"]) for each in answers] == [("C1", "small"), ("C2", "big")]
    (reject,) = rows(found["answers.csv.rejects.csv"])
    assert (reject["subject"], reject["reason"]) == ("C3", "the latest decision is 100 days old, and not 31 at most")
    assert reject["reason"] in page.text("#work tbody:last-of-type")
    manifest = json.loads(found["answers.csv.manifest.json"])
    assert manifest["policies"][0]["version"] == "1.0.0"
    history = Visitor(here, "general").get("/runs").one(f'li:has(a[href="{page.address}"])').text()
    assert (TIER in history, "Sales" in history) == (True, True), "directors share them"


def test_the_drafts_of_a_change_decide_and_what_needs_them_with_them(here: Company) -> None:
    change = here.create(tier("1.1.0", 50))["id"]
    visitor, page = done(here, policy=BONUS, change=change, as_of="2026-11-21")
    assert page.has(f'a[href="/changes/{change}"]')
    answers = rows(files(visitor, page)["answers.csv"])
    assert [each[f"{TIER}.size"] for each in answers] == ["big", "big"]
    manifest = here.did("GET", f"/v1/jobs/{page.address.rpartition('/')[2]}", "sales")["result"]
    assert manifest["as_of"] == "2026-11-21"
    assert {each["id"]: each["version"] for each in manifest["policies"]} == {TIER: "1.1.0", BONUS: "1.0.0"}
    (entry, *_) = here.did("GET", "/v1/audit?event=list_exported&sort=-seq", "compliance")["items"]
    assert entry["body"]["filters"] == {"policy": BONUS, "change": change, "max_age": "31", "as_of": "2026-11-21"}


def test_answers_are_a_workbook_or_parquet(here: Company) -> None:
    visitor, page = done(here, format="xlsx")
    sheet = CalamineWorkbook.from_filelike(io.BytesIO(files(visitor, page)["answers.xlsx"])).get_sheet_by_index(0)
    assert sheet.to_python()[1][2] == "small"
    visitor, page = done(here, format="parquet")
    assert pq.read_table(io.BytesIO(files(visitor, page)["answers.parquet"]))[f"{TIER}.size"].to_pylist()[1] == "big"


def test_more_than_a_workbook_holds_is_refused_by_the_name_of_the_file_alone(
    here: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(run, "MAX_SHEET_ROWS", 1)
    _, page = done(here, format="xlsx")
    assert "Nothing was decided: answers.xlsx: a workbook holds 1 rows: write CSV or Parquet." in page.text()


def test_what_cannot_be_run_is_refused_with_every_reason(here: Company) -> None:
    visitor = Visitor(here, "sales")
    assert visitor.post("/runs", {"policy": "no/such", "_key": "k"}).status == 422
    faulty = here.create(b"policy: tiering/size\n")["id"]
    for fields, reason in (
        ({"policy": "tiering/none", "change": faulty}, "The change has a policy file with faults"),
        ({"policy": "tiering/none", "change": here.create(tier("1.1.0", 50))["id"]}, "No version of tiering/none"),
    ):
        job = here.did("POST", "/v1/jobs/run", "sales", fields)
        page = ended(visitor, visitor.get(f"/runs/{job['id']}"))
        assert reason in page.text(), page.text()
    refused = here.ask("POST", "/v1/jobs/run", "sales", {"policy": TIER, "change": "0" * 36, "format": "ods"})
    assert {each["pointer"] for each in assert_problem(refused, 422, "request-refused")["problems"]} == {
        "/format",
        "/change",
    }
    assert Visitor(here, "ann").get("/runs").status == 403


def test_an_erasure_takes_the_files_that_name_subjects(here: Company) -> None:
    here.in_force(tier("1.2.0").replace(b"integer,", b"integer, sensitive: true,", 1))
    decided(here, "C4", TIER, orders=60)
    visitor, page = done(here, by="compliance")
    assert "C4" in [each["subject"] for each in rows(files(visitor, page)["answers.csv"])]
    check = here.did("POST", "/v1/jobs/data-check", "compliance", {})
    ended(visitor, visitor.get(f"/data-checks/{check['id']}"))
    here.clock.move(minutes=1)
    here.did("DELETE", "/v1/subjects/C4/key", "compliance", {"reason": "asked for", "password": SECRET})
    folder = here.app.service.settings.jobs
    assert (folder / page.address.rpartition("/")[2]).exists()
    here.app.jobs.sweep()
    assert [file.name for file in folder.glob("*") if not file.suffix] == []
    assert [visitor.get(each).status for each in (page.address, f"/data-checks/{check['id']}")] == [404, 404]
    here.clock.move(minutes=1)
    visitor, page = done(here, by="compliance")
    here.app.jobs.sweep()
    assert "C4" not in [each["subject"] for each in rows(files(visitor, page)["answers.csv"])]
