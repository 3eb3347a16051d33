"""An example is added to a policy file, and nothing else in it moves."""

from datetime import date
from typing import Any

import pytest

from policy_service import load_bytes
from policy_service.analysis.examples import check_examples
from policy_service.language.edit import ExampleRejected, add_example, example_entry, to_yaml
from policy_service.language.evaluate import evaluate
from tests.approval.world import bonus, tier
from tests.effort import sample
from tests.shipped import SHIPPED

TIER = tier("1.0.0")
FEW: dict[str, Any] = {"name": "few", "facts": {"orders": 3}, "outcome": {"size": "small"}, "rule": "small"}
LINE = b'  - {name: "few", facts: {"orders": 3}, outcome: {"size": "small"}, rule: "small"}\n'
HEAD, LAST = TIER[: TIER.index(b"examples:")], TIER[TIER.index(b"  - {name: many") :]


def test_it_is_the_last_line_of_the_list() -> None:
    assert add_example(TIER, FEW) == TIER + LINE


def test_what_follows_the_list_stays_behind_it() -> None:
    law = b"\n# the laws\ninvariants:\n  - {id: total, says: {zh: a, en: b}}\n"
    assert add_example(TIER + law, FEW) == TIER + LINE + law


def test_a_file_without_examples_gets_a_list() -> None:
    assert add_example(HEAD, FEW) == HEAD + b"examples:\n" + LINE
    assert add_example(HEAD.rstrip(), FEW) == HEAD + b"examples:\n" + LINE


@pytest.mark.parametrize("end", ["[]", "[ ]", "[{name: many, facts: {orders: 100}, outcome: {size: big}, rule: big}]"])
def test_a_list_in_brackets_gets_it_before_the_bracket(end: str) -> None:
    text = HEAD + f"examples: {end}  # ours\n".encode()
    made = add_example(text, FEW)
    assert made.startswith(text[: text.rindex(b"]")].rstrip())
    assert made.endswith(b"]  # ours\n")
    assert load_bytes(made).examples[-1].name == "few"


def test_the_list_may_be_written_over_many_lines_and_not_be_indented() -> None:
    block = b"""examples:
- name: many
  facts:
    orders: 100
  outcome:
    size: big
  rule: big
  # that was it
"""
    made = add_example(HEAD + block, FEW)
    assert made == HEAD + block.replace(b"  # that", LINE[2:] + b"  # that")


def test_text_that_looks_like_a_remark_is_no_remark() -> None:
    block = b"""examples:
  - facts: {orders: 100}
    outcome: {size: big}
    rule: big
    name: |
      # one
      # two
"""
    made = add_example(HEAD + block, FEW)
    assert made == HEAD + block + LINE


def test_a_remark_within_text_stays_within_it() -> None:
    block = b"""examples:
  - facts: {orders: 100}
    outcome: {size: big}
    rule: big
    name: |
      one
      # two
"""
    made = add_example(HEAD + block, FEW)
    assert made == HEAD + block + LINE
    assert load_bytes(made).examples[0].name == "one\n# two\n"


@pytest.mark.parametrize("end", [b"", b"examples: []\n", TIER[len(HEAD) :]])
def test_an_example_that_is_not_valid_is_refused_wherever_it_is_put(end: bytes) -> None:
    with pytest.raises(ExampleRejected, match="cannot be added"):
        add_example(HEAD + end, {**FEW, "rule": "none"})


def test_a_value_is_written_in_one_line_and_text_always_quoted() -> None:
    value: dict[str, Any] = {"a": [1, True, False, None], "b": 'x"\\\t'}
    assert to_yaml(value) == '{"a": [1, true, false, null], "b": "x\\"\\\\\\U00000009"}'


def test_line_ends_are_those_of_the_file() -> None:
    crlf = TIER.replace(b"\n", b"\r\n")
    assert add_example(crlf, FEW) == crlf + LINE.replace(b"\n", b"\r\n")
    assert add_example(TIER.rstrip(), FEW) == TIER + LINE


@pytest.mark.parametrize(
    "name", ['"quotes" and \\', "a: b # c", "名称 😀", "\u05d0 turned", "=cmd()", "- x", "null", "a\tb\nc"]
)
def test_any_name_is_kept_as_it_is(name: str) -> None:
    assert load_bytes(add_example(TIER, {**FEW, "name": name})).examples[-1].name == name


def test_every_shipped_policy_takes_another_example() -> None:
    for policy in sample(SHIPPED, 3):
        content = policy.text.encode()
        missing = next((fact.name for fact in policy.facts.values() if not fact.optional), None)
        example: dict[str, Any] = {"name": "one more", "facts": {}, "missing": [missing] if missing else []}
        if missing is None:
            continue
        made = add_example(content, example)
        assert load_bytes(made).examples[-1].name == "one more", policy.id
        lines = set(made.decode().splitlines()) - set(content.decode().splitlines())
        assert len(lines) == 1, policy.id


def test_a_name_is_used_once() -> None:
    with pytest.raises(ExampleRejected, match="of this name already"):
        add_example(TIER, {**FEW, "name": "many"})


def test_a_file_with_faults_has_to_be_mended_first() -> None:
    with pytest.raises(ExampleRejected, match=r"Fix the errors of the policy file first: .*unknown-fact"):
        add_example(TIER.replace(b"inputs: [orders]", b"inputs: [order]"), FEW)


def test_an_example_that_is_not_valid_is_refused_with_the_reason() -> None:
    with pytest.raises(ExampleRejected, match=r"cannot be added .*unknown-fact"):
        add_example(TIER, {**FEW, "facts": {"wrong": 3}})
    with pytest.raises(ExampleRejected, match="cannot be added"):
        add_example(TIER, {**FEW, "rule": "none"})


def test_values_of_every_kind_are_written_exactly() -> None:
    example: dict[str, Any] = {"name": "all", "facts": {"size": None}, "missing": ["size"]}
    policy = load_bytes(add_example(bonus("1.0.0"), example))
    assert policy.examples[-1].missing == ("size",)
    assert policy.examples[-1].facts == {}


LATE = """\
policy: followup/late
version: 1.0.0
title: {zh: 逾期, en: late}
subject: customer
facts:
  orders: {type: integer, min: 0, max: 100, title: {zh: 订单, en: orders}}
  due_on: {type: date, title: {zh: 期限, en: due}}
outcome: {size: {type: choice, of: [big, small], title: {zh: 规模, en: size}}}
rules:
  hit: %s
  rows:
    - {id: many, when: orders >= 10, then: {size: big}, because: {zh: 多, en: many}}
    - {id: late, when: orders >= 5 and as_of > due_on, then: {size: small}, because: {zh: 逾期, en: late}}
"""
DAY, BEFORE = date(2026, 11, 21), date(2026, 1, 1).toordinal()


@pytest.mark.parametrize(
    ("hit", "facts", "expected"),
    [
        ("UNIQUE", {"orders": 10, "due_on": DAY.toordinal()}, {"outcome": {"size": "big"}, "rule": "many"}),
        ("UNIQUE", {"orders": 10, "due_on": BEFORE}, {"status": "conflict", "rules": ["many", "late"]}),
        (
            "RULE ORDER",
            {"orders": 10, "due_on": BEFORE},
            {"outcome": [{"size": "big"}, {"size": "small"}], "rules": ["many", "late"]},
        ),
        ("UNIQUE", {"orders": 1, "due_on": DAY.toordinal()}, {"status": "no_rule_matched"}),
        ("UNIQUE", {"orders": 1}, {"missing": ["due_on"]}),
    ],
)
def test_a_case_becomes_an_example_that_passes(hit: str, facts: dict[str, Any], expected: dict[str, Any]) -> None:
    text = (LATE % hit).encode()
    entry = example_entry(load_bytes(text), facts, DAY, "a case")
    assert {name: entry[name] for name in entry.keys() - {"name", "facts"}} == {"as_of": "2026-11-21", **expected}
    policy = load_bytes(add_example(text, entry))
    assert check_examples(policy, lambda values, as_of: evaluate(policy, values, as_of)) == ()


def test_an_example_says_no_day_where_the_policy_asks_for_none() -> None:
    assert "as_of" not in example_entry(load_bytes(TIER), {"orders": 3}, DAY, "few")
