"""A fact that is refused is told with what would fit."""

import pytest

from policy_service import load_bytes
from policy_service.decisions.facts_reader import FactsReader
from policy_service.errors import FactProblem

POLICY = load_bytes(
    b"""
policy: service_levels/waiting
version: 1.0.0
title: {zh: "\xe7\xad\x89\xe5\xbe\x85", en: waiting}
subject: complaint
facts:
  waited: {type: duration, min: P0D, max: P30D}
  urgency: {type: choice, of: [low, high]}
  count: {type: integer}
  amount: {type: money, currency: CNY}
  share: {type: number, scale: 3, min: 0, max: 1}
outcome:
  late: {type: boolean}
rules:
  hit: FIRST
  rows:
    - {id: late, when: 'waited > duration("PT4H")', then: {late: true}, because: {zh: a, en: a}}
    - {id: not-late, when: "true", then: {late: false}, because: {zh: a, en: a}}
"""
)


@pytest.mark.parametrize(
    ("facts", "code", "hint"),
    [
        ({"waited": "P1DT36H"}, "mistyped", "write it as P2DT12H"),
        ({"waited": "PT2H90M"}, "mistyped", "write it as PT3H30M"),
        ({"waited": "P31D"}, "out-of-range", None),
        ({"waited": " P1D"}, "mistyped", "leave out the spaces around it"),
        ({"count": "1,000"}, "mistyped", "leave out the thousands separators: 1000"),
        ({"count": "-1，234，567"}, "mistyped", "leave out the thousands separators: -1234567"),
        ({"count": "1,00"}, "mistyped", "write a decimal point: 1.00"),
        ({"count": "1,2,3"}, "mistyped", None),
        ({"count": "0,5"}, "mistyped", None),
        ({"count": "9" * 100 + ",000"}, "mistyped", None),
        ({"amount": "800,00"}, "mistyped", "write a decimal point: 800.00"),
        ({"amount": "0,5"}, "mistyped", "write a decimal point: 0.5"),
        ({"amount": "1,234.56"}, "mistyped", "leave out the thousands separators: 1234.56"),
        ({"amount": "1,234"}, "mistyped", "leave out the thousands separators: 1234"),
        ({"amount": "0,234"}, "mistyped", None),
        ({"amount": "1.234,56"}, "mistyped", None),
        ({"amount": "12,34,567"}, "mistyped", None),
        ({"share": "0,234"}, "mistyped", "write a decimal point: 0.234"),
        ({"share": "1,000"}, "mistyped", "write a decimal point: 1.000"),
        ({"urgency": "1,000"}, "mistyped", None),
        ({"urgency": "middle"}, "mistyped", None),
    ],
)
def test_a_hint_says_what_to_write(facts: dict[str, object], code: str, hint: str | None) -> None:
    problems: list[FactProblem] = []
    FactsReader(POLICY).slots(facts, problems)
    assert [(problem.code, problem.hint) for problem in problems] == [(code, hint)]
