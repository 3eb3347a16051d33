"""One decision: why somebody got this, by which rule, signed by whom; made again, and proved, in the reader's words."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest
from sqlmodel import select

from policy_service.audit.keys import public_keys
from policy_service.audit.proofs import verify_proof
from policy_service.decisions.tables import DecisionRow
from tests.api.client import SECRET
from tests.api.company import Company, company
from tests.approval.world import BONUS, TIER, tier
from tests.decisions.setting import tamper
from tests.pages.decisions.deciding import HOSTILE, decided, excepted, said, sealed
from tests.pages.policies.texts import SCORED
from tests.pages.visitor import Seen, Visitor

NOBODY = "01a1ff94-2390-7b0a-9ce3-d0d78dc00a10"


def secret(version: str, limit: int) -> bytes:
    """A version of the tiering policy whose fact is sensitive."""
    return tier(version, limit).replace(
        b"{type: integer, min: 0, max: 1000000,", b"{type: integer, min: 0, sensitive: true,"
    )


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as here:
        here.in_force(tier("1.1.0", 50), SCORED.encode())
        yield here


def one(here: Company, decision: str, by: str = "compliance", lang: str = "en") -> Seen:
    return Visitor(here, by, lang).get(f"/decisions/{decision}")


def test_the_outcome_the_rule_the_version_and_the_signatures_stand_on_one_page(here: Company) -> None:
    page = one(here, decided(here, "C1"))
    assert page.status == 200
    assert page.one("h1").text() == "Decision about customer C1"
    result = said(page)
    assert "size big" in result
    assert "bonus 10" in result
    assert page.link("size 1.1.0") == f"/policies/{TIER}/versions/1.1.0"
    assert page.has(f'a[href="/policies/{TIER}/rules/big"]')
    assert "In force by the change: larger limit" in result
    assert page.link("larger limit").startswith("/changes/")
    assert (
        "Sales, sales director, 20 Nov 2026, 10:00:00 +08:00 (02:00:00 UTC) "
        "I approve the content, its effect and the day. sound" in result
    )
    assert "Compliance, compliance, " in result


def test_a_correction_and_what_it_corrects_lead_to_each_other(here: Company) -> None:
    wrong = decided(here, "C1w", orders=7)
    right = decided(here, "C1w", corrects=wrong, orders=120)
    assert "It corrects a decision made on wrong facts:" in one(here, right).text()
    assert one(here, right).has(f'a[href="/decisions/{wrong}"]')
    assert "本决定依据的输入项有误，已由以下决定更正：" in one(here, wrong, lang="zh").text(".warning")
    assert one(here, wrong).has(f'.warning a[href="/decisions/{right}"]')


def test_rules_are_called_by_their_titles(here: Company) -> None:
    page = one(here, decided(here, "C2", "tiering/score", orders=5), lang="zh")
    assert page.link("订单多 many") == "/policies/tiering/score/rules/many"
    assert page.has('details th a[href="/policies/tiering/score/rules/many"] code.id')
    listed = Visitor(here, "compliance").get("/decisions?subject=C2")
    assert listed.link("High score high") == "/policies/tiering/score/rules/high"


def test_from_a_decision_to_who_signed_it_are_no_three_clicks(here: Company) -> None:
    visitor = Visitor(here, "compliance")
    decision = decided(here, "C1b")
    next_page = visitor.get("/decisions?q=C1b")
    page = visitor.get(next_page.one("tbody th a").attributes["href"] or "")
    assert page.address == f"/decisions/{decision}"
    change = visitor.get(page.link("larger limit"))
    assert change.status == 200


def test_what_was_imported_is_said_to_be_signed_by_nobody(here: Company) -> None:
    page = one(here, decided(here, "C2"))
    assert "In force since set-up; imported, not signed in this service." in page.text()


def test_every_rule_says_whether_it_matched_and_what_it_saw(here: Company) -> None:
    page = one(here, decided(here, "C3", TIER, orders=7))
    text = said(page)
    assert "big did not match “orders” is at least 50 orders: 7 small matched and decided" in text
    assert len(page.all("tr.fired")) == 1


def test_the_facts_say_where_they_came_from(here: Company) -> None:
    text = said(one(here, decided(here, "C4")))
    assert "orders orders 120 given by the client" in text
    assert f"size size big decided by {TIER}" in text
    supplied = said(one(here, decided(here, "C5", BONUS, size="big")))
    assert f"size size big given by the client, instead of {TIER}" in supplied
    assert "Missing: orders" in said(one(here, decided(here, "C5b", TIER, size="big")))


def test_it_is_made_again_and_proved_on_the_page(here: Company) -> None:
    decision = decided(here, "C6")
    early = one(here, decision)
    assert "not proved yet" in early.text()
    assert "The decision is not sealed yet: ask again in a moment." in early.text()
    assert not early.has('a[href$="proof.json"]')
    assert Visitor(here, "compliance").get(f"/decisions/{decision}/proof.json").status == 409
    sealed(here)
    page = one(here, decision)
    assert "replay matches" in page.text()
    assert "proved to be in the log" in page.text()
    file = Visitor(here, "compliance").get(page.link("Download the proof"))
    assert file.headers["content-disposition"] == f'attachment; filename="proof-{decision}.json"'
    proof = json.loads(file.body)
    verify_proof(proof, list(public_keys(here.app.service.settings.keys).values()))
    assert json.loads(proof["record"]["line"])["subject"] == "C6"


def test_a_link_to_the_log_is_there_for_those_who_may_read_it(here: Company) -> None:
    decision = decided(here, "C7")
    sealed(here)
    assert one(here, decision, "general").has('a[href^="/audit/entries/"]')


def test_an_exception_is_told_with_what_the_rules_said(here: Company) -> None:
    override = excepted(here, "C8")
    page = one(here, decided(here, "C8"))
    text = said(page)
    assert "Decided by a person: an override was in force for the subject." in text
    assert "a partner of ten years" in text
    assert "Result of the rules: size: big" in text
    assert "bonus 0" in text
    assert page.link("The override") == f"/overrides/{override}"
    assert "replay matches" in text


def test_the_page_is_told_in_chinese(here: Company) -> None:
    page = one(here, decided(here, "C9", TIER, orders=7), lang="zh")
    text = said(page)
    assert page.one("html").attributes["lang"] == "zh-CN"
    assert "规模 small" in text
    assert "「订单」大于或等于 50" in text
    assert "销售总监" in text
    assert not {"Decision", "Rule", "given by"} & set(text.split())


def test_what_a_subject_is_called_is_shown_and_not_run(here: Company) -> None:
    page = one(here, decided(here, HOSTILE))
    assert page.status == 200
    assert not page.has("main script")
    assert "<script>alert(1)</script>" in page.one("h1").text()
    assert "U+202E" in page.one("h1").text()
    assert page.has("h1 bdi")


@pytest.mark.parametrize("name", ["ann", "root"])
def test_who_writes_policies_or_administers_reads_no_decisions(here: Company, name: str) -> None:
    decision = decided(here, "C10")
    for path in (f"/decisions/{decision}", f"/decisions/{decision}/proof.json", "/decisions"):
        assert Visitor(here, name).get(path).status == 403


@pytest.mark.parametrize("name", [NOBODY, "17", "x" * 300, "%00", NOBODY.upper()])
def test_a_decision_nobody_made_is_not_found(here: Company, name: str) -> None:
    for end in ("", "/proof.json"):
        assert Visitor(here, "compliance").get(f"/decisions/{name}{end}").status == 404


def test_sensitive_facts_are_masked_and_erased_ones_told_to_be_erased() -> None:
    with company() as here:
        here.in_force(secret("1.1.0", 50))
        decision = decided(here, "C11", TIER, orders=31_337)
        page = one(here, decision)
        text = said(page)
        assert "31,337" not in page.html
        assert "31337" not in page.html
        assert "orders orders ••• sensitive, so it is not shown" in text
        assert "replay matches" in text
        failed = said(one(here, decided(here, "C11", TIER, orders=41)))
        assert "“orders” is at least 50 orders: •••" in failed
        erased = here.ask("DELETE", "/v1/subjects/C11/key", "compliance", {"reason": "asked for", "password": SECRET})
        assert erased.is_success, erased.text
        text = said(one(here, decision))
        assert "The subject was erased" in text
        assert "orders orders erased given by the client" in text
        assert "cannot be replayed" in text
        assert "The key of C11 was deleted" in text


def test_what_was_altered_is_said_and_breaks_no_page() -> None:
    with company() as here:
        decision = decided(here, "C12", TIER, orders=7)
        sealed(here)
        for content in (tier("1.0.0", 3), b"{"):
            sql = "UPDATE version SET content = :content WHERE policy = :policy"
            tamper(here.database, sql, content=content, policy=TIER)
            page = one(here, decision)
            assert page.status == 200
            assert "of the table `version` cannot be read: it is damaged, or was altered" in page.text()
            assert "cannot be replayed" in page.text()
        line = b'{"seq":1}'
        tamper(here.database, "UPDATE decision SET line = :line", line=line)
        page = one(here, decision)
        assert page.status == 503
        assert "of the table `decision` cannot be read: it is damaged, or was altered" in page.text()


def test_a_record_that_was_altered_is_neither_made_again_nor_proved() -> None:
    with company() as here:
        decision = decided(here, "C13", TIER, orders=7)
        sealed(here)
        with here.database.read() as session:
            line = session.exec(select(DecisionRow.line)).one()
        tamper(here.database, "UPDATE decision SET line = :line", line=line.replace(b'"orders":7', b'"orders":8'))
        page = one(here, decision)
        assert page.status == 503
        assert "The row 1 of the table `decision` cannot be read: it is damaged, or was altered" in page.text()
        assert not page.has("#replay")
