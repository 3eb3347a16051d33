"""The decider: stages, what is missing, what is refused, what is told."""

from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import product

import pytest

from policy_service import Decider, FactsRejected, Policy, UnknownPolicies, UnknownSubjectKind, WrongSubjectKind
from policy_service.decisions.decider import MAX_PLANS
from policy_service.decisions.decision import EngineName
from tests.decisions.policies import LISTED, POINTS, TAKES_LIST, TIER, VISITS, policy

AS_OF = date(2026, 11, 21)
ENGINES: tuple[EngineName, ...] = ("durable_rules", "python", "definition")
GOOD = {"amount": "200.00", "days": 10, "mean": Decimal("100.5"), "last_contact_on": "2026-01-31"}


@pytest.fixture(params=ENGINES)
def decider(request: pytest.FixtureRequest) -> Iterator[Decider]:
    with Decider([VISITS, TIER, POINTS, LISTED, TAKES_LIST], engine=request.param) as decider:
        yield decider


def test_an_outcome_of_one_policy_is_a_fact_of_the_next(decider: Decider) -> None:
    decision = decider.decide(GOOD, as_of=AS_OF, policies=["followup/small"])
    assert decision.as_of == AS_OF
    assert decision.to_dict() == {
        "tiering/small": {
            "status": "decided",
            "outcome": {"tier": "S"},
            "rules": ["S"],
            "because": [{"zh": "高额", "en": "spends well above the mean"}],
            "version": "1.0.0",
            "digest": TIER.digest,
            "supplied": ["mean"],
        },
        "followup/small": {
            "status": "decided",
            "outcome": {"owner": "director", "next_contact_by": "2026-02-28"},
            "rules": ["S"],
            "because": [{"zh": "每月", "en": "monthly"}],
            "version": "1.0.0",
            "digest": VISITS.digest,
        },
    }
    assert {entry.served_by for entry in decision.policies.values()} == {decider.health.engine}


def test_what_is_missing_is_named_and_the_other_policies_still_answer(decider: Decider) -> None:
    outcomes = decider.decide({"amount": 200, "days": 10, "mean": 100}, as_of=AS_OF).to_dict()
    assert outcomes["tiering/small"]["status"] == "decided"
    assert outcomes["followup/small"] == {
        "status": "missing_facts",
        "missing": ["last_contact_on"],
        "version": "1.0.0",
        "digest": VISITS.digest,
    }
    assert outcomes["tiering/points"]["missing"] == ["late"]


def test_that_no_rule_matches_is_an_answer_of_its_own_and_leaves_the_next_policy_without_its_fact(
    decider: Decider,
) -> None:
    facts = {"amount": 1, "days": 90, "mean": 100, "last_contact_on": "2026-11-01"}
    outcomes = decider.decide(facts, as_of=AS_OF, policies=["tiering/small", "followup/small"]).to_dict()
    assert outcomes["tiering/small"] == {
        "status": "no_rule_matched",
        "version": "1.0.0",
        "digest": TIER.digest,
        "supplied": ["mean"],
    }
    assert outcomes["followup/small"]["missing"] == ["tier"]


def test_null_counts_as_not_given(decider: Decider) -> None:
    outcomes = decider.decide(GOOD | {"days": None}, as_of=AS_OF, policies=["tiering/small"]).to_dict()
    assert outcomes["tiering/small"]["rules"] == ["never"]


def test_a_caller_may_supply_what_the_policy_needed_cannot_decide_and_the_answer_says_so(decider: Decider) -> None:
    facts = {"tier": "B", "last_contact_on": "2026-11-30"}
    outcomes = decider.decide(facts, as_of=AS_OF, policies=["followup/small"]).to_dict()
    assert list(outcomes) == ["followup/small"]  # the policy it needs was not asked for and did not decide
    assert outcomes["followup/small"]["outcome"] == {"owner": "sales", "next_contact_by": "2027-02-28"}
    assert outcomes["followup/small"]["supplied"] == ["tier"]


def test_a_supplied_fact_that_agrees_with_what_is_decided_is_no_matter(decider: Decider) -> None:
    outcomes = decider.decide(GOOD | {"tier": "S"}, as_of=AS_OF, policies=["followup/small"]).to_dict()
    assert outcomes["followup/small"]["rules"] == ["S"]
    assert "supplied" not in outcomes["followup/small"]


def test_a_supplied_fact_that_contradicts_what_is_decided_is_refused(decider: Decider) -> None:
    with pytest.raises(FactsRejected) as refused:
        decider.decide(GOOD | {"tier": "C"}, as_of=AS_OF, policies=["followup/small"])
    [problem] = refused.value.problems
    assert problem.to_dict() == {
        "fact": "tier",
        "code": "contradiction",
        "value": '"C"',
        "expected": '"S", which tiering/small decides',
        "hint": "leave it out: the service fills it",
    }


def test_several_rules_where_one_is_allowed_are_a_conflict_that_names_them(decider: Decider) -> None:
    outcomes = decider.decide(GOOD | {"last_contact_on": "2020-01-01"}, as_of=AS_OF).to_dict()
    assert outcomes["followup/small"]["status"] == "conflict"
    assert outcomes["followup/small"]["rules"] == ["S", "long-ago"]
    assert "outcome" not in outcomes["followup/small"]


def test_a_policy_that_lists_gives_one_outcome_a_rule_and_the_next_takes_them_as_tags(decider: Decider) -> None:
    facts = {"amount": "333.35", "vip": True}
    outcomes = decider.decide(facts, as_of=AS_OF, policies=["rewards/takes_list"]).to_dict()
    assert outcomes["rewards/listed"]["outcome"] == [
        {"gift": "gold", "rebate": "5.00"},
        {"gift": "silver", "rebate": "5.00"},
    ]
    assert outcomes["rewards/listed"]["rules"] == ["big", "vip"]
    assert outcomes["rewards/takes_list"]["outcome"] == {"heavy": True}


@pytest.mark.parametrize(
    ("amount", "late", "band", "total", "rules"),
    [
        ("999.99", False, "low", 10, ["low"]),
        ("1000.00", False, "high", 40, ["spends", "high"]),
        ("1000.00", True, "low", 20, ["spends", "late", "low"]),
        ("0", True, "low", -10, ["late", "low"]),
    ],
)
def test_a_scorecard_tells_its_rules_and_its_band(
    decider: Decider, amount: str, late: bool, band: str, total: int, rules: list[str]
) -> None:
    facts = {"amount": amount, "late": late}
    entry = decider.decide(facts, as_of=AS_OF, policies=["tiering/points"]).to_dict()["tiering/points"]
    assert entry["outcome"] == {"class": band, "total": total}
    assert entry["rules"] == rules
    assert len(entry["because"]) == len(rules)


TITLED = policy(TIER.text.replace("{id: S, ", "{id: S, title: {zh: 高额客户, en: Large customer}, "))


@pytest.mark.parametrize(
    ("amount", "titles"), [(200, [{"zh": "高额客户", "en": "Large customer"}]), (100, [None]), (1, "none")]
)
def test_titles_stand_beside_the_rules_and_their_reasons(amount: int, titles: object) -> None:
    with Decider([TITLED], engine="definition") as decider:
        entry = decider.decide({"amount": amount, "days": 10, "mean": 100}, as_of=AS_OF).to_dict()[TITLED.id]
    assert entry.get("titles", "none") == titles
    assert len(entry.get("because", ())) == (0 if titles == "none" else 1)


def test_a_policy_without_titles_answers_without(decider: Decider) -> None:
    entry = decider.decide({"amount": 200, "days": 10, "mean": 100}, as_of=AS_OF, policies=[TIER.id]).to_dict()[TIER.id]
    assert entry["rules"] == ["S"]
    assert "titles" not in entry


def test_every_problem_of_the_facts_is_told_at_once(decider: Decider) -> None:
    facts = {"amount": "1.234", "days": -1, "mean": 0.5, "last_contact_on": "21.11.2026", "vip": "yes", "amuont": 3}
    with pytest.raises(FactsRejected) as refused:
        decider.decide(facts, as_of=AS_OF)
    assert {(problem.fact, problem.code) for problem in refused.value.problems} == {
        ("amuont", "unknown-fact"),
        ("amount", "mistyped"),
        ("days", "out-of-range"),
        ("mean", "mistyped"),
        ("last_contact_on", "mistyped"),
        ("vip", "mistyped"),
    }
    hints = {problem.fact: problem.hint for problem in refused.value.problems}
    assert hints["amuont"] == "did you mean `amount`?"
    assert hints["mean"] == "give it as text or as Decimal: a binary float is not exact"
    assert str(refused.value).count("\n") + 1 == len(refused.value.problems)


@pytest.mark.one_in(3)
@pytest.mark.parametrize(
    ("raw", "code"),
    [
        (Decimal("NaN"), "mistyped"),
        (Decimal("Infinity"), "mistyped"),
        (Decimal("1e400"), "out-of-range"),
        (Decimal("-1e400"), "out-of-range"),
        (Decimal("1e-400"), "mistyped"),
        (int("9" * 400), "out-of-range"),
        (2**53, "out-of-range"),
        ("9" * 400, "mistyped"),
        ("１００", "mistyped"),
        ("1,000", "mistyped"),
        (" 1", "mistyped"),
        ("1e3", "mistyped"),
        (True, "mistyped"),
        ([1], "mistyped"),
        ({"a": 1}, "mistyped"),
        ("x" * 65536, "mistyped"),
        (float("nan"), "mistyped"),
    ],
)
def test_a_nasty_amount_is_refused_and_the_next_decision_is_right(decider: Decider, raw: object, code: str) -> None:
    with pytest.raises(FactsRejected) as refused:
        decider.decide(GOOD | {"amount": raw}, as_of=AS_OF, policies=["tiering/small"])
    [problem] = refused.value.problems
    assert (problem.fact, problem.code) == ("amount", code)
    assert len(problem.value) < 100
    assert decider.decide(GOOD, as_of=AS_OF).to_dict()["tiering/small"]["rules"] == ["S"]


def test_policies_that_are_not_served_are_all_named() -> None:
    with Decider([TIER], engine="python") as decider, pytest.raises(UnknownPolicies) as refused:
        decider.decide({}, as_of=AS_OF, policies=["tiering/smal", "tiering/small", "x/y", "tiering/smal"])
    assert refused.value.names == ("tiering/smal", "x/y")
    assert refused.value.hints == {"tiering/smal": "did you mean `tiering/small`?"}


def test_asking_in_many_ways_does_not_gather_plans_without_end() -> None:
    with Decider([TIER, POINTS, LISTED], engine="python") as decider:
        for ways in product(decider.policies, repeat=6):
            decider.decide({}, as_of=AS_OF, policies=ways)
        assert len(decider._plans) <= MAX_PLANS


def test_explaining_tells_for_every_rule_what_failed_and_what_it_saw(decider: Decider) -> None:
    decision = decider.decide(GOOD | {"days": 45}, as_of=AS_OF, policies=["tiering/small"], explain=True).trace
    assert decision == {
        "tiering/small": [
            {"rule": "never", "matched": False, "failed": "days is missing", "saw": {"days": 45}},
            {"rule": "S", "matched": False, "failed": "days in (< 30)", "saw": {"days": 45}},
            {"rule": "A", "matched": True},
        ]
    }


def test_explaining_shows_a_missing_fact_as_null_and_nothing_for_what_was_not_evaluated(decider: Decider) -> None:
    facts = {"amount": 5, "mean": 1}
    decision = decider.decide(facts, as_of=AS_OF, policies=["tiering/small", "followup/small"], explain=True).trace
    assert decision is not None
    assert decision["tiering/small"][1] == {
        "rule": "S",
        "matched": False,
        "failed": "days is not missing",
        "saw": {"days": None},
    }
    assert decision["followup/small"] == []


def test_no_trace_is_made_unasked(decider: Decider) -> None:
    assert decider.decide(GOOD, as_of=AS_OF).trace is None


# ------------------------------------------------------------------------------------------- kinds of subjects


def about(kind: str, name: str) -> Policy:
    """A policy about another kind of subject."""
    text = TIER.text.replace("subject: customer", f"subject: {kind}").replace(
        "policy: tiering/small", f"policy: {name}"
    )
    return policy(text)


COMPLAINTS, ORDERS = about("complaint", "service_levels/one"), about("order", "service_levels/two")


@pytest.fixture
def several() -> Iterator[Decider]:
    with Decider([VISITS, COMPLAINTS, TIER, ORDERS], engine="python") as decider:
        yield decider


@pytest.mark.parametrize(
    ("kind", "decided"),
    [
        ("customer", {"tiering/small", "followup/small"}),
        ("complaint", {"service_levels/one"}),
        (None, {"tiering/small", "followup/small", "service_levels/one", "service_levels/two"}),
    ],
)
def test_policies_left_out_are_those_about_the_kind(several: Decider, kind: str | None, decided: set[str]) -> None:
    assert set(several.decide(GOOD, as_of=AS_OF, kind=kind).policies) == decided


def test_a_policy_about_another_kind_is_refused_with_its_kind(several: Decider) -> None:
    names = ["tiering/small", "service_levels/two", "service_levels/one"]
    with pytest.raises(WrongSubjectKind) as refused:
        several.decide(GOOD, as_of=AS_OF, policies=names, kind="complaint")
    assert refused.value.kinds == {"tiering/small": "customer", "service_levels/two": "order"}
    assert str(refused.value) == (
        "`tiering/small` is about `customer`, not about `complaint`; "
        "`service_levels/two` is about `order`, not about `complaint`"
    )
    assert refused.value.hints["service_levels/two"] == "it is about `order`: ask with the kind `order`"
    assert set(several.decide(GOOD, as_of=AS_OF, policies=names).policies) == set(names)


def test_a_policy_that_is_not_served_is_told_before_the_kinds_of_others(several: Decider) -> None:
    with pytest.raises(UnknownPolicies) as refused:
        several.decide(GOOD, as_of=AS_OF, policies=["tiering/none", "tiering/small"], kind="complaint")
    assert not isinstance(refused.value, WrongSubjectKind)


def test_a_kind_that_no_policy_is_about_is_refused_with_those_there_are(several: Decider) -> None:
    with pytest.raises(UnknownSubjectKind) as refused:
        several.decide(GOOD, as_of=AS_OF, kind="visit")
    assert refused.value.kinds == ("complaint", "customer", "order")
    assert str(refused.value) == "no policy is about `visit`, only about `complaint`, `customer`, `order`"
