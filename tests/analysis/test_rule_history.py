"""What became of a rule from version to version, and how it was worded in each."""

from __future__ import annotations

from policy_service.analysis.rule_history import cited_rows, find_rule, rule_history, rule_version
from policy_service.language.load import load_bytes
from policy_service.language.policy import Policy
from tests.approval.world import tier
from tests.pages.policies.texts import SCORED


def version(number: str, limit: int = 100, *renamed: tuple[str, str]) -> Policy:
    text = tier(number, limit)
    for old, new in renamed:
        text = text.replace(f"id: {old}".encode(), f"id: {new}".encode())
        text = text.replace(f"rule: {old}".encode(), f"rule: {new}".encode())
    return load_bytes(text)


def test_a_rule_is_new_changed_the_same_and_gone() -> None:
    old, large = ("big", "old"), ("big", "large")
    policies = [
        version("1.5.0", 150, large),
        version("1.4.0", 150),
        version("1.3.0", 150),
        version("1.2.0", 120),
        version("1.1.0", 120, old),
        version("1.0.0", 100, old),
    ]
    history = rule_history(policies, "big")
    assert [each.status for each in history] == ["gone", "same", "changed", "new", "absent", "absent"]
    assert [each.position for each in history] == [0, 1, 1, 1, 0, 0]
    assert {each.rule_count for each in history} == {2}
    assert history[2].sentences("en") == (
        "rule `big`: the condition on “orders” was: at least 120; it is now: at least 150",
    )
    assert history[0].wording("en") is None
    wording = history[1].wording("zh")
    assert wording is not None
    assert (wording.id, wording.because) == ("big", "多")
    assert rule_history(policies, "old")[-1].status == "first"


def test_a_rule_that_moved_was_changed_though_no_sentence_says_so() -> None:
    before = version("1.0.0")
    changed = version("1.1.0", 100, ("big", "x"), ("small", "big"), ("x", "small"))
    assert find_rule(before, "big") != find_rule(changed, "big")
    assert rule_version(changed, before, "big").status == "changed"


def test_a_band_of_a_scorecard_has_a_history() -> None:
    policy = load_bytes(SCORED.encode())
    assert policy.scorecard is not None
    band = policy.scorecard.bands[0]
    result = rule_version(policy, policy, band.id)
    assert (result.status, result.position, result.rule_count) == ("same", 1, len(policy.scorecard.bands))
    assert result.rule is band
    assert find_rule(policy, "nobody") is None


def test_the_rows_of_the_regulation_that_a_reason_names_are_found_once() -> None:
    assert cited_rows("R-RFM-1 and R-GOV-5; R-RFM-1 again, not R-x") == ("R-RFM-1", "R-GOV-5")
