"""The dossier: what a director needs before signing stands on one page, in the reader's language."""

from collections.abc import Iterator
from datetime import timedelta

import pytest

from api.faces import spell_out
from policy_service.clock import timestamp
from tests.api.company import Company, Json, company, later
from tests.approval.world import TIER, bonus, tier
from tests.hidden import written_before
from tests.pages.visitor import Visitor

HOSTILE = [
    "<script>alert(1)</script>",
    '=HYPERLINK("http://elsewhere.example")',
    "reversed \u202etxt.exe",
    "x" * 190,
    "🧾🧾 invoices",
]


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    """A company in which a second version is in force."""
    with company() as made:
        made.in_force(tier("1.1.0", 150))
        yield made


@pytest.fixture(scope="module")
def change(here: Company) -> Json:
    """A change that one of two has signed."""
    made = here.moved("submit", here.create(tier("1.2.0", 250), title="Raise the limit", reason="orders grew"))
    here.did("POST", f"/v1/changes/{made['id']}/comments", "compliance", {"text": "Is the annex the same?"})
    assert here.sign(made, "sales", reason="fits the field").status_code == 201
    return here.read(made)


@pytest.fixture(scope="module")
def draft(here: Company) -> Json:
    """A draft that somebody else wrote."""
    return here.create(bonus("1.1.0", 20), title="a larger bonus", effective=later(here, 40))


def test_the_change_is_told_in_sentences_and_cell_by_cell(here: Company, change: Json) -> None:
    page = Visitor(here, "compliance").get(f"/changes/{change['id']}")
    assert page.status == 200
    assert page.one("h1").text() == "Raise the limit"
    assert "rule big : the condition on “orders” was: at least 150; it is now: at least 250" in page.text(
        "#differences"
    )
    assert [cell.text() for cell in page.all("#tables td.changed del")] == ["at least 150", "less than 150"]
    assert [cell.text() for cell in page.all("#tables td.changed ins")] == ["at least 250", "less than 250"]


def test_two_minutes_are_enough(here: Company, change: Json) -> None:
    """What changes, for whom, from when, what to judge, who must still sign: all in one panel."""
    glance = Visitor(here, "compliance").get(f"/changes/{change['id']}").text(".glance")
    for words in (
        "orders grew",
        "1.1.0 → 1.2.0",
        "results may change",
        "the example passes",
        "1 existing example changes result",
        "warnings to review",
        "1/2 signed",
        "awaited compliance",
    ):
        assert words in glance


def test_the_first_screen_tells_each_cell_and_leads_to_the_signature(here: Company, change: Json) -> None:
    page = Visitor(here, "compliance").get(f"/changes/{change['id']}")
    rows = [" ".join(row.text(separator=" ").split()) for row in page.all("table.cells tbody tr")]
    assert rows == [
        "big reason unchanged orders at least 150 at least 250",
        "small reason unchanged orders less than 150 less than 250",
    ]
    assert page.one(".act-bar .button").attributes["href"] == "#sign-panel"
    assert page.text(".act-bar span").startswith("1/2 signed, awaited: compliance")
    assert not Visitor(here, "finance").get(f"/changes/{change['id']}").has(".act-bar")


def test_a_day_that_has_passed_is_said_before_anybody_signs(here: Company) -> None:
    soon = {"from": timestamp(here.clock.at + timedelta(minutes=1))}
    late = here.moved("submit", here.create(bonus("1.2.0", 30), effective=soon))
    here.clock.move(minutes=2)
    page = Visitor(here, "compliance").get(f"/changes/{late['id']}")
    assert "needs another day before anybody signs" in page.text("#day-passed")
    assert page.has("#day-passed a[href='#request-changes']")
    assert page.has("details[open] #request-changes")
    assert not page.has("#sign")
    here.moved("withdraw", late)
    assert not Visitor(here, "compliance").get(f"/changes/{late['id']}").has("#day-passed")


def test_the_period_is_drawn_beside_what_is_in_force(here: Company, change: Json) -> None:
    page = Visitor(here, "compliance").get(f"/changes/{change['id']}")
    assert page.has("#period svg.timeline polygon.planned")
    rows = [" ".join(row.text(separator=" ").split()) for row in page.all("#period tbody tr")]
    assert rows[-1].startswith("1.2.0")
    assert rows[-1].endswith("requested by this change planned")
    assert any(row.startswith("1.1.0") and row.endswith("in force now") for row in rows)


def test_a_signature_shows_all_that_a_record_demands(here: Company, change: Json) -> None:
    page = Visitor(here, "ann").get(f"/changes/{change['id']}")
    signature = " ".join(page.all("#signatures li")[0].text(separator=" ").split())
    signed = change["signatures"][0]
    for words in ("Sales", "sales director", "I approve the content, its effect and the day.", "fits the field"):
        assert words in signature
    assert signed["digest"] in signature
    assert "+08:00" in signature
    assert "compliance — awaiting signature" in page.text("#signatures")


def test_findings_examples_discussion_and_history_are_there(here: Company, change: Json) -> None:
    page = Visitor(here, "sales").get(f"/changes/{change['id']}")
    assert "policies in force take its outcome" in page.text("#report")
    assert "rewards/bonus 1.0.0" in page.text("#report")
    assert "size big by big" in page.text("#examples")
    assert "Is the annex the same?" in page.text("#discussion")
    assert [row.css("td")[2].text(separator=" ").split()[0] for row in page.all("#history tbody tr")] == [
        "created",
        "submitted",
        "signed",
    ]


def test_it_is_all_told_in_chinese(here: Company, change: Json) -> None:
    page = Visitor(here, "compliance", "zh-CN").get(f"/changes/{change['id']}")
    assert page.one("html").attributes["lang"] == "zh-CN"
    assert "规则 big ：「订单」的条件原为：大于或等于 150；现为：大于或等于 250" in page.text("#differences")
    assert "我批准其内容、效果和生效日期。" in page.text("#signatures")
    assert "本变更申请" in page.text("#period")
    refused = Visitor(here, "ann", "zh-CN").get(f"/changes/{change['id']}").text(".why-not")
    assert not any(word in refused for word in ("The change", "cannot", "someone"))


def test_a_draft_is_not_read_but_led_to_its_report(here: Company, draft: Json) -> None:
    page = Visitor(here, "sales").get(f"/changes/{draft['id']}")
    assert "The draft holds 1 policy file" in page.text("#differences")
    assert page.link("Check the draft now and see what it would change") == f"/changes/{draft['id']}/report"
    assert not page.has("#signatures, #tables, form#submit, form#sign")
    assert page.link("Changes") == "/changes"


def test_a_rollback_says_where_it_goes_back_to(here: Company) -> None:
    body = here.draft(title="back again", effective=later(here, 50))
    del body["texts"]
    rollback = here.did("POST", "/v1/changes", "ann", {**body, "rollback": {TIER: "1.0.0"}})
    page = Visitor(here, "sales").get(f"/changes/{rollback['id']}")
    assert "rollback" in page.text("p.lead")
    assert page.link(f"{TIER} 1.0.0") == f"/policies/{TIER}/versions/1.0.0"
    submitted = here.moved("submit", rollback)
    page = Visitor(here, "sales").get(f"/changes/{submitted['id']}")
    assert "at least 150; it is now: at least 100" in page.text("#differences")


def test_every_act_is_a_form_or_the_reason_why_not(here: Company, change: Json, draft: Json) -> None:
    """Nobody looks for a button that is not there."""
    names = {"Edit the draft", "Submit", "Sign", "Schedule", "Request changes", "Reject", "Withdraw", "Cancel"}
    for name in here.people:
        for each in (change, draft):
            page = Visitor(here, name).get(f"/changes/{each['id']}")
            text = {node.text() for node in page.all("#acts .why-not dt")}
            there = {node.text().strip() for node in page.all("#acts form button, #acts a.button")}
            assert text | there >= names
            assert not text & there
            assert all(node.text().strip() for node in page.all("#acts .why-not dd"))


def test_the_reason_is_the_librarys(here: Company, change: Json) -> None:
    assert "You wrote this change, so another person must sign it." not in Visitor(here, "sales").get(
        f"/changes/{change['id']}"
    ).text("#acts")
    assert "You already signed this change" in Visitor(here, "sales").get(f"/changes/{change['id']}").text("#acts")
    assert "Sales signed for the sales director already." in Visitor(here, "sally").get(
        f"/changes/{change['id']}"
    ).text("#acts")
    assert "being an administrator is not enough" in Visitor(here, "root").get(f"/changes/{change['id']}").text("#acts")


def test_who_takes_no_part_is_told_so(here: Company, change: Json) -> None:
    assert Visitor(here).get(f"/changes/{change['id']}", follow=False).headers["location"].startswith("/sign-in?next=")


@pytest.mark.parametrize("name", ["01a1fc0b-e380-7000-8000-00000000dead", "none", "x" * 300, "%00", "%F0%9F%A7%BE"])
def test_a_change_that_is_not_there_is_told_as_a_page(here: Company, name: str) -> None:
    page = Visitor(here, "ann").get(f"/changes/{name}")
    assert page.status == 404
    assert page.has("h1")


@pytest.mark.parametrize("text", HOSTILE)
def test_what_people_write_is_shown_and_not_run(here: Company, text: str) -> None:
    with written_before():
        made = here.create(title=text, reason=f"{text} {'y' * 500}", effective=later(here, 60))
        here.did("POST", f"/v1/changes/{made['id']}/comments", "compliance", {"text": text})
    for path, result in (("", text), ("/print", spell_out(text))):
        page = Visitor(here, "compliance").get(f"/changes/{made['id']}{path}")
        assert page.status == 200
        assert not page.has("script:not([src])")
        assert page.one("h1").text().replace("U+202E", "\u202e") == result
        assert "\u202e" not in page.one("main").text()
        assert "\u202e" not in page.one("head > title").text()
        assert result[:8] in page.text("#discussion")


def test_ids_are_given_once_and_every_field_has_its_label(here: Company, change: Json) -> None:
    for name in ("compliance", "ann", "both"):
        page = Visitor(here, name).get(f"/changes/{change['id']}")
        ids = [node.attributes["id"] for node in page.all("[id]")]
        assert len(ids) == len(set(ids))
        labels = {node.attributes["for"] for node in page.all("label[for]")}
        fields = page.all("main textarea, main select, main input:not([type=hidden]):not([hidden])")
        assert all(node.attributes["id"] in labels for node in fields)
