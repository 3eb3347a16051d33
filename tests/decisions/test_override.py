"""Exceptions without a database: whether they fit, when they apply, what an answer says of them."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from decimal import Decimal

import pytest

from policy_service import Decider
from policy_service.actor import DIRECTORS, Actor, Role
from policy_service.decisions.decision import EngineName, Json
from policy_service.decisions.outcomes import MAX_LISTED, InvalidOutcome, read_outcome, text_problems, write_outcome
from policy_service.decisions.override import (
    Override,
    may_end_override,
    may_override,
    overrides_at,
    term_problems,
)
from policy_service.subject import Subject
from tests.decisions.policies import LISTED, TAKES_LIST, TIER, VISITS
from tests.decisions.setting import AS_OF, person

NOW = datetime(2026, 11, 20, 1, tzinfo=UTC)
ENGINES: tuple[EngineName, ...] = ("durable_rules", "python", "definition")
FACTS = {"amount": "200.00", "days": 10, "mean": "100.00", "last_contact_on": "2026-01-31"}


def overriding(policy: str = "tiering/small", outcome: object = None, **changes: object) -> Override:
    made = Override(
        id="o1",
        subject=Subject("C1"),
        policy=policy,
        version="1.0.0",
        outcome={"tier": "C"} if outcome is None else outcome,
        role="sales_director",
        printed_name="Director One",
        reason="closing down",
        recorded_at=NOW,
        until=NOW + timedelta(days=30),
    )
    return replace(made, **changes)  # type: ignore[arg-type]


def entries(*policies: str, engine: EngineName = "definition", facts: Json | None = None, **made: Override) -> Json:
    with Decider([VISITS, TIER, LISTED, TAKES_LIST], engine=engine) as decider:
        overrides = {each.policy: each for each in made.values()}
        return decider.decide(facts or FACTS, as_of=AS_OF, policies=policies, overrides=overrides).to_dict()


@pytest.mark.parametrize("engine", ENGINES)
def test_an_overridden_answer_says_so_and_shows_what_the_rules_had_said(engine: EngineName) -> None:
    answered = entries("tiering/small", engine=engine, made=overriding())
    assert answered["tiering/small"] == {
        "status": "decided",
        "outcome": {"tier": "C"},
        "rules": [],
        "because": [{"zh": "closing down", "en": "closing down"}],
        "version": "1.0.0",
        "digest": TIER.digest,
        "overridden": {
            "override": "o1",
            "by": "Director One",
            "role": "sales_director",
            "reason": "closing down",
            "until": "2026-12-20T01:00:00.000000Z",
            "rules_said": {
                "status": "decided",
                "outcome": {"tier": "S"},
                "rules": ["S"],
                "because": [{"zh": "高额", "en": "spends well above the mean"}],
                "supplied": ["mean"],
            },
        },
    }


@pytest.mark.parametrize("engine", ENGINES)
def test_the_policies_that_take_the_outcome_see_the_exception(engine: EngineName) -> None:
    assert entries("followup/small", engine=engine)["followup/small"]["rules"] == ["S"]
    answered = entries("followup/small", engine=engine, made=overriding())
    assert answered["followup/small"]["outcome"] == {"owner": "sales", "next_contact_by": "2026-04-30"}
    assert "overridden" in answered["tiering/small"]
    assert "overridden" not in answered["followup/small"]


def test_an_exception_answers_where_the_rules_lack_facts() -> None:
    answered = entries("followup/small", facts={"last_contact_on": "2026-01-31"}, made=overriding())
    assert answered["tiering/small"]["overridden"]["rules_said"] == {
        "status": "missing_facts",
        "missing": ["amount", "mean"],
    }
    assert answered["followup/small"]["status"] == "decided"


def test_a_list_can_be_excepted_too_even_by_an_empty_one() -> None:
    facts = {"amount": 200, "vip": True}
    gold = overriding("rewards/listed", [{"gift": "gold", "rebate": "1.00"}])
    answered = entries("rewards/takes_list", facts=facts, made=gold)
    assert answered["rewards/listed"]["outcome"] == [{"gift": "gold", "rebate": "1.00"}]
    assert answered["rewards/takes_list"]["outcome"] == {"heavy": True}
    answered = entries("rewards/takes_list", facts=facts, made=overriding("rewards/listed", []))
    assert answered["rewards/listed"]["outcome"] == []
    assert answered["rewards/takes_list"]["outcome"] == {"heavy": False}


def test_an_exception_the_version_has_no_room_for_is_not_applied_and_the_answer_says_so() -> None:
    made = overriding(outcome={"tier": "Z"})
    with Decider([TIER], engine="definition") as decider:
        decision = decider.decide({"amount": 200, "days": 10, "mean": 100}, as_of=AS_OF, overrides={made.policy: made})
    entry = decision.to_dict()["tiering/small"]
    assert entry["outcome"] == {"tier": "S"}
    assert entry["override_unfit"] == {"override": "o1", "why": ['`tier`: expected one of S, A, C, found "Z"']}
    assert "overridden" not in entry
    assert decision.overrides == ("o1",)


def test_the_explanation_is_of_the_rules_also_when_there_is_an_exception() -> None:
    made = {"tiering/small": overriding()}
    with Decider([TIER], engine="definition") as decider:
        explained = decider.decide(
            {"amount": 200, "days": 10, "mean": 100}, as_of=AS_OF, explain=True, overrides=made
        ).trace
        missing = decider.decide({"days": 10}, as_of=AS_OF, explain=True, overrides=made).trace
    assert explained is not None
    assert [rule["matched"] for rule in explained["tiering/small"]] == [False, True, True]
    assert missing == {"tiering/small": []}


def test_the_outcome_is_kept_in_the_one_way_there_is_to_write_it() -> None:
    values = read_outcome(VISITS, {"next_contact_by": "2026-12-01", "owner": "sales"})
    assert write_outcome(VISITS, values) == {"owner": "sales", "next_contact_by": "2026-12-01"}
    listed = read_outcome(LISTED, [{"gift": "gold", "rebate": Decimal("1.5")}])
    assert write_outcome(LISTED, listed) == [{"gift": "gold", "rebate": "1.50"}]


def test_everything_wrong_with_an_outcome_is_named_at_once() -> None:
    with pytest.raises(InvalidOutcome) as refused:
        read_outcome(VISITS, {"owner": "nobody", "next_contact": "2026-12-01"})
    assert refused.value.problems == (
        '`owner`: expected one of director, sales, found "nobody"',
        "`next_contact_by` is missing",
        "followup/small has no outcome `next_contact`; did you mean `next_contact_by`?",
    )
    with pytest.raises(InvalidOutcome) as refused:
        read_outcome(LISTED, [{"gift": "gold", "rebate": 1}, {"gift": "tin", "zzz": 1}, "gold"])
    assert refused.value.problems == (
        'entry 2: `gift`: expected one of gold, silver, found "tin"',
        "entry 2: `rebate` is missing",
        "entry 2: rewards/listed has no outcome `zzz`",
        "entry 3: expected an object with gift, rebate",
    )
    cases: list[object] = [{"gift": "gold", "rebate": 1}, [{}] * (MAX_LISTED + 1)]
    for wrong in cases:
        with pytest.raises(InvalidOutcome, match="expected a list of at most 100 outcomes"):
            read_outcome(LISTED, wrong)


def test_an_exception_applies_from_its_recording_until_its_end() -> None:
    made = overriding()
    second = timedelta(seconds=1)
    for at, covered in [(NOW - second, False), (NOW, True), (made.until - second, True), (made.until, False)]:
        assert made.covers(at) is covered
        assert bool(overrides_at([made], Subject("C1"), at)) is covered
    assert overrides_at([made], Subject("C2"), NOW) == {}
    ended = replace(made, ended_at=NOW + second)
    assert ended.covers(NOW)
    assert not ended.covers(NOW + second)
    later = replace(made, id="o2", recorded_at=NOW + second)
    assert overrides_at([later, made], Subject("C1"), NOW + second) == {"tiering/small": later}
    assert ended.to_dict()["ended_at"] == "2026-11-20T01:00:01.000000Z"
    assert made.to_dict()["ended_at"] is None


@pytest.mark.parametrize("role", list(Role))
def test_only_a_director_in_person_freshly_confirmed_makes_exceptions(role: Role) -> None:
    actor = person("somebody", *Role, confirmed_at=NOW)
    allowed = may_override(actor, role, NOW)
    assert (allowed is True) is (role in DIRECTORS)
    assert (may_end_override(actor, role, NOW) is True) is (role in {*DIRECTORS, Role.COMPLIANCE})


def test_why_somebody_may_not_make_an_exception_is_a_sentence() -> None:
    director = Role.SALES_DIRECTOR
    machine = Actor("k", "k", "k", frozenset(Role), "machine", NOW)
    assert may_override(machine, director, NOW) == "Only a person may do this, not a program."
    assert may_override(person("a", Role.AUTHOR), director, NOW) == "You do not hold the role sales_director."
    assert may_override(person("a", director), director, NOW) == (
        "Confirm who you are first: enter your password again."
    )


@pytest.mark.parametrize(
    ("days", "reason", "problem"),
    [
        (0, "why", "The end must lie in the future."),
        (-1, "why", "The end must lie in the future."),
        (366, "why", None),
        (366.01, "why", "An override lasts at most 366 days."),
        (1, "  ", "Give a reason."),
        (1, "x" * 1_001, "The reason has at most 1,000 characters."),
        (1, "\ud800", "The reason: leave out the hidden character U+D800."),
        (1, "a\0b", "The reason: leave out the hidden character U+0000."),
        (1, "a\u202eb", "The reason: leave out the hidden character U+202E RIGHT-TO-LEFT OVERRIDE."),
        (1, "first line\nsecond 行", None),
    ],
)
def test_an_exception_has_an_end_and_a_reason(days: float, reason: str, problem: str | None) -> None:
    assert term_problems(NOW + timedelta(days=days), reason, NOW) == ([problem] if problem else [])


def test_a_text_that_a_person_decides_instead_holds_nothing_hidden() -> None:
    results = ["`said`: leave out the hidden character U+200B ZERO WIDTH SPACE"]
    assert text_problems({"said": "a\u200bb", "count": 5, "tags": ["x"]}) == results
    assert text_problems([{"said": "fine"}, {"said": "a\u200bb"}]) == results
    assert text_problems({"said": "两行\n字"}) == []
