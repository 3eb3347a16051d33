"""A fault is shown with its place, the line, a caret under what is meant, and a hint."""

import pytest

from policy_service.language.diagnostics import (
    MAX_DIAGNOSTICS,
    MAX_EXCERPT,
    Code,
    Diagnostic,
    PolicyError,
    SourceSpan,
    did_you_mean,
    pluralize,
    shorten,
)

FAULT = Diagnostic(Code.SYNTAX, "wrong", SourceSpan(1, 3, 2), "mend it")


def rendered_lines(line: str, column: int, width: int = 1) -> list[str]:
    return Diagnostic(Code.SYNTAX, "wrong", SourceSpan(1, column, width)).render("f.yaml", [line]).split("\n")[1:]


def test_a_fault_is_place_code_sentence_line_caret_and_hint() -> None:
    assert FAULT.render("f.yaml", ["abcdef"]) == "f.yaml:1:3: syntax: wrong\n    abcdef\n      ^^\n  hint: mend it"


def test_a_fault_without_hint_or_without_its_line_is_shorter() -> None:
    assert (
        Diagnostic(Code.SYNTAX, "wrong", SourceSpan(1, 3)).render("f", ["abc"])
        == "f:1:3: syntax: wrong\n    abc\n      ^"
    )
    assert FAULT.render("f", []) == "f:1:3: syntax: wrong\n  hint: mend it"
    assert FAULT.render("f", ["   "]) == "f:1:3: syntax: wrong\n  hint: mend it"
    assert Diagnostic(Code.SYNTAX, "wrong", SourceSpan(0, 1)).render("f", ["abc"]) == "f:0:1: syntax: wrong"
    assert Diagnostic(Code.SYNTAX, "wrong", SourceSpan(2, 1)).render("f", ["a", "b"]).endswith("\n    b\n    ^")


@pytest.mark.parametrize(
    ("line", "column", "width", "carets"),
    [
        ("abc", 1, 1, "^"),
        ("abc", 3, 9, "  ^"),
        ("abc", 4, 1, "   ^"),
        ("客户 b", 1, 2, "^^^^"),
        ("客户 b", 4, 1, "     ^"),
        ("\ta b", 4, 1, "\t  ^"),
    ],
)
def test_the_caret_stands_under_what_is_meant(line: str, column: int, width: int, carets: str) -> None:
    assert rendered_lines(line, column, width) == [f"    {line}", f"    {carets}"]


def test_of_a_long_line_the_part_that_is_meant_is_shown() -> None:
    line = "a" * 500 + "bcd" + "e" * 500
    assert rendered_lines(line, 1) == ["    " + "a" * MAX_EXCERPT, "    ^"]
    assert rendered_lines("a" * MAX_EXCERPT, MAX_EXCERPT) == [
        "    " + "a" * MAX_EXCERPT,
        "    " + " " * (MAX_EXCERPT - 1) + "^",
    ]
    assert rendered_lines(line, 501, 3) == ["    …" + line[400:800], "    " + " " * 101 + "^^^"]
    assert rendered_lines("x" + "y" * 500, 1, 500) == ["    x" + "y" * 399, "    " + "^" * 400]
    assert rendered_lines(line, 110, 400) == ["    …" + line[9:409], "    " + " " * 101 + "^" * 300]


def test_control_characters_are_spelt_out_and_do_nothing_to_a_terminal() -> None:
    fault = Diagnostic(Code.SYNTAX, "bad `\x1b[31m\u202e`", SourceSpan(1, 2), "no \x07")
    text = fault.render("f", ["a\x1b\u2028b"]).split("\n")
    assert text == ["f:1:2: syntax: bad `\\x1b[31m\\u202e`", "    a\ufffd\ufffdb", "     ^", "  hint: no \\x07"]


def test_a_fault_as_json() -> None:
    assert FAULT.to_dict() == {
        "severity": "error",
        "code": "syntax",
        "message": "wrong",
        "line": 1,
        "column": 3,
        "width": 2,
        "hint": "mend it",
    }
    assert type(FAULT.to_dict()["code"]) is str


def test_faults_are_told_in_the_order_of_the_file() -> None:
    places = [SourceSpan(2, 1), SourceSpan(1, 9), SourceSpan(1, 2)]
    error = PolicyError("f.yaml", [Diagnostic(Code.SYNTAX, "x", place) for place in places], "ab\ncd")
    assert [fault.span for fault in error.diagnostics] == places[::-1]
    assert (error.path, error.text, error.more) == ("f.yaml", "ab\ncd", 0)
    assert str(error) == error.render()
    same = [Diagnostic(code, "x", SourceSpan(1, 1)) for code in (Code.SYNTAX, Code.EMPTY_RANGE)]
    assert [fault.code for fault in PolicyError("f", same).diagnostics] == ["empty-range", "syntax"]


def test_only_so_many_faults_are_told_and_the_rest_counted() -> None:
    many = [Diagnostic(Code.SYNTAX, "x", SourceSpan(line, 1)) for line in range(1, MAX_DIAGNOSTICS + 1_002)]
    error = PolicyError("f", many)
    assert (len(error.diagnostics), error.more) == (MAX_DIAGNOSTICS, 1_001)
    assert error.render().endswith(f"f:{MAX_DIAGNOSTICS}:1: syntax: x\nf: and 1,001 more")
    assert PolicyError("f", many[:MAX_DIAGNOSTICS]).more == 0


def test_the_nearest_word_is_offered_and_none_when_nothing_is_near() -> None:
    assert did_you_mean("anual_spend", ["annual_spend", "orders"]) == "did you mean `annual_spend`?"
    assert did_you_mean("zzz", ["annual_spend"]) is None
    assert did_you_mean("a", []) is None
    assert did_you_mean("x" * 100_000, ["x" * 100]) == f"did you mean `{'x' * 100}`?"


def test_long_text_is_shortened_and_counted() -> None:
    assert shorten("x" * 60) == "x" * 60
    assert shorten("x" * 61) == "x" * 60 + "… (61 characters)"
    assert shorten("abc", 2) == "ab… (3 characters)"
    assert [pluralize(number, "cell") for number in (0, 1, 2, 1_000)] == ["0 cells", "1 cell", "2 cells", "1,000 cells"]
