"""An author writes a draft in the browser, with scripts off: nothing that was written is lost, no byte moves."""

from collections.abc import Iterator
from typing import Any

import pytest

from policy_service.approval import service as approval
from policy_service.workers.pool import SHARED
from tests.api.company import Company, company, later
from tests.approval.world import bonus, tier
from tests.pages.visitor import Seen, Visitor

Json = dict[str, Any]


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as here:
        here.in_force(tier("1.0.1", 101))
        yield here


def editor(visitor: Visitor, change: Json, query: str = "") -> Seen:
    page = visitor.get(f"/changes/{change['id']}/draft{query}")
    assert page.status == 200, page.text()
    return page


def draft_files(here: Company, change: Json) -> list[bytes]:
    """The files of a draft as they are kept."""
    with here.database.read() as session:
        return [approval.read_text(session, name) for name in approval.read_change(session, change["id"]).draft.texts]


def shown_texts(page: Seen) -> list[str]:
    return [node.text() for node in page.all("textarea[name=text]")]


def test_saving_what_was_not_edited_keeps_every_byte_and_the_instant(here: Company) -> None:
    crlf = tier("1.1.0").replace(b"\n", b"\r\n")
    start = {"from": "2027-03-01T10:20:30.5+08:00"}
    change = here.create(effective=start)
    change = here.did(
        "PUT",
        f"/v1/changes/{change['id']}/draft",
        body=here.draft(crlf, bonus("1.1.0"), effective=start),
        if_match=f'"{change["etag"]}"',
    )
    visitor = Visitor(here, "ann")
    page = visitor.send(editor(visitor, change), "#draft", title="Another title")
    assert "The draft was saved." in page.text(".notice")
    after = here.read(change)
    assert after["title"] == "Another title"
    assert after["texts"] == change["texts"]
    assert after["effective"] == change["effective"]
    assert draft_files(here, change) == [crlf, bonus("1.1.0")]


def test_an_edited_file_is_saved_and_checked(here: Company) -> None:
    change = here.create(tier("1.1.0"))
    visitor = Visitor(here, "ben")
    wrong = tier("1.1.0").replace(b"inputs: [orders]", b"inputs: [order]").decode()
    page = visitor.send(editor(visitor, change), "#draft", text=wrong)
    assert draft_files(here, change) == [wrong.encode()]
    assert "unknown-fact" in page.text("#looked")
    assert page.text("#looked mark") == "order"
    line = wrong.split("\n").index("  inputs: [order]") + 1
    assert page.one("#looked a").attributes["href"] == f"#line-0-{line}"
    assert page.text("#looked a") == f"line {line}, column 12"
    assert page.one(f"#line-0-{line}").text() == str(line), "the line is marked beside the text"


def test_checking_keeps_nothing(here: Company) -> None:
    change = here.create(tier("1.1.0"))
    visitor = Visitor(here, "ann")
    page = visitor.send(editor(visitor, change), "#draft", text="policy: [", do="check", title="Not yet")
    assert "yaml-syntax" in page.text("#looked")
    assert shown_texts(page) == ["policy: ["]
    assert page.one("#title").attributes["value"] == "Not yet"
    assert "not saved yet" in page.text(".about")
    assert here.read(change)["revision"] == 1


def test_examples_are_run_and_tell_what_came_out(here: Company) -> None:
    change = here.create(
        tier("1.1.0").replace(b"outcome: {size: big}, rule: big", b"outcome: {size: small}, rule: small")
    )
    page = editor(Visitor(here, "ann"), change, "?check=1")
    assert "1 example fails" in page.text("#looked")
    assert "Expected size small by small Actual size big by big" in page.text("#looked")
    chinese = editor(Visitor(here, "ann", "zh"), change, "?check=1")
    assert "size big（规则 big）" in chinese.text("#looked")


def test_the_files_are_checked_together_and_with_what_is_in_force(here: Company) -> None:
    words = "[huge, big, small]"
    change = here.create(tier("1.1.0", words=words))
    visitor = Visitor(here, "ann")
    page = editor(visitor, change, "?check=1")
    assert "Policies in force that would become incompatible rewards/bonus" in page.text("#looked")
    page = visitor.send(page, "#draft", do="add")
    page = visitor.send(page, "#draft", text=[tier("1.1.0", words=words).decode(), bonus("1.1.0", of=words).decode()])
    assert "would no longer fit" not in page.text("#looked")
    assert "valid" in page.text("#looked .badge")


def test_several_faults_are_counted_in_chinese(here: Company) -> None:
    content = tier("1.1.0").replace(b"inputs: [orders]", b"inputs: [order]").replace(b"then: [small]", b"then: [tiny]")
    page = editor(Visitor(here, "ann", "zh"), here.create(content), "?check=1")
    assert "2 处错误" in page.text("#looked .badge")


def test_two_files_of_one_policy_are_a_fault(here: Company) -> None:
    change = here.create(tier("1.1.0"), tier("1.2.0"))
    assert "duplicate-version" in editor(Visitor(here, "ann"), change, "?check=1").text("#looked")


def test_files_are_added_and_removed_before_anything_is_saved(here: Company) -> None:
    change = here.create(tier("1.1.0"))
    visitor = Visitor(here, "ann")
    page = visitor.send(editor(visitor, change), "#draft", do="add", start="rewards/bonus")
    assert shown_texts(page) == [tier("1.1.0").decode(), bonus("1.1.0").decode()]
    page = visitor.send(page, "#draft", do="remove-0")
    assert shown_texts(page) == [bonus("1.1.0").decode()]
    assert draft_files(here, change) == [tier("1.1.0")]
    visitor.send(page, "#draft")
    assert draft_files(here, change) == [bonus("1.1.0")]


def test_a_policy_that_is_not_in_force_cannot_be_added(here: Company) -> None:
    visitor = Visitor(here, "ann")
    page = visitor.send(editor(visitor, here.create(tier("1.1.0"))), "#draft", do="add", start="no/such")
    assert page.text("#fault-start") == "There is no such policy in force."
    assert len(shown_texts(page)) == 1


def test_an_uploaded_file_takes_the_place_of_the_one_of_its_policy(here: Company) -> None:
    change = here.create(tier("1.1.0"), bonus("1.1.0"))
    upload = tier("1.4.0", 7).replace(b"\n", b"\r\n")
    visitor = Visitor(here, "ann")
    visitor.send(editor(visitor, change), "#draft", {"file": upload})
    assert draft_files(here, change) == [upload, bonus("1.1.0")]


def test_a_file_that_is_not_text_survives_being_shown(here: Company) -> None:
    visitor = Visitor(here, "ann")
    change, content = here.create(), b"policy: a/b\n# \xff\x00\n"
    visitor.send(editor(visitor, change), "#draft", {"file": content})
    assert draft_files(here, change) == [content]
    page = visitor.send(editor(visitor, change), "#draft", reason="Another reason.")
    assert "not-utf8" in page.text("#looked")
    assert draft_files(here, change) == [content]


def test_what_somebody_else_saved_meanwhile_is_not_overwritten_unseen(here: Company) -> None:
    change = here.create(tier("1.1.0", 200))
    ann, ben = Visitor(here, "ann"), Visitor(here, "ben")
    opened = editor(ann, change)
    ben.send(editor(ben, change), "#draft", text=tier("1.1.0", 300).decode(), title="Ben's title")
    page = ann.send(opened, "#draft", text=tier("1.1.0", 400).decode())
    assert page.status == 412
    assert "The change was altered since you read it" in page.text(".refusal")
    assert "Another person edited the draft meanwhile Ben" in page.text("section.warning")
    assert "Ben's title" in page.text("section.warning dl")
    assert '- - {id: big, when: [">= 300"]' in page.text("section.warning del")
    assert '+ - {id: big, when: [">= 400"]' in page.text("section.warning ins")
    assert shown_texts(page) == [tier("1.1.0", 400).decode()]
    assert draft_files(here, change) == [tier("1.1.0", 300)]
    ann.send(page, "#draft")
    assert draft_files(here, change) == [tier("1.1.0", 400)], "who has seen both may save"


def test_looking_again_does_not_hide_that_somebody_saved_meanwhile(here: Company) -> None:
    change = here.create(tier("1.1.0", 200))
    ann, ben = Visitor(here, "ann"), Visitor(here, "ben")
    opened = editor(ann, change)
    ben.send(editor(ben, change), "#draft", title="Ben's title")
    checked = ann.send(opened, "#draft", do="check")
    assert ann.send(checked, "#draft").status == 412


def test_what_is_wrong_stands_beside_its_field_and_nothing_is_lost(here: Company) -> None:
    change = here.create(tier("1.1.0"))
    visitor = Visitor(here, "ann")
    page = visitor.send(editor(visitor, change), "#draft", title=None, text="mine")
    assert page.status == 422
    assert page.text("#fault-title") == "This field is required."
    assert shown_texts(page) == ["mine"]


def test_who_may_not_edit_is_led_to_the_change(here: Company) -> None:
    submitted = here.moved("submit", here.create(tier("1.7.7", 777), effective=later(here, 7)))
    page = Visitor(here, "ann").get(f"/changes/{submitted['id']}/draft", follow=False)
    assert (page.status, page.headers["location"]) == (303, f"/changes/{submitted['id']}")
    assert Visitor(here, "sales").get(f"/changes/{submitted['id']}/draft").status == 403
    response = Visitor(here, "ann").post(
        f"/changes/{submitted['id']}/draft",
        {"title": "x", "reason": "y", "effective_from": "2027-01-01T00:00", "_key": "k1", "_etag": submitted["etag"]},
    )
    assert response.status == 409
    assert "submitted" in response.text(".refusal")


def test_an_unknown_change_has_no_editor(here: Company) -> None:
    for address in ("draft", "report", "texts/sha256:1"):
        assert Visitor(here, "ann").get(f"/changes/none/{address}").status == 404


def test_a_rollback_is_edited_by_its_versions(here: Company) -> None:
    change = here.create(rollback={"tiering/size": "1.0.0"}, texts=[])
    visitor = Visitor(here, "ann")
    page = visitor.send(editor(visitor, change), "#draft", title="Back")
    assert here.read(change)["title"] == "Back"
    assert here.read(change)["versions"][0]["version"] == "1.0.0"
    page = visitor.send(page, "#draft", back="")
    assert here.read(change)["versions"] == []


def test_files_are_checked_as_they_are_written(here: Company) -> None:
    visitor = Visitor(here, "ann")
    part = visitor.post("/changes/check", {"text": ["policy: [", tier("1.1.0").decode()]}, hx_request="true")
    assert part.status == 200
    assert not part.has("main"), "only the part of the page"
    assert "1 error" in part.text()
    assert "1 example passes" in part.text()
    whole = visitor.post("/changes/check", {"text": "policy: ["})
    assert "yaml-syntax" in whole.text("main")
    assert Visitor(here, "sales").post("/changes/check", {"text": "x"}).status == 403


def test_hostile_text_is_shown_as_it_is(here: Company) -> None:
    visitor = Visitor(here, "ann")
    hostile = '</textarea><script>alert(1)</script>\n"\u202e=cmd()": ['
    change = here.create(tier("1.1.0"))
    page = visitor.send(editor(visitor, change), "#draft", text=hostile + "x" * 10_000)
    assert shown_texts(page) == [hostile + "x" * 10_000]
    assert not page.has("main script")


def test_a_text_may_begin_with_an_empty_line(here: Company) -> None:
    change = here.create(b"\n\n" + tier("1.1.0"))
    visitor = Visitor(here, "ann")
    visitor.send(editor(visitor, change), "#draft", title="again")
    assert draft_files(here, change) == [b"\n\n" + tier("1.1.0")]


def test_what_takes_too_long_to_check_is_not_lost() -> None:
    with company(policy_check_seconds=0.001, workers=SHARED) as slow:
        visitor, change = Visitor(slow, "ann"), slow.create()
        page = visitor.send(editor(visitor, change), "#draft", text="policy: mine", do="check")
        assert "takes more than 0.001 s" in page.text("#looked .warning")
        assert shown_texts(page) == ["policy: mine"]
        part = visitor.post("/changes/check", {"text": "policy: mine"}, hx_request="true")
        assert (part.status, part.has("main")) == (200, False)
        assert "takes more than 0.001 s" in part.text(".warning")
        page = visitor.send(page, "#draft")
        assert "The draft was saved." in page.text(".notice")


def test_two_files_with_many_faults_stay_readable(here: Company) -> None:
    rows = "".join(f"  f{number}: {{type: nonsense}}\n" for number in range(300))
    change = here.create(f"policy: a/b\nversion: 1.0.0\nfacts:\n{rows}".encode())
    page = editor(Visitor(here, "ann"), change, "?check=1")
    assert len(page.all("#looked .faults li")) <= 200
