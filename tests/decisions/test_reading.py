"""A fact that is refused is told with what would fit."""

import pytest

from policy_service import load_bytes
from policy_service.decisions.reading import FactsReader
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
        ({"count": "1,000"}, "mistyped", "leave out the thousands separators"),
        ({"urgency": "middle"}, "mistyped", None),
    ],
)
def test_a_hint_says_what_to_write(facts: dict[str, object], code: str, hint: str | None) -> None:
    problems: list[FactProblem] = []
    FactsReader(POLICY).slots(facts, problems)
    assert [(problem.code, problem.hint) for problem in problems] == [(code, hint)]
