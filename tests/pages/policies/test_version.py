"""A version in sentences and tables, its source line by line, its examples decided now, its very file."""

import pytest

from tests.api.company import Company
from tests.approval.world import TIER, tier
from tests.pages.policies.texts import HOSTILE, LONG
from tests.pages.visitor import Visitor

SIZE = f"/policies/{TIER}/versions"


def test_a_version_is_told_in_sentences_beside_its_table(here: Company) -> None:
    page = Visitor(here, "sales").get(f"{SIZE}/1.2.0")
    assert page.status == 200
    assert page.one("h1").text() == "size, version 1.2.0"
    assert "“orders” is at least 150" in page.text("#rule-big")
    assert [node.text() for node in page.all(".hero th[scope=col]")] == ["Rule", "orders", "size"]
    assert "at least 150" in page.text(".hero tbody")
    assert page.link("big") == "#rule-big"
    assert page.has(f'a[href="/policies/{TIER}/rules/big?at=1.2.0"]')


def test_it_says_whether_it_is_in_force_and_who_signed_it(here: Company) -> None:
    visitor = Visitor(here, "sales")
    assert "in force 22 Nov 2026, 11:00 until 26 Nov 2026, 12:00" in visitor.get(f"{SIZE}/1.2.0").text(".standing")
    assert "no longer in force" in visitor.get(f"{SIZE}/1.0.0").text(".standing")
    assert "planned" in visitor.get(f"{SIZE}/1.3.0").text(".standing")
    assert "was never in force" in visitor.get("/policies/rewards/gift/versions/1.1.0").text(".standing")
    signed = visitor.get(f"{SIZE}/1.2.0").text("section[aria-labelledby=origin]")
    assert "Sales sales director 21 Nov 2026" in signed
    assert "I approve the content, its effect and the day." in signed
    assert "not signed in this service." in visitor.get(f"{SIZE}/1.0.0").text("section[aria-labelledby=origin]")


def test_free_rules_are_nested_sentences(here: Company) -> None:
    page = Visitor(here, "sales").get("/policies/rewards/gift/versions/1.0.0")
    assert page.has("#rule-loyal ol.parts ol.parts")
    assert "The answer is the sum" in page.text("section[aria-labelledby=decides]")
    assert page.link("R-GIFT-1") == "/policies?text=R-GIFT-1"


def test_a_scorecard_shows_points_and_bands(here: Company) -> None:
    page = Visitor(here, "sales").get("/policies/tiering/score/versions/1.0.0")
    assert "The total starts at 10." in page.text("section[aria-labelledby=decides]")
    assert page.has("#rule-many")
    assert page.has("#rule-high")
    assert "Points" in page.text(".hero thead")


def test_rules_and_examples_are_called_by_their_titles(here: Company) -> None:
    version = "/policies/rewards/gift/versions/1.0.0"
    page = Visitor(here, "sales").get(version)
    assert page.one("#rule-loyal h3").text(separator=" ").split() == ["Thanks", "to", "the", "loyal", "loyal"]
    assert page.has('.hero tbody a[href="#rule-loyal"]')
    assert page.has('.hero tbody a[href="#rule-share"]')
    chinese = Visitor(here, "sales", "zh").get(f"{version}/examples").text("table.examples tbody tr")
    assert chinese.startswith("返还 2% a share ")
    passport = Visitor(here, "sales", "zh").get("/policies/rewards/gift/rules/loyal")
    assert passport.one("h1").text(separator=" ").split() == ["忠诚回馈", "loyal"]
    scored = Visitor(here, "sales").get("/policies/tiering/score/versions/1.0.0/examples")
    assert "Many orders many High score high passed" in scored.text("table.examples tbody tr")


def test_a_cross_table_is_shown_as_its_grid_and_a_cell_leads_to_its_rule(here: Company) -> None:
    page = Visitor(here, "sales").get("/policies/tiering/answer/versions/1.0.0")
    assert [node.text() for node in page.all(".hero th[scope=col]")] == [
        "tier ↓ orders →",
        "less than 10",
        "at least 10",
    ]
    grid = [[cell.text(separator="|") for cell in row.css("th, td")] for row in page.all(".hero tbody tr")]
    assert grid == [["S", "high|2 hours", "high|1 hour"], ["A", "—", "low|9 hours"]]
    assert page.has('.hero td a[href="#rule-A-many"]')
    assert page.has("#rule-A-many")
    assert "A cell gives level, time." in page.text(".hero")
    chinese = Visitor(here, "sales", "zh").get("/policies/tiering/answer/versions/1.0.0")
    assert "各行按等级，各列按订单，交叉处为水平、时限。" in chinese.text(".hero")


def test_the_source_is_numbered_line_by_line(here: Company) -> None:
    page = Visitor(here, "sales").get(f"{SIZE}/1.2.0/source")
    lines = page.all("ol.source > li")
    assert "policy: tiering/size" in lines[1].text()
    assert lines[1].attributes["id"] == "L2"
    assert lines[1].css("a")[0].attributes["href"] == "#L2"


def test_the_file_is_what_was_submitted_to_the_byte(here: Company) -> None:
    page = Visitor(here, "sales").get(f"{SIZE}/1.2.0/file")
    assert page.body == tier("1.2.0", 150, words="[small, big]")
    assert page.headers["content-type"] == "application/yaml"
    assert page.headers["content-disposition"] == 'attachment; filename="size-1.2.0.yaml"'


def test_examples_are_decided_now(here: Company) -> None:
    page = Visitor(here, "sales").get("/policies/rewards/gift/versions/1.0.0/examples")
    assert "1 of 1 pass" in page.text("main")
    row = page.text("table.examples tbody tr")
    assert "CNY 200.00" in row
    assert "CNY 4.00 CNY 4.00 share passed" in row


def test_an_example_that_fails_shows_what_it_gives_instead() -> None:
    from policy_service.analysis.example_cases import cases_of  # noqa: PLC0415
    from policy_service.language.load import load_bytes  # noqa: PLC0415

    wrong = tier("1.0.0").replace(b"outcome: {size: big}, rule: big", b"outcome: {size: small}, rule: small")
    [case] = cases_of(load_bytes(wrong), "en")
    assert not case.passed
    assert (case.expected, case.actual) == (("small",), ("big",))
    assert (case.rules, case.decided_by) == ((("small", None),), (("big", None),))


@pytest.mark.parametrize("tab", ["", "/source", "/examples", "/file"])
def test_a_version_that_is_not_there_is_told(here: Company, tab: str) -> None:
    page = Visitor(here, "sales").get(f"{SIZE}/7.0.0{tab}")
    assert page.status == 404
    assert "has no version `7.0.0`" in page.text("main")


@pytest.mark.parametrize("lang", ["en", "zh"])
@pytest.mark.parametrize("tab", ["", "/source", "/examples"])
def test_hostile_words_are_shown_and_not_run(here: Company, tab: str, lang: str) -> None:
    page = Visitor(here, "sales", lang).get(f"/policies/tiering/hostile/versions/1.0.0{tab}")
    assert page.status == 200
    assert "<script>alert" not in page.html
    assert not page.has("main img")
    assert page.has("main bdi.written")


def test_long_words_are_whole(here: Company) -> None:
    page = Visitor(here, "sales", "zh").get("/policies/tiering/hostile/versions/1.0.0")
    assert LONG in page.text("#rule-any")


def test_hostile_words_do_no_harm_in_the_list_and_the_file(here: Company) -> None:
    for path in ("/policies", "/policies/tiering/hostile", "/policies/tiering/hostile/rules/any"):
        page = Visitor(here, "sales").get(path)
        assert page.status == 200
        assert "<script>alert" not in page.html
    assert Visitor(here, "sales").get("/policies/tiering/hostile/versions/1.0.0/file").body == HOSTILE.encode()


def test_a_version_is_there_in_chinese(here: Company) -> None:
    page = Visitor(here, "sales", "zh").get(f"{SIZE}/1.2.0")
    assert page.one("h1").text() == "规模，版本 1.2.0"
    assert "「订单」大于或等于 150" in page.text("#rule-big")
    assert "生效中" in page.text(".standing")
