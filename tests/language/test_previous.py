"""Facts that are the subject's own last outcome: what they may name, and that they are ordinary optional facts."""

# ruff: noqa: E501  # a case is one line of a table

import datetime

import pytest

from policy_service.compilers.json_schema import fact_schema
from policy_service.compilers.prose import explain
from policy_service.language.evaluate import evaluate
from policy_service.language.outcome import Decided
from policy_service.language.policy import Language, Previous
from tests.language.sample import diagnostics_of, loaded, policy_text

LANGUAGES: tuple[Language, ...] = ("zh", "en")
OUTCOME = """\
  tier: {type: choice, of: [S, A]}
  paid: {type: boolean}
  points: {type: integer}
"""
LOGIC = """\
rules:
  hit: FIRST
  rows:
    - {id: stays, when: last is not missing and last = "S" and since is not missing and (as_of - since).days < 90, then: [S, true, 1], because: {zh: 保留, en: it stays}}
    - {id: rest, when: "true", then: [A, false, 0], because: {zh: 其余, en: the rest}}
"""
REST = "\n".join(line for line in LOGIC.splitlines() if "stays" not in line) + "\n"
LAST = "type: choice, of: [S, A], optional: true, from: previous.tier"
SINCE = "type: date, optional: true, from: previous.tier.since"


def text(last: str = LAST, since: str = SINCE, logic: str = LOGIC) -> str:
    return policy_text(logic, OUTCOME, f"  last: {{{last}}}\n  since: {{{since}}}\n")


def test_a_fact_is_the_last_outcome_or_the_day_since_which_it_is_so() -> None:
    policy = loaded(text())
    assert [fact.previous for fact in policy.facts.values()] == [Previous("tier"), Previous("tier", is_since=True)]
    assert [str(fact.previous) for fact in policy.facts.values()] == ["previous.tier", "previous.tier.since"]
    assert all(fact.is_filled and fact.requirement is None for fact in policy.facts.values())


def test_it_is_an_ordinary_optional_fact_to_the_rules() -> None:
    policy, day = loaded(text()), datetime.date(2026, 4, 1)
    found: list[str] = []
    for since in (datetime.date(2026, 1, 2), datetime.date(2026, 1, 1)):
        result = evaluate(policy, {"last": "S", "since": since.toordinal()}, day)
        assert isinstance(result, Decided)
        found += result.rules
    assert found == ["stays", "rest"]
    assert evaluate(policy, {}, day) == evaluate(policy, {"last": "A", "since": day.toordinal()}, day)


def test_a_fact_may_take_more_words_than_the_outcome_has_today() -> None:
    assert loaded(text(LAST.replace("[S, A]", "[S, A, retired]"))).facts["last"].previous == Previous("tier")


def test_a_boolean_has_a_last_value_too() -> None:
    last = "type: boolean, optional: true, from: previous.paid"
    assert loaded(text(last, logic=LOGIC.replace('last = "S"', "last"))).facts["last"].previous == Previous("paid")


LIST_HINT = "they keep choices and booleans, of policies that answer no list"
DATE_HINT = "write `type: date`, without `min` and `max`"


@pytest.mark.parametrize(
    ("last", "since", "fault", "hint"),
    [
        (
            LAST.replace(", optional: true", ""),
            SINCE,
            "missing-key: `last` is missing before the first decision",
            "add `optional: true` to the fact",
        ),
        (LAST.replace(".tier", ".teir"), SINCE, "unknown-outcome: unknown outcome `teir`", "did you mean `tier`?"),
        (
            "type: integer, optional: true, from: previous.points",
            SINCE,
            "type-mismatch: group lists do not keep `points`, so there is no previous one",
            LIST_HINT,
        ),
        (
            LAST.replace("[S, A]", "[S]"),
            SINCE,
            "type-mismatch: `last` takes one of S; `tier` is one of S, A",
            "the fact's type must take every value of the outcome",
        ),
        (
            LAST,
            SINCE.replace("date", "date, min: 2026-01-01"),
            "type-mismatch: `since` is the day since when, and not a date such as 2026-11-21, at least 2026-01-01",
            DATE_HINT,
        ),
        (
            LAST.replace("previous", "before"),
            SINCE,
            "invalid-value: `before.tier` names no outcome",
            "write `benchmark`, an outcome such as `tiering/rfm_value.tier`, or `previous.tier`",
        ),
        (f"{LAST}, replaceable: true", SINCE, "key-not-allowed: `replaceable` goes with `from: benchmark`", None),
    ],
)
def test_what_it_cannot_be_is_told(last: str, since: str, fault: str, hint: str | None) -> None:
    assert [each[1:] for each in diagnostics_of(text(last, since, REST))] == [(fault, hint)]


def test_a_fault_of_its_type_is_told_once() -> None:
    found = diagnostics_of(text(last=LAST.replace("choice", "chioce"), logic=REST))
    assert [each[1] for each in found] == ["invalid-value: unknown type `chioce`"]


def test_a_policy_that_answers_a_list_has_no_last_outcome() -> None:
    found = diagnostics_of(text(logic=REST.replace("hit: FIRST", "hit: RULE ORDER")))
    assert {each[2] for each in found} == {LIST_HINT}


def test_an_outcome_beyond_what_lists_keep_has_none() -> None:
    words = f"a, {'x' * 95}"
    outcome = "".join(f"  o{number}: {{type: choice, of: [{words}]}}\n" for number in range(5))
    facts = "".join(
        f"  f{number}: {{type: choice, of: [{words}], optional: true, from: previous.o{number}}}\n" for number in (0, 4)
    )
    found = diagnostics_of(policy_text(REST.replace("A, false, 0", "a, a, a, a, a"), outcome, facts))
    assert [each[1] for each in found] == ["type-mismatch: group lists do not keep `o4`, so there is no previous one"]


def test_where_it_comes_from_is_part_of_what_a_policy_means() -> None:
    other = text(LAST.replace(", from: previous.tier", ""))
    assert loaded(text()).meaning != loaded(other).meaning == loaded(other).meaning


def test_people_and_programs_are_told_where_it_comes_from() -> None:
    policy = loaded(text())
    words = {
        "zh": ["上一次的结果 `tier`", "上一次结果 `tier` 的起始日期"],
        "en": ["own last outcome `tier`", "had its last outcome `tier`"],
    }
    for lang in LANGUAGES:
        page = explain(policy, lang)
        assert [each for each in words[lang] if each not in page] == []
    schema = fact_schema(policy.facts["since"], may_be_null=True)
    assert schema["description"].endswith(
        "filled by the service from previous.tier.since; give it only before the first decision"
    )
