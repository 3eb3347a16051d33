"""Text becomes tokens with their places; what fits none is refused at its first character."""

# a case is one line of a table

import pytest

from policy_service.language.diagnostics import Code
from policy_service.language.functions import FUNCTIONS
from policy_service.language.tokens import MAX_LENGTH, WORDS, ExpressionSyntaxError, Token, tokenise


def pairs(text: str) -> list[tuple[str, str]]:
    return [(token.kind, token.text) for token in tokenise(text)[:-1]]


@pytest.mark.parametrize(
    ("text", "tokens"),
    [
        ("1", [("number", "1")]),
        ("1.50", [("number", "1.50")]),
        ("1..2", [("number", "1"), ("symbol", ".."), ("number", "2")]),
        ("a.b", [("name", "a"), ("symbol", "."), ("name", "b")]),
        ("_a1", [("name", "_a1")]),
        ("1a", [("number", "1"), ("name", "a")]),
        (".5", [("number", ".5")]),
        ("0.05", [("number", "0.05")]),
        ("1.. .5", [("number", "1"), ("symbol", ".."), ("number", ".5")]),
        ("0", [("number", "0")]),
        ("1, 200", [("number", "1"), ("symbol", ","), ("number", "200")]),
        ("1,20", [("number", "1"), ("symbol", ","), ("number", "20")]),
        ("1,2000", [("number", "1"), ("symbol", ","), ("number", "2000")]),
        ("2026 - 11 - 21", [("number", "2026"), ("symbol", "-"), ("number", "11"), ("symbol", "-"), ("number", "21")]),
        ("a**2", [("name", "a"), ("symbol", "**"), ("number", "2")]),
        ("<=>=!=<>=", [("symbol", s) for s in ("<=", ">=", "!=", "<", ">=")]),
        ("-+*/()[],@?=", [("symbol", s) for s in "-+*/()[],@?="]),
        ("round half  up (", [("function", "round half up"), ("symbol", "(")]),
        ("round half up", [("name", "round"), ("name", "half"), ("name", "up")]),
        ("starts with(", [("function", "starts with"), ("symbol", "(")]),
        ("round(", [("name", "round"), ("symbol", "(")]),
        ('"a b"', [("text", "a b")]),
        ('""', [("text", "")]),
        (r'"\"\\\n\t\u5ba2"', [("text", '"\\\n\t客')]),
        ('"客户"', [("text", "客户")]),
        (" \t\r\n1 ", [("number", "1")]),
        ("", []),
    ],
)
def test_text_becomes_these_tokens(text: str, tokens: list[tuple[str, str]]) -> None:
    assert pairs(text) == tokens


@pytest.mark.parametrize("word", sorted(WORDS))
def test_a_word_of_the_grammar_is_no_name(word: str) -> None:
    assert pairs(word) == [("word", word)]
    assert pairs(f"{word}_") == [("name", f"{word}_")]


@pytest.mark.parametrize("name", sorted(name for name in FUNCTIONS if " " in name))
def test_a_function_of_several_words_is_one_token(name: str) -> None:
    assert pairs(f"{name}(")[0] == ("function", name)


def test_the_words_are_these() -> None:
    assert sorted(WORDS) == sorted(
        ["and", "or", "not", "between", "in", "is", "missing", "true", "false", "null", "date", "duration"]
    )
    assert MAX_LENGTH == 4_000


def test_a_token_knows_its_place_and_the_last_is_the_end() -> None:
    assert tokenise(' ab "c"') == [Token("name", "ab", 1, 3), Token("text", "c", 4, 7), Token("end", "the end", 7, 7)]


@pytest.mark.parametrize(
    ("text", "message", "start", "end", "hint"),
    [
        ("a ' b", "unexpected `'`", 2, 3, None),
        ("“a”", "unexpected `“`", 0, 1, None),
        ("a ≥ 1", "unexpected `≥`", 2, 3, None),
        ("a ＞ 1", "unexpected `＞`", 2, 3, None),
        ("a & b", "unexpected `&`", 2, 3, None),
        ("客户", "unexpected `客`", 0, 1, None),
        ("a\x07", "unexpected the character U+0007", 1, 2, None),
        ("a\u202eb", "unexpected the character U+202E RIGHT-TO-LEFT OVERRIDE", 1, 2, None),
        ('a = "b', "text without its closing quote", 4, 6, None),
        ('"a\nb"', "text without its closing quote", 0, 5, None),
        (
            "> 1,000,000.5",
            "`1,000,000.5` is read as several values",
            2,
            13,
            "write `1000000.5`; several values have a blank after each comma",
        ),
        (
            "1,000",
            "`1,000` is read as several values",
            0,
            5,
            "write `1000`; several values have a blank after each comma",
        ),
        (
            "1，000",
            "`1，000` is read as several values",
            0,
            5,
            "write `1000`; several values have a blank after each comma",
        ),
        (
            "100,200",
            "`100,200` is read as several values",
            0,
            7,
            "write `100200`; several values have a blank after each comma",
        ),
        (
            "a > 007",
            "the number `007` begins with a needless zero",
            4,
            7,
            'write `7`; a date is written `@"2026-01-31"`',
        ),
        ("1, 000", "the number `000` begins with a needless zero", 3, 6, "leave the commas out of a number"),
        ("00", "the number `00` begins with a needless zero", 0, 2, 'write `0`; a date is written `@"2026-01-31"`'),
        (
            "01.5",
            "the number `01.5` begins with a needless zero",
            0,
            4,
            'write `1.5`; a date is written `@"2026-01-31"`',
        ),
        (
            "2026-01",
            "the number `01` begins with a needless zero",
            5,
            7,
            'a date is written `@"2026-01-31"`',
        ),
        ("2026-11-21", "the date `2026-11-21` is read as a calculation", 0, 10, 'write `@"2026-11-21"`'),
        ("1...5", "an interval has two dots", 1, 5, "write `..`"),
        ("2026/1/5", "the date `2026/1/5` is read as a calculation", 0, 8, 'write `@"2026-01-05"`'),
        ("2026.11.21", "the date `2026.11.21` is read as a calculation", 0, 10, 'write `@"2026-11-21"`'),
        ("2026-02-30", "the date `2026-02-30` is read as a calculation", 0, 10, "there is no such day"),
        (r'a = "\q"', "unknown escape in text", 4, 8, r"escapes are \", \\, \n, \t, \uXXXX"),
        (r'"\ud800"', "unknown escape in text", 0, 8, r"escapes are \", \\, \n, \t, \uXXXX"),
        (r'"\u12"', "unknown escape in text", 0, 6, r"escapes are \", \\, \n, \t, \uXXXX"),
    ],
)
def test_what_is_no_token_is_refused_at_its_place(
    text: str, message: str, start: int, end: int, hint: str | None
) -> None:
    with pytest.raises(ExpressionSyntaxError) as refused:
        tokenise(text)
    fault = refused.value
    assert (fault.message, fault.start, fault.end, fault.hint) == (message, start, end, hint)
    assert (fault.code, str(fault)) == (Code.SYNTAX, message)
