"""What each hit policy makes of the rules that match, ties and single matches too (DMN 1.5 section 8.2.8)."""

import pytest

from policy_service.language.outcome import Conflict, Decided, MissingFacts, NoRuleMatched, Result, conclude, rank
from policy_service.language.outcome import missing_facts as missing
from policy_service.language.policy import Hit, Policy
from tests.language.sample import loaded, policy_text, rule_lines

NO_ORDER = "  out: {type: integer}\n"
TWO = "  grade: {type: choice, of: [S, A, B]}\n  points: {type: integer}\n  size: {type: choice, of: [big, small]}\n"


def numbers(hit: str, *values: int, aggregate: str | None = None) -> Policy:
    rules = [(f"r{index}", "true", "" if aggregate == "count" else f"[{value}]") for index, value in enumerate(values)]
    return loaded(policy_text(rule_lines(*rules, hit=hit, aggregate=aggregate), NO_ORDER))


def words(hit: str, *values: str) -> Policy:
    rules = [(f"r{index}", "true", f"[{value}]") for index, value in enumerate(values)]
    return loaded(policy_text(rule_lines(*rules, hit=hit), TWO))


def concluded(policy: Policy, *matched: int) -> Result:
    return conclude(policy, matched, lambda index: policy.rules[index].then)  # type: ignore[arg-type,return-value]


def one(value: object, *rules: str) -> Decided:
    return Decided(((value,),), rules)  # type: ignore[arg-type]


NUMBERS = (5, 3, 5, 9)


@pytest.mark.parametrize(
    ("hit", "aggregate", "matched", "result"),
    [
        ("UNIQUE", None, (1,), one(3, "r1")),
        ("UNIQUE", None, (0, 2), Conflict(("r0", "r2"))),
        ("UNIQUE", None, (0, 1, 3), Conflict(("r0", "r1", "r3"))),
        ("ANY", None, (1,), one(3, "r1")),
        ("ANY", None, (0, 2), one(5, "r0", "r2")),
        ("ANY", None, (0, 1, 2), Conflict(("r0", "r1", "r2"))),
        ("FIRST", None, (2,), one(5, "r2")),
        ("FIRST", None, (1, 2, 3), one(3, "r1")),
        ("RULE ORDER", None, (3,), one(9, "r3")),
        ("RULE ORDER", None, (1, 3), Decided(((3,), (9,)), ("r1", "r3"))),
        ("COLLECT", None, (3,), one(9, "r3")),
        ("COLLECT", None, (0, 1, 2), Decided(((5,), (3,), (5,)), ("r0", "r1", "r2"))),
        ("COLLECT", "sum", (0, 1, 2), one(13, "r0", "r1", "r2")),
        ("COLLECT", "sum", (3,), one(9, "r3")),
        ("COLLECT", "min", (0, 1, 3), one(3, "r0", "r1", "r3")),
        ("COLLECT", "max", (0, 1, 3), one(9, "r0", "r1", "r3")),
        ("COLLECT", "min", (3,), one(9, "r3")),
        ("COLLECT", "count", (0, 1, 3), one(3, "r0", "r1", "r3")),
        ("COLLECT", "count", (3,), one(1, "r3")),
    ],
)
def test_several_rules_give_this_answer(
    hit: str, aggregate: str | None, matched: tuple[int, ...], result: Result
) -> None:
    assert concluded(numbers(hit, *NUMBERS, aggregate=aggregate), *matched) == result


@pytest.mark.parametrize("hit", [hit for hit in Hit if hit not in (Hit.PRIORITY, Hit.OUTPUT_ORDER)])
def test_no_rule_matching_is_an_answer_of_its_own(hit: Hit) -> None:
    assert concluded(numbers(hit, 1)) == NoRuleMatched()


@pytest.mark.parametrize("aggregate", ["sum", "min", "max", "count"])
def test_nothing_collected_is_neither_zero_nor_a_list(aggregate: str) -> None:
    assert concluded(numbers("COLLECT", 1, aggregate=aggregate)) == NoRuleMatched()


ROWS = ("B, 1, big", "S, 2, small", "S, 3, big", "A, 4, big", "S, 5, big")


def test_priority_takes_the_words_that_stand_first_the_first_outcome_before_the_next() -> None:
    policy = words("PRIORITY", *ROWS)
    assert concluded(policy, 0, 3) == Decided((("A", 4, "big"),), ("r3",))
    assert concluded(policy, 0, 1, 2, 3) == Decided((("S", 3, "big"),), ("r2",))
    assert concluded(policy, 0) == Decided((("B", 1, "big"),), ("r0",))
    assert concluded(policy) == NoRuleMatched()


def test_a_tie_of_priority_goes_to_the_earlier_rule() -> None:
    assert concluded(words("PRIORITY", *ROWS), 2, 4) == Decided((("S", 3, "big"),), ("r2",))


def test_output_order_lists_by_priority_and_keeps_ties_in_the_order_of_the_file() -> None:
    policy = words("OUTPUT ORDER", *ROWS)
    result = concluded(policy, 0, 1, 2, 3, 4)
    assert isinstance(result, Decided)
    assert result.rules == ("r2", "r4", "r1", "r3", "r0")
    assert [values[1] for values in result.outcome] == [3, 5, 2, 4, 1]
    assert concluded(policy) == NoRuleMatched()
    assert concluded(policy, 3) == Decided((("A", 4, "big"),), ("r3",))


def test_any_compares_all_outcomes() -> None:
    policy = words("ANY", "S, 1, big", "S, 1, big", "S, 1, small")
    assert concluded(policy, 0, 1) == Decided((("S", 1, "big"),), ("r0", "r1"))
    assert concluded(policy, 0, 2) == Conflict(("r0", "r2"))


def test_the_rank_of_an_outcome_counts_its_choices_alone() -> None:
    assert rank(words("PRIORITY", *ROWS), ("A", 7, "small")) == (1, 1)


def test_a_scorecard_names_its_rules_and_then_the_band() -> None:
    policy = loaded(
        policy_text("""\
scorecard:
  rows:
    - {id: a, when: flag, points: "1", because: {zh: 是, en: so}}
    - {id: b, when: flag, points: "1", because: {zh: 是, en: so}}
  bands:
    - {id: low, when: "< 1", then: [no], because: {zh: 是, en: so}}
    - {id: high, when: ">= 1", then: [yes], because: {zh: 是, en: so}}
""")
    )
    assert policy.scorecard
    bands = policy.scorecard.bands
    assert conclude(policy, [0, 1], lambda index: bands[index].then, 1) == one("yes", "a", "b", "high")  # type: ignore[arg-type,return-value]
    assert conclude(policy, [], lambda index: bands[index].then, 0) == one("no", "low")  # type: ignore[arg-type,return-value]


def test_facts_that_are_not_optional_and_not_given_are_missing_in_the_order_of_the_file() -> None:
    facts = "  b: {type: integer}\n  a: {type: integer}\n  c: {type: integer, optional: true}\n"
    policy = loaded(policy_text(facts=facts))
    assert missing(policy, {}) == ("b", "a")
    assert missing(policy, {"b": 1}) == ("a",)
    assert missing(policy, {"b": 1, "a": 0}) == ()
    assert MissingFacts(("b", "a")).names == ("b", "a")
