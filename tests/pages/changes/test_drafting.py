"""An author begins a change in the browser: with new versions, with files, or as a rollback."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import pytest

from policy_service.approval import service as approval
from policy_service.approval.service import Change
from policy_service.language.source import MAX_BYTES
from tests.api.company import Company, company
from tests.approval.world import bonus, tier
from tests.hidden import written_before
from tests.pages.visitor import Seen, Visitor

ASKED: dict[str, Any] = {
    "title": "Larger orders",
    "reason": "The mean has risen.",
    "effective_from": "2027-01-01T00:00",
}


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as here:
        here.in_force(tier("1.2.0", 120))
        yield here


def draft(here: Company, page: Seen) -> Change:
    """The draft whose editor a browser was led to."""
    with here.database.read() as session:
        return approval.read_change(session, page.address.split("/")[2])


def texts(here: Company, change: Change) -> list[bytes]:
    with here.database.read() as session:
        return [approval.read_text(session, digest) for digest in change.draft.texts]


def test_a_version_in_force_comes_with_the_next_number(here: Company) -> None:
    visitor = Visitor(here, "ann")
    page = visitor.send(visitor.get("/changes/new?policy=tiering/size"), "#new", **ASKED)
    assert page.status == 200, page.text()
    assert "The draft was created." in page.text(".notice")
    change = draft(here, page)
    assert texts(here, change) == [tier("1.3.0", 120)]
    assert change.draft.effective.start == datetime.fromisoformat("2027-01-01T00:00:00+08:00")
    assert page.one(".file h2").text() == "tiering/size 1.3.0"
    assert "1 example passes" in page.text("#looked")


def test_files_are_kept_byte_for_byte(here: Company) -> None:
    content = bonus("1.1.0").replace(b"\n", b"\r\n") + b"# \xe5\xa5\x96\r\n"
    visitor = Visitor(here, "ann")
    page = visitor.send(visitor.get("/changes/new"), "#new", {"file": content}, **ASKED)
    assert texts(here, draft(here, page)) == [content]
    download = visitor.get(page.link("Download"))
    assert download.body == content
    assert download.headers["content-disposition"] == 'attachment; filename="rewards.bonus-1.1.0.yaml"'


def test_a_draft_may_begin_empty_or_with_a_sample(here: Company) -> None:
    visitor = Visitor(here, "ann")
    empty = visitor.send(visitor.get("/changes/new"), "#new", **ASKED)
    assert texts(here, draft(here, empty)) == []
    assert not empty.one("textarea[name=text]").text().strip()
    sample = visitor.send(visitor.get("/changes/new"), "#new", **ASKED, start="new")
    assert "3 examples pass" in sample.text("#looked")
    assert sample.has("#looked .badge.good")
    assert not sample.has("#looked .badge.bad")


def test_a_rollback_names_versions_that_were_in_force(here: Company) -> None:
    visitor = Visitor(here, "ann")
    page = visitor.get("/changes/new?rollback=tiering/size&version=1.0.0")
    assert [node.attributes["value"] for node in page.all("#new option[selected]")] == ["tiering/size@1.0.0"]
    assert "governance/sign_off" not in page.text("#new"), "it has no earlier version"
    page = visitor.send(page, "#new", **ASKED)
    change = draft(here, page)
    assert change.kind == "rollback"
    assert [(each.policy, each.version) for each in change.draft.versions] == [("tiering/size", "1.0.0")]
    assert not page.has("textarea[name=text]")


def test_a_rollback_to_nothing_is_refused_beside_the_field(here: Company) -> None:
    visitor = Visitor(here, "ann")
    page = visitor.send(visitor.get("/changes/new?rollback="), "#new", **ASKED)
    assert page.status == 422
    assert "Choose at least one version to go back to." in page.text("#fault-back")
    assert page.one("#title").attributes["value"] == "Larger orders"


def test_a_rollback_to_what_never_was_in_force_is_refused(here: Company) -> None:
    visitor = Visitor(here, "ann")
    page = visitor.get("/changes/new?rollback=tiering/size&version=1.0.0")
    page = visitor.send(page, "#new", **ASKED, back="tiering/size@7.7.7")
    assert page.status == 422
    assert "There is no version 7.7.7 of tiering/size." in page.text(".refusal")


@pytest.mark.parametrize(
    ("fields", "name", "fault"),
    [
        ({"title": None}, "title", "This field is required."),
        ({"reason": "x" * 4_001}, "reason", "At most 4000 characters."),
        ({"effective_from": "soon"}, "effective_from", "Not a valid date or time."),
        ({"effective_from": "0001-01-01T00:00"}, "effective_from", "Not a valid date or time."),
        ({"effective_until": "9999-12-31T23:59+00:00"}, "effective_until", "Not a valid date or time."),
        ({"effective_until": "2026-12-01T00:00"}, "effective_until", "The end must be after the beginning."),
        ({"start": "no/such"}, "start", "There is no such policy in force."),
    ],
)
def test_what_is_wrong_stands_beside_its_field(
    here: Company, fields: dict[str, str | None], name: str, fault: str
) -> None:
    visitor = Visitor(here, "ann")
    page = visitor.send(visitor.get("/changes/new"), "#new", **{**ASKED, **fields})
    assert page.status == 422
    assert page.text(f"#fault-{name}") == fault


def test_a_period_that_nobody_will_see_is_refused_as_a_whole(here: Company) -> None:
    visitor = Visitor(here, "ann")
    page = visitor.send(visitor.get("/changes/new"), "#new", **{**ASKED, "effective_from": "2999-01-01T00:00"})
    assert page.status == 422
    assert "2199-12-31" in page.text(".refusal")


def test_the_same_form_twice_begins_one_change(here: Company) -> None:
    visitor = Visitor(here, "ann")
    form = visitor.get("/changes/new")
    assert visitor.send(form, "#new", **ASKED).address == visitor.send(form, "#new", **ASKED).address


@pytest.mark.parametrize("name", ["sales", "compliance", "root"])
def test_only_authors_begin_changes(here: Company, name: str) -> None:
    visitor = Visitor(here, name)
    assert visitor.get("/changes/new").status == 403
    assert visitor.post("/changes", ASKED).status == 403


def test_hostile_words_are_shown_and_not_run(here: Company) -> None:
    words = "<script>alert(1)</script>\u202e=cmd()"
    visitor = Visitor(here, "ann")
    body = {**ASKED, "title": words, "reason": words}
    page = visitor.send(visitor.get("/changes/new"), "#new", **body)
    assert page.status == 422
    assert "The title: leave out the hidden character U+202E RIGHT-TO-LEFT OVERRIDE." in page.text(".refusal")
    with written_before():
        address = visitor.send(visitor.get("/changes/new"), "#new", **body).address
    page = visitor.get(address)
    assert page.status == 200
    assert not page.has("main script, h1 script")
    assert "<script>alert(1)</script>" in page.one("h1").text()
    assert "U+202E" in page.text("h1")


def test_the_page_is_in_chinese(here: Company) -> None:
    page = Visitor(here, "ann", "zh-CN").get("/changes/new")
    assert page.one("h1").text() == "新建变更"
    assert "生效时间" in page.text("#new")


def test_of_many_versions_the_newest_are_offered_and_the_one_that_a_link_names(
    here: Company, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("policy_service.approval.starting_points.MAX_OFFERED", 1)
    visitor = Visitor(here, "ann")
    assert "1.0.0" not in visitor.get("/changes/new?rollback=").text("option")
    page = visitor.get("/changes/new?rollback=tiering/size&version=1.0.0")
    assert page.text("option[selected]") == "1.0.0"


def test_a_file_that_is_too_large_is_refused(here: Company) -> None:
    visitor = Visitor(here, "ann")
    page = visitor.send(visitor.get("/changes/new"), "#new", {"file": b"#" * (MAX_BYTES + 1)}, **ASKED)
    assert page.status == 422
    assert "A policy file has at most 2,097,152 bytes." in page.text(".refusal")
    assert visitor.send(visitor.get("/changes/new"), "#new", {"file": b"#" * 9 * 2**20}, **ASKED).status == 413
