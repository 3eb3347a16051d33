"""What is done to a change in a browser: submitted, signed, sent back, rejected, withdrawn, scheduled, cancelled."""

from collections.abc import Iterator
from typing import Any

import pytest

from tests.api.client import SECRET
from tests.api.company import Company, Json, company, later
from tests.approval.world import tier
from tests.pages.visitor import Seen, Visitor

WRONG = SECRET[::-1]


@pytest.fixture
def here() -> Iterator[Company]:
    """A company of its own."""
    with company() as made:
        yield made


@pytest.fixture(scope="module")
def shared() -> Iterator[Company]:
    """A company for tests that change nothing, or each another change."""
    with company() as made:
        yield made


def submitted(here: Company, number: int, by: str = "ann") -> Json:
    """A change under review that no other test is in the way of."""
    made = here.create(tier(here.next_version(), 100 + number), by=by, effective=later(here, number))
    return here.moved("submit", made, by)


def sign(here: Company, change: Json, by: str = "sales", **fields: Any) -> Seen:  # noqa: ANN401 - what stands in fields
    """What somebody sees who fills in the form of a signature."""
    visitor = Visitor(here, by)
    page = visitor.get(f"/changes/{change['id']}")
    return visitor.send(page, "form#sign", **{"reason": "sound", "password": SECRET, **fields})


def test_a_change_goes_from_draft_to_force_without_scripts(here: Company) -> None:
    change = here.create(tier("1.1.0", 150), title="a new limit")
    path = f"/changes/{change['id']}"
    ann = Visitor(here, "ann")
    page = ann.send(ann.get(path), "form#submit")
    assert (page.status, page.address) == (200, f"{path}?done=submitted")
    assert "The change was submitted." in page.text(".notice")

    sales = Visitor(here, "sales")
    page = sales.send(sales.get(path), "form#request-changes", reason="say why")
    assert "sent back to its author" in page.text(".notice")
    assert page.text("p.lead").startswith("draft")
    page = ann.send(ann.get(path), "form#submit")
    assert page.text("p.lead").startswith("submitted")

    page = sign(here, change, reason="the limit fits")
    assert "You signed the change." in page.text(".notice")
    assert "the limit fits" in page.text("#signatures")
    page = sign(here, change, "compliance", meaning="conforms", reason="as the regulation has it", then="scheduled")
    assert "takes effect automatically on its day" in page.text(".notice")
    assert page.text("p.lead").startswith("scheduled")
    assert "I checked that it conforms to the regulation" in page.text("#signatures")
    assert here.version() == "1.0.0"
    here.clock.move(days=2)
    assert here.version() == "1.1.0"
    page = Visitor(here, "compliance").get(path)
    assert "has taken effect already" in page.text(".why-not")


def test_the_record_has_what_the_form_said(shared: Company) -> None:
    change = submitted(shared, 11)
    sign(shared, change, "compliance", meaning="conforms", reason="  as the annex says  ")
    signature = shared.read(change)["signatures"][0]
    assert (signature["role"], signature["meaning"]) == ("compliance", "conforms")
    assert (signature["reason"], signature["digest"]) == ("as the annex says", change["digest"])


def test_who_holds_two_roles_chooses_one(shared: Company) -> None:
    change = submitted(shared, 12)
    visitor = Visitor(shared, "both")
    page = visitor.get(f"/changes/{change['id']}")
    assert [node.attributes["value"] for node in page.all("#sign select[name=role] option")] == [
        "sales_director",
        "compliance",
    ]
    page = visitor.send(page, "form#sign", role="sales_director", meaning="conforms", reason="sound", password=SECRET)
    assert page.status == 403
    assert "A signature of the sales director cannot mean `conforms`" in page.text("#refusal")
    page = visitor.send(page, "form#sign", role="compliance", meaning="conforms", password=SECRET)
    assert "You signed the change." in page.text(".notice")
    assert "You already signed this change" in page.text(".why-not")


def test_a_wrong_password_keeps_the_reason_and_signs_nothing(shared: Company) -> None:
    change = submitted(shared, 13)
    page = sign(shared, change, reason="well weighed", password=WRONG)
    assert page.status == 403
    assert "The password is wrong." in page.text("#refusal")
    assert page.one("#sign textarea").text().strip() == "well weighed"
    assert "value" not in page.one("#sign input[type=password]").attributes
    assert WRONG not in page.html
    assert shared.read(change)["signatures"] == []


def test_only_the_last_signature_can_schedule_in_the_same_step(shared: Company) -> None:
    change = submitted(shared, 33)
    assert not Visitor(shared, "sales").get(f"/changes/{change['id']}").has("#sign button[name=then]")
    page = sign(shared, change, then="scheduled")
    assert page.status == 409
    assert "is not signed by all required signers" in page.text("#refusal")
    assert shared.read(change)["signatures"] == [], "neither half was done"
    sign(shared, change)
    assert Visitor(shared, "compliance").get(f"/changes/{change['id']}").has("#sign button[name=then]")


def test_a_signature_needs_every_field(shared: Company) -> None:
    change = submitted(shared, 14)
    page = sign(shared, change, reason="", password=SECRET)
    assert page.status == 422
    field = page.one("#sign textarea").attributes
    assert (field["aria-invalid"], field["aria-describedby"]) == ("true", "fault-sign-reason")
    assert "required" in field
    assert "This field is required." in page.text("#sign")
    page = sign(shared, change, reason="sound", password=None)
    assert page.status == 403
    assert shared.read(change)["signatures"] == []


def test_what_was_not_read_is_not_signed(shared: Company) -> None:
    """The page was open while the change was sent back, edited, and submitted again."""
    change = submitted(shared, 15)
    visitor = Visitor(shared, "sales")
    page = visitor.get(f"/changes/{change['id']}")
    sent_back = shared.moved("request-changes", change, "compliance")
    body = shared.draft(tier(change["versions"][0]["version"], 999), effective=later(shared, 15))
    etag = f'"{sent_back["etag"]}"'
    edited = shared.did("PUT", f"/v1/changes/{change['id']}/draft", "ann", body, if_match=etag)
    again = shared.act("submit", edited)
    if not again.is_success:  # the version was submitted with another text, which is never edited
        body = shared.draft(tier(shared.next_version(), 999), effective=later(shared, 15))
        edited = shared.did("PUT", f"/v1/changes/{change['id']}/draft", "ann", body, if_match=f'"{edited["etag"]}"')
        shared.moved("submit", edited)
    page = visitor.send(page, "form#sign", reason="sound", password=SECRET)
    assert page.status == 412
    assert "This change was altered since you read it" in page.text("#refusal")
    assert "at least 999" in page.text("#tables")
    now = shared.read(change)
    assert now["signatures"] == []
    assert page.one("#sign input[name=digest]").attributes["value"] == now["digest"]


def test_two_clicks_give_one_signature(shared: Company) -> None:
    change = submitted(shared, 16)
    visitor = Visitor(shared, "sales")
    page = visitor.get(f"/changes/{change['id']}")
    first = visitor.send(page, "form#sign", reason="sound", password=SECRET)
    second = visitor.send(page, "form#sign", reason="sound", password=SECRET)
    assert first.address == second.address
    assert len(shared.read(change)["signatures"]) == 1


def test_who_may_not_sign_is_refused_even_by_a_form_of_their_own(shared: Company) -> None:
    change = submitted(shared, 17, by="writing")
    form = {
        "role": "sales_director",
        "meaning": "approved",
        "digest": change["digest"],
        "reason": "sound",
        "password": SECRET,
    }
    for by, status, sentence in (
        ("writing", 403, "You wrote this change, so another person must sign it."),
        ("compliance", 403, "You do not hold the role of the sales director"),
        ("finance", 403, "You do not hold the role of the sales director"),
        ("ann", 403, "This is for"),
        ("root", 403, "This is for"),
    ):
        page = Visitor(shared, by).post(f"/changes/{change['id']}/sign-offs", {**form, "_key": f"own-{by}"})
        assert page.status == status, by
        assert sentence in page.text()
    assert shared.read(change, "sales")["signatures"] == []
    page = sign(shared, change)
    assert "You signed the change." in page.text(".notice")
    page = Visitor(shared, "sally").post(f"/changes/{change['id']}/sign-offs", {**form, "_key": "own-sally"})
    assert (page.status, "Sales signed for the sales director already." in page.text()) == (403, True)


def test_a_signature_that_is_not_asked_for_is_refused(shared: Company) -> None:
    change = submitted(shared, 18)
    page = Visitor(shared, "general").get(f"/changes/{change['id']}")
    assert not page.has("form#sign")
    assert "The signature of the general manager is not required" in page.text(".why-not")


def test_five_wrong_passwords_block_whoever_signs(here: Company) -> None:
    change = submitted(here, 19)
    for _ in range(5):
        page = sign(here, change, password=WRONG)
    page = sign(here, change, password=SECRET)
    assert page.status == 429
    assert page.has("#refusal")
    assert here.read(change)["signatures"] == []


@pytest.mark.parametrize("name", ["request-changes", "reject"])
def test_what_takes_a_reason_is_not_done_without_one(shared: Company, name: str) -> None:
    change = submitted(shared, {"request-changes": 21, "reject": 22}[name])
    visitor = Visitor(shared, "compliance")
    page = visitor.send(visitor.get(f"/changes/{change['id']}"), f"form#{name}", reason="   ")
    assert page.status == 422
    assert page.has(f"details[open] form#{name}")
    assert shared.read(change)["state"] == "submitted"
    page = visitor.send(page, f"form#{name}", reason="x" * 5_000)
    assert "At most 4000 characters." in page.text(f"#fault-{name}-reason")
    page = visitor.send(page, f"form#{name}", reason="not like this")
    assert page.status == 200
    assert "not like this" in page.text("#history")


def test_a_change_is_withdrawn_by_its_author_alone(shared: Company) -> None:
    change = submitted(shared, 23)
    assert "Only Ann, who began this change, may withdraw it." in Visitor(shared, "ben").get(
        f"/changes/{change['id']}"
    ).text(".why-not")
    ann = Visitor(shared, "ann")
    page = ann.send(ann.get(f"/changes/{change['id']}"), "form#withdraw", reason="a slip")
    assert page.text("p.lead").startswith("withdrawn")
    assert not page.has("#acts form")


def test_a_draft_that_was_never_submitted_is_withdrawn_and_still_shown(shared: Company) -> None:
    change = shared.create(tier("1.2.77", 77))
    ann = Visitor(shared, "ann")
    page = ann.send(ann.get(f"/changes/{change['id']}"), "form#withdraw", reason="a slip")
    assert page.status == 200
    assert page.text("p.lead").startswith("withdrawn")
    assert ann.get(f"/changes/{change['id']}/print").status == 200


def test_a_scheduled_change_is_cancelled_before_its_day(here: Company) -> None:
    change = here.moved("schedule", here.signed(tier("1.1.0", 150)))
    visitor = Visitor(here, "compliance")
    page = visitor.send(visitor.get(f"/changes/{change['id']}"), "form#cancel", reason="not yet")
    assert page.text("p.lead").startswith("cancelled")
    here.clock.move(days=3)
    assert here.version() == "1.0.0"


def test_an_act_on_a_state_that_is_gone_keeps_what_was_typed(shared: Company) -> None:
    change = submitted(shared, 24)
    visitor = Visitor(shared, "compliance")
    page = visitor.get(f"/changes/{change['id']}")
    shared.moved("withdraw", change)
    page = visitor.send(page, "form#reject", reason="a reason that took an hour")
    assert page.status in {409, 412}
    assert page.has(".refusal")
    assert "a reason that took an hour" in page.text("blockquote")


def test_what_keeps_a_draft_from_being_submitted_is_told_all_at_once(shared: Company) -> None:
    wrong = tier("1.31.0", 131).replace(b"orders: {type: integer", b"orders: {type: intege")
    change = shared.create(wrong, b"policy: [", effective=later(shared, 31))
    ann = Visitor(shared, "ann")
    page = ann.send(ann.get(f"/changes/{change['id']}"), "form#submit")
    assert page.status == 422
    assert len(page.all("#refusal .diagnostics li")) >= 2
    assert page.has(f"form#submit a[href='/changes/{change['id']}/report']")
    assert shared.read(change)["state"] == "draft"


def test_a_draft_that_was_edited_meanwhile_is_not_submitted(shared: Company) -> None:
    change = shared.create(tier("1.32.0", 132), effective=later(shared, 32))
    ann = Visitor(shared, "ann")
    page = ann.get(f"/changes/{change['id']}")
    body = shared.draft(tier("1.32.0", 133), effective=later(shared, 32))
    shared.did("PUT", f"/v1/changes/{change['id']}/draft", "ann", body, if_match=f'"{change["etag"]}"')
    page = ann.send(page, "form#submit")
    assert page.status == 412
    assert shared.read(change)["state"] == "draft"


def test_a_comment_is_added_and_an_empty_one_is_not(shared: Company) -> None:
    change = shared.create(tier("1.33.0", 133), effective=later(shared, 33))
    visitor = Visitor(shared, "finance")
    page = visitor.get(f"/changes/{change['id']}")
    assert "No comments yet." in page.text("#discussion")
    page = visitor.send(page, "form#comment", text="who asked for this?\r\nsince when?")
    assert "who asked for this?" in page.text("#discussion ol")
    page = visitor.send(page, "form#comment", text="")
    assert page.status == 422
    root = Visitor(shared, "root").get(f"/changes/{change['id']}")
    assert not root.has("form#comment")
    assert root.has("#discussion .because")


def test_what_another_site_sends_has_no_effect(shared: Company) -> None:
    change = submitted(shared, 34)
    page = Visitor(shared, "compliance").post(
        f"/changes/{change['id']}/reject", {"reason": "x", "_etag": change["etag"]}, sec_fetch_site="cross-site"
    )
    assert page.status == 403
    assert shared.read(change)["state"] == "submitted"


def test_refusals_are_told_in_chinese(shared: Company) -> None:
    change = submitted(shared, 35)
    visitor = Visitor(shared, "sales", "zh-CN")
    page = visitor.get(f"/changes/{change['id']}")
    page = visitor.send(page, "form#sign", reason="可行", password=WRONG)
    assert page.one("#sign textarea").text().strip() == "可行"
    refusal = page.text("#refusal")
    assert refusal
    assert "password" not in refusal
