"""Examples and invariants fail when the policy says something else, and only then; a failure tells what was found."""

from textwrap import dedent

import pytest

from policy_service import Policy, load_bytes
from policy_service.analysis.examples import check_examples, check_invariants
from policy_service.language.evaluate import evaluate

HEAD = """\
    policy: tiering/small
    version: 1.0.0
    title: {zh: 小, en: small}
    subject: customer
    facts:
      amount: {type: money, currency: CNY, min: 0}
      since: {type: date, optional: true}
    outcome:
      tier: {type: choice, of: [S, A, C], ordered: best-first}
    table:
      hit: HIT
      inputs: [amount]
      rows:
        - {id: large, when: ["> 100"], then: [S], because: {zh: 大, en: large}}
        - {id: middle, when: ["> 10"], then: [A], because: {zh: 中, en: middle}}
        - {id: none, when: ["0"], then: [A], because: {zh: 无, en: none}}
        - {id: little, when: ["[1..10]"], then: [C], because: {zh: 少, en: little}}
"""
LAWS = """\
    examples:
      - {name: large, facts: {amount: 200}, outcome: {tier: S}, rule: large}
      - {name: none, facts: {amount: 0}, outcome: {tier: A}, rule: none}
      - {name: little, facts: {amount: 5}, outcome: {tier: C}, rule: little}
    invariants:
"""


def policy(text: str, hit: str = "FIRST") -> Policy:
    """The small policy, with what `text` adds."""
    return load_bytes((dedent(HEAD).replace("HIT", hit) + dedent(text)).encode())


def failures(text: str, hit: str = "FIRST") -> list[tuple[str, str, str]]:
    """How the examples of the small policy fail."""
    small = policy(text, hit)
    errors = check_examples(small, lambda facts, as_of: evaluate(small, facts, as_of))
    return [(failure.name, failure.expected, failure.actual) for failure in errors]


def broken(laws: str) -> list[tuple[str, str]]:
    """The invariants that break, and what was found."""
    small = policy(dedent(LAWS) + laws)
    return [
        (failure.name, failure.actual)
        for failure in check_invariants(small, lambda facts, as_of: evaluate(small, facts, as_of))
    ]


@pytest.mark.parametrize(
    ("example", "hit"),
    [
        ("facts: {amount: 200}, outcome: {tier: S}, rule: large", "FIRST"),
        ("facts: {amount: 200}, outcome: [{tier: S}, {tier: A}], rules: [large, middle]", "RULE ORDER"),
        ("facts: {amount: 0.5}, status: no_rule_matched", "FIRST"),
        ("facts: {since: 2026-01-01}, missing: [amount]", "FIRST"),
        ("facts: {amount: 200}, status: conflict", "UNIQUE"),
    ],
)
def test_an_example_passes(example: str, hit: str) -> None:
    assert failures(f"examples:\n  - {{name: it, {example}}}\n", hit) == []


@pytest.mark.parametrize(
    ("example", "hit", "expected", "text"),
    [
        ("facts: {amount: 200}, outcome: {tier: S}, rule: middle", "FIRST", "tier S by middle", "tier S by large"),
        ("facts: {amount: 200}, outcome: {tier: A}, rule: large", "FIRST", "tier A by large", "tier S by large"),
        ("facts: {amount: 0.5}, outcome: {tier: C}, rule: little", "FIRST", "tier C by little", "no rule matched"),
        ("facts: {}, outcome: {tier: C}, rule: little", "FIRST", "tier C by little", "missing facts amount"),
        ("facts: {amount: 5}, missing: [since]", "FIRST", "missing facts since", "tier C by little"),
        ("facts: {amount: 5}, status: no_rule_matched", "FIRST", "no rule matched", "tier C by little"),
        ("facts: {amount: 5}, status: conflict", "UNIQUE", "conflict", "tier C by little"),
        (
            "facts: {amount: 200}, outcome: {tier: S}, rule: large",
            "UNIQUE",
            "tier S by large",
            "conflict of large, middle",
        ),
        (
            "facts: {amount: 200}, outcome: [{tier: S}], rules: [large]",
            "COLLECT",
            "tier S by large",
            "tier S; tier A by large, middle",
        ),
    ],
)
def test_an_example_fails_and_says_what_was_found(example: str, hit: str, expected: str, text: str) -> None:
    assert failures(f"examples:\n  - {{name: it, {example}}}\n", hit) == [("it", expected, text)]


@pytest.mark.parametrize(
    "law",
    [
        "{id: total, says: everyone}",
        '{id: law, says: rich is good, when: amount > 100, always: tier = "S"}',
        '{id: law, says: says nothing of the others, when: amount > 100000, always: tier = "C"}',
        "{id: law, says: time says nothing, increasing: since, never_lowers: tier}",
    ],
)
def test_an_invariant_holds_on_the_examples(law: str) -> None:
    assert broken(f"  - {law}\n") == []


@pytest.mark.parametrize(
    ("law", "text"),
    [
        ('says: all are S, always: tier = "S"', "example `none`: tier A by none"),
        (
            "says: more never hurts, increasing: amount, never_lowers: tier",
            "tier goes from A at amount 0.00 to C at amount 5.00",
        ),
        (
            "says: less never helps, decreasing: amount, never_raises: tier",
            "tier goes from C at amount 5.00 to A at amount 0.00",
        ),
        (
            "says: more never helps, increasing: amount, never_raises: tier",
            "tier goes from C at amount 5.00 to S at amount 200.00",
        ),
    ],
)
def test_an_invariant_breaks_and_says_where(law: str, text: str) -> None:
    [(name, result)] = broken(f"  - {{id: law, {law}}}\n")
    assert name == "law"
    assert result.endswith(text)


def test_a_subject_that_nothing_decides_breaks_totality() -> None:
    small = policy(
        "examples:\n  - {name: cents, facts: {amount: 0.5}, status: no_rule_matched}\n"
        "invariants:\n  - {id: total, says: everyone}\n"
    )
    [failure] = check_invariants(small, lambda facts, as_of: evaluate(small, facts, as_of))
    assert failure.to_dict() == {"name": "total", "expected": "everyone", "found": "example `cents`: no rule matched"}
