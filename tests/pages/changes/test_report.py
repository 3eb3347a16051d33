"""The analysis report on its page: made now for a draft, the frozen one afterwards."""

from collections.abc import Iterator

import pytest

from policy_service import load_bytes
from policy_service.analysis.report_view import report_of
from policy_service.analysis.result_texts import localized_result, result_in_words
from policy_service.language.policy import Language
from policy_service.messages import Message
from tests.api.company import Company, company, later
from tests.approval.world import tier
from tests.pages.policies.texts import crossed
from tests.pages.visitor import Visitor


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as here:
        yield here


def test_a_draft_is_reported_on_as_it_is_now(here: Company) -> None:
    change = here.create(tier("1.1.0", 200), effective=later(here, 3))
    page = Visitor(here, "ann").get(f"/changes/{change['id']}/report")
    assert "Generated now from the saved draft." in page.text(".about")
    assert "examples of the version in force change result" in page.text("table")
    assert "the condition on “orders” was: at least 100; it is now: at least 200" in page.text()
    assert "many size big by big size small by small" in page.text("table")
    assert "1 example passes in every engine (definition, rules engine, standby engine)." in page.text()
    assert page.link("Open the editor") == f"/changes/{change['id']}/draft"


def test_what_was_submitted_has_its_frozen_report_in_both_languages(here: Company) -> None:
    change = here.moved("submit", here.create(tier("1.2.0", 300), effective=later(here, 4)))
    english = Visitor(here, "sales").get(f"/changes/{change['id']}/report")
    assert here.read(change)["report"] in english.text()
    assert not english.has("a[href$='/draft']")
    chinese = Visitor(here, "sales", "zh").get(f"/changes/{change['id']}/report")
    assert "原有示例的结果有变化" in chinese.text()
    assert "size big（规则 big）" in chinese.text()
    assert "冻结" in chinese.text(".about")


def test_files_with_faults_have_no_report_but_their_faults(here: Company) -> None:
    change = here.create(tier("1.8.0"), b"policy: [")
    page = Visitor(here, "ann").get(f"/changes/{change['id']}/report")
    assert "there is no report yet" in page.text(".refusal")
    assert "File 2" in page.text(".refusal")
    assert "yaml-syntax" in page.text(".refusal")
    assert not Visitor(here, "sales").get(f"/changes/{change['id']}/report").has("a[href$='/draft']")


def test_what_keeps_a_draft_from_being_submitted_is_told(here: Company) -> None:
    failing = tier("1.9.0").replace(b"outcome: {size: big}, rule: big", b"outcome: {size: small}, rule: small")
    page = Visitor(here, "ann").get(f"/changes/{here.create(failing)['id']}/report")
    assert "examples fail" in page.text("table")
    assert "many size small by small size big by big" in page.text("table")
    assert page.has(".badge.bad")
    assert "example-failed" not in page.text(".refusal"), "told once, as a finding"
    taken = Visitor(here, "ann").get(f"/changes/{here.create(tier('1.0.0', 5))['id']}/report")
    assert "give this text a higher version" in taken.text(".refusal")


def test_a_change_that_holds_nothing_says_so(here: Company) -> None:
    page = Visitor(here, "ann").get(f"/changes/{here.create()['id']}/report")
    assert "The change holds no version of any policy." in page.text(".refusal")


def test_who_takes_no_part_sees_no_report(here: Company) -> None:
    change = here.create(tier("1.1.0", 201))
    assert Visitor(here, "root").get(f"/changes/{change['id']}/report").status == 200
    assert Visitor(here).get(f"/changes/{change['id']}/report", follow=False).status == 303


@pytest.mark.parametrize(
    ("text", "pattern"),
    [
        ("size big by big", "{outcome} by {rules}"),
        ("missing facts a, b", "missing facts {names}"),
        ("no rule matched", "no rule matched"),
        ("conflict of a, b", "conflict of {rules}"),
    ],
)
def test_answers_are_told_in_any_language(text: str, pattern: str) -> None:
    words = localized_result(text)
    assert words == text
    assert isinstance(words, Message)
    assert words.pattern == pattern


@pytest.mark.parametrize(
    ("lang", "text", "words"),
    [
        ("en", "level high, within PT1H by S-many", "level high; time 1 hour by S-many"),
        ("zh", "level high, within PT30M by S-few, A-many", "水平 high; 时限 30 分钟 by S-few, A-many"),
        ("en", "level ?, within soon by S-many", "level ?; time soon by S-many"),
        ("en", "no rule matched", "no rule matched"),
        ("en", "size big by big", "size big by big"),
    ],
)
def test_an_answer_is_told_in_the_words_of_its_policy(lang: Language, text: str, words: str) -> None:
    assert result_in_words(text, load_bytes(crossed()), lang) == words


def test_any_other_answer_stays_as_it_is() -> None:
    assert localized_result("orders 3 is refused: expected more") == "orders 3 is refused: expected more"


def test_no_report_is_an_empty_one() -> None:
    view = report_of(None, problems=("no",), frozen=False)
    assert (view.problems, view.is_complete, view.errors, view.warnings) == (("no",), False, (), ())
