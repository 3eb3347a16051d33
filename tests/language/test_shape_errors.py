"""A file of another shape is told of in the author's words, one fault a place."""

# ruff: noqa: E501  # a case is one line of a table

import pytest
from pydantic import ValidationError

from policy_service.language.diagnostics import Code, Diagnostic, SourceSpan
from policy_service.language.document import MAX_CHOICES, MAX_FACTS, MAX_OUTCOMES, MAX_RULES, MAX_WORDS
from policy_service.language.shape_errors import shape_errors
from policy_service.language.source import read_source
from tests.language.sample import diagnostics_of, policy_text, ruled

VALID = policy_text()
COMMA = "a comma in `{…}` begins a new key; text with a comma stands in quotes"
ROW = "    - {id: r%d, when: 'true', then: [yes], because: {zh: 是, en: so}}\n"
EXAMPLE = "examples:\n  - {name: x, facts: {}, %s}\n"


@pytest.mark.parametrize(
    ("old", "new", "expected", "message", "hint"),
    [
        ("version: 1.0.0\n", "", "p", "missing-key: `version` is missing", None),
        (", en: sample", "", "{", "missing-key: `en` is missing", None),
        ("subject: customer", "subject: customer\nsubjects: x", "subjects", "unknown-key: unknown key `subjects`", None),
        ("subject: customer", "subject: customer\ninvariant: x", "invariant", "unknown-key: unknown key `invariant`", "did you mean `invariants`?"),
        ("en: so}", "en: so, we go}", "we go", "unknown-key: unknown key `we go`", COMMA),
        ("hit: FIRST", "hit: [a]", "[", "wrong-shape: expected text", None),
        ("hit: FIRST", "hit:", "", "wrong-shape: expected text", None),
        ("then: [yes]", "then: yes", "yes", "wrong-shape: expected a list or keys with values", None),
        ("then: [yes]", "then: [{a: b}]", "{", "wrong-shape: expected text or a list", None),
        ("then: [yes]", "then: {out: {a: b}}", "{", "wrong-shape: expected text or a list", None),
        ("{type: boolean}", "boolean", "boolean", "wrong-shape: expected keys with values", None),
        ("{type: boolean}", "{type: boolean, optional: yes}", "yes", "wrong-shape: expected `true` or `false`", None),
        ("{type: text}", "{type: choice, of: a}", "a", "wrong-shape: expected a list", None),
        ("of: [yes, no]", "of: []", "[", "wrong-shape: expected at least one entry, found none", None),
        ("of: [yes, no]", "of: [yes, no], ordered: best", "best", "wrong-shape: expected `best-first` or `worst-first`", None),
        ("zh: 是", "zh: ''", "''", "wrong-shape: expected text", None),
        ("title: {zh: 样例", f"title: {{zh: {'x' * (MAX_WORDS + 1)}", "x" * (MAX_WORDS + 1), "wrong-shape: expected at most 2,000 characters", None),
    ],
)  # fmt: skip
def test_a_fault_of_the_shape_is_told(old: str, new: str, expected: str, message: str, hint: str | None) -> None:
    assert diagnostics_of(VALID.replace(old, new, 1)) == [(expected, message, hint)]


def test_a_fact_called_like_a_type_of_python_has_its_own_place() -> None:
    facts = "  list: {type: [a]}\n  str: {type: [b]}\n  dict: {type: [c]}\n"
    assert [fault[:2] for fault in diagnostics_of(policy_text(facts=facts))] == [
        ("[", "wrong-shape: expected text")
    ] * 3


def test_nothing_at_all_is_told_key_by_key() -> None:
    results = [fault[1] for fault in diagnostics_of("notes: {zh: 注, en: note}\n")]
    expected = ("facts", "outcome", "policy", "subject", "title", "version")
    assert sorted(results) == [f"missing-key: `{key}` is missing" for key in expected]


@pytest.mark.parametrize("value", ["outcome: 5", "outcome: [5]"])
def test_an_expected_outcome_of_another_shape_is_one_fault(value: str) -> None:
    [fault] = diagnostics_of(VALID + EXAMPLE % f"{value}, rule: one")
    assert fault[1].startswith("wrong-shape: expected ")


def test_a_list_of_rules_is_allowed_to_the_last() -> None:
    head = VALID[: VALID.index("    - {id")]
    assert diagnostics_of(head + "".join(ROW % number for number in range(MAX_RULES))) == []
    diagnostics = diagnostics_of(head + "".join(ROW % number for number in range(MAX_RULES + 1)))
    hint = "split the policy into several"
    assert diagnostics == [("rows", "too-many-rules: a policy has at most 1,000 rules, this one 1,001", hint)]


def test_facts_outcomes_and_choices_are_allowed_to_the_last() -> None:
    def several(number: int, line: str) -> str:
        return "".join(line % index for index in range(number))

    fact = "  f%d: {type: boolean}\n"
    assert diagnostics_of(policy_text(facts=several(MAX_FACTS, fact))) == []
    [fault] = diagnostics_of(policy_text(facts=several(MAX_FACTS + 1, fact)))
    assert fault[1] == "wrong-shape: expected at most 200 entries, found 201"
    outcome, then = "  o%d: {type: choice, of: [yes]}\n", "then: [%s]"
    text = policy_text(outcome=several(MAX_OUTCOMES, outcome))
    assert diagnostics_of(text.replace("then: [yes]", then % ", ".join(["yes"] * MAX_OUTCOMES))) == []
    [fault] = diagnostics_of(policy_text(outcome=several(MAX_OUTCOMES + 1, outcome)))
    assert fault[1] == "wrong-shape: expected at most 20 entries, found 21"
    choices = [f"c{number}" for number in range(MAX_CHOICES + 1)]
    assert diagnostics_of(policy_text(facts=f"  f: {{type: tags, of: [{', '.join(choices[:-1])}]}}\n")) == []
    [fault] = diagnostics_of(policy_text(facts=f"  f: {{type: tags, of: [{', '.join(choices)}]}}\n"))
    assert fault[1] == "wrong-shape: expected at most 500 entries, found 501"


def test_a_condition_of_another_shape_is_told_at_its_place() -> None:
    assert diagnostics_of(ruled("[a]")) == [("[", "wrong-shape: expected text", None)]


def test_a_fault_that_nobody_foresaw_still_has_its_place() -> None:
    error = ValidationError.from_exception_data("file", [{"type": "finite_number", "loc": ("a", 0), "input": 1}])
    root, _ = read_source("file.yaml", b"a: [b]")
    assert list(shape_errors(error, root)) == [Diagnostic(Code.WRONG_SHAPE, "expected another value", SourceSpan(1, 5))]
