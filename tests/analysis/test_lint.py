"""What is warned of is so: for written files by hand, for generated policies by asking the definition."""

# ruff: noqa: E501  # a case is one line of a table

from __future__ import annotations

import random

import pytest

from policy_service.analysis.lint import _warnings, lint
from policy_service.analysis.regions import Domain, difference, intersection, region, texts_of, union
from policy_service.language.cross_tables import input_path, rule_path
from policy_service.language.diagnostics import PolicyError, WarningCode
from policy_service.language.evaluate import holds, scope_of
from policy_service.language.load import load_bytes
from policy_service.language.policy import Policy
from policy_service.language.source import Path
from policy_service.language.types import BooleanType, ChoiceType, TagsType, TextType, Value
from tests.conformance.facts import fact_sets
from tests.conformance.generate import generate
from tests.effort import effort
from tests.language.sample import loaded, policy_text, rule_lines, ruled, tabled

NUMBER = "  out: {type: integer}\n"


def warnings_of(text: str) -> list[tuple[WarningCode, str, str | None]]:
    """The warnings of a file: code, the characters meant, hint."""
    policy = loaded(text)
    lines = policy.text.splitlines()
    return [
        (each.code, lines[each.span.line - 1][each.span.column - 1 :][: each.span.width], each.hint)
        for each in lint(policy)
        if isinstance(each.code, WarningCode)
    ]


NEVER, ALWAYS, FINE, REDUNDANT, OUTSIDE, PAIR = (
    WarningCode.NEVER_TRUE,
    WarningCode.ALWAYS_TRUE,
    WarningCode.TOO_FINE,
    WarningCode.REDUNDANT_TEST,
    WarningCode.OUT_OF_BOUNDS,
    WarningCode.LIST_OF_TWO,
)
CELLS = [
    # column, cell, warnings: code, the characters meant, hint
    ("count_", "> 100", [(NEVER, "'> 100'", None)]),
    ("count_", ">= 100", []),
    ("count_", "< 0", [(NEVER, "'< 0'", None)]),
    ("count_", "101", [(NEVER, "'101'", None)]),
    ("count_", "2.5", [(NEVER, "'2.5'", None)]),
    ("count_", "not(>= 0)", [(NEVER, "'not(>= 0)'", None)]),
    ("count_", ">= 0", [(ALWAYS, "'>= 0'", 'write "-"')]),
    ("count_", "[0..100]", [(ALWAYS, "'[0..100]'", 'write "-"')]),
    ("count_", "(-1..101)", [(ALWAYS, "'(-1..101)'", 'write "-"')]),
    ("count_", "[0..100)", []),
    ("count_", "!= 101", [(ALWAYS, "'!= 101'", 'write "-"')]),
    ("count_", "> 30, < 60", [(ALWAYS, "'> 30, < 60'", 'tests are alternatives; when both must hold, write "(30..60)"')]),
    ("count_", "< 30, > 60", []),
    ("count_", "> 30, <= 30", [(ALWAYS, "'> 30, <= 30'", 'write "-"')]),
    ("count_", "[50..200]", [(OUTSIDE, "200", None)]),
    ("count_", "[5, 10]", [(PAIR, "'[5, 10]'", "write `[5..10]`, or the values without brackets: `5, 10`")]),
    ("count_", " 5, 10 ", []),
    ("count_", "[5, 10, 15]", []),
    ("count_", "5, > 200", [(NEVER, "> 200", None)]),
    ("count_", "> 5, 7", [(REDUNDANT, "7", "leave it out")]),
    ("count_", "> 1, 5", [(REDUNDANT, "5", "leave it out")]),
    ("count_", "5, 5", [(REDUNDANT, "5", "leave it out")]),
    ("count_", "> 2.5", [(FINE, "2.5", None)]),
    ("spend", "< 5.001", [(FINE, "5.001", None)]),
    ("spend", "< 5.10", []),
    ("spend", "5.001", [(NEVER, "'5.001'", None)]),
    ("ratio", "< 1 / 3", [(FINE, "1 / 3", None)]),
    ("born", '< @"1950-01-01"', [(NEVER, "'< @\"1950-01-01\"'", None)]),
    ("wait", '<= @"P30D"', [(ALWAYS, "'<= @\"P30D\"'", 'write "-"')]),
    ("tier", '"S", "A", "B"', [(ALWAYS, "'\"S\", \"A\", \"B\"'", 'write "-"')]),
    ("tier", 'not("S", "A")', []),
    ("tier", '"S", "S"', [(REDUNDANT, '"S"', "leave it out")]),
    ("flag", "true, false", [(ALWAYS, "'true, false'", 'write "-"')]),
    ("flag", "true", []),
    ("note", '"a", "b"', []),
    ("note", '"a", "a"', [(REDUNDANT, '"a"', "leave it out")]),
    ("maybe", "is not missing", []),
    ("maybe", "is missing, > 3", []),
    ("maybe", "is missing, >= -9007199254740992", [(ALWAYS, "'is missing, >= -9007199254740992'", 'write "-"')]),
    ("count_", "> whole", []),
    ("count_", "? > 200 or ? = whole", [(NEVER, "? > 200", None)]),
    ("tags", "-", []),
]  # fmt: skip


@pytest.mark.parametrize(("column", "cell", "warnings"), CELLS)
def test_a_cell_is_warned_of(column: str, cell: str, warnings: list[tuple[WarningCode, str, str | None]]) -> None:
    rows = [f"when: ['{cell}'], then: [yes]"]
    if column == "maybe":
        rows.append("when: [is missing], then: [no]")
    assert warnings_of(tabled(column, *rows, hit="RULE ORDER")) == warnings


@pytest.mark.parametrize(
    ("when", "warnings"),
    [
        ("count_ > 100", [(NEVER, "count_ > 100", None)]),
        ("100 < count_ and flag", [(NEVER, "100 < count_", None)]),
        ("flag or not(count_ >= 0)", [(ALWAYS, "count_ >= 0", None)]),
        ("count_ in (101, 5)", [(NEVER, "101", None)]),
        ('note = "a" or tier = "S"', []),
        ("count_ + whole > 200", []),
        ("maybe is not missing and maybe > 1.5", [(FINE, "1.5", None)]),
        ("flag", []),
    ],
)
def test_a_condition_is_warned_of(when: str, warnings: list[tuple[WarningCode, str, str | None]]) -> None:
    assert warnings_of(ruled(f"'{when}'")) == warnings


def rows_found(hit: str, *rows: str, outcome: str | None = None) -> list[str]:
    text = tabled("count_, tier", *rows, hit=hit, **({"outcome": outcome} if outcome else {}))
    return [
        each.message
        for each in lint(loaded(text))
        if each.code in {WarningCode.UNREACHABLE_RULE, WarningCode.OVERLAPPING_RULES}
    ]


def test_a_row_behind_one_that_holds_whenever_it_does_is_never_reached() -> None:
    behind = "`r1` is never reached: `r0` stands first and holds whenever it does"
    assert rows_found("FIRST", "when: ['-', '-'], then: [yes]", "when: ['> 3', '-'], then: [no]") == [behind]
    assert rows_found("FIRST", "when: ['> 3', '-'], then: [yes]", "when: ['[4..9]', '\"S\"'], then: [no]") == [behind]
    assert rows_found("FIRST", "when: ['> whole', '-'], then: [yes]", "when: ['> whole', '\"S\"'], then: [no]") == [
        behind
    ]
    assert rows_found("FIRST", "when: ['> 3', '\"A\"'], then: [yes]", "when: ['> 4', '-'], then: [no]") == []
    assert rows_found("FIRST", "when: ['> whole', '-'], then: [yes]", "when: ['> 4', '-'], then: [no]") == []
    assert rows_found("RULE ORDER", "when: ['-', '-'], then: [yes]", "when: ['> 3', '-'], then: [no]") == []


def test_a_free_rule_behind_one_without_a_condition_is_never_reached() -> None:
    logic = rule_lines(("a", "true", "[yes]"), ("b", "flag", "[no]"), ("c", "flag", "[yes]"))
    policy = ruled("flag").split("rules:")[0] + logic
    assert [each.span.line for each in lint(loaded(policy))] == [
        policy.splitlines().index(line) + 1 for line in policy.splitlines() if "id: b" in line or "id: c" in line
    ]


def test_rows_that_meet_under_unique_are_told_with_facts_for_which_both_hold() -> None:
    assert rows_found(
        "UNIQUE", "when: ['[0..10]', '-'], then: [yes]", "when: ['[10..20]', 'not(\"S\")'], then: [no]"
    ) == ['`r0` and `r1` both hold for `count_` 10, `tier` "A", a conflict under UNIQUE']
    assert rows_found("UNIQUE", "when: ['[0..10)', '-'], then: [yes]", "when: ['[10..20]', '-'], then: [no]") == []
    assert rows_found("UNIQUE", "when: ['> 3', '\"S\"'], then: [yes]", "when: ['> 2', '\"A\"'], then: [no]") == []
    assert rows_found("UNIQUE", "when: ['> whole', '-'], then: [yes]", "when: ['-', '-'], then: [no]") == []


def test_rows_that_meet_under_any_are_told_when_they_decide_differently() -> None:
    rows = "when: ['[0..10]', '-'], then: [{}]", "when: ['[10..20]', '-'], then: [{}]"
    assert rows_found("ANY", rows[0].format("yes"), rows[1].format("yes")) == []
    assert rows_found("ANY", rows[0].format("yes"), rows[1].format("no")) != []
    assert rows_found("ANY", rows[0].format("count_"), rows[1].format("1"), outcome=NUMBER) == []


def test_a_head_of_a_cross_table_is_told_once_and_rules_that_meet_at_their_cells() -> None:
    grid = """\
cross_table:
  down: tier
  across: count_
  columns:
    - {id: few, when: "< 10"}
    - {id: some, when: "[5..20]"}
    - {id: none, when: "> 100"}
  rows:
    - {id: top, when: '"S"', cells: [yes, no, no], because: {zh: 是, en: so}}
    - {id: rest, when: '"A", "B", "A"', cells: [yes, "-", no], because: {zh: 是, en: so}}
"""
    assert [(each.code, each.message.partition(" both")[0]) for each in lint(loaded(policy_text(grid)))] == [
        (WarningCode.NEVER_TRUE, "the cell holds for no value of `count_`, a whole number, at least 0 and at most 100"),
        (WarningCode.OVERLAPPING_RULES, "`top-few` and `top-some`"),
        (WarningCode.REDUNDANT_TEST, '`"A"` is covered by `"A"`'),
    ]
    assert [text for _, text, _ in warnings_of(policy_text(grid))] == ['"> 100"', "no", '"A"']


def test_what_is_decided_otherwise_is_no_row() -> None:
    text = tabled("count_", "when: ['> 3'], then: [yes]", hit="UNIQUE")
    assert warnings_of(f"{text}  otherwise: {{then: [no], because: {{zh: 否, en: no}}}}\n") == []


def generated(seeds: range) -> list[tuple[int, Policy]]:
    policies = []
    for seed in seeds:
        try:
            policies.append((seed, load_bytes(generate(random.Random(seed)).text.encode())))
        except PolicyError:
            continue
    return policies


def test_no_facts_contradict_a_warning() -> None:
    seen: set[WarningCode] = set()
    for seed, policy in generated(range(effort(200, 400))):
        remarks = [remark for remark in _warnings(policy) if remark.path[0] != "scorecard"]
        seen |= {remark.code for remark in remarks}
        for facts, as_of in fact_sets(random.Random(seed), policy, 20):
            if any(name not in facts and not fact.optional for name, fact in policy.facts.items()):
                continue
            scope = scope_of(policy, facts, as_of)
            held = [holds(rule.when, scope) for rule in policy.rules]
            for remark in remarks:
                rows, column = meant_by(policy, remark.path)
                match remark.code:
                    case WarningCode.NEVER_TRUE if column is not None and remark.span is None:
                        assert not any(held[row] for row in rows), (seed, remark)
                    case WarningCode.ALWAYS_TRUE if (
                        column is not None and remark.span is None and policy.inputs[column] in scope
                    ):
                        assert all(holds(policy.rules[row].cells[column], scope) for row in rows), (seed, remark)
                    case WarningCode.UNREACHABLE_RULE:
                        assert all(not held[row] or any(held[:row]) for row in rows), (seed, remark)
                    case _:
                        pass
    assert seen == set(WarningCode) - {WarningCode.LIST_OF_TWO}  # which says nothing about facts


def meant_by(policy: Policy, path: Path) -> tuple[list[int], int | None]:
    """The rules that a place of the file belongs to, and the input when it is a cell or a head."""
    inputs = [None] if policy.form != "table" else [*range(len(policy.inputs)), None]
    results = [
        (row, column)
        for row, rule in enumerate(policy.rules)
        for column in inputs
        if not rule.otherwise
        and path == (input_path(policy, row, column) if column is not None else place(policy, row, path))
    ]
    assert results, path
    return [row for row, _ in results], results[0][1]


def place(policy: Policy, row: int, path: Path) -> Path:
    """Where a rule stands, with the key that `path` ends in."""
    return (*rule_path(policy, row), path[-1])


def test_a_region_holds_what_its_condition_does() -> None:
    request_count = 0
    for seed, policy in generated(range(effort(100, 300))):
        conditions = [cell for rule in policy.rules for cell in rule.cells]
        texts = tuple(dict.fromkeys(texts_of(conditions)))
        for rule in policy.rules:
            for name, cell in zip(policy.inputs, rule.cells, strict=False):
                if name not in policy.facts:
                    continue
                fact = policy.facts[name]
                domain = Domain(name, fact.type, fact.optional, texts)
                held = region(cell, domain)
                if held is None:
                    continue
                for facts, as_of in fact_sets(random.Random(seed), policy, 10):
                    if name in facts:
                        request_count += 1
                        number = as_number(domain, facts[name])
                        expected = holds(cell, scope_of(policy, {name: facts[name]}, as_of))
                        assert bool(intersection(held, ((number, number),))) is expected, (seed, cell, facts[name])
    assert request_count > 1_000


def as_number(domain: Domain, value: Value) -> int:
    """The number that a kept value has in a region, worked out again."""
    match domain.kind:
        case ChoiceType(of=of):
            return of.index(str(value))
        case TextType():
            return domain.texts.index(str(value)) if value in domain.texts else len(domain.texts)
        case BooleanType() | TagsType():
            return 1 if value is True else 0
        case _:
            return int(str(value))


def test_sets_of_intervals() -> None:
    assert union([((1, 2), (5, 6)), ((3, 3), (9, 9))]) == ((1, 3), (5, 6), (9, 9))
    assert intersection(((1, 5), (8, 9)), ((4, 8),)) == ((4, 5), (8, 8))
    assert difference(((1, 9),), ((2, 3), (9, 12))) == ((1, 1), (4, 8))
    assert difference(((1, 9),), ()) == ((1, 9),)
