"""`/v1/policies/…/provenance`: where a version comes from, told to programs as pages tell it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.client import assert_problem
from tests.api.company import Company, company
from tests.approval.world import BONUS, TIER, tier

POLICY = f"/v1/policies/{TIER}"


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    """The tiering policy in its second version."""
    with company() as here:
        here.in_force(tier("1.1.0", 50))
        yield here


def test_provenance_names_the_change_that_put_a_version_in_force_and_its_signatures(here: Company) -> None:
    answer = here.did("GET", f"{POLICY}/versions/1.1.0/provenance")
    assert answer["submission"]["title"] == "larger limit"
    assert answer["submission"]["submitted_by"]["name"] == "ann"
    origin = answer["origins"][0]
    assert origin["activation"]["kind"] == "change"
    assert origin["activation"]["change"] == answer["submission"]["id"]
    assert origin["title"] == "larger limit"
    assert [(each["role"], each["meaning"]) for each in origin["signatures"]] == [
        ("sales_director", "approved"),
        ("compliance", "approved"),
    ]


def test_provenance_of_an_imported_version_names_nobody(here: Company) -> None:
    answer = here.did("GET", f"{POLICY}/versions/1.0.0/provenance")
    assert answer["submission"] is None
    assert [(each["activation"]["kind"], each["signatures"]) for each in answer["origins"]] == [("initial", [])]


def test_provenance_of_what_is_not_there_is_refused(here: Company) -> None:
    problem = assert_problem(here.ask("GET", f"{POLICY}/versions/9.9.9/provenance"), 404, "unknown-policy")
    assert problem["hint"] == "its versions are 1.1.0, 1.0.0"


def test_dependencies_name_what_a_policy_needs_and_what_needs_it(here: Company) -> None:
    assert here.did("GET", f"{POLICY}/dependencies") == {
        "policy": TIER,
        "upstream": [],
        "downstream": [
            {"policy": BONUS, "title": {"zh": "奖励", "en": "bonus"}, "outcome": "size", "fact": "size"},
        ],
        "measures": [],
    }
    answer = here.did("GET", f"/v1/policies/{BONUS}/dependencies")
    assert [each["policy"] for each in answer["upstream"]] == [TIER]
    assert answer["downstream"] == []
    assert_problem(here.ask("GET", "/v1/policies/tiering/none/dependencies"), 404, "unknown-policy")


def test_a_rule_is_followed_through_the_versions(here: Company) -> None:
    answer = here.did("GET", f"{POLICY}/rules/big/history")
    assert (answer["policy"], answer["rule"], answer["next_cursor"]) == (TIER, "big", None)
    assert [(each["version"], each["status"]) for each in answer["items"]] == [("1.1.0", "changed"), ("1.0.0", "first")]
    newest = answer["items"][0]
    assert newest["rule"]["when"] == "orders in (>= 50)"
    assert "it is now: at least 50" in newest["sentences"]["en"][0]
    assert (newest["position"], newest["rule_count"], newest["active"]) == (1, 2, True)
    assert newest["in_force"][0]["until"] is None
    assert answer["firings"] == {"times": 0, "decisions": 0, "since": None}


def test_the_history_of_a_rule_is_read_page_by_page(here: Company) -> None:
    first = here.did("GET", f"{POLICY}/rules/big/history?limit=1")
    second = here.did("GET", f"{POLICY}/rules/big/history?limit=1&cursor={first['next_cursor']}")
    assert [each["status"] for each in (*first["items"], *second["items"])] == ["changed", "first"]
    assert second["next_cursor"] is None


def test_a_rule_that_no_version_has_is_refused(here: Company) -> None:
    problem = assert_problem(here.ask("GET", f"{POLICY}/rules/nobody/history"), 404, "not-found")
    assert problem["detail"] == f"no version of `{TIER}` has a rule `nobody`"


def test_two_versions_are_laid_over_each_other_cell_by_cell(here: Company) -> None:
    answer = here.did("GET", f"{POLICY}/difference/tables?from=1.0.0&to=1.1.0")
    assert (answer["from"]["version"], answer["to"]["version"], answer["lang"]) == ("1.0.0", "1.1.0", "en")
    assert [each["title"] for each in answer["rules"]["columns"]] == ["Rule", "orders", "size", "Reason"]
    assert [each["status"] for each in answer["rules"]["rows"]] == ["changed", "changed"]
    changed = [each for each in answer["rules"]["rows"][0]["cells"] if each["changed"]]
    assert changed == [{"before": "at least 100", "after": "at least 50", "changed": True, "wording_only": False}]
    assert {each["status"] for each in answer["facts"]["rows"]} == {"same"}
    assert answer["grid"] is answer["bands"] is None
    chinese = here.did("GET", f"{POLICY}/difference/tables?from=1.0.0&to=1.1.0&lang=zh")
    assert chinese["rules"]["columns"][-1]["title"] == "理由"
