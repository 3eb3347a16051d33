"""Every part of a policy that is new, gone or different is told, in both languages, and nothing else is."""

from __future__ import annotations

import json
from pathlib import Path
from textwrap import dedent
from typing import Any

import pytest
import yaml

from policy_service.analysis.difference import Difference, difference
from policy_service.canonical import to_canonical_json
from policy_service.language.load import load_bytes
from policy_service.language.policy import Policy
from tests.decisions.policies import LISTED, POINTS, TAKES_LIST, TIER, VISITS
from tests.effort import effort
from tests.shipped import SHIPPED

TABLE = dedent("""\
    policy: tiering/small
    version: 1.0.0
    title: {zh: 小, en: small}
    source: [R-1]
    subject: customer
    facts:
      amount: {type: money, currency: CNY, min: 0, title: {zh: 金额, en: purchases}}
      since: {type: date, optional: true, title: {zh: 起始日, en: first order}}
    outcome:
      tier: {type: choice, of: [S, A, C], ordered: best-first, title: {zh: 等级, en: tier}}
    table:
      hit: FIRST
      inputs: [amount, since]
      rows:
        - {id: large, when: ["> 100", "-"], then: [S], because: {zh: 大, en: large}}
        - {id: middle, when: ["> 10", "is missing"], then: [A], because: {zh: 中, en: middle}}
        - {id: rest, when: ["-", "-"], then: [C], because: {zh: 余, en: the rest}}
    examples:
      - {name: much, facts: {amount: 200}, outcome: {tier: S}, rule: large}
    invariants:
      - {id: total, says: {zh: 人人有级, en: everyone has a tier}}
    """)
RULES = dedent("""\
    policy: rewards/small
    version: 1.0.0
    title: {zh: 小, en: small}
    subject: customer
    facts:
      amount: {type: money, currency: CNY, min: 0, max: 1000}
      tags: {type: tags, of: [vip, new, old]}
    outcome:
      gift: {type: tags, of: [cup, pen, ink]}
    rules:
      hit: COLLECT
      rows:
        - {id: big, when: amount > 100, then: {gift: [cup, pen]}, because: {zh: 大, en: big}}
        - {id: vip, when: 'list contains(tags, "vip")', then: {gift: [ink]}, because: {zh: 贵, en: vip}}
    examples:
      - name: both
        facts: {amount: 200, tags: [vip, new]}
        outcome: [{gift: [cup, pen]}, {gift: [ink]}]
        rules: [big, vip]
      - {name: none, facts: {amount: 1, tags: []}, status: no_rule_matched}
      - {name: asked, facts: {amount: 1}, missing: [tags]}
    """)


CASES = yaml.safe_load((Path(__file__).parent / "differences.yaml").read_text("utf-8"))


def between(text: str, *changes: tuple[str, str]) -> Difference:
    """The difference that some changes of the text make."""
    new = text
    for before, after in changes:
        assert before in new
        new = new.replace(before, after)
    return difference(load_bytes(text.encode()), load_bytes(new.encode()))


@pytest.mark.parametrize("case", CASES, ids=lambda case: str(case["name"]))
def test_what_is_said_differently_is_told_and_nothing_else(case: dict[str, Any]) -> None:
    result = between(TABLE, *map(tuple, case["changes"]))
    assert result.sentences("en") == case["en"]
    assert result.sentences("zh") == case["zh"]
    assert result.alters is case["alters"]


def test_a_rule_and_an_example_are_called_by_their_titles() -> None:
    titled = TABLE.replace("{id: large, ", "{id: large, title: {zh: 大额, en: Large customers}, ")
    titled = titled.replace("{name: much, ", "{name: much, title: {zh: 买得多, en: Buys much}, ")
    result = between(titled, ('"> 100"', '"> 90"'), ("amount: 200", "amount: 300"))
    rule, example = result.sentences("en")
    assert rule.startswith("rule “Large customers” `large`: the condition on “purchases” was: more than CNY 100.00;")
    assert example.startswith("example “Buys much” `much`: the facts were: “purchases”: CNY 200.00;")
    assert result.sentences("zh")[0].startswith("规则“大额”`large`：「金额」的条件原为")
    removed = between(titled, ("id: large, ", "id: huge, "), ("rule: large", "rule: huge"))
    assert removed.sentences("en")[0].startswith("rule `huge` is new: title: Large customers; condition: ")


def test_a_title_that_says_what_the_name_says_is_not_told_twice() -> None:
    titled = TABLE.replace("{name: much, ", "{name: much, title: {zh: 买得多, en: Much}, ")
    result = between(titled, ("amount: 200", "amount: 300"))
    assert result.sentences("en")[0].startswith("example `much`: ")
    assert result.sentences("zh")[0].startswith("示例“买得多”`much`：")


def test_a_rule_by_another_name_is_another_rule() -> None:
    result = between(TABLE, ("id: large", "id: big"), ("rule: large", "rule: big"))
    assert result.sentences("en")[:2] == [
        "rule `big` is new: condition: “purchases” is more than CNY 100.00; result: “tier” is S; reason: large",
        "rule `large` is gone: condition: “purchases” is more than CNY 100.00; result: “tier” is S; reason: large",
    ]
    assert [(each.change, each.alters) for each in result.alterations] == [
        ("added", True),
        ("removed", True),
        ("changed", False),
    ]


@pytest.mark.parametrize(("hit", "alters"), [("FIRST", True), ("UNIQUE", False)])
def test_a_rule_that_moves_matters_unless_only_one_can_match(hit: str, alters: bool) -> None:
    text = TABLE.replace("hit: FIRST", f"hit: {hit}")
    first, second = (line for line in text.splitlines() if "id: large" in line or "id: middle" in line)
    result = between(text, (f"{first}\n{second}\n", f"{second}\n{first}\n"))
    assert result.sentences("en") == ["rule `middle`: the place was: number 2; it is now: number 1"]
    assert result.sentences("zh") == ["规则 `middle`：位置原为：第 2 位；现为：第 1 位"]
    assert result.alters is alters


FREE = """\
rule `big`: the condition was: “amount” is more than CNY 100.00; it is now: “amount” is more than CNY 150.00
rule `big`: the result was: “gift” is cup, pen; it is now: “gift” is pen
example `both`: the answer was: “gift” is cup, pen; “gift” is ink (`big`, `vip`); it is now: “gift” is pen; \
“gift” is ink (`big`, `vip`)
example `nothing` is new: facts: “amount”: CNY 1.00; “tags”: none; answer: the answer that no rule holds
example `asked`: the facts were: “amount”: CNY 1.00; they are now: “amount”: CNY 1.00; the day of decision: 2026-01-01
example `none` is gone: facts: “amount”: CNY 1.00; “tags”: none; answer: the answer that no rule holds
"""


def test_free_rules_tags_and_examples_of_every_kind_are_told() -> None:
    result = between(
        RULES,
        ("amount > 100", "amount > 150"),
        ("{gift: [cup, pen]}, because", "{gift: [pen]}, because"),
        ("outcome: [{gift: [cup, pen]}", "outcome: [{gift: [pen]}"),
        ("name: none", "name: nothing"),
        ("missing: [tags]}", "missing: [tags], as_of: 2026-01-01}"),
    )
    assert result.sentences("en") == FREE.splitlines()


def test_a_scorecard_tells_its_points_its_bands_and_its_start() -> None:
    new = POINTS.text.replace("base: 10", "base: 5").replace("points: 30", "points: 40").replace('"< 30"', '"< 30.0"')
    result = difference(POINTS, load_bytes(new.encode()))
    head, points = result.sentences("en")
    assert "the way to decide was: The total starts at 10." in head
    assert points.startswith("rule `spends`: the result was: ")
    assert result.alters


def test_another_layout_is_no_difference() -> None:
    result = between(
        TABLE, ('"> 100"', '">100.00"'), ("{zh: 大, en: large}", "{en: large, zh: 大}"), ("1.0.0", "1.0.1")
    )
    assert (result.alterations, result.alters) == ((), False)
    assert result.sentences("en") == ["1.0.1 has the same content as 1.0.0"]
    assert result.sentences("zh") == ["1.0.1 与 1.0.0 内容相同"]


def test_a_policy_that_is_new_is_told_as_such() -> None:
    result = difference(None, TIER)
    assert result.sentences("en") == ["tiering/small is new: 3 facts, 3 rules, 1 examples"]
    assert result.sentences("zh") == ["新增政策 tiering/small：3 个输入项，3 条规则，1 个示例"]
    assert (result.alters, result.to_dict()["from"]) == (True, None)


SMALL = (TIER, VISITS, LISTED, TAKES_LIST, POINTS)


@pytest.mark.one_in(3)
@pytest.mark.parametrize("policy", [*SHIPPED, *SMALL], ids=lambda policy: str(policy.id))
def test_a_policy_does_not_differ_from_itself(policy: Policy) -> None:
    assert difference(policy, load_bytes(policy.text.encode())).alterations == ()


@pytest.mark.one_in(3)
@pytest.mark.parametrize("old", SHIPPED, ids=lambda policy: str(policy.id))
def test_what_is_new_one_way_is_gone_the_other_way(old: Policy) -> None:
    after = SHIPPED.index(old) + 1
    for new in effort([*SHIPPED, *SHIPPED][after : after + 3], SHIPPED):
        there, back = difference(old, new), difference(new, old)
        results = {(each.kind, each.name) for each in there.alterations if each.change == "removed"}
        assert results == {(each.kind, each.name) for each in back.alterations if each.change == "added"}
        assert json.loads(to_canonical_json(there.to_dict()))["to"]["version"] == new.version
