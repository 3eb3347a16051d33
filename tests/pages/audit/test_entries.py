"""One entry, the checkpoints and the key: what is shown is enough to check the entry by hand."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from policy_service.audit.keys import read_public_key
from policy_service.audit.proofs import verify_proof
from tests.api.company import Company, company, later
from tests.approval.world import tier
from tests.hidden import written_before
from tests.pages.visitor import Seen, Visitor

HOSTILE = "<img src=x onerror=alert(1)> \u202etxt.exe"


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    """A company whose log is signed up to its last entry but one or two."""
    with company() as here:
        with written_before():
            here.create(tier("1.2.0", 80_000), title=HOSTILE, effective=later(here, 3))
        here.app.service.sealer.seal_all()
        yield here


def line_of(page: Seen) -> bytes:
    return page.all("pre.line code")[0].text().encode()


def test_the_line_has_the_digest_that_the_next_entry_holds(here: Company) -> None:
    visitor = Visitor(here, "compliance")
    page, following = visitor.get("/audit/entries/3"), visitor.get("/audit/entries/4")
    digest = f"sha256:{hashlib.sha256(line_of(page)).hexdigest()}"
    assert page.text("#digest") == digest
    assert json.loads(line_of(following))["previous"] == digest
    assert digest in following.text()
    assert page.link("4") == "/audit/entries/4"


def test_the_steps_lead_by_hand_to_the_root_that_was_signed(here: Company) -> None:
    page = Visitor(here, "compliance").get("/audit/entries/3")
    root = hashlib.sha256(b"\0" + hashlib.sha256(line_of(page)).digest()).digest()
    *steps, last = page.all("table tbody tr")
    for step in steps:
        side, digest = (node.text() for node in step.css("td")[1:])
        beside = bytes.fromhex(digest.removeprefix("sha256:"))
        root = hashlib.sha256(b"\1" + (beside + root if side == "left" else root + beside)).digest()
    signed = last.css_first("code").text()
    assert signed == f"sha256:{root.hex()}"
    assert signed in page.text("#hand ~ pre")


def test_the_proof_is_fetched_and_verifies(here: Company, tmp_path: Path) -> None:
    visitor = Visitor(here, "compliance")
    page = visitor.get("/audit/entries/3")
    proof = json.loads(visitor.get(page.link("Download the proof")).body)
    (tmp_path / "key.pem").write_bytes(visitor.get("/audit/public-key.pem").body)
    assert verify_proof(proof, [read_public_key(tmp_path / "key.pem")]).seq == 3


def test_what_was_not_signed_yet_says_so(here: Company) -> None:
    visitor = Visitor(here, "compliance")
    here.create(tier("1.9.0", 80_000), effective=later(here, 9))
    newest = visitor.get("/audit").one("table.entries tbody tr:first-child th a").attributes["href"]
    page = visitor.get(str(newest))
    assert "no checkpoint covers" in page.text(".empty")
    assert "none: it is the last entry" in page.text()
    here.app.service.sealer.seal_all()
    assert visitor.get(str(newest)).has("#hand")


def test_hostile_text_is_shown_with_its_marks(here: Company) -> None:
    visitor = Visitor(here, "compliance")
    listed = visitor.get("/audit?event=change_drafted&sort=seq")
    page = visitor.get(str(listed.one("table.entries tbody tr:first-child th a").attributes["href"]))
    assert not page.has("main img")
    assert HOSTILE.split(" \u202e", maxsplit=1)[0] in page.text("pre.line")
    assert "U+202E" in page.text("pre.line")
    assert "Invisible characters" in page.text()


@pytest.mark.parametrize("seq", ["0", "999999", "x", "1.5", "-1", "9" * 30, "³"])
def test_an_entry_that_is_not_there_is_not_found(here: Company, seq: str) -> None:
    assert Visitor(here, "compliance").get(f"/audit/entries/{seq}").status == 404


def test_checkpoints_are_listed_page_by_page(here: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = Visitor(here, "compliance", "zh")
    page = visitor.get("/audit/checkpoints")
    assert page.text("h1") == "检查点与密钥"
    everything = [node.text() for node in page.all("tbody th")]
    assert len(everything) >= 2
    monkeypatch.setattr("api.kit.table.PAGE_SIZE", 1)
    page = visitor.get("/audit/checkpoints")
    seen = [node.text() for node in page.all("tbody th")]
    while page.has("a[rel=next]"):
        page = visitor.get(page.link("下一页"))
        seen += [node.text() for node in page.all("tbody th")]
    assert seen == everything


def sizes(page: Seen) -> list[int]:
    """How long the log was at each checkpoint that is listed."""
    return [int(node.text()) for node in page.all("tbody th")]


def test_checkpoints_are_sorted_and_narrowed_to_days(here: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    visitor = Visitor(here, "compliance")
    newest = visitor.get("/audit/checkpoints")
    everything = sizes(newest)
    assert everything == sorted(everything, reverse=True)
    assert newest.one('th[aria-sort="descending"]').text() == "Entries"
    days = [f"{here.clock.at + timedelta(days=number):%Y-%m-%d}" for number in (-400, 0, 1)]
    assert sizes(visitor.get(f"/audit/checkpoints?since={days[0]}&until={days[2]}")) == everything
    assert sizes(visitor.get(f"/audit/checkpoints?until={days[0]}")) == []
    monkeypatch.setattr("api.kit.table.PAGE_SIZE", 1)
    page = visitor.get(newest.link("Entries"))
    assert page.one('th[aria-sort="ascending"]').text() == "Entries"
    page = visitor.send(page, "#filters", since=days[0])
    seen = sizes(page)
    while page.has("a[rel=next]"):
        page = visitor.get(page.link("Next page"))
        seen += sizes(page)
    assert seen == everything[::-1]


def test_days_without_a_checkpoint_say_so(here: Company) -> None:
    page = Visitor(here, "compliance").get("/audit/checkpoints?until=2001-02-03")
    assert "Nothing was signed in this period." in page.text(".empty")
    assert page.link("Show all") == "/audit/checkpoints"


@pytest.mark.parametrize("query", ["since=yesterday", "until=9999-12-31", "since=0001-01-01"])
def test_days_that_are_none_are_told_beside_their_field(here: Company, query: str) -> None:
    page = Visitor(here, "compliance").get(f"/audit/checkpoints?{query}")
    assert page.status == 422
    assert page.one(f"#fault-{query.partition('=')[0]}").text() == "Not a valid date or time."


def test_the_key_in_use_is_named_and_fetched(here: Company, tmp_path: Path) -> None:
    visitor = Visitor(here, "sales")
    pem = visitor.get("/audit/public-key.pem")
    assert pem.headers["content-disposition"] == 'attachment; filename="policy-service.pub.pem"'
    (tmp_path / "key.pem").write_bytes(pem.body)
    assert read_public_key(tmp_path / "key.pem").id in visitor.get("/audit/checkpoints").text(".panel")


def test_a_log_without_a_key_says_so(here: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policy_service.audit.service.signing_keys", lambda _: [])
    visitor = Visitor(here, "compliance")
    assert "The log has no signing key yet." in visitor.get("/audit/checkpoints").text()
    assert visitor.get("/audit/public-key.pem").status == 409
