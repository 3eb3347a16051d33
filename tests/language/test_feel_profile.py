"""The FEEL profile says what is so: every example is accepted or refused as its row says."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from policy_service.language.diagnostics import Code
from tests.language.sample import diagnostics_of, loaded

PAGE = (Path(__file__).parents[2] / "docs" / "reference" / "feel.md").read_text("utf-8")
FACTS = """\
  n: {type: integer, min: -100, max: 100}
  rare: {type: integer, optional: true}
  share: {type: number, scale: 2}
  spend: {type: money, currency: CNY}
  dollars: {type: money, currency: USD}
  day: {type: date}
  word: {type: choice, of: [retail, other]}
  note: {type: text}
  tags: {type: tags, of: [vip, new]}
  flag: {type: boolean}
"""


def rows(heading: str) -> list[list[str]]:
    """The cells of the table under a heading, but for its head."""
    [section] = re.findall(rf"^## {re.escape(heading)}\n(.*?)(?=^## |\Z)", PAGE, re.DOTALL | re.MULTILINE)
    lines = [line.strip().strip("|") for line in section.splitlines() if line.startswith("|") and "|---" not in line]
    return [[cell.strip() for cell in line.split(" | ")] for line in lines[1:]]


def code(cell: str) -> str:
    """The only thing in backticks in a cell."""
    [written] = re.findall(r"`([^`]+)`", cell)
    return str(written)


def policy(when: str) -> str:
    return f"""\
policy: docs/feel
version: 1.0.0
title: {{zh: 例, en: case}}
subject: customer
facts:
{FACTS}outcome:
  out: {{type: boolean}}
rules:
  hit: FIRST
  rows:
    - {{id: one, when: {json.dumps(when)}, then: ['true'], because: {{zh: 是, en: so}}}}
"""


@pytest.mark.parametrize("example", [code(row[1]) for row in (*rows("Read as FEEL reads it"), *rows("Ours"))])
def test_what_is_supported_is_accepted(example: str) -> None:
    assert loaded(policy(example)).rules[0].id == "one"


@pytest.mark.parametrize(
    ("example", "refused"),
    [(code(row[0]), code(row[1])) for row in rows("Refused, where FEEL would answer null or guess")],
)
def test_what_is_refused_is_refused_so(example: str, refused: str) -> None:
    assert refused in {fault[1].partition(":")[0] for fault in diagnostics_of(policy(example))}
    assert refused in [*Code]


@pytest.mark.parametrize(
    ("example", "refused", "instead"),
    [(code(row[0]), code(row[1]), code(row[2])) for row in rows("Refused, because it can be read in two ways")],
)
def test_what_is_read_in_two_ways_is_refused_and_its_other_spelling_accepted(
    example: str, refused: str, instead: str
) -> None:
    assert {fault[1].partition(":")[0] for fault in diagnostics_of(policy(example))} == {refused}
    assert loaded(policy(instead)).rules[0].id == "one"
