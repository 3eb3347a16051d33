"""The home page: each reader finds what waits for them, and nothing that is none of theirs."""

from collections.abc import Iterator

import pytest

from policy_service.actor import SERVICE, Role
from policy_service.decisions.served_policy import Alarm
from policy_service.identity import service as identity
from tests.api.client import SECRET
from tests.api.company import Company, company, later, submitted
from tests.approval.world import TIER, tier
from tests.pages.decisions.deciding import decided
from tests.pages.visitor import Visitor

HOSTILE = "=cmd() <script>alert(1)</script> 😀"


def busy(here: Company) -> None:
    """Lets much go on."""
    here.in_force(tier("1.1.0"))
    submitted(here, 31)
    here.create(tier("2.1.0", 5), title=HOSTILE, effective=later(here, 20))
    back = submitted(here, 32, by="ben")
    assert here.act("request-changes", back, "sales").is_success
    here.moved("schedule", here.signed(tier("2.4.0", 9), title="for next year", effective=later(here, 9)))
    here.moved("withdraw", here.moved("submit", here.create(tier("2.5.0", 7), effective=later(here, 10))))


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    """A busy company whose state no test alters."""
    with company(furnish=busy) as here:
        yield here


@pytest.fixture
def own() -> Iterator[Company]:
    """A busy company of one test's own."""
    with company(furnish=busy) as own:
        yield own


def test_nobody_gets_in_without_signing_in(here: Company) -> None:
    assert Visitor(here).get("/", follow=False).headers["location"] == "/sign-in?next=%2F"


def test_a_director_finds_what_waits_for_a_signature(here: Company) -> None:
    page = Visitor(here, "sales").get("/")
    assert page.all("h2")[0].text() == "To sign", "before everything else"
    row = page.text("table.to-sign tbody tr")
    assert row.startswith("larger limit Change")
    for words in (
        "results may change",
        f"{TIER} 1.1.0 → 2.0.0",
        "in 1 month",
        "It does not take effect; what is in force stays.",
    ):
        assert words in row
    assert not page.has("a.button[href='/changes/new']")


def menu_counts(here: Company, name: str) -> dict[str, str]:
    """What the menu counts, on a page that is not home."""
    items = Visitor(here, name).get("/policies").all(".sections li")
    return {
        str(link.attributes["href"]): count.text()
        for each in items
        for link in each.css("a")
        for count in each.css(".count")
    }


def test_the_menu_of_every_page_counts_what_waits_for_the_reader(here: Company) -> None:
    assert menu_counts(here, "sales") == {"/": "1", "/changes": "1"}
    assert menu_counts(here, "ben") == {"/": "1", "/changes": "1"}, "a change was sent back to him"
    assert menu_counts(here, "ann") == {}, "her draft waits for nobody"


def test_an_author_finds_drafts_and_what_was_sent_back(here: Company) -> None:
    mine = Visitor(here, "ann").get("/")
    assert HOSTILE in mine.text("section[aria-labelledby=tasks]")
    assert not mine.has("main script")
    assert "Sent back to me" not in mine.text()
    sent_back = Visitor(here, "ben").get("/").text("section[aria-labelledby=tasks]")
    assert "Sent back to me larger limit" in sent_back
    assert "My drafts" not in sent_back


def test_what_becomes_active_stands_by_its_day(here: Company) -> None:
    soon = Visitor(here, "finance").get("/").text("section[aria-labelledby=soon]")
    assert "Nothing takes effect within a week. Later (1) 30 Nov 2026 for next year" in soon
    assert "draft" not in soon
    assert Visitor(here, "finance").get("/").text("section[aria-labelledby=open]") == (
        "Open changes 2 draft 0 under analysis 1 submitted 0 approved"
    )


def test_what_came_into_force_is_told_to_everybody(here: Company) -> None:
    lately = Visitor(here, "root").get("/").text("section[aria-labelledby=lately]")
    assert f"size {TIER} 1.1.0" in lately
    assert "2.4.0" not in lately


def test_only_the_administrator_sees_how_the_engine_is(here: Company) -> None:
    health = Visitor(here, "root").get("/").text("section[aria-labelledby=health]")
    assert "No action needed." in health
    assert "0 differing results" in health
    for name in ("ann", "sales", "compliance"):
        assert not Visitor(here, name).get("/").has("section[aria-labelledby=health]")


def test_who_takes_no_part_in_changes_sees_none(own: Company) -> None:
    with own.database.write(own.clock) as transaction:
        for name, roles in (("nobody-yet", []), ("integrating", [Role.INTEGRATION])):
            own.people[name] = identity.create_account(
                transaction, SERVICE, name=name, printed_name=f"Somebody {name}", roles=roles
            )
    for name in ("nobody-yet", "integrating"):
        page = Visitor(own, name).get("/")
        assert page.status == 200
        assert "for next year" not in page.text()
        assert not page.has("a[href^='/changes']")
    assert "You have no role yet" in Visitor(own, "nobody-yet").get("/").text()


def test_the_page_is_told_in_chinese(here: Company) -> None:
    page = Visitor(here, "sales", "zh").get("/")
    assert page.one("h1").text() == "主页"
    assert page.all("h2")[0].text() == "待签署"
    assert f"规模 {TIER} 1.1.0" in page.text("section[aria-labelledby=lately]")
    assert "2026年11月30日" in page.text("section[aria-labelledby=soon]")


def test_a_suspension_is_on_everybodys_page_and_waits_to_be_ratified(own: Company) -> None:
    body = {"policy": TIER, "version": "1.1.0", "role": "general_manager", "reason": "wrong", "password": SECRET}
    own.did("POST", "/v1/suspensions", "general", body)
    assert f"{TIER} 1.1.0 is suspended" in Visitor(own, "ann").get("/").text(".warning")
    waiting = Visitor(own, "finance").get("/").text("section[aria-labelledby=waiting]")
    assert f"{TIER} 1.1.0 Suspension to ratify" in waiting
    assert "the suspended version applies again" in waiting
    assert "Suspension to ratify" not in Visitor(own, "general").get("/").text("section[aria-labelledby=waiting]")
    assert menu_counts(own, "finance") == {"/": "1", "/suspensions": "1"}
    assert f"size {TIER} 1.1.0 Suspension" in Visitor(own, "ann").get("/").text("section[aria-labelledby=ending]")
    assert "suspension" in Visitor(own, "ann").get("/").text("section[aria-labelledby=lately]")


def test_compliance_finds_the_accounts_to_attest(own: Company) -> None:
    with own.database.write(own.clock) as transaction:
        root = own.people["root"].actor()
        made = identity.create_account(
            transaction, root, name="newcomer", printed_name="New Comer", roles=[Role.FINANCE_DIRECTOR]
        )
    page = Visitor(own, "compliance").get("/")
    assert page.link("New Comer") == f"/accounts/{made.id}"
    assert menu_counts(own, "compliance") == {"/": "2", "/changes": "1", "/accounts": "1"}
    assert "New Comer" not in Visitor(own, "root").get("/").text("section[aria-labelledby=tasks]")


def test_what_is_wrong_with_the_engine_is_told_in_words(own: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    service = own.app.service
    watch = service.decider._watch
    monkeypatch.setattr(watch, "differences", 2)
    monkeypatch.setattr(watch, "fallbacks", 1)
    assert watch.alarm is not None
    watch.alarm(Alarm(TIER, "1.1.0", "differed <b>"))
    unsealed = service.sealer._alarm
    assert unsealed is not None
    unsealed("not sealable")
    page = Visitor(own, "root").get("/")
    health = page.text("section[aria-labelledby=health]")
    assert "The engine and the standby engine differed" in health
    assert "the standby engine answered instead" in health
    assert "Decision records are not being sealed" in health
    assert "2 alarms" in health
    assert "differed <b>" in health
    assert "No action needed" not in health


def test_edited_files_are_told(own: Company) -> None:
    object.__setattr__(own.app.service, "edited_files", (f"{TIER}/1.0.0.yaml was edited",))
    health = Visitor(own, "root").get("/").text("section[aria-labelledby=health]")
    assert f"{TIER}/1.0.0.yaml was edited" in health


def test_when_a_day_has_come_it_is_no_longer_to_come(own: Company) -> None:
    own.clock.move(days=9)
    page = Visitor(own, "finance").get("/")
    assert "Nothing takes effect within a week." in page.text("section[aria-labelledby=soon]")
    assert "2.4.0" in page.text("section[aria-labelledby=lately]")


def test_the_subjects_of_each_outcome_are_counted_for_who_reads_decisions(own: Company) -> None:
    assert not Visitor(own, "sales").get("/").has("section[aria-labelledby=groups]")
    for subject, orders in (("C1", 250), ("C2", 251), ("C3", 7)):
        decided(own, subject, TIER, orders=orders)
    page = Visitor(own, "sales").get("/")
    counted = [" ".join(each.text(separator=" ").split()) for each in page.all("section[aria-labelledby=groups] li")]
    assert counted == ["2 big", "1 small"]
    assert page.link("big") == f"/groups/members?policy={TIER.replace('/', '%2F')}&group=size%3Abig"
    assert not Visitor(own, "ann").get("/").has("section[aria-labelledby=groups]")
