"""The pages of reference say what the code does: grammar, words, tables, limits, and a section for each error."""

# ruff: noqa: E501  # a case is one line of a table

import re
from pathlib import Path
from typing import Any

import pytest

from policy_service.language import (
    diagnostics,
    document,
    findings,
    functions,
    limits,
    lower,
    parser,
    polynomial,
    quantities,
    scorecards,
    source,
    tokens,
    types,
)
from policy_service.language.declare import TYPE_KEYS
from policy_service.language.diagnostics import Code, WarningCode
from policy_service.language.load import load_bytes
from policy_service.language.policy import Aggregate, Hit
from tests.language.mistakes import EXAMPLE, FOLDER, PAGE, sections

LANGUAGE = (Path(__file__).parents[2] / "docs" / "reference" / "language.md").read_text("utf-8")


def squeezed(text: str | None) -> str:
    return " ".join((text or "").split())


def section(heading: str) -> str:
    """The text under a heading, up to the next of any level."""
    match = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#+ |\Z)", LANGUAGE, re.DOTALL | re.MULTILINE)
    assert match, heading
    return match[1]


def rows(heading: str) -> list[list[str]]:
    """The cells of every row of the tables under a heading."""
    lines = [line for line in section(heading).splitlines() if line.startswith("|") and "|---" not in line]
    return [[cell.strip() for cell in line.strip().strip("|").split("|")] for line in lines]


def most(doc: type[document.Doc], field: str) -> int:
    results = [getattr(rule, "max_length", None) for rule in doc.model_fields[field].metadata]
    [number] = [length for length in results if length is not None]
    return int(number)


def test_the_grammar_of_the_page_is_that_of_the_parser() -> None:
    [written] = re.findall(r"^```\n(.*?)^```$", section("The grammar"), re.DOTALL | re.MULTILINE)
    assert squeezed(written) in squeezed(parser.__doc__)
    rules = re.findall(r"^([a-z]+) +=", written, re.MULTILINE)
    assert rules == re.findall(r"^    ([a-z]+) +=", parser.__doc__ or "", re.MULTILINE)


def test_the_page_names_every_type_with_its_keys() -> None:
    table = {row[0].strip("`"): set(re.findall(r"`(\w+)`", row[1])) for row in rows("Types")[1:]}
    assert table == {name: set(keys) for name, keys in TYPE_KEYS.items()}


def test_the_page_names_every_currency() -> None:
    assert set(re.findall(r"\b[A-Z]{3}\b", section("Types").split("The currencies are")[1])) >= set(types.CURRENCIES)


def test_the_page_names_every_hit_policy_and_aggregate() -> None:
    named = [name for row in rows("Hit policies") for name in re.findall(r"`([^`]+)`", row[0])]
    assert [name for name in named if name not in ("hit", "aggregate")] == [*Hit, *Aggregate]


def test_the_page_names_every_function_and_property() -> None:
    named = {name.split("(")[0] for row in rows("Functions")[1:] for name in re.findall(r"`([^`]+)`", row[0])}
    assert named == functions.FUNCTIONS
    results = {row[0].strip("`.") for row in rows("Properties")[1:]}
    assert results == {*functions.DATE_PROPERTIES, "days"}


def test_the_page_names_every_word_that_is_taken() -> None:
    assert tokens.WORDS | {"as_of", "score"} <= set(re.findall(r"`([a-z_]+)`", section("The file")))


def test_the_table_of_units_is_that_of_the_code() -> None:
    for cells in rows("Units"):
        assert squeezed(" | ".join(cells)) in squeezed(quantities.__doc__)


def test_every_limit_of_the_page_is_that_of_the_code() -> None:
    expected = [
        source.MAX_BYTES,
        source.MAX_LEVELS,
        document.MAX_RULES,
        document.MAX_FACTS,
        document.MAX_OUTCOMES,
        document.MAX_CHOICES,
        document.MAX_EXAMPLES,
        most(document.PolicyDoc, "invariants"),
        most(document.ScorecardDoc, "bands"),
        document.MAX_WORDS,
        tokens.MAX_LENGTH,
        parser.MAX_DEPTH,
        parser.MAX_OPERATIONS,
        parser.MAX_DIGITS,
        types.MAX_SCALE,
        types.MAX_TEXT,
        types.MAX_TAGS,
        limits.MAX_TERMS,
        limits.MAX_QUESTIONS,
        limits.MAX_ALL_TERMS,
        limits.MAX_ALL_CONDITIONS,
        lower.MAX_STEPS,
        polynomial.MAX_MONOMIALS,
        scorecards.MAX_EDGES,
        diagnostics.MAX_DIAGNOSTICS,
        findings.MAX_ERRORS,
    ]
    assert [row[1] for row in rows("Limits")[1:]] == [f"{limit:,}" for limit in expected]


@pytest.mark.parametrize("code", [*Code, *WarningCode])
def test_a_code_has_its_section_with_meaning_example_and_mending(code: Code) -> None:
    text = sections()[code]
    assert re.match(r"\n[A-Z`].*\.\n\n```text\n", text, re.DOTALL)
    assert re.search(r"^\*\*To fix it\.\*\* .+\.$", text, re.MULTILINE)


def test_no_section_is_about_a_code_there_is_not() -> None:
    assert list(sections()) == [*Code, *WarningCode]


@pytest.mark.parametrize("code", [*Code, *WarningCode])
def test_the_example_of_a_code_is_what_is_printed_today(code: Code) -> None:
    [result] = EXAMPLE.findall(sections()[code])
    assert result == (FOLDER / f"{code.replace('-', '_')}.txt").read_text("utf-8")


def test_the_page_of_errors_tells_how_many_errors_are_shown() -> None:
    text: Any = PAGE.read_text("utf-8")
    assert f"At most {diagnostics.MAX_DIAGNOSTICS} errors" in text
    assert f"after {findings.MAX_ERRORS:,} no more" in text


HEAD = "policy: docs/page\nversion: 1.0.0\ntitle: {zh: 页, en: page}\nsubject: customer\nfacts:\n"
PART = 'rules: {hit: FIRST, rows: [{id: A, when: "true", then: ["%s"], because: {zh: 是, en: so}}]}\n'
TIER = "outcome: {tier: {type: choice, of: [A, B, C], ordered: best-first}, bonus: {type: money, currency: CNY}}\n"
ORDERS = "  orders: {type: integer, min: 0, max: 1000}\n  years: {type: integer}\n"
BUYS = (
    "  amount_12m: {type: money, currency: CNY}\n  orders_12m: {type: integer}\n  industry: {type: choice, of: [it]}\n"
)
PARTS = {
    "Decision tables": ORDERS + "  recency_days: {type: integer, optional: true}\n" + "outcome: {tier: {type: choice, of: [A, C]}}\n",
    "Cross tables": "  tier: {type: choice, of: [S, A]}\n  severity: {type: choice, of: [critical, minor]}\n"
    "outcome: {mode: {type: choice, of: [dedicated, standard]}, within: {type: duration}}\n",
    "Free rules": "  completeness: {type: number, scale: 2}\n  disputed: {type: boolean}\n  sales: {type: money, currency: CNY}\n"
    "outcome: {bonus: {type: money, currency: CNY}}\n",
    "Otherwise": ORDERS + TIER.replace(", ordered: best-first", ""),
    "Titles": ORDERS + TIER.replace(", ordered: best-first", ""),
    "Scorecards": ORDERS + "outcome: {tier: {type: choice, of: [plain, gold]}}\n",
    "Examples": BUYS + "outcome: {tier: {type: choice, of: [A]}}\n" + PART % "A",
    "Invariants": BUYS + TIER + PART.replace('["%s"]', '[A, "0"]'),
}  # fmt: skip


@pytest.mark.parametrize("heading", PARTS)
def test_the_yaml_of_the_page_is_accepted(heading: str) -> None:
    [written] = re.findall(r"^```yaml\n(.*?)^```$", section(heading), re.DOTALL | re.MULTILINE)
    assert load_bytes((HEAD + PARTS[heading] + written).encode()).id == "docs/page"


def test_all_yaml_of_the_page_is_tried() -> None:
    assert LANGUAGE.count("```yaml") == len(PARTS)
