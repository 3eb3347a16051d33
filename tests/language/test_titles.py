"""Rules and examples have titles for people, in both languages, where the author gives them."""

from __future__ import annotations

import pytest

from policy_service.language.load import load_bytes
from policy_service.language.policy import Bilingual, Policy
from tests.language.sample import diagnostics_of, policy_text

BIG = "title: {zh: 大单, en: Large order}"
TITLE = Bilingual("大单", "Large order")
HEAD = """\
policy: tiering/titled
version: 1.0.0
title: {zh: 样例, en: sample}
subject: customer
facts: {amount: {type: integer, min: 0, max: 100}}
outcome: {out: {type: choice, of: [yes, no]}}
"""
TABLE = f"""\
table:
  hit: UNIQUE
  inputs: [amount]
  rows:
    - {{id: big, {BIG}, when: ["> 9"], then: [yes], because: {{zh: 大, en: big}}}}
  otherwise: {{{BIG}, then: [no], because: {{zh: 余, en: the rest}}}}
"""
RULES = f"""\
rules:
  hit: UNIQUE
  rows:
    - {{id: big, {BIG}, when: amount > 9, then: [yes], because: {{zh: 大, en: big}}}}
  otherwise: {{{BIG}, then: [no], because: {{zh: 余, en: the rest}}}}
"""
SCORECARD = f"""\
scorecard:
  rows:
    - {{id: big, {BIG}, when: amount > 9, points: "1", because: {{zh: 大, en: big}}}}
  bands:
    - {{id: high, {BIG}, when: ">= 1", then: [yes], because: {{zh: 高, en: high}}}}
    - {{id: low, when: "< 1", then: [no], because: {{zh: 低, en: low}}}}
"""


def titles(policy: Policy) -> list[Bilingual | None]:
    return [rule.title for rule in policy.all_rules]


@pytest.mark.parametrize(
    ("logic", "expected"),
    [(TABLE, [TITLE, TITLE]), (RULES, [TITLE, TITLE]), (SCORECARD, [TITLE, TITLE, None])],
    ids=["table", "rules", "scorecard"],
)
def test_rules_of_every_form_have_titles(logic: str, expected: list[Bilingual | None]) -> None:
    assert titles(load_bytes((HEAD + logic).encode())) == expected
    assert set(titles(load_bytes((HEAD + logic.replace(f"{BIG}, ", "")).encode()))) == {None}


def test_an_example_has_a_title_beside_its_name() -> None:
    text = (
        HEAD + TABLE + f"examples:\n  - {{name: ten, {BIG}, facts: {{amount: 10}}, outcome: {{out: yes}}, rule: big}}\n"
    )
    [example] = load_bytes(text.encode()).examples
    assert (example.name, example.title) == ("ten", TITLE)


@pytest.mark.parametrize(
    ("title", "expected", "message"),
    [
        ("{zh: 大单}", "{", "missing-key: `en` is missing"),
        ("Large order", "Large order", "wrong-shape: expected keys with values"),
        ("{zh: 大单, en: ''}", "''", "wrong-shape: expected text"),
        ("{zh: 大单, en: Large order, fr: Grande commande}", "fr", "unknown-key: unknown key `fr`"),
    ],
)
def test_a_title_in_one_language_alone_is_refused(title: str, expected: str, message: str) -> None:
    old = "{id: one, "
    text = policy_text()
    assert old in text
    assert [fault[:2] for fault in diagnostics_of(text.replace(old, f"{old}title: {title}, ", 1))] == [
        (expected, message)
    ]
