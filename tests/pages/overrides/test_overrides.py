"""Exceptions on the pages: made, told and ended by those who may, with a fresh proof of who they are."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from policy_service.actor import SERVICE
from policy_service.clock import timestamp
from policy_service.identity.service import disable
from tests.api.client import SECRET, assert_problem
from tests.api.company import Company, company
from tests.approval.world import BONUS, SIGN_OFF, TIER, bonus
from tests.hidden import written_before
from tests.pages.decisions.deciding import HOSTILE, decided, excepted, said
from tests.pages.visitor import Seen, Visitor

Fields = dict[str, Any]
NOBODY = "01a1ff94-2390-7b0a-9ce3-d0d78dc00a10"
LAST_DAY = "2026-12-24"
WRONG = {"password": "no"}
LISTING = (
    bonus("2.0.0")
    .replace(b"hit: FIRST", b"hit: COLLECT")
    .replace(b"outcome: {bonus: 10}, rule: big", b"outcome: [{bonus: 10}, {bonus: 0}], rules: [big, other]")
)
"""A version of the rewards policy that answers a list."""


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as here:
        yield here


def form(here: Company, subject: str = "", policy: str = TIER, by: str = "sales", lang: str = "en") -> Seen:
    return Visitor(here, by, lang).get(f"/overrides/new?{urlencode({'subject': subject, 'policy': policy})}")


def made(here: Company, subject: str, /, policy: str = TIER, by: str = "sales", **fields: Any) -> Seen:  # noqa: ANN401 - a field
    page = form(here, subject, policy, by)
    filled: Fields = {"o.0.size": "small", "reason": "a partner", "last_day": LAST_DAY, "password": SECRET, **fields}
    return Visitor(here, by).send(page, "form#making", **filled)


def ended(here: Company, override: str, by: str = "compliance", **fields: Any) -> Seen:  # noqa: ANN401 - a field
    visitor = Visitor(here, by)
    page = visitor.get(f"/overrides/{override}")
    return visitor.send(page, "form#ending", **{"reason": "not justified", "password": SECRET, **fields})


def test_a_director_chooses_a_policy_fills_in_its_outcome_and_signs(here: Company) -> None:
    visitor = Visitor(here, "sales")
    begun = visitor.get(visitor.get("/overrides").link("Add override"))
    page = visitor.send(begun, "form#choosing", subject="O1", policy=TIER)
    assert page.link("size 1.0.0") == f"/policies/{TIER}"
    filled: Fields = {"o.0.size": "small", "reason": "a partner", "last_day": LAST_DAY, "password": SECRET}
    page = visitor.send(page, "form#making", **filled)
    assert page.status == 200
    text = said(page)
    assert "The override is recorded. It takes effect once the others have signed." in text
    assert page.one("h1").text() == "Override for customer O1"
    assert "size small" in text
    assert "Signed by Sales, sales director" in text
    assert "Planned end 25 Dec 2026, 00:00:00 +08:00 (24 Dec 2026, 16:00:00 UTC)" in text
    assert "awaiting signatures" in text
    assert (
        "It takes effect once all of these have signed, by 23 Nov 2026, 10:00:00 +08:00 (02:00:00 UTC) "
        "at the latest: compliance" in text
    )
    assert "You recorded this override, so another person must sign it." in text
    assert "Reason a partner" in text
    assert "Result of the rules" not in said(Visitor(here, "sales").get(f"/decisions/{decided(here, 'O1', TIER)}"))


def test_the_others_are_told_on_their_home_page_and_sign(here: Company) -> None:
    made(here, "S9", reason="a partner")
    other = Visitor(here, "compliance")
    page = other.get(other.get("/").link("tiering/size · S9"))
    page = other.send(page, "form#signing", reason="as agreed", password=SECRET)
    text = said(page)
    assert "You signed the override." in text
    assert "in effect" in text
    assert "Signed by Compliance, compliance" in text
    assert "I approve this override, its result and its end." in text
    assert "Reason as agreed" in text
    assert not page.has("form#signing")
    assert "S9" not in said(Visitor(here, "sales").get("/overrides?state=waiting"))
    assert "Result of the rules: size: big" in said(
        Visitor(here, "sales").get(f"/decisions/{decided(here, 'S9', TIER)}")
    )


@pytest.mark.parametrize(
    ("by", "why"), [("sales", "You recorded this"), ("general", "You do not hold the role compliance")]
)
def test_why_a_reader_does_not_sign_is_said(here: Company, by: str, why: str) -> None:
    listed = Visitor(here, by).get("/overrides?state=waiting")
    if "S8" not in said(listed):
        made(here, "S8", reason="a partner")
        listed = Visitor(here, by).get("/overrides?state=waiting")
    page = Visitor(here, by).get(listed.link("S8"))
    assert why in said(page)
    assert not page.has("form#signing")
    assert page.has("form#ending")


def test_a_signature_of_somebody_who_left_is_marked_and_owed_again() -> None:
    with company() as here:
        until = timestamp(here.clock.at + timedelta(days=30))
        body = {"subject": "S6", "policy": BONUS, "outcome": {"bonus": 7}, "role": "sales_director", "until": until}
        answer = here.did("POST", "/v1/overrides", "sales", {**body, "reason": "a partner", "password": SECRET})
        address = f"/v1/overrides/{answer['override']}"

        def sign(by: str, role: str) -> httpx.Response:
            signature = {"role": role, "digest": answer["digest"], "reason": "as agreed", "password": SECRET}
            return here.ask("POST", f"{address}/sign-offs", by, signature)

        assert sign("compliance", "compliance").status_code == 201
        with here.database.write(here.clock) as transaction:
            disable(transaction, SERVICE, here.people["compliance"].id)
        why = "Compliance no longer has an enabled account."
        read = here.did("GET", address, "both")
        assert (read["counts"], read["why_not"]) == (True, None)
        assert [(each["counts"], each["why_not"]) for each in read["signatures"]] == [(False, why)]
        assert "compliance" in read["owed"]
        assert here.did("GET", "/v1/overrides?state=waiting", "both")["items"] == [read]
        text = said(Visitor(here, "general").get(f"/overrides/{answer['override']}"))
        assert f"does not count {why}" in text
        assert f"{why} First another person must sign instead." in text
        assert assert_problem(sign("general", "general_manager"), 403, "not-allowed")["detail"].startswith(why)
        assert f"{why[:10]} 的账户已停用。须先由他人重新签署。" in said(
            Visitor(here, "general", "zh").get(f"/overrides/{answer['override']}")
        )
        assert "S6" in Visitor(here, "both").get("/").text()
        for by, role in (("both", "compliance"), ("finance", "finance_director"), ("general", "general_manager")):
            assert sign(by, role).status_code == 201
        read = here.did("GET", address, "both")
        assert (read["state"], read["owed"]) == ("runs", [])
        signed = {(each["by"], each["role"], each["counts"]) for each in read["signatures"]}
        assert {("Compliance", "compliance", True), ("Both", "compliance", True)} < signed


def test_a_signature_without_a_reason_is_asked_for_again(here: Company) -> None:
    made(here, "S7", reason="a partner")
    other = Visitor(here, "compliance")
    page = other.get(other.get("/overrides?state=waiting").link("S7"))
    page = other.send(page, "form#signing", password=SECRET)
    assert page.status == 422
    assert page.has("form#signing")
    ending = other.get(page.link("End the override").partition("#")[0])
    assert ending.has("form#ending")
    assert not ending.has("form#signing")


def test_policies_of_governance_are_not_offered(here: Company) -> None:
    offered = [node.attributes["value"] for node in form(here, policy="").all("select#policy option")]
    assert offered == [BONUS, TIER]
    assert form(here, policy=SIGN_OFF).has("form#choosing")


def test_what_the_rules_said_last_stands_beside_the_form(here: Company) -> None:
    decision = decided(here, "O2", TIER, orders=120)
    page = form(here, "O2")
    assert "10:00: size: big" in said(page)
    assert page.link("The decision") == f"/decisions/{decision}"
    assert "the result of the rules is not on record" in said(form(here, "nobody asked"))


@pytest.mark.parametrize(
    ("fields", "fault"),
    [
        ({"subject": None}, "This field is required."),
        ({"subject": "a\tb"}, "Invalid subject: leave out the hidden character U+0009."),
        ({"subject": "x" * 201}, "Invalid subject: write at most 200 characters."),
        ({"o.0.size": None}, "This field is required."),
        ({"o.0.size": "huge"}, "Invalid. Expected: one of big, small"),
        ({"reason": None}, "This field is required."),
        ({"reason": "x" * 1_001}, "At most 1000 characters."),
        ({"last_day": "tomorrow"}, "Not a valid date or time."),
        ({"last_day": "9999-12-31"}, "Not a valid date or time."),
        ({"role": "director"}, "Choose one of the options."),
    ],
)
def test_what_is_wrong_with_a_field_is_said_beside_it(here: Company, fields: dict[str, str], fault: str) -> None:
    page = made(here, "O3", **fields)
    assert page.status == 422
    assert fault in page.text("main")
    assert "Some fields are invalid." in page.text('[role="alert"]')
    assert SECRET not in page.html
    assert not Visitor(here, "sales").get("/overrides?subject=O3").has("tbody")


def test_fields_that_there_are_none_of_are_refused(here: Company) -> None:
    page = form(here, "O3")
    key = page.one("form#making input[name=_key]").attributes["value"] or ""
    fields = {"_key": key, "subject": "O3", "policy": TIER, "role": "sales_director", "reason": "r"}
    more = {"last_day": LAST_DAY, "password": SECRET, "o.0.size": "small"}
    for extra in ({"o.0.colour": "red"}, {"o.1.size": "big"}, {"approved": "yes"}):
        answer = Visitor(here, "sales").post("/overrides", {**fields, **more, **extra})
        assert (answer.status, "There is no such field." in answer.text()) == (422, True)


@pytest.mark.parametrize(
    ("fields", "status", "sentence"),
    [
        ({"password": "wrong"}, 403, "The password is wrong."),
        ({"password": None}, 403, "Send your password with the request."),
        ({"last_day": "2026-01-01"}, 422, "The end must lie in the future."),
        ({"last_day": "2028-01-01"}, 422, "An override lasts at most 366 days."),
        ({"reason": "   "}, 422, "Give a reason."),
        ({"role": "finance_director"}, 403, "You do not hold the role"),
        ({"role": "compliance"}, 403, "Only a director may add an override."),
    ],
)
def test_what_the_library_refuses_is_told_with_what_was_typed(
    here: Company, fields: dict[str, str], status: int, sentence: str
) -> None:
    page = made(here, "O4", **{"o.0.size": "big", **fields})
    alert = page.text('[role="alert"]')
    assert (page.status, sentence in alert) == (status, True), alert
    assert page.one("input#subject").attributes["value"] == "O4"
    assert page.one('select option[value="big"]').attributes.get("selected", "no") != "no"
    assert page.one("input#password").attributes.get("value") is None


def test_nobody_is_excepted_twice_from_one_policy(here: Company) -> None:
    excepted(here, "O5")
    page = made(here, "O5")
    assert page.status == 422
    assert "O5 already has an override of tiering/size: end that override first." in page.text()


def test_a_form_that_is_sent_twice_makes_one_exception(here: Company) -> None:
    page = form(here, "O6")
    filled: Fields = {"o.0.size": "small", "reason": "a partner", "last_day": LAST_DAY, "password": SECRET}
    one, other = (Visitor(here, "sales").send(page, "form#making", **filled) for _ in range(2))
    assert one.address == other.address
    assert len(Visitor(here, "sales").get("/overrides?subject=O6").all("tbody tr")) == 1


def test_a_director_or_compliance_ends_it_for_a_reason(here: Company) -> None:
    override = excepted(here, "O7")
    assert ended(here, override, **WRONG).status == 403
    assert ended(here, override, reason=None).status == 422
    page = ended(here, override)
    text = said(page)
    assert "The override was ended; the rules apply again." in text
    assert "By Compliance" in text
    assert "Reason not justified" in text
    assert "ended by a person" in text
    assert "The override has already ended." in text
    assert not page.has("form#ending")


def test_one_that_ended_meanwhile_is_not_ended_again(here: Company) -> None:
    override = excepted(here, "O8")
    page = Visitor(here, "general").get(f"/overrides/{override}")
    ended(here, override)
    late = Visitor(here, "general").send(page, "form#ending", reason="late", password=SECRET)
    assert late.status == 422
    assert "The override has already ended." in late.text()


def test_who_holds_several_roles_says_in_which_they_sign(here: Company) -> None:
    override = excepted(here, "O9")
    page = Visitor(here, "both").get(f"/overrides/{override}")
    assert [node.attributes["value"] for node in page.all("select#role option")] == ["sales_director", "compliance"]
    assert "The override was ended" in ended(here, override, "both", role="compliance").text()


def test_compliance_reads_why_it_may_make_none(here: Company) -> None:
    page = Visitor(here, "compliance").get("/overrides")
    assert not page.has('a[href="/overrides/new"]')
    assert "This is for sales director or finance director or general manager" in page.text(".because")
    assert Visitor(here, "compliance").get("/overrides/new").status == 403
    assert Visitor(here, "compliance").post("/overrides", {}).status == 403


@pytest.mark.parametrize("name", ["ann", "root"])
def test_who_writes_policies_or_administers_sees_no_exceptions(here: Company, name: str) -> None:
    override = excepted(here, f"O10-{name}")
    for path in ("/overrides", f"/overrides/{override}", "/overrides/new"):
        assert Visitor(here, name).get(path).status == 403
    assert Visitor(here, name).post(f"/overrides/{override}/end", {}).status == 403


@pytest.mark.parametrize("name", [NOBODY, "17", "%00", "x" * 300])
def test_an_exception_nobody_made_is_not_found(here: Company, name: str) -> None:
    assert Visitor(here, "sales").get(f"/overrides/{name}").status == 404
    assert Visitor(here, "sales").post(f"/overrides/{name}/end", {"role": "sales_director"}).status in {404, 422}


def test_the_version_in_force_may_have_no_room_for_it() -> None:
    with company() as here:
        override = excepted(here, "O11", policy=BONUS, outcome={"bonus": 5})
        here.in_force(bonus("2.0.0", 2).replace(b"max: 1000", b"max: 3"))
        page = Visitor(here, "sales").get(f"/overrides/{override}")
        assert "The version in force does not support this outcome" in page.text(".warning")


def test_a_policy_that_lists_takes_several_entries_or_an_empty_list() -> None:
    with company() as here:
        here.in_force(LISTING)
        assert len(form(here, "O12", BONUS).all('input[name$=".bonus"]')) == 3
        assert "Fill in at least one entry" in listed(here, "O12").text()
        both = listed(here, "O12", **{"o.0.bonus": "1", "nothing": "yes"})
        assert "A list marked as empty cannot have entries." in both.text()
        assert both.one('input[name="o.0.bonus"]').attributes["value"] == "1"
        wrong = listed(here, "O12", **{"o.1.bonus": "1001"})
        assert "Invalid. Expected: whole number, from 0 to 1,000" in wrong.text("#fault-o\\.1\\.bonus")
        two = listed(here, "O12", **{"o.0.bonus": "1,000", "o.2.bonus": "7"})
        assert [node.text() for node in two.all("dl.decided dd")] == ["1,000", "7"]
        none = listed(here, "O13", nothing="yes")
        assert "An empty list" in none.text("section")


def listed(here: Company, subject: str, /, **fields: Any) -> Seen:  # noqa: ANN401 - a field
    """The rewards policy excepted, with these entries."""
    visitor = Visitor(here, "sales")
    page = form(here, subject, BONUS)
    return visitor.send(page, "form#making", reason="a partner", last_day=LAST_DAY, password=SECRET, **fields)


# ------------------------------------------------------------------------------------------------- the list


def test_the_list_is_narrowed_sorted_and_paged(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("api.kit.table.PAGE_SIZE", 5)
    with company() as here:
        assert "No overrides, now or earlier." in Visitor(here, "compliance").get("/overrides").text()
        made_ = [excepted(here, f"L{number:02}") for number in range(8)]
        ended(here, made_[3])
        visitor = Visitor(here, "compliance")
        first = visitor.get("/overrides")
        assert subjects(first) == ["L07", "L06", "L05", "L04", "L03"]
        assert subjects(visitor.get(first.link("Next page"))) == ["L02", "L01", "L00"]
        assert subjects(visitor.get("/overrides?sort=recorded"))[0] == "L00"
        assert first.one('th[aria-sort="descending"] a').text() == "Added at"
        narrowed = visitor.send(visitor.get("/overrides?sort=recorded"), "form.filters", state="running")
        assert subjects(narrowed)[:3] == ["L00", "L01", "L02"]
        assert subjects(visitor.get("/overrides?state=over")) == ["L03"]
        assert "L03" not in subjects(visitor.get("/overrides?state=running&sort=recorded"))
        assert subjects(visitor.get("/overrides?subject=L07&state=running")) == ["L07"]
        here.clock.move(days=31)
        over = visitor.get("/overrides?state=running")
        assert "No matching overrides." in over.text()
        assert over.link("Show all") == "/overrides"
        assert "over" in visitor.get("/overrides?subject=L07").text("tbody")


def test_the_list_shows_the_effect_of_each_and_why(here: Company) -> None:
    excepted(here, "E1", outcome={"size": "small"})
    decision = decided(here, "E1", TIER, orders=120)
    listed = Visitor(here, "compliance").get("/overrides?subject=E1")
    assert listed.text("tbody td:nth-of-type(2)") == "size : small"
    assert listed.text(f'tbody a[href="/decisions/{decision}"]') == "size : big"
    assert "a partner of ten years" in listed.text("tbody")


def subjects(page: Seen) -> list[str]:
    return [row.text() for row in page.all("tbody th a")]


def test_what_people_wrote_is_shown_and_not_run(here: Company) -> None:
    reason = f"{HOSTILE}=HYPERLINK()" + "很长" * 300
    with written_before():
        override = excepted(here, HOSTILE, reason=reason)
    for path in (
        f"/overrides/{override}",
        "/overrides",
        f"/overrides/new?{urlencode({'subject': HOSTILE, 'policy': TIER})}",
    ):
        page = Visitor(here, "sales").get(path)
        assert page.status == (422 if "/new" in path else 200)  # such a subject is shown, and taken no more
        assert not page.has("main script")
    page = Visitor(here, "sales").get(f"/overrides/{override}")
    assert "=HYPERLINK()" in page.text(".reason")
    assert "U+202E" in page.text(".reason .mark")


def test_the_pages_are_told_in_chinese(here: Company) -> None:
    override = excepted(here, "O14")
    text = said(Visitor(here, "sales", "zh").get(f"/overrides/{override}"))
    assert "客户 O14 的例外" in text
    assert "我准许该对象不按此政策的规则决定。" in text
    assert "销售总监" in text
    page = form(here, "O15", lang="zh")
    assert "签署并新增例外" in page.text()
    filled: Fields = {"o.0.size": "huge"}
    wrong = Visitor(here, "sales", "zh").send(page, "form#making", **filled)
    assert "不符合要求。应为：以下之一：big、small" in wrong.text()
