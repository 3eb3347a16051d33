"""What a reader cannot see or cannot tell apart is found, and what Chinese business texts hold is left alone."""

import unicodedata

import pytest

from policy_service.characters import (
    describe_character,
    detect_wide_encoding,
    escape_hidden,
    find_hidden_character,
    skeleton,
    spelling_error,
    text_error,
)

SEEN = [
    "C900",
    "客户（北京）一号",
    "¥1,234.50 — «ok»",
    "第一行\n第二行\t列",
    "👍\N{VARIATION SELECTOR-16}",
    "頔瓅",
    "نص",
]
HIDDEN = [
    *"\u200b\u200c\u200d\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2060\u2066\u2067\u2068\u2069\ufeff\u00ad\u061c",
    *"\u034f\u115f\u180e\u2028\u2029\u3164\ufffb\U000e0041\x00\x07\x1b\x7f\x85\ud800",
]


@pytest.mark.parametrize("text", SEEN)
def test_ordinary_text_holds_no_hidden_character(text: str) -> None:
    assert find_hidden_character(text) is None


@pytest.mark.parametrize("character", HIDDEN, ids=describe_character)
def test_a_hidden_character_is_found_where_it_stands(character: str) -> None:
    hidden_character = find_hidden_character(f"客户{character}A")
    assert hidden_character is not None
    assert (hidden_character[0], hidden_character.start()) == (character, 2)


def test_every_format_character_that_is_not_drawn_is_hidden() -> None:
    drawn = {*map(chr, range(0x600, 0x606)), "\u06dd", "\u070f", "\u0890", "\u0891", "\u08e2"}
    drawn |= {chr(c) for c in (0x110BD, 0x110CD, *range(0x13430, 0x13440))}
    formats = {chr(c) for c in range(0x110000) if unicodedata.category(chr(c)) == "Cf"} - drawn
    assert {character for character in formats if not find_hidden_character(character)} == set()


@pytest.mark.parametrize("identifier", ["C900", "a/b c", "客户（北京）", "Zoë", "林頔", "c-1.5_x"])
def test_an_identifier_has_its_own_spelling(identifier: str) -> None:
    assert spelling_error(identifier) is None


@pytest.mark.parametrize(
    ("identifier", "text"),
    [
        ("C900 ", "leave out the blanks around it"),
        (" C900", "leave out the blanks around it"),
        ("C900\u3000", "leave out the blanks around it"),
        ("C\u00a0900", "write a space for the blank U+00A0 NO-BREAK SPACE"),
        ("C\u200b900", "leave out the hidden character U+200B ZERO WIDTH SPACE"),
        ("C900\u202e", "leave out the hidden character U+202E RIGHT-TO-LEFT OVERRIDE"),
        ("C900\n", "leave out the hidden character U+000A"),
        ("葛\U000e0100", "leave out the hidden character U+E0100 VARIATION SELECTOR-17"),
        ("Ｃ９００", "write `C900`, in half-width letters and digits"),
        ("Ａ／Ｂ＿（一）", "write `A/B_（一）`, in half-width letters and digits"),
        ("Zoe\u0308", "write it with composed characters (Unicode NFC)"),
    ],
)
def test_a_second_spelling_is_refused_with_what_to_write(identifier: str, text: str) -> None:
    assert spelling_error(identifier) == text


@pytest.mark.parametrize("encoding", ["utf-16", "utf-16-le", "utf-16-be", "utf-32", "utf-32-le", "utf-32-be"])
def test_an_encoding_in_wider_units_is_named(encoding: str) -> None:
    assert detect_wide_encoding('{"a": "客户"}'.encode(encoding)) == encoding[:6].upper()
    assert detect_wide_encoding("-----BEGIN".encode(encoding)) == encoding[:6].upper()


@pytest.mark.parametrize("content", [b"", b"{", b"{}", "客户".encode(), b"\xef\xbb\xbf{}", b"\0", b"\0\0", b"\xff{}"])
def test_other_bytes_are_in_no_wider_units(content: bytes) -> None:
    assert detect_wide_encoding(content) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [("A", "Ａ"), ("café", "cafe\u0301"), ("A", "А"), ("Tier A", "Тier Α"), ("零售", "零\u200b售"), ("，", ",")],
)
def test_texts_that_look_alike_have_one_skeleton(one: str, other: str) -> None:
    assert one != other
    assert skeleton(one) == skeleton(other)


def test_texts_that_a_reader_tells_apart_have_two() -> None:
    assert skeleton("A") != skeleton("a")
    assert skeleton("零售") != skeleton("零隻")


@pytest.mark.parametrize("text", SEEN)
def test_ordinary_text_has_no_fault_and_is_shown_as_it_is(text: str) -> None:
    assert text_error(text) is None
    assert escape_hidden(text) == text


def test_a_text_with_a_hidden_character_is_told_what_to_leave_out_and_is_shown_with_an_escape() -> None:
    text = "agreed\u202e\U000e0041 所同意\n"
    assert text_error(text) == "leave out the hidden character U+202E RIGHT-TO-LEFT OVERRIDE"
    assert escape_hidden(text) == "agreed\\u202e\\udb40\\udc41 所同意\n"
