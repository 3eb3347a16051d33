"""Audit packs from the pages: asked for by a form, made while the reader waits or leaves, fetched, and verified."""

from __future__ import annotations

import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from api.features.packs import jobs
from policy_service.audit.keys import KeyUnavailable, public_keys
from policy_service.packs.verification import verify_pack
from tests.api.company import Company, company
from tests.approval.world import TIER
from tests.packs.packing import HOSTILE, fill
from tests.pages.visitor import Seen, Visitor

PATIENCE = 90.0
"""Seconds that a pack may take."""


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company(furnish=fill) as here:
        yield here


def made(visitor: Visitor, **fields: Any) -> Seen:  # noqa: ANN401 - as `send` takes them
    """The page of a pack once it is made."""
    return settled(visitor, visitor.send(visitor.get("/packs"), "#ask", **fields))


def settled(visitor: Visitor, page: Seen) -> Seen:
    """The page once its work is over."""
    until = time.monotonic() + PATIENCE
    while page.has("progress"):
        assert time.monotonic() < until, "it does not end"
        time.sleep(0.1)
        page = visitor.get(page.address)
    return page


def fetched(visitor: Visitor, page: Seen, to: Path) -> Path:
    answer = visitor.get(f"{page.address}/file")
    assert answer.headers["content-type"] == "application/zip"
    assert answer.headers["content-disposition"].startswith('attachment; filename="audit-pack-2026')
    to.write_bytes(answer.body)
    return to


def test_a_pack_is_asked_for_made_fetched_and_verifies(here: Company, tmp_path: Path) -> None:
    visitor = Visitor(here, "compliance")
    page = made(visitor, policy=TIER, sample="5")
    assert page.status == 200
    assert "The pack is ready" in page.text("h2")
    assert "Signatures 4" in page.text("dl.facts")
    assert "of these, replay matches 5" in page.text("dl.facts")
    assert "Decisions are a sample" in page.text("#work")
    file = fetched(visitor, page, tmp_path / "pack.zip")
    trusted = list(public_keys(here.app.service.settings.keys).values())
    verdict = verify_pack(file, trusted)
    assert verdict.faults == ()
    assert verdict.manifest["made_for"] == "Compliance"
    assert visitor.get("/packs").has(f'a[href="{page.address}"]')
    assert Visitor(here, "both").get(page.address).status == 404
    assert Visitor(here, "both").get(f"{page.address}/file").status == 404
    assert "You have asked for none" in Visitor(here, "both").get("/packs").text()


def test_a_subject_with_a_hostile_name_and_a_period_are_packed_in_chinese(here: Company, tmp_path: Path) -> None:
    visitor = Visitor(here, "compliance", "zh")
    page = made(visitor, subject=HOSTILE, since="2026-01-01", until="2030-12-31")
    assert "资料包已备好" in page.text("h2")
    verdict = verify_pack(
        fetched(visitor, page, tmp_path / "pack.zip"), list(public_keys(here.app.service.settings.keys).values())
    )
    assert verdict.faults == ()
    assert verdict.manifest["scope"]["subject"] == HOSTILE
    assert verdict.manifest["scope"]["from"] == "2025-12-31T16:00:00.000000Z"
    assert verdict.manifest["scope"]["until"] == "2030-12-31T16:00:00.000000Z"


@pytest.mark.parametrize(
    ("fields", "faults"),
    [
        ({"policy": TIER, "sample": "201"}, {"sample": "Not a valid number here."}),
        (
            {"policy": "no/such", "subject": "nobody", "since": "soon"},
            {
                "policy": "Expected a policy on record.",
                "subject": "No records about this subject.",
                "since": "Not a valid date or time.",
            },
        ),
        ({"subject": "x" * 201}, {"subject": "At most 200 characters."}),
    ],
)
def test_what_cannot_be_packed_is_told_beside_its_field(
    here: Company, fields: dict[str, Any], faults: dict[str, str]
) -> None:
    visitor = Visitor(here, "compliance")
    page = visitor.send(visitor.get("/packs"), "#ask", **fields)
    assert page.status == 422
    assert {field: page.one(f"#fault-{field}").text() for field in faults} == faults


@pytest.mark.parametrize(
    ("fields", "why"),
    [
        ({}, "Say what the pack is about"),
        ({"since": "2026-05-02", "until": "2026-05-01"}, "The period ends before it begins."),
    ],
)
def test_a_pack_about_nothing_is_refused(here: Company, fields: dict[str, Any], why: str) -> None:
    visitor = Visitor(here, "compliance")
    page = visitor.send(visitor.get("/packs"), "#ask", **fields)
    assert page.status == 422
    assert why in page.text(".refusal")


def test_a_link_fills_the_form_in_and_runs_nothing(here: Company) -> None:
    page = Visitor(here, "compliance").get("/packs?policy=tiering/size&subject=%3Cscript%3E&since=2026-05-01")
    assert page.one("#subject").attributes["value"] == "<script>"
    assert page.one("#since").attributes["value"] == "2026-05-01"
    assert not page.has("main script")


def test_a_form_that_is_sent_twice_makes_one_pack(here: Company) -> None:
    visitor = Visitor(here, "compliance")
    page = visitor.get("/packs")
    first, second = (visitor.send(page, "#ask", policy=TIER, sample="0", follow=False) for _ in range(2))
    assert first.headers["location"] == second.headers["location"]
    settled(visitor, visitor.get(first.headers["location"]))


def test_what_keeps_a_pack_from_being_made_is_told(here: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_: object) -> None:
        raise KeyUnavailable("signing.key")

    monkeypatch.setattr(jobs, "make_pack", refuse)
    page = made(Visitor(here, "compliance"), policy=TIER)
    assert "the log's keys are not here" in page.text(".refusal")
    assert page.link("Start another job") == "/packs"


def test_a_log_that_is_not_what_was_signed_is_told() -> None:
    with company() as here:
        here.app.service.sealer.seal_all()
        tamper(here)
        page = made(Visitor(here, "compliance"), policy=TIER)
        assert "the log is not what was signed" in page.text(".refusal")


def tamper(here: Company) -> None:
    """Changes a digest behind the back of the service."""
    with here.database.engine.connect() as connection:
        names = connection.exec_driver_sql(
            "SELECT name FROM sqlite_master WHERE type = 'trigger' AND tbl_name = 'audit_entry'"
        ).scalars()
        for name in list(names):
            connection.exec_driver_sql(f"DROP TRIGGER {name}")
        connection.exec_driver_sql(
            "UPDATE audit_entry SET digest = (SELECT digest FROM audit_entry WHERE seq = 1) WHERE seq = 2"
        )
        connection.commit()


@pytest.mark.parametrize("name", ["sales", "ann", "root"])
def test_packs_are_for_compliance(here: Company, name: str) -> None:
    visitor = Visitor(here, name)
    assert visitor.get("/packs").status == 403
    assert visitor.post("/packs", {"_key": "k", "policy": TIER}).status == 403
    assert visitor.get("/packs/x/file").status == 403


def test_a_pack_that_was_removed_is_told_to_be_gone(here: Company) -> None:
    page = Visitor(here, "compliance").get("/packs/0197")
    assert page.status == 404
    assert "There is no such job." in page.text()
