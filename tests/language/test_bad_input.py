"""Hostile files are refused with a clear fault; none of them ends or hangs the loader."""

# ruff: noqa: E501  # a case is one line of a table

import pytest

from tests.language.sample import RULES, diagnostics_of, policy_text, ruled, tabled

NUMBERS = "".join(f"  f{number}: {{type: integer}}\n" for number in range(8))
SUM = "(" + " + ".join(f"f{number}" for number in range(8)) + " + 1)"


def first(text: str | bytes) -> str:
    return diagnostics_of(text)[0][1]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (b"[" * 100_000, "too-deep: a policy file nests at most 12 deep"),
        (b"- " * 100_000, "too-deep: a policy file nests at most 12 deep"),
        (b"{a: " * 100_000, "too-deep: a policy file nests at most 12 deep"),
        (b"? " * 100_000, "too-deep: a policy file nests at most 12 deep"),
        (b"#" * 10_000_000, "file-too-large: a policy file has at most 2,097,152 bytes"),
        (b"a: &a [x]\nb: [*a, *a]\n", "yaml-alias: anchor `&a` is not allowed"),
        (b"<<: *base\n", "yaml-alias: alias `*base` is not allowed"),
        (b"a: !!python/object/apply:os.system [ls]\n", "yaml-tag: tag `tag:yaml.org,2002:python/object/apply:os.system` is not allowed"),
        (b"\xff\xfea\x00", "not-utf8: the file is not UTF-8 text"),
        (b"\x00\x01\x02", "hidden-character: the hidden character U+0000"),
        (b"a: b\r\n\x0c", "hidden-character: the hidden character U+000C"),
        (b"'" * 100_000, "wrong-shape: expected a mapping with `policy`, `version`, …"),
    ],
)  # fmt: skip
def test_a_hostile_file_is_refused(content: bytes, message: str) -> None:
    assert first(content) == message


@pytest.mark.parametrize(
    ("when", "message"),
    [
        ("1" + "+1" * 1_900 + " > 1", "expression-too-large: an expression has at most 100 operations"),
        ("wait" + ".days" * 700 + " > 1", "expression-too-large: an expression has at most 100 operations"),
        ("(" * 1_900 + "flag" + ")" * 1_900, "expression-too-large: an expression nests at most 40 deep"),
        ("not(" * 700 + "flag" + ")" * 700, "expression-too-large: an expression nests at most 40 deep"),
        ("-" * 3_000 + "1 > 1", "expression-too-large: an expression nests at most 40 deep"),
        ("min(" * 700 + "1" + ")" * 700 + " > 1", "expression-too-large: an expression nests at most 40 deep"),
        ("x" * 4_001, "expression-too-large: an expression has at most 4,000 characters, this one 4,001"),
        ("9" * 400 + " > 1", "expression-too-large: a number has at most 30 digits"),
        ("(" * 30 + "flag = flag" + ") = flag" * 30, "too-complex: the rule comes to more than 10,000 conditions"),
        ("x or " * 700 + "x", "unknown-fact: unknown fact `x`"),
    ],
)
def test_a_hostile_expression_is_refused(when: str, message: str) -> None:
    assert first(ruled(f"'{when}'")) == message


def test_an_expression_of_many_products_is_refused_without_multiplying_it_out() -> None:
    text = ruled(f"'{' * '.join([SUM] * 11)} > 3'").replace(
        "  flag: {type: boolean}\n", "  flag: {type: boolean}\n" + NUMBERS
    )
    message = "too-complex: one comparison or value needs more than 200 products of facts"
    assert first(text) == message


def test_an_outcome_of_many_products_is_refused_too() -> None:
    outcome = "  out: {type: integer, min: 0, max: 1}\n"
    text = ruled("flag", f"['min(max({' * '.join([SUM] * 5)}, 0), 1)']", outcome)
    text = text.replace("  flag: {type: boolean}\n", "  flag: {type: boolean}\n" + NUMBERS)
    assert first(text) == "too-complex: one comparison or value needs more than 200 products of facts"


@pytest.mark.parametrize(
    ("count", "result"), [(6, None), (7, "128"), (19, "524,288"), (20, "more than 1,000,000"), (60, "more than 1,000,000")]
)  # fmt: skip
def test_alternatives_are_counted_and_limited(count: int, result: str | None) -> None:
    both = " and ".join(f"(count_ > {number} or whole > {number})" for number in range(count))
    diagnostics = diagnostics_of(ruled(f"'{both}'"))
    message = f"rule-too-wide: the condition has {result} alternatives, at most 64 are allowed"
    assert [(fault[1], fault[2]) for fault in diagnostics] == (
        [(message, "split the rule into several")] if result else []
    )


def test_a_band_of_a_scorecard_and_a_cell_with_many_tests_are_one_alternative() -> None:
    tests = ", ".join(f"[{number}..{number}]" for number in range(0, 90, 2))
    assert diagnostics_of(tabled("count_, whole", f"when: ['{tests}', '{tests}'], then: [yes]")) == []


def test_a_table_of_five_thousand_rows_is_refused_in_one_sentence() -> None:
    rows = (f"when: ['> {number}'], then: [yes]" for number in range(5_000))
    assert diagnostics_of(tabled("whole", *rows)) == [
        ("rows", "too-many-rules: a policy has at most 1,000 rules, this one 5,000", "split the policy into several")
    ]


def test_a_flood_of_faults_is_cut_off() -> None:
    assert first(policy_text(rest="".join(f"k{number}: 1\n" for number in range(20_000)))).startswith("unknown-key")
    assert first("".join("a: 1\n" for _ in range(20_000))) == "duplicate-key: `a` is written twice, first in line 1"


@pytest.mark.parametrize("name", ["id", "sid", "s_", "_g", "list", "dict", "str", "none", "true_"])
def test_names_that_mean_something_elsewhere_are_just_names(name: str) -> None:
    diagnostics = diagnostics_of(
        policy_text(facts=f"  {name}: {{type: boolean}}\n", logic=RULES.replace('"true"', name))
    )
    assert [fault[1].partition(":")[0] for fault in diagnostics] == (["invalid-name"] if name.startswith("_") else [])


def test_long_words_and_lines_stay_readable() -> None:
    [fault] = diagnostics_of(ruled(f"{'x' * 3_000} > 1"))
    assert fault[1] == f"unknown-fact: unknown fact `{'x' * 60}… (3000 characters)`"
