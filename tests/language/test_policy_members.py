"""A policy as JSON: every form of rules, with values written by hand."""

from __future__ import annotations

from policy_service import load_bytes
from policy_service.language.policy import Bilingual
from policy_service.language.policy_members import policy_members

HEAD = """
policy: tiering/small
version: 1.0.0
title: {zh: 等级, en: tier}
subject: customer
facts:
  tier: {type: choice, of: [S, A], from: tiering/other.tier, title: {zh: 等级, en: tier}}
  orders: {type: integer, min: 0, sensitive: true}
  mean: {type: integer, min: 0, from: benchmark, measure: mean(orders)}
outcome:
"""
TABLE = """
  level: {type: choice, of: [high, low]}
  by: {type: date}
table:
  hit: FIRST
  inputs: [tier]
  rows:
    - id: S
      title: {zh: 顶级, en: top}
      when: ['"S"']
      then: [high, 'as_of + duration("P1D")']
      because: {zh: 一, en: one}
  otherwise: {then: [low, as_of], because: {zh: 其他, en: the rest}}
examples:
  - {name: one, facts: {tier: S}, outcome: {level: high, by: 2026-11-22}, as_of: 2026-11-21, rule: S}
"""
CROSS = """
  level: {type: choice, of: [high, low]}
cross_table:
  down: tier
  across: orders
  columns: [{id: few, when: "< 3"}, {id: any, when: "-"}]
  rows:
    - {id: S, when: '"S"', cells: ["-", [high]], because: {zh: 一, en: one}}
"""
SCORED = """
  level: {type: choice, of: [high, low]}
scorecard:
  rows:
    - {id: S, when: tier = "S", points: 5, because: {zh: 一, en: one}}
  bands:
    - {id: high, when: ">= 5", then: {level: high}, because: {zh: 高, en: high}}
    - {id: low, when: "< 5", then: {level: low}, because: {zh: 低, en: low}}
"""


def test_a_table_with_all_that_its_facts_and_outcomes_say() -> None:
    members = policy_members(load_bytes((HEAD + TABLE).encode()))
    assert (members["hit"], members["aggregate"], members["bands"], members["examples"]) == ("FIRST", None, [], 1)
    assert members["facts"] == [
        {
            "name": "tier",
            "type": "choice",
            "title": Bilingual("等级", "tier"),
            "expected": "one of S, A",
            "optional": False,
            "sensitive": False,
            "comes_from": "tiering/other.tier",
            "measure": None,
        },
        {
            "name": "orders",
            "type": "integer",
            "title": Bilingual("orders", "orders"),
            "expected": "a whole number, at least 0",
            "optional": False,
            "sensitive": True,
            "comes_from": None,
            "measure": None,
        },
        {
            "name": "mean",
            "type": "integer",
            "title": Bilingual("mean", "mean"),
            "expected": "a whole number, at least 0",
            "optional": False,
            "sensitive": False,
            "comes_from": None,
            "measure": "mean(orders)",
        },
    ]
    assert [(each["name"], each["type"], each["expected"]) for each in members["outcomes"]] == [
        ("level", "choice", "one of high, low"),
        ("by", "date", "a date such as 2026-11-21"),
    ]
    assert members["rules"] == [
        {
            "id": "S",
            "title": Bilingual("顶级", "top"),
            "when": 'tier in ("S")',
            "then": {"level": "high", "by": 'as_of + duration("P1D")'},
            "because": Bilingual("一", "one"),
        },
        {
            "id": "otherwise",
            "title": None,
            "when": "otherwise",
            "then": {"level": "low", "by": "as_of"},
            "because": Bilingual("其他", "the rest"),
        },
    ]
    assert members["cross_table"] is None


def test_a_cross_table_as_its_grid() -> None:
    members = policy_members(load_bytes((HEAD + CROSS).encode()))
    assert members["cross_table"] == {
        "down": "tier",
        "across": "orders",
        "rows": [{"id": "S", "when": 'tier in ("S")'}],
        "columns": [{"id": "few", "when": "orders in (< 3)"}, {"id": "any", "when": "-"}],
        "cells": [[None, "S-any"]],
    }


def test_the_points_and_the_bands_of_a_scorecard() -> None:
    members = policy_members(load_bytes((HEAD + SCORED).encode()))
    assert [(each["id"], each["when"], each["then"]) for each in members["rules"]] == [
        ("S", 'tier = "S"', {"points": 5})
    ]
    assert [(each["id"], each["when"], each["then"]) for each in members["bands"]] == [
        ("high", "score in (>= 5)", {"level": "high"}),
        ("low", "score in (< 5)", {"level": "low"}),
    ]
