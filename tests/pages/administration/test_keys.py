"""The page of keys: an administrator takes new ones into use, after confirming who it is; nobody else does."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from api.features.keys import pages
from tests.api.client import SECRET
from tests.api.company import Company, company
from tests.pages.visitor import Visitor

EVENTS = {"signing": "signing_key_added", "master": "master_key_rotated"}


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as made:
        yield made


def newest(here: Company, event: str) -> dict[str, object]:
    entry: dict[str, object] = here.did("GET", f"/v1/audit?event={event}&limit=1", "compliance")["items"][0]
    return entry


@pytest.mark.parametrize("name", EVENTS)
def test_a_new_key_is_taken_into_use_once_and_the_log_says_who_did_it(here: Company, name: str) -> None:
    visitor = Visitor(here, "root")
    page = visitor.get("/keys")
    before = page.text("code")
    after = visitor.send(page, f"form#{name}", password=SECRET)
    assert (after.status, after.address) == (200, f"/keys?done={name}")
    assert after.has(".notice")
    assert after.text("code") != before
    entry = newest(here, EVENTS[name])
    assert entry["by"]["name"] == "root"  # type: ignore[index]
    assert visitor.send(page, f"form#{name}", password=SECRET).text("code") == after.text("code"), "sent twice"
    assert newest(here, EVENTS[name]) == entry


@pytest.mark.parametrize("name", EVENTS)
def test_a_wrong_password_rotates_nothing_and_is_told_at_its_field(here: Company, name: str) -> None:
    visitor = Visitor(here, "root")
    page = visitor.get("/keys")
    refused = visitor.send(page, f"form#{name}", password=SECRET[::-1])
    assert refused.status == 403
    assert refused.has(f"form#{name} [aria-invalid=true]")
    assert visitor.get("/keys").text("code") == page.text("code")


@pytest.mark.parametrize("by", ["compliance", "sales", "ann"])
def test_nobody_but_an_administrator_comes_near(here: Company, by: str) -> None:
    visitor = Visitor(here, by)
    assert visitor.get("/keys").status == 403
    assert visitor.post("/keys/signing", {"password": SECRET}).status == 403


def test_a_log_that_is_not_what_was_signed_gets_no_new_key(here: Company, monkeypatch: pytest.MonkeyPatch) -> None:

    monkeypatch.setattr(pages, "recorded_difference", lambda _: "entry 3 is not what was signed")
    visitor = Visitor(here, "root")
    refused = visitor.send(visitor.get("/keys"), "form#signing", password=SECRET)
    assert refused.status == 409
    assert "entry 3 is not what was signed" in refused.text()


def test_more_keys_than_a_page_can_wait_for_are_for_the_command_line(
    here: Company, monkeypatch: pytest.MonkeyPatch
) -> None:

    visitor = Visitor(here, "root")
    page = visitor.get("/keys")
    monkeypatch.setattr(pages, "MAX_WRAPPED", -1)
    refused = visitor.send(page, "form#master", password=SECRET)
    assert refused.status == 409
    assert "rotate-master-key" in refused.text()
    assert not refused.has("form#master")
