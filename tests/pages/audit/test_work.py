"""Verification and export from the pages: they show how far they are, survive a reload, and tell what was found."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator

import pytest

from policy_service import log_work as auditing
from policy_service.audit.export import verify_export
from policy_service.audit.keys import public_key
from policy_service.audit.service import signing_keys
from policy_service.audit.verdict import LogFault, LogVerdict
from policy_service.messages import Message
from policy_service.workers.kind import WorkRefused
from tests.api.company import Company, company
from tests.pages.visitor import Seen, Visitor

PATIENCE = 60.0
"""Seconds that a piece of work may take."""


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as here:
        here.app.service.sealer.seal_all()
        yield here


def settled(visitor: Visitor, page: Seen) -> Seen:
    """The page once its work is over."""
    until = time.monotonic() + PATIENCE
    while page.has("progress"):
        assert time.monotonic() < until, "it does not end"
        time.sleep(0.1)
        page = visitor.get(page.address)
    return page


def start_job(here: Company, name: str, form: str) -> tuple[Visitor, Seen]:
    visitor = Visitor(here, name)
    response = visitor.send(visitor.get("/audit"), form, follow=False)
    assert response.status == 303
    return visitor, visitor.get(response.headers["location"])


def test_a_verification_ends_with_its_verdict_in_words(here: Company) -> None:
    visitor, page = start_job(here, "compliance", "#verify-log")
    page = settled(visitor, page)
    assert page.text("#verdict") == "The log matches what was signed"
    entries = visitor.get("/audit").text("dl.facts dd").split()[0]
    assert f"Entries read {entries}" in page.text("dl.facts")
    assert "consistent" in visitor.get("/audit").text(".overview .badge")
    assert visitor.get(page.address).text("#verdict") == page.text("#verdict")


def test_who_did_not_ask_does_not_find_it(here: Company) -> None:
    visitor, page = start_job(here, "compliance", "#verify-log")
    other = Visitor(here, "both").get(page.address)
    assert other.status == 404
    assert "There is no such job." in other.text(".empty")
    settled(visitor, page)


def test_a_form_that_is_sent_twice_begins_one_verification(here: Company) -> None:
    visitor = Visitor(here, "compliance")
    page = visitor.get("/audit")
    first, second = (visitor.send(page, "#verify-log", follow=False) for _ in range(2))
    assert first.headers["location"] == second.headers["location"]
    settled(visitor, visitor.get(first.headers["location"]))


def test_while_it_goes_on_the_page_shows_how_far_it_is(here: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    go_on = threading.Event()

    def slow(_session: object, _keys: object, _copies: object, tick: Callable[[str, int], None], _: object) -> object:
        tick("entries", 4)
        go_on.wait(PATIENCE)
        fault = LogFault(Message("entry {seq} was added or altered: it has no MAC", seq=17), 17)
        return LogVerdict(16, 2, "sha256:0", "sha256:1", None, 16, fault=fault)

    monkeypatch.setattr(auditing, "parts_of", lambda _: {"entries": 16})
    monkeypatch.setattr(auditing, "verify_log", slow)
    monkeypatch.setattr(auditing, "verify_rest", lambda _session, verdict, *_: verdict)
    visitor, page = start_job(here, "compliance", "#verify-log")
    until = time.monotonic() + PATIENCE
    while "25%" not in page.text("#work"):
        assert time.monotonic() < until, page.text("#work")
        time.sleep(0.1)
        page = visitor.get(page.address)
    assert page.one("progress").attributes["value"] == "25"
    assert "4 of 16 entries, rows and records" in page.text("#work")
    assert page.one("#work").attributes["hx-get"] == page.address
    assert page.one("noscript meta").attributes["content"] == "2"
    go_on.set()
    page = settled(visitor, page)
    assert page.text("#verdict") == "The log differs from what was signed"
    assert "entry 17 was added or altered: it has no MAC" in page.text(".lead")
    assert "Everything before entry 17 is as it was written." in page.text("#work")
    assert not page.has("[hx-get]")
    assert not page.has("meta[http-equiv=refresh]")
    log = visitor.get("/audit")
    assert "inconsistent" in log.text(".overview .badge")
    assert "entry 17 was added or altered: it has no MAC" in log.text(".overview")
    chinese = Visitor(here, "compliance", "zh")
    assert "17" in chinese.get(page.address).text(".lead")
    assert "altered" not in chinese.get(page.address).text(".lead")


def test_what_keeps_it_from_being_done_is_told(here: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    def busy(*_: object) -> LogVerdict:
        raise WorkRefused(Message("the log is being read whole already"), 1)

    monkeypatch.setattr(auditing, "verify_log", busy)
    visitor, page = start_job(here, "compliance", "#verify-log")
    page = settled(visitor, page)
    assert "the log is being read whole already" in page.text(".refusal")
    assert page.has("#start-again button")


def test_an_export_is_made_fetched_and_verifies(here: Company) -> None:
    visitor, page = start_job(here, "compliance", "#export-log")
    page = settled(visitor, page)
    answer = visitor.get(f"{page.address}/file")
    assert answer.headers["content-disposition"] == 'attachment; filename="log.ndjson"'
    assert int(answer.headers["content-length"]) == len(answer.body)
    with here.database.read() as session:
        trusted = [public_key(body["public_key"]) for body in signing_keys(session)]
    assert verify_export(answer.body.splitlines(keepends=True), trusted).is_fine
    assert Visitor(here, "both").get(f"{page.address}/file").status == 404


def test_a_file_that_was_removed_is_asked_for_again(here: Company) -> None:
    page = Visitor(here, "compliance").get("/audit/exports/gone/file")
    assert page.status == 404
    assert "This file has expired." in page.text()


@pytest.mark.parametrize("what", ["verifications", "exports"])
def test_a_job_that_was_removed_is_told_to_be_gone(here: Company, what: str) -> None:
    page = Visitor(here, "compliance").get(f"/audit/{what}/0197")
    assert page.status == 404
    assert "There is no such job." in page.text()
    assert page.link("Start another job") == f"/audit/{what}"
    assert Visitor(here, "compliance").get(f"/audit/{what}").has("#start button")


@pytest.mark.parametrize("name", ["sales", "ann", "root"])
@pytest.mark.parametrize("what", ["verifications", "exports"])
def test_only_compliance_lets_the_whole_log_be_read(here: Company, name: str, what: str) -> None:
    visitor = Visitor(here, name)
    assert visitor.post(f"/audit/{what}", {"_key": "k"}).status == 403
    assert visitor.get(f"/audit/{what}/x").status == 403
