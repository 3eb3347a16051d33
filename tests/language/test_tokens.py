"""Text becomes tokens with their places; what fits none is refused at its first character."""

import pytest

from policy_service.language.diagnostics import Code
from policy_service.language.functions import FUNCTIONS
from policy_service.language.tokens import MAX_LENGTH, WORDS, ExpressionFault, Token, tokenise


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
        ["and", "or", "not", "between", "in", "is", "missing", "true", "false", "date", "duration"]
    )
    assert MAX_LENGTH == 4_000


def test_a_token_knows_its_place_and_the_last_is_the_end() -> None:
    assert tokenise(' ab "c"') == [Token("name", "ab", 1, 3), Token("text", "c", 4, 7), Token("end", "the end", 7, 7)]


@pytest.mark.parametrize(
    ("text", "message", "start", "end", "hint"),
    [
        ("a ' b", "unexpected `'`", 2, 3, 'text stands in double quotes: "it"'),
        ("“a”", "unexpected `“`", 0, 1, 'text stands in straight quotes: "it"'),
        ("a ≥ 1", "unexpected `≥`", 2, 3, "write `>=`"),
        ("a ≤ 1", "unexpected `≤`", 2, 3, "write `<=`"),
        ("a ＞ 1", "unexpected `＞`", 2, 3, None),
        ("a & b", "unexpected `&`", 2, 3, None),
        ("客户", "unexpected `客`", 0, 1, None),
        ("a\x07", "unexpected the character U+0007", 1, 2, None),
        ("a\u202eb", "unexpected the character U+202E", 1, 2, None),
        ('a = "b', "text without its closing quote", 4, 6, None),
        ('"a\nb"', "text without its closing quote", 0, 5, None),
        (r'a = "\q"', "unknown escape in text", 4, 8, r"escapes are \", \\, \n, \t, \uXXXX"),
        (r'"\ud800"', "unknown escape in text", 0, 8, r"escapes are \", \\, \n, \t, \uXXXX"),
        (r'"\u12"', "unknown escape in text", 0, 6, r"escapes are \", \\, \n, \t, \uXXXX"),
    ],
)
def test_what_is_no_token_is_refused_at_its_place(
    text: str, message: str, start: int, end: int, hint: str | None
) -> None:
    with pytest.raises(ExpressionFault) as refused:
        tokenise(text)
    fault = refused.value
    assert (fault.message, fault.start, fault.end, fault.hint) == (message, start, end, hint)
    assert (fault.code, str(fault)) == (Code.SYNTAX, message)
