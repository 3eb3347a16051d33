"""Populations in a browser and over HTTP: registered, named by runs and renewals, deleted, reached by erasures."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Iterator
from typing import Any
from zipfile import ZipFile

import httpx
import pytest

from policy_service.population.registered.service import apply_erasures
from tests.api.client import SECRET, ask, assert_problem
from tests.api.company import Company, company
from tests.approval.world import TIER
from tests.pages.benchmarks.test_benchmarks import POLICY
from tests.pages.reevaluations.test_reevaluations import ended
from tests.pages.visitor import Seen, Visitor

CSV = "客户,orders,industry\nC1,60,it\nC2,200,it\nC3,x,it\nC4,90,it\n".encode()
MAPPING = "{subject: 客户}"


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as made:
        made.in_force(POLICY)
        made.app.service.decisions.in_force.refresh()
        yield made


def registered(visitor: Visitor, name: str, content: bytes = CSV, **fields: Any) -> Seen:  # noqa: ANN401  # of a form
    page = visitor.get("/populations/new")
    values = {"name": name, "as_of": "2026-11-01", "mapping": MAPPING, **fields}
    return visitor.send(page, 'form[action="/populations"]', {"file": content}, **values)


def sent(here: Company, content: bytes, media_type: str = "text/csv", by: str = "ann", **query: str) -> httpx.Response:
    headers = {"authorization": f"Bearer {here.token(by)}", "content-type": media_type}
    address = f"/v1/populations?{httpx.QueryParams(query)}"
    return ask("POST", address, app=here.app, role=None, content=content, headers=headers)


@pytest.mark.parametrize(("lang", "notice"), [("en", "The population is registered."), ("zh-CN", "客户群体已登记。")])
def test_a_file_is_registered_listed_and_deleted(here: Company, lang: str, notice: str) -> None:
    visitor = Visitor(here, "ann", lang)
    page = registered(visitor, f"spring-{lang[:2]}")
    assert (page.status, notice in page.text()) == (200, True), page.text()
    assert "utf-8" in page.text("dl")
    assert f"spring-{lang[:2]}" in Visitor(here, "sales", lang).get("/populations").text("tbody")
    listed = visitor.send(page, "form.panel")
    assert listed.address.startswith("/populations?done=deleted")
    assert not listed.has("tbody")
    [deleted, *_] = here.did("GET", "/v1/audit?event=population_deleted", "compliance")["items"]
    assert deleted["body"]["title"] == f"spring-{lang[:2]}"


def test_a_run_and_a_renewal_name_it_and_count_to_its_day(here: Company) -> None:
    page = registered(Visitor(here, "ann"), "summer")
    visitor = Visitor(here, "sales")
    asking = visitor.get(visitor.get(page.address).link("Run a policy over it"))
    assert not visitor.get(page.address).has('a[href^="/benchmarks"]'), "figures are for authors"
    ran = ended(visitor, visitor.send(asking, "#ask", policy=TIER))
    with ZipFile(io.BytesIO(visitor.get(f"{ran.address}/file").body)) as archive:
        found = {name: archive.read(name).decode("utf-8-sig") for name in archive.namelist()}
    answers = list(csv.DictReader(io.StringIO(found["answers.csv"])))
    assert [(each["客户"], each[f"{TIER}.size"]) for each in answers] == [
        ("C1", "small"),
        ("C2", "big"),
        ("C4", "small"),
    ]
    assert "orders" not in answers[0], "facts are not written"
    [rejected] = csv.DictReader(io.StringIO(found["answers.csv.rejects.csv"]))
    assert (rejected["subject"], rejected["line"], rejected["reason"][:7]) == ("C3", "4", "orders:")
    manifest = json.loads(found["answers.csv.manifest.json"])
    population = here.did("GET", f"/v1/populations/{page.address.rpartition('/')[2].partition('?')[0]}", "sales")
    assert manifest["population"] == {"name": "summer", "digest": population["digest"]}
    assert manifest["as_of"] == population["as_of"] == "2026-11-01"
    author = Visitor(here, "ann")
    renewed = author.send(author.get("/benchmarks"), "#ask", population="summer", smallest_group="3")
    renewed = ended(author, renewed)
    done = here.did("GET", f"/v1/jobs/{renewed.address.rpartition('/')[2]}", "ann")
    assert (done["completed"], done["total"]) == (4, None), "how many rows there are is not known before"
    address = renewed.one('#work a[href^="/changes/"]').attributes["href"]
    change = here.did("GET", f"/v1{address}")
    assert change["reason"].startswith("Made from 3 subjects of the population summer")
    assert "2026-11-01" in change["title"]
    refused = here.ask("POST", "/v1/jobs/run", "sales", {"policy": TIER, "population": "winter"})
    assert {each["pointer"] for each in assert_problem(refused, 422, "request-refused")["problems"]} == {"/population"}


def test_everything_wrong_with_a_file_is_told_in_place(here: Company) -> None:
    visitor = Visitor(here, "ann")
    page = registered(visitor, "autumn", b"a,A\n1,2\n")
    assert (page.status, "columns 1 and 2 have the same heading" in page.text()) == (422, True), page.text()
    page = registered(visitor, "autumn", b"")
    assert (page.status, "Choose a file that is not empty." in page.text()) == (422, True)
    page = registered(visitor, "Not A Name")
    assert (page.status, "Invalid format." in page.text()) == (422, True)


def test_programs_register_read_and_delete(here: Company) -> None:
    made = sent(here, CSV, name="winter", as_of="2026-11-01", mapping=MAPPING)
    assert made.status_code == 201, made.text
    found = here.did("GET", made.headers["location"], "compliance")
    assert found == made.json()
    assert (found["subjects"], found["columns"], found["format"]) == (4, ["客户", "orders", "industry"], "csv")
    assert_problem(sent(here, CSV, name="winter", as_of="2026-11-01", mapping=MAPPING), 409, "conflict")
    problem = assert_problem(sent(here, CSV, name="w2", as_of="2026-11-01"), 422, "request-refused")
    assert problem["reasons"] == ["no column `subject`, which names the subjects"]
    assert_problem(sent(here, CSV, "application/json", name="w2", as_of="2026-11-01"), 415, "unsupported-media-type")
    assert sent(here, CSV, by="root", name="w2", as_of="2026-11-01").status_code == 403
    assert here.did("DELETE", made.headers["location"], "ann")["name"] == "winter"
    assert_problem(here.ask("GET", made.headers["location"], "ann"), 404, "not-found")


def test_an_erasure_reaches_it_though_nothing_was_decided(here: Company) -> None:
    made = sent(here, CSV, name="erased", as_of="2026-11-01", mapping=MAPPING)
    page = Visitor(here, "compliance").get("/subjects/erase?subject=C4")
    assert "registered populations" in page.text(), page.text()
    here.did("DELETE", "/v1/subjects/C4/key", "compliance", {"reason": "asked for", "password": SECRET})
    service = here.app.service
    assert apply_erasures(service.database, service.clock, service.fact_cipher) >= 1
    found = here.did("GET", made.headers["location"], "ann")
    assert (found["subjects"], found["removed"], found["digest"] == found["content"]) == (3, 1, False)


def test_a_file_in_gb18030_may_be_called_so(here: Company) -> None:
    content = CSV.decode().encode("gb18030")
    kept = sent(here, content, "text/csv; charset=GB18030", name="gb", as_of="2026-11-01", mapping=MAPPING)
    assert (kept.status_code, kept.json().get("encoding")) == (201, "gb18030"), kept.text
    other = sent(here, content, "text/csv; charset=big5", name="big", as_of="2026-11-01", mapping=MAPPING)
    assert_problem(other, 415, "unsupported-media-type")
