"""The features of the language, read from the language's own tables, and those that a policy uses."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from typing import get_args

from policy_service.language.ast import (
    Arithmetic,
    Call,
    Comparator,
    Comparison,
    Constant,
    Expr,
    Name,
    Node,
    Operator,
    Property,
    Range,
    Test,
)
from policy_service.language.declare import TYPE_KEYS
from policy_service.language.functions import DATE_PROPERTIES, FUNCTIONS
from policy_service.language.policy import AS_OF, SCORE, Aggregate, Hit, Policy
from policy_service.language.types import type_name

FORMS = ("table", "cross table", "rules", "scorecard")
CONSTANTS = ("bool", "Fraction", "str", "date", "Duration", "Months")
INTERVALS = ("[..]", "[..)", "(..]", "(..)")

FEATURES = frozenset(
    [f"node {node.__name__}" for node in (*get_args(Expr), Range, Test)]
    + [f"function {name}" for name in FUNCTIONS]
    + [f"property {name}" for name in (*DATE_PROPERTIES, "days")]
    + [f"operator {operator}" for operator in get_args(Operator)]
    + [f"comparator {comparator}" for comparator in get_args(Comparator)]
    + [f"constant {kind}" for kind in CONSTANTS]
    + [f"interval {interval}" for interval in INTERVALS]
    + [f"hit {hit}" for hit in Hit]
    + [f"aggregate {aggregate}" for aggregate in (*Aggregate, "none")]
    + [f"{what} {kind}" for what in ("fact", "optional fact", "outcome") for kind in TYPE_KEYS]
    + [f"form {form}" for form in FORMS]
    + [
        "otherwise",
        "name as_of",
        "name score",
        "outcomes several",
        "cell -",
        "cell without a rule",
        "outcome computed",
    ],
)


def features_of(policy: Policy) -> set[str]:
    """The features that a policy uses."""
    results = {"form cross table" if policy.cross else f"form {policy.form}"}
    if policy.cross and len(policy.cross.cells) < len(policy.cross.rows) * len(policy.cross.columns):
        results.add("cell without a rule")
    if policy.scorecard is None:
        results.add(f"hit {policy.hit}")
    if policy.hit is Hit.COLLECT:
        results.add(f"aggregate {policy.aggregate or 'none'}")
    for fact in policy.facts.values():
        results.add(f"{'optional ' if fact.optional else ''}fact {type_name(fact.type)}")
    results |= {f"outcome {type_name(outcome.type)}" for outcome in policy.outcomes.values()}
    if policy.otherwise is not None:
        results.add("otherwise")
    if len(policy.outcomes) > 1:
        results.add("outcomes several")
    rules = policy.all_rules
    if any(cell == Constant(value=True) for rule in rules for cell in rule.cells):
        results.add("cell -")
    if any(not isinstance(then, bool | int | str | frozenset) for rule in rules for then in rule.then):
        results.add("outcome computed")
    for rule in rules:
        for node in nodes((rule.when, rule.cells, rule.then)):
            results |= set(_features_of_node(node))
    return results


def nodes(root: object) -> Iterator[Node]:
    """Every node of expressions in lists and tuples."""
    stack = [root]
    while stack:
        node = stack.pop()
        if isinstance(node, tuple | list):
            stack.extend(node)
        elif isinstance(node, Node):
            yield node
            stack.extend(getattr(node, field.name) for field in dataclasses.fields(node))


def _features_of_node(node: Node) -> Iterator[str]:
    yield f"node {type(node).__name__}"
    match node:
        case Constant():
            yield f"constant {type(node.value).__name__}"
        case Name() if node.name in (AS_OF, SCORE):
            yield f"name {node.name}"
        case Comparison() | Test():
            yield f"comparator {node.comparator}"
        case Arithmetic():
            yield f"operator {node.operator}"
        case Call():
            yield f"function {node.function}"
        case Property():
            yield f"property {node.name}"
        case Range():
            yield f"interval {'[' if node.low_closed else '('}..{']' if node.high_closed else ')'}"
        case _:
            pass
