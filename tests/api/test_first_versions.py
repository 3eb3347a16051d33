"""First versions over HTTP and on the pages: stated with a day and a file, signed, and told where they are read."""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from policy_service.packs.scope import Scope
from policy_service.packs.verification import verify_pack
from tests.api.company import ROLES, Company, Json, company, refused
from tests.approval.world import TIER
from tests.packs.packing import packed
from tests.pages.visitor import Visitor

FILE = "董事会纪要.txt"
TEXT = b"Resolved: in force from 1 March."
PATH = "/v1/changes/first-versions"


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as made:
        yield made


def body(start: str = "2026-03-01T00:00:00+08:00", content: bytes = TEXT) -> Json:
    file = {"name": FILE, "content": b64encode(content).decode()}
    return {"title": "First versions", "reason": "as resolved", "effective_from": start, "evidence": file}


def test_what_is_wrong_is_said_before_anything_is_drafted(here: Company) -> None:
    answer = here.ask("POST", PATH, "ann", body("2027-03-01T00:00:00+08:00", b"\0"))
    problem = refused(answer, 422, "change-unfit", "is in the future")
    assert "The evidence must be a PDF" in problem["reasons"][1]
    assert here.ask("POST", PATH, "ann", body(content=b"x" * (5 * 2**20 + 1))).status_code == 422
    assert here.ask("POST", PATH, "sales", body()).status_code == 403


def test_the_directors_sign_and_every_page_shows_who(here: Company) -> None:
    change = here.did("POST", PATH, "ann", body())
    assert (change["kind"], change["evidence"]["name"], change["evidence"]["size"]) == (
        "first_versions",
        FILE,
        len(TEXT),
    )
    sales = Visitor(here, "sales")
    change = here.moved("submit", change)
    assert "They stay as imported" in sales.get("/").text("main")
    for name in ROLES:
        change = here.sign(change, name).json()
    assert "not signed in this service" in sales.get("/in-force").text("main")
    assert here.moved("schedule", change)["state"] == "scheduled"
    page = sales.get("/in-force?valid_at=2026-03-01T08:00").text("main")
    assert "1 Mar 2026" in page
    assert "Compliance , compliance" in page
    assert "not signed in this service" not in sales.get("/in-force").text("main")
    for path in (f"/policies/{TIER}", f"/policies/{TIER}/versions/1.0.0"):
        assert "not signed in this service" not in sales.get(path).text("main")
    dossier = sales.get(f"/changes/{change['id']}")
    assert f"Evidence: {FILE} {change['evidence']['digest']}" in dossier.text("main")
    for path in (dossier.link(FILE), f"/v1/changes/{change['id']}/evidence"):
        answer = here.ask("GET", path, "sales")
        assert (answer.content, answer.headers["content-type"]) == (TEXT, "text/plain; charset=utf-8")
        assert answer.headers["content-disposition"].startswith("attachment; filename*=UTF-8''%E8%91%A3")
    before = here.did("GET", f"/v1/policies/{TIER}/active?valid_at=2026-03-01T08:00:00Z&known_at=2026-11-20T00:00:00Z")
    assert before["active"] is None
    assert "signed already" in Visitor(here, "ann").get("/changes/new?first=").text("main")


def test_a_pack_holds_the_file_and_is_verified_with_it(here: Company, tmp_path: Path) -> None:
    here.app.service.sealer.seal_all()
    pack = packed(here, tmp_path / "pack.zip", Scope(policy=TIER))
    [name] = [each for each in pack.names() if "/evidence/" in each]
    assert (name.endswith(".txt"), pack.read(name)) == (True, TEXT)
    assert verify_pack(pack.file, [pack.key]).faults == ()
    other = pack.relisted(tmp_path / "other.zip", name, lambda _: b"another resolution")
    assert any("the digest of the evidence" in each for each in verify_pack(other, [pack.key]).faults)


def test_an_author_states_them_on_the_page() -> None:
    with company() as here:
        author = Visitor(here, "ann")
        page = author.get("/changes/new?first=")
        assert f"{TIER} 1.0.0 in force here from" in page.text("main")
        fields: dict[str, Any] = {
            "title": "First versions",
            "reason": "as resolved",
            "effective_from": "2026-03-01T00:00",
        }
        assert "Attach the scan or the minutes." in author.send(page, "form#new", **fields).text("main")
        change = author.send(page, "form#new", files={"evidence": TEXT}, **fields)
        assert "first versions" in change.text("main")
        assert "needs another day" not in change.text("main")
