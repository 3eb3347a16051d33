"""The meaning of a policy: one digest for all texts that decide the same, another for any that decide otherwise."""

from __future__ import annotations

import pytest

from policy_service.language.load import load_bytes
from tests.approval.world import bonus, tier
from tests.shipped import SHIPPED

TEXT = tier("1.0.0", 100)
SCORED = """
policy: tiering/points
version: 1.0.0
title: {zh: 分, en: points}
subject: customer
facts:
  orders: {type: integer, min: 0, max: 100}
outcome:
  grade: {type: choice, of: [good, poor]}
scorecard:
  rows:
    - {id: many, when: orders >= 10, points: "5", because: {zh: 多, en: many}}
  bands:
    - {id: good, when: ">= 5", then: [good], because: {zh: 好, en: good}}
    - {id: poor, when: "< 5", then: [poor], because: {zh: 差, en: poor}}
"""


def meaning(text: bytes) -> str:
    return load_bytes(text).meaning


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"# ", b"# another comment"),
        (b"version: 1.0.0", b"version: 7.0.0"),
        (b"en: size", b"en: magnitude"),
        (b"en: many", b"en: plenty"),
        (b'">= 100"', b'">=100"'),
        (b"id: small", b"id: little"),
        (b"name: many", b"name: the first"),
    ],
)
def test_what_only_tells_does_not_change_the_meaning(old: bytes, new: bytes) -> None:
    assert old in TEXT
    assert meaning(TEXT.replace(old, new)) == meaning(TEXT)


def test_the_order_of_rules_counts_only_where_it_decides() -> None:
    lines = TEXT.decode().splitlines(keepends=True)
    first = next(index for index, line in enumerate(lines) if "id: big" in line)
    lines[first], lines[first + 1] = lines[first + 1], lines[first]
    swapped = "".join(lines).encode()
    assert swapped != TEXT
    assert meaning(swapped) == meaning(TEXT)
    ordered, exchanged = (text.replace(b"hit: UNIQUE", b"hit: FIRST") for text in (TEXT, swapped))
    assert meaning(ordered) != meaning(exchanged)


@pytest.mark.parametrize(
    ("old", "new"),
    [
        (b"100", b"101"),
        (b"max: 1000000", b"max: 1000001"),
        (b"policy: tiering/size", b"policy: tiering/sizes"),
        (b"subject: customer", b"subject: order"),
        (b"hit: UNIQUE", b"hit: ANY"),
        (b"[big, small]", b"[small, big]"),
        (b"orders: {type: integer,", b"orders: {type: integer, sensitive: true,"),
    ],
)
def test_what_decides_otherwise_means_something_else(old: bytes, new: bytes) -> None:
    assert old in TEXT
    assert meaning(TEXT.replace(old, new)) != meaning(TEXT)


def test_a_scorecard_means_its_points_and_bands() -> None:
    text = SCORED.encode()
    assert meaning(text.replace(b'points: "5"', b'points: "6"')) != meaning(text)
    assert meaning(text.replace(b'"< 5"', b'"<5"')) == meaning(text)
    assert meaning(text.replace(b">= 5", b">= 4").replace(b"< 5", b"< 4")) != meaning(text)


def test_where_a_fact_comes_from_is_part_of_the_meaning() -> None:
    text = bonus("1.0.0")
    assert meaning(text.replace(b"from: tiering/size.size", b"from: tiering/other.size")) != meaning(text)


def test_every_shipped_text_has_a_meaning_and_no_two_policies_share_one() -> None:
    policies: dict[str, set[str]] = {}
    for policy in SHIPPED:
        policies.setdefault(policy.meaning, set()).add(policy.id)
    assert all(len(names) == 1 for names in policies.values())
