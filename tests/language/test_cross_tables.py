"""A cross table is a decision table written as a grid: the same rules, and each fault at its head or its cell."""

# ruff: noqa: E501  # a case is one line of a table

from dataclasses import replace

import pytest

from policy_service.language.cross_tables import input_path, rule_path
from policy_service.language.document import MAX_RULES
from policy_service.language.policy import Bilingual, Hit, Policy
from policy_service.language.unparse import unparse
from tests.language.sample import diagnostics_of, loaded, policy_text

OUTCOMES = "  out: {type: choice, of: [yes, no]}\n  within: {type: duration, min: PT1M, max: P9D}\n"
COLUMNS = """\
    - {id: few, when: "< 10"}
    - {id: many, when: ">= 10", because: {zh: 数量多。, en: They are many.}}
"""
ROWS = """\
    - {id: S, when: '"S"', cells: [[yes, PT1H], {then: {within: PT2H, out: yes}, because: {zh: 例外。, en: An exception.}}], because: {zh: 顶级。, en: The top.}}
    - {id: A, when: '"A"', cells: ["-", [no, PT3H]], because: {zh: 其次。, en: The next.}}
"""


def crossed(rows: str = ROWS, columns: str = COLUMNS, inputs: tuple[str, str] = ("tier", "count_"), **more: str) -> str:
    """A policy file with a cross table."""
    head = "".join(f"  {key}: {value}\n" for key, value in more.items())
    return policy_text(
        f"cross_table:\n{head}  down: {inputs[0]}\n  across: {inputs[1]}\n  columns:\n{columns}  rows:\n{rows}",
        OUTCOMES,
    )


TABLE = """\
table:
  hit: UNIQUE
  inputs: [tier, count_]
  rows:
    - {id: S-few, when: ['"S"', "< 10"], then: [yes, PT1H], because: {zh: 顶级。, en: The top.}}
    - {id: S-many, when: ['"S"', ">= 10"], then: [yes, PT2H], because: {zh: 例外。, en: An exception.}}
    - {id: A-many, when: ['"A"', ">= 10"], then: [no, PT3H], because: {zh: 其次。数量多。, en: The next. They are many.}}
"""


def comparable(policy: Policy) -> Policy:
    return replace(policy, cross=None, text="", digest="")


def test_a_cross_table_is_the_table_of_its_cells() -> None:
    grid = loaded(crossed())
    assert comparable(grid) == comparable(loaded(policy_text(TABLE, OUTCOMES)))
    assert (grid.form, grid.hit, grid.inputs) == ("table", Hit.UNIQUE, ("tier", "count_"))


def test_each_rule_knows_its_row_and_its_column() -> None:
    cross = loaded(crossed()).cross
    assert cross is not None
    assert cross.cells == ((0, 0), (0, 1), (1, 1))
    assert [line.id for line in (*cross.rows, *cross.columns)] == ["S", "A", "few", "many"]
    assert [unparse(line.when) for line in cross.columns] == ["count_ in (< 10)", "count_ in (>= 10)"]
    assert loaded(policy_text(TABLE, OUTCOMES)).cross is None


def test_a_rule_and_its_conditions_have_their_places_in_the_file() -> None:
    grid, table = loaded(crossed()), loaded(policy_text(TABLE, OUTCOMES))
    assert rule_path(grid, 2) == ("cross_table", "rows", 1, "cells", 1)
    assert input_path(grid, 2, 0) == ("cross_table", "rows", 1, "when")
    assert input_path(grid, 2, 1) == ("cross_table", "columns", 1, "when")
    assert rule_path(table, 2) == ("table", "rows", 2)
    assert input_path(table, 2, 1) == ("table", "rows", 2, "when", 1)


def test_lines_that_are_moved_leave_every_rule_its_name_and_its_values() -> None:
    first, second = ROWS.splitlines(keepends=True)
    policy = loaded(crossed(second + first)).rules
    assert {rule.id: (rule.when, rule.then, rule.because) for rule in policy} == {
        rule.id: (rule.when, rule.then, rule.because) for rule in loaded(crossed()).rules
    }


def test_a_cell_of_the_only_outcome_needs_no_brackets() -> None:
    rows = "    - {id: S, when: '\"S\"', cells: [yes, [no]], because: {zh: 是, en: so}}\n"
    text = crossed(rows).replace(OUTCOMES, "  out: {type: choice, of: [yes, no]}\n")
    assert [rule.then for rule in loaded(text).rules] == [("yes",), ("no",)]


def test_a_hyphen_in_brackets_is_the_text_of_one_hyphen() -> None:
    rows = "    - {id: S, when: '\"S\"', cells: ['-', ['-']], because: {zh: 是, en: so}}\n"
    text = crossed(rows).replace(OUTCOMES, "  out: {type: text}\n")
    assert [(rule.id, rule.then) for rule in loaded(text).rules] == [("S-many", ("-",))]


def test_a_reason_is_that_of_the_row_and_of_the_column_or_the_cells_own() -> None:
    assert [rule.because for rule in loaded(crossed()).rules] == [
        Bilingual("顶级。", "The top."),
        Bilingual("例外。", "An exception."),
        Bilingual("其次。数量多。", "The next. They are many."),
    ]


def test_a_rule_is_titled_by_its_row_and_its_column_or_by_its_cell() -> None:
    titled = crossed(
        ROWS.replace("id: S", "id: S, title: {zh: S 级, en: Tier S}").replace(
            "out: yes}, ", "out: yes}, title: {zh: 例外, en: Exception}, "
        ),
        COLUMNS.replace("id: few", "id: few, title: {zh: 少, en: few}"),
    )
    assert [rule.title for rule in loaded(titled).rules] == [
        Bilingual("S 级，少", "Tier S, few"),
        Bilingual("例外", "Exception"),
        None,
    ]


def test_what_no_cell_says_is_decided_otherwise() -> None:
    policy = loaded(crossed() + "  otherwise: {then: [no, P1D], because: {zh: 其余, en: the rest}}\n")
    assert [rule.id for rule in policy.rules] == ["S-few", "S-many", "A-many", "otherwise"]
    assert policy.otherwise == 3


def test_an_optional_fact_is_known_where_a_head_tests_it() -> None:
    columns = "    - {id: none, when: is missing}\n    - {id: some, when: '> 1'}\n"
    rows = "    - {id: S, when: '\"S\"', cells: [%s, 'min(maybe, 9)'], because: {zh: 是, en: so}}\n"
    text = crossed(rows % "1", columns, ("tier", "maybe")).replace(OUTCOMES, "  out: {type: integer, max: 9}\n")
    assert len(loaded(text).rules) == 2
    faulty = crossed(rows % "'maybe'", columns, ("tier", "maybe")).replace(OUTCOMES, "  out: {type: integer}\n")
    assert [message for _, message, _ in diagnostics_of(faulty)] == [
        "optional-not-asked: optional fact `maybe` is used before it is asked about"
    ]


S, A = ROWS.splitlines(keepends=True)


@pytest.mark.parametrize(
    ("text", "faults"),
    [
        (crossed(inputs=("tire", "count_")), [("tire", "unknown-fact: unknown fact `tire`", "did you mean `tier`?")]),
        (crossed(inputs=("tier", "tier"), columns="    - {id: few, when: '\"A\"'}\n    - {id: many, when: '\"B\"'}\n"), [("tier", "duplicate-id: `tier` is an input already", None)]),
        (crossed(S + A.replace('["-", [no, PT3H]]', '["-"]')), [("[", "wrong-cell-count: expected 2 cells, for few, many; found 1", None)]),
        (crossed(S + A.replace("PT3H]]", 'PT3H], "-"]')), [("[", "wrong-cell-count: expected 2 cells, for few, many; found 3", "a cell with a comma stands in quotes")]),
        (crossed(columns=COLUMNS.replace(">= 10", "< 10")), [('"< 10"', "duplicate-id: `few` asks the same already", None)]),
        (crossed(columns=COLUMNS.replace("id: many", "id: few")), [("few", "duplicate-id: `few` is used twice", None)]),
        (crossed(S + A.replace("id: A", "id: S")), [("S", "duplicate-id: `S` is used twice", None)]),
        (crossed(S + A.replace("id: A", "id: A b")), [("A b", "invalid-name: `A b` is no id", "letters, digits and . _ + -, at most 64")]),
        (crossed(S.replace("id: S", f"id: {'S' * 60}") + A), [("{", f"invalid-name: `{'S' * 60}… (65 characters)` is no id", "letters, digits and . _ + -, at most 64")]),
        (
            crossed(S.replace("id: S", "id: S-S") + A.replace("id: A", "id: S").replace('"-"', "[no, PT3H]"), COLUMNS.replace("id: few", "id: S-many")),
            [("[", "duplicate-id: `S-S-many` is used twice", None)],
        ),
        (crossed(S.replace("[yes, PT1H]", "[maybe, PT1H]") + A), [("maybe", "unknown-choice: expected one of yes, no, found `maybe`", None)]),
        (crossed(S.replace("[yes, PT1H]", "yes") + A), [("yes", "missing-outcome: expected 2 values, for out, within; found 1", None)]),
        (crossed(S.replace("within: PT2H", "withn: PT2H") + A), [("{", "missing-outcome: the rule gives no within", None), ("withn", "unknown-outcome: unknown outcome `withn`", "did you mean `within`?")]),
        (crossed(S.replace("then: {within: PT2H, out: yes}", "out: yes") + A), [("{", "missing-key: `then` is missing", None), ("out", "unknown-key: unknown key `out`", "did you mean `outcome`?")]),
        (crossed(S + A.replace('"-"', "[no, PT0S]")), [("PT0S", "type-mismatch: expected a duration such as P3D or PT4H, at least PT1M and at most P9D, found `PT0S`", None)]),
        (crossed(S.replace("'\"S\"'", "'\"Z\"'") + A), [('"Z"', 'unknown-choice: unknown choice "Z"', "the choices are S, A, B")]),
        (crossed("    - {id: S, when: '\"Z\"', cells: ['-', '-'], because: {zh: 是, en: so}}\n" + A), [('"Z"', 'unknown-choice: unknown choice "Z"', "the choices are S, A, B")]),
        (crossed(columns=COLUMNS.replace("< 10", "< <")), [("<", "syntax: expected a value, found `<`", None)]),
        (crossed("    - {id: S, when: '\"S\"', cells: ['-', '-'], because: {zh: 是, en: so}}\n"), [("rows", "missing-outcome: no cell of the cross table decides anything", None)]),
        (crossed(inputs=("tier", "maybe")), [("maybe", "optional-not-asked: the table never says what holds when `maybe` is missing", 'add a row with "is missing" in this column')]),
        (crossed(aggregate="count", hit="COLLECT"), [("count", "wrong-shape: expected `sum`, `min` or `max`", None)]),
        (crossed(hit="UNIQ"), [("UNIQ", "hit-policy: unknown hit policy `UNIQ`", "did you mean `UNIQUE`?")]),
        (crossed(S.replace("cells:", "cell:") + A), [("{", "missing-key: `cells` is missing", None), ("cell", "unknown-key: unknown key `cell`", "did you mean `cells`?")]),
        (crossed(columns="    []\n"), [("[", "wrong-shape: expected at least one entry, found none", None)]),
        (crossed() + TABLE, [("p", "key-not-allowed: a policy has one of `table`, `cross_table`, `rules` and `scorecard`, this one has table and cross_table", None)]),
    ],
)  # fmt: skip
def test_a_fault_is_told_at_its_place(text: str, faults: list[tuple[str, str, str | None]]) -> None:
    assert diagnostics_of(text) == faults


def test_all_faults_of_a_grid_are_told_at_once() -> None:
    columns = COLUMNS.replace(">= 10", "< 10").replace("few", "f w")
    rows = S.replace("[yes, PT1H]", "[maybe, PT1H]") + A.replace('["-", [no, PT3H]]', "[[no, PT3X]]")
    assert [message.partition(":")[0] for _, message, _ in diagnostics_of(crossed(rows, columns))] == [
        "invalid-name",
        "duplicate-id",
        "unknown-choice",
        "wrong-cell-count",
        "unknown-fact",
    ]


def test_a_grid_has_no_more_cells_than_a_policy_has_rules() -> None:
    side = 40
    columns = "".join(f"    - {{id: c{index}, when: '{index}'}}\n" for index in range(side))
    rows = "".join(
        f"    - {{id: r{index}, when: '{index}', cells: [{', '.join(['yes'] * side)}], because: {{zh: 是, en: so}}}}\n"
        for index in range(side)
    )
    text = crossed(rows, columns, ("whole", "count_")).replace(OUTCOMES, "  out: {type: choice, of: [yes, no]}\n")
    assert diagnostics_of(text) == [
        (
            "rows",
            f"too-many-rules: a cross table has at most {MAX_RULES:,} cells, this one 1,600",
            "split the policy into several",
        )
    ]
    one = crossed(
        rows.splitlines(keepends=True)[0].replace("cells: [", "cells: [" + "yes, " * 1000), columns, ("whole", "count_")
    )
    assert "too-many-rules" in diagnostics_of(one.replace(OUTCOMES, "  out: {type: choice, of: [yes, no]}\n"))[-1][1]


def test_a_rule_that_is_too_wide_is_told_at_its_cell() -> None:
    columns = (
        "    - {id: wide, when: '? > 1 and (" + " or ".join(f"whole = {n} or count_ = {n}" for n in range(33)) + ")'}\n"
    )
    rows = "    - {id: S, when: '\"S\"', cells: [[yes, PT1H]], because: {zh: 是, en: so}}\n"
    [(text, message, _)] = diagnostics_of(crossed(rows, columns))
    assert message.startswith("rule-too-wide")
    assert text == "["
