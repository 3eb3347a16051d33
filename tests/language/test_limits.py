"""The static limits: each is told at its place before any engine is asked, and what keeps them the engine takes."""

import pytest

from policy_service import PolicyError, load_bytes
from policy_service.compilers.rules_engine import network
from policy_service.language import limits
from policy_service.language.core import All, Any, Formula, OneOf, Sign, StoredFact, Threshold, Truth
from policy_service.language.limits import Size, questions, size_of
from tests.effort import effort

PART = effort(16, 1)
A, B, C = (Threshold(name, "<", 1) for name in "abc")
CELL = Any((Threshold("a", "<", 1), All((Threshold("a", ">", 3), Threshold("a", "<", 9)))))


def table(columns: int, rows: int, cell: str) -> bytes:
    facts = "".join(f"  x{column}: {{type: integer}}\n" for column in range(columns))
    cells = ", ".join(f'"{cell}"' for _ in range(columns))
    lines = "".join(
        f"    - {{id: r{row}, when: [{cells}], then: [1], because: {{zh: a, en: b}}}}\n" for row in range(rows)
    )
    inputs = ", ".join(f"x{column}" for column in range(columns))
    return (
        "policy: tiering/large\nversion: 1.0.0\ntitle: {zh: a, en: b}\nsubject: customer\n"
        f"facts:\n{facts}outcome:\n  o: {{type: integer}}\n"
        f"table:\n  hit: FIRST\n  inputs: [{inputs}]\n  rows:\n{lines}"
    ).encode()


def faults(content: bytes) -> list[tuple[str, str, int]]:
    with pytest.raises(PolicyError) as refused:
        load_bytes(content)
    return [(fault.code, fault.message, fault.span.line) for fault in refused.value.diagnostics]


@pytest.mark.parametrize(
    ("formula", "size"),
    [
        (Truth(value=True), Size(1, 1)),
        (A, Size(1, 1)),
        (All((A, B, C)), Size(1, 3)),
        (Any((A, B, C)), Size(3, 3)),
        (CELL, Size(1, 1)),
        (All((Any((A, B)), C)), Size(2, 4)),
        (All((Any((A, B)), Any((A, B, C)), C)), Size(6, 18)),
        (Any((All((A, B)), C)), Size(2, 3)),
        (All((CELL, CELL, Any((A, B)))), Size(2, 6)),
    ],
)
def test_a_condition_is_counted_as_an_or_of_ands(formula: Formula, size: Size) -> None:
    assert size_of(formula) == size


def test_a_fact_that_is_asked_twice_is_one_question() -> None:
    one, two = OneOf("w", frozenset({"x"}), negated=False), OneOf("w", frozenset({"x", "y"}), negated=False)
    computed = Sign("<", (((StoredFact("a"), StoredFact("b")), 1),))
    request = All((A, Threshold("a", ">", 7), Any((B, one)), two, computed, computed, CELL))
    assert questions(request) == {"a", "b", "w", two, computed, CELL}


def test_a_rule_may_not_ask_more_different_things_than_the_engine_has_fields() -> None:
    assert load_bytes(table(200, 1, "[1..9]")).id == "tiering/large"
    compared = table(200, 1, "[x0..9]")
    [(code, message, line)] = faults(compared)
    assert (code, message) == ("too-complex", "the condition asks 399 different things, at most 240 are allowed")
    assert compared.decode().splitlines()[line - 1].startswith("    - {id: r0")


@pytest.fixture
def _limits_of_the_day(monkeypatch: pytest.MonkeyPatch) -> None:
    """A sixteenth of the limits of all rules together, and all of them by night: to read so many takes seconds."""
    for name in ("MAX_ALL_TERMS", "MAX_ALL_CONDITIONS"):
        monkeypatch.setattr(limits, name, getattr(limits, name) // PART)


@pytest.mark.usefixtures("_limits_of_the_day")
def test_the_rules_together_may_not_come_to_more_alternatives_than_the_engine_takes() -> None:
    rows = 1_024 // PART
    one, other = (" or ".join(f"x{n} < 1" for n in range(*span)) for span in ((0, 4), (4, 9)))
    rules = "".join(
        f"    - {{id: r{row}, when: ({one}) and ({other}), then: [1], because: {{zh: a, en: b}}}}\n"
        for row in range(rows)
    )
    head = table(9, 1, "> 1").decode().partition("table:")[0]
    [(code, message, _)] = faults(f"{head}rules:\n  hit: FIRST\n  rows:\n{rules}".encode())
    assert code == "too-complex"
    assert message == f"the rules come to {rows * 20:,} alternatives together, at most {16_384 // PART:,} are allowed"


@pytest.mark.usefixtures("_limits_of_the_day")
def test_the_rules_together_may_not_come_to_more_comparisons_than_the_engine_takes() -> None:
    rows = 656 // PART
    [(code, message, line)] = faults(table(10, rows, f"not({', '.join(map(str, range(10)))})"))
    assert code == "too-complex"
    assert message == f"the rules come to {rows * 100:,} comparisons together, at most {65_536 // PART:,} are allowed"
    assert line > 10


def test_what_the_language_lets_through_the_engine_takes() -> None:
    assert limits.MAX_ALL_TERMS <= network.MAX_TERMS
    assert limits.MAX_ALL_CONDITIONS <= network.MAX_CONDITIONS
    assert limits.MAX_QUESTIONS <= network.MAX_FIELDS
