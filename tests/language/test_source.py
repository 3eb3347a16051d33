"""Bytes become text with places; whatever would let a file say something else than it shows is refused."""

import pytest

from policy_service.language.diagnostics import Code, PolicyError, SourceSpan
from policy_service.language.source import (
    MAX_BYTES,
    MAX_LEVELS,
    Mapping,
    Scalar,
    Sequence,
    find_key_span,
    find_node,
    read_source,
    to_plain,
)


def read(text: str | bytes) -> Mapping:
    return read_source("file.yaml", text.encode() if isinstance(text, str) else text)[0]


def faults(text: str | bytes) -> list[tuple[str, str, int, int, int, str | None]]:
    with pytest.raises(PolicyError) as refused:
        read(text)
    assert refused.value.path == "file.yaml"
    return [
        (str(fault.code), fault.message, fault.span.line, fault.span.column, fault.span.width, fault.hint)
        for fault in refused.value.diagnostics
    ]


def scalar(text: str) -> Scalar:
    node = read(text).entries["a"][1]
    assert isinstance(node, Scalar)
    return node


@pytest.mark.parametrize(
    ("text", "tree"),
    [
        ("a: 1.10", {"a": "1.10"}),
        ("a: no", {"a": "no"}),
        ("a: 0x10", {"a": "0x10"}),
        ("a: ~", {"a": None}),
        ("a: null", {"a": None}),
        ("a: Null", {"a": None}),
        ("a: NULL", {"a": None}),
        ("a:", {"a": None}),
        ('a: "null"', {"a": "null"}),
        ("a: ''", {"a": ""}),
        ("a: nULL", {"a": "nULL"}),
        ("a: [b, {c: d}]", {"a": ["b", {"c": "d"}]}),
        ("a: >-\n  b\n  c\n", {"a": "b c"}),
        ("%YAML 1.2\n---\na: b\n", {"a": "b"}),
        ("\ufeffa: 客户", {"a": "客户"}),
        ("1: b", {"1": "b"}),
        ("a: {}", {"a": {}}),
        ("a: []", {"a": []}),
    ],
)
def test_every_scalar_stays_the_authors_text(text: str, tree: object) -> None:
    assert to_plain(read(text)) == tree


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        (b"", ("wrong-shape", "the file is empty", 1, 1, 1, None)),
        (b"# nothing\n", ("wrong-shape", "the file is empty", 1, 1, 1, None)),
        (b"- a", ("wrong-shape", "expected a mapping with `policy`, `version`, …", 1, 1, 1, None)),
        (b"text", ("wrong-shape", "expected a mapping with `policy`, `version`, …", 1, 1, 1, None)),
        ("a: 客户".encode("gb18030"), ("not-utf8", "the file is not UTF-8 text", 1, 4, 1, "save it as UTF-8")),
        (b"a: b\nc: d\xff", ("not-utf8", "the file is not UTF-8 text", 2, 5, 1, "save it as UTF-8")),
        ("a: b".encode("utf-16"), ("not-utf8", "the file is not UTF-8 text", 1, 1, 1, "save it as UTF-8")),
        ("a: 1\nb: *x\n", ("yaml-alias", "alias `*x` is not allowed", 2, 4, 2, "write the value out")),
        ("a: &x 1\n", ("yaml-alias", "anchor `&x` is not allowed", 1, 4, 4, "write the value out")),
        ("a: !!str 1\n", ("yaml-tag", "tag `tag:yaml.org,2002:str` is not allowed", 1, 4, 7, "leave the tag out")),
        ("a: !x 1\n", ("yaml-tag", "tag `!x` is not allowed", 1, 4, 4, "leave the tag out")),
        ("a: ! 1\n", ("yaml-tag", "tag `!` is not allowed", 1, 4, 3, "leave the tag out")),
        ("? [a]\n: b\n", ("yaml-key", "a key is a plain word", 1, 3, 1, None)),
        ("~: b\n", ("yaml-key", "a key is a plain word", 1, 1, 1, None)),
        ("? {a: b}\n: c\n", ("yaml-key", "a key is a plain word", 1, 3, 1, None)),
        ("a: 1\nb: 2\na: 3\n", ("duplicate-key", "`a` is written twice, first in line 1", 3, 1, 1, None)),
        ('a: 1\n"a": 3\n', ("duplicate-key", "`a` is written twice, first in line 1", 2, 1, 3, None)),
        ("a: 1\n---\nb: 2\n", ("yaml-syntax", "a policy file is one document", 2, 1, 3, None)),
    ],
)
def test_this_is_refused_at_its_place(text: str | bytes, fault: tuple[object, ...]) -> None:
    assert faults(text) == [fault]


SYNTAX_HINT = 'text with `: `, `#`, `[` or a leading `-` stands in quotes: "-"'


@pytest.mark.parametrize(
    ("text", "message", "line", "column"),
    [
        ("a: [b", "did not find expected ',' or ']'", 2, 1),
        ("a: b: c", "mapping values are not allowed in this context", 1, 5),
        ('a: "b', "found unexpected end of stream", 1, 6),
        ("a: @b", "found character that cannot start any token", 1, 4),
        ("a: *", "did not find expected alphabetic or numeric character", 1, 5),
        ('a: "\\ud800"', "found invalid Unicode character escape code", 1, 7),
    ],
)
def test_what_is_no_yaml_is_told_where_the_reader_stopped(text: str, message: str, line: int, column: int) -> None:
    [fault] = faults(text)
    assert (fault[0], fault[1], fault[5]) == ("yaml-syntax", message, SYNTAX_HINT)
    assert fault[2:4] == (line, column)


@pytest.mark.parametrize(
    ("text", "line", "column"), [("a: b\n\x07", 2, 1), ("a\x00b", 1, 2), ("客户: b\n客\x1b[31m", 2, 2), ("\x07", 1, 1)]
)  # fmt: skip
def test_a_control_character_is_told_at_its_place(text: str, line: int, column: int) -> None:
    [fault] = faults(text)
    assert (fault[0], fault[2:]) == ("hidden-character", (line, column, 1, "leave it out"))


@pytest.mark.parametrize(
    ("text", "message", "line", "column", "hint"),
    [
        ("a:\n\t- b", "a tab stands where spaces must", 2, 1, "indent with spaces"),
        ("a:\n  \tb: c\n  d: e", "a tab stands where spaces must", 2, 3, "indent with spaces"),
        (
            "a: b\nsubject：customer\nc: d",
            "a full-width `：` stands where `: ` must",
            2,
            8,
            "write `subject: customer`",
        ),
    ],
)
def test_what_was_mistyped_is_told_instead_of_what_the_reader_made_of_it(
    text: str, message: str, line: int, column: int, hint: str
) -> None:
    [fault] = faults(text)
    assert fault == ("yaml-syntax", message, line, column, 1, hint)


def test_what_yaml_does_not_allow_is_told_at_its_place() -> None:
    assert faults("a: b\nc\uffff") == [("yaml-syntax", "control characters are not allowed", 2, 2, 1, None)]


@pytest.mark.parametrize("character", ["\u200b", "\u202e", "\u2066", "\ufeff", "\u00ad", "\u2028"])
def test_every_hidden_character_is_told_wherever_it_stands(character: str) -> None:
    errors = faults(f"a: b{character} # {character}\nc: 'd{character}'")
    assert [(fault[0], fault[2], fault[3]) for fault in errors] == [
        ("hidden-character", 1, 5),
        ("hidden-character", 1, 9),
        ("hidden-character", 2, 6),
    ]


def test_an_escape_hides_nothing() -> None:
    assert [fault[:4] for fault in faults('a: "b\\u202e"')] == [
        ("hidden-character", "the hidden character U+202E RIGHT-TO-LEFT OVERRIDE", 1, 4)
    ]


def test_a_byte_order_mark_at_the_start_is_read_past() -> None:
    assert scalar("\ufeffa: b").text == "b"


def test_faults_before_a_stop_are_told_too() -> None:
    assert [fault[0] for fault in faults("a: &x 1\nb: !y 2\nc: [")] == ["yaml-alias", "yaml-tag", "yaml-syntax"]
    deep = "[" * MAX_LEVELS
    assert [fault[0] for fault in faults(f"a: &x 1\nb: {deep}")] == ["yaml-alias", "too-deep"]


def test_nesting_is_allowed_to_the_last_level() -> None:
    inner = MAX_LEVELS - 2
    assert read("a: " + "[" * inner + "b" + "]" * inner).entries
    assert faults("a: " + "[" * (inner + 1) + "b" + "]" * (inner + 1)) == [
        ("too-deep", "a policy file nests at most 12 deep", 1, 4 + inner + 1, 1, None)
    ]


def test_size_is_allowed_to_the_last_byte() -> None:
    body = b"a: b\n#"
    assert read(body + b"#" * (MAX_BYTES - len(body))).entries
    assert faults(body + b"#" * (MAX_BYTES - len(body) + 1)) == [
        ("file-too-large", "a policy file has at most 2,097,152 bytes", 1, 1, 1, "split the policy into several")
    ]


@pytest.mark.parametrize(
    ("text", "first", "last", "place"),
    [
        ("a: bcd", 1, 3, SourceSpan(1, 5, 2)),
        ('a: "bcd"', 1, 3, SourceSpan(1, 6, 2)),
        ("a: 'bcd'", 0, 1, SourceSpan(1, 5, 1)),
        ("a: bcd", 1, 1, SourceSpan(1, 5, 1)),
        ('a: "b\\"d"', 1, 2, SourceSpan(1, 4, 6)),
        ("a: 'b''d'", 1, 2, SourceSpan(1, 4, 6)),
        ("a: b\n  c", 1, 2, SourceSpan(1, 4, 1)),
        ("a: |\n  bcd\n", 1, 2, SourceSpan(1, 4, 1)),
        ("a: 客户 b", 1, 2, SourceSpan(1, 5, 1)),
    ],
)
def test_characters_of_a_text_have_a_place_when_they_stand_as_themselves(
    text: str, first: int, last: int, place: SourceSpan
) -> None:
    assert scalar(text).span_of(first, last) == place


def test_a_path_leads_to_a_node_or_as_far_as_it_goes() -> None:
    root = read("a: [b, {c: d}]")
    assert to_plain(find_node(root, ("a", 1, "c"))) == "d"
    assert to_plain(find_node(root, ("a", 0))) == "b"
    assert isinstance(find_node(root, ("a", 2)), Sequence)
    assert find_node(root, ("x", "y")) is root
    assert to_plain(find_node(root, ("a", 0, "x"))) == "b"
    assert find_node(root, ()) is root
    assert find_key_span(root, ("a",)) == SourceSpan(1, 1, 1)
    assert find_key_span(root, ("a", 1, "c")) == SourceSpan(1, 9, 1)
    assert find_key_span(root, ("a", 0)) == SourceSpan(1, 5, 1)
    assert find_key_span(root, ("x",)) == root.span
    assert find_key_span(root, ()) == root.span


def test_the_order_of_the_keys_is_the_authors() -> None:
    assert list(read("b: 1\na: 2\n").entries) == ["b", "a"]


def test_codes_are_words() -> None:
    assert str(Code.NOT_UTF8) == "not-utf8"
