"""The home page: each reader finds what waits for them, and nothing that is none of theirs."""

from collections.abc import Iterator

import pytest

from policy_service.actor import SERVICE, Role
from policy_service.decisions.served import Alarm
from policy_service.identity import service as identity
from tests.api.client import SECRET
from tests.api.company import Company, company, later, submitted
from tests.approval.world import TIER, tier
from tests.pages.visitor import Visitor

HOSTILE = "=cmd() <script>alert(1)</script> 😀"


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    """A company in which much goes on."""
    with company() as found:
        found.in_force(tier("1.1.0"))
        submitted(found, 31)
        found.create(tier("1.3.0", 5), title=HOSTILE, effective=later(found, 20))
        back = submitted(found, 32, by="ben")
        assert found.act("request-changes", back, "sales").is_success
        found.moved("schedule", found.signed(tier("1.4.0", 9), title="for next year", effective=later(found, 9)))
        found.moved("withdraw", found.moved("submit", found.create(tier("1.5.0", 7), effective=later(found, 10))))
        yield found


def test_nobody_gets_in_without_signing_in(here: Company) -> None:
    assert Visitor(here).get("/", follow=False).headers["location"] == "/sign-in?next=%2F"


def test_a_director_finds_what_waits_for_a_signature(here: Company) -> None:
    waiting = Visitor(here, "sales").get("/").text("section[aria-labelledby=waiting]")
    assert "To sign" in waiting
    assert "larger limit" in waiting
    assert "Begin a change" not in waiting


def test_an_author_finds_drafts_and_what_was_sent_back(here: Company) -> None:
    mine = Visitor(here, "ann").get("/")
    assert HOSTILE in mine.text("section[aria-labelledby=waiting]")
    assert not mine.has("main script")
    assert "Sent back to me" not in mine.text()
    sent_back = Visitor(here, "ben").get("/").text("section[aria-labelledby=waiting]")
    assert "Sent back to me larger limit" in sent_back
    assert "My drafts" not in sent_back


def test_what_becomes_active_stands_by_its_day(here: Company) -> None:
    soon = Visitor(here, "finance").get("/").text("section[aria-labelledby=soon]")
    assert "30 Nov 2026 for next year" in soon
    assert "2 draft 1 submitted 0 signed off" in soon


def test_what_came_into_force_is_told_to_everybody(here: Company) -> None:
    lately = Visitor(here, "root").get("/").text("section[aria-labelledby=lately]")
    assert f"{TIER} 1.1.0" in lately
    assert "1.4.0" not in lately


def test_only_those_who_audit_see_the_log(here: Company) -> None:
    assert "In the audit log" in Visitor(here, "compliance").get("/").text()
    for name in ("ann", "root"):
        assert "In the audit log" not in Visitor(here, name).get("/").text()


def test_who_takes_no_part_in_changes_sees_none(here: Company) -> None:
    with here.database.write(here.clock) as transaction:
        for name, roles in (("nobody-yet", []), ("integrating", [Role.INTEGRATION])):
            here.people[name] = identity.create_account(
                transaction, SERVICE, name=name, printed_name="Somebody", roles=roles
            )
    for name in ("nobody-yet", "integrating"):
        page = Visitor(here, name).get("/")
        assert page.status == 200
        assert "for next year" not in page.text()
        assert not page.has("a[href^='/changes']")
    assert "You have no role yet" in Visitor(here, "nobody-yet").get("/").text()


def test_the_engine_is_told_to_be_well(here: Company) -> None:
    health = Visitor(here, "ann").get("/").text("section[aria-labelledby=health]")
    assert "Nothing has to be looked after." in health
    assert "0 differences" in health


def test_the_page_is_told_in_chinese(here: Company) -> None:
    page = Visitor(here, "sales", "zh").get("/")
    assert page.one("h1").text() == "主页"
    assert "待签署" in page.text("section[aria-labelledby=waiting]")
    assert "2026年11月30日" in page.text("section[aria-labelledby=soon]")


def test_a_suspension_is_on_everybodys_page_and_waits_to_be_ratified(here: Company) -> None:
    body = {"policy": TIER, "version": "1.1.0", "role": "general_manager", "reason": "wrong", "password": SECRET}
    here.did("POST", "/v1/suspensions", "general", body)
    assert f"{TIER} 1.1.0 is suspended" in Visitor(here, "ann").get("/").text(".warning")
    assert "To ratify" in Visitor(here, "finance").get("/").text("section[aria-labelledby=waiting]")
    assert "To ratify" not in Visitor(here, "general").get("/").text("section[aria-labelledby=waiting]")
    assert "suspension" in Visitor(here, "ann").get("/").text("section[aria-labelledby=lately]")


def test_compliance_finds_the_accounts_to_vouch_for(here: Company) -> None:
    with here.database.write(here.clock) as transaction:
        root = here.people["root"].actor()
        made = identity.create_account(
            transaction, root, name="newcomer", printed_name="New Comer", roles=[Role.FINANCE_DIRECTOR]
        )
    page = Visitor(here, "compliance").get("/")
    assert page.link("New Comer") == f"/accounts/{made.id}"
    assert "New Comer" not in Visitor(here, "root").get("/").text("section[aria-labelledby=waiting]")


def test_what_is_wrong_with_the_engine_is_told_in_words(here: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    service = here.app.service
    watch = service.decider._watch
    monkeypatch.setattr(watch, "differences", 2)
    monkeypatch.setattr(watch, "fallbacks", 1)
    assert watch.alarm is not None
    watch.alarm(Alarm(TIER, "1.1.0", "differed <b>"))
    unsealed = service.sealer._alarm
    assert unsealed is not None
    unsealed("not sealable")
    page = Visitor(here, "compliance").get("/")
    health = page.text("section[aria-labelledby=health]")
    assert "The engine and the second evaluator differed" in health
    assert "a second evaluator answered in its place" in health
    assert "Decision records are not sealed as they should be" in health
    assert "2 alarms" in health
    assert "differed <b>" in health
    assert "Nothing has to be looked after" not in health


def test_edited_files_are_told(here: Company) -> None:
    object.__setattr__(here.app.service, "edited", (f"{TIER}/1.0.0.yaml was edited",))
    health = Visitor(here, "ann").get("/").text("section[aria-labelledby=health]")
    assert "Policy files were edited after they were submitted" in health
    assert f"{TIER}/1.0.0.yaml was edited" in health


def test_when_a_day_has_come_it_is_no_longer_to_come(here: Company) -> None:
    here.clock.move(days=9)
    page = Visitor(here, "finance").get("/")
    assert "No change is scheduled." in page.text("section[aria-labelledby=soon]")
    assert "1.4.0" in page.text("section[aria-labelledby=lately]")
