"""Canonical bytes are those of RFC 8785, and what has none is refused with what is wrong with it."""

from __future__ import annotations

import json
from enum import IntEnum, StrEnum

import pytest
import rfc8785
from hypothesis import given
from hypothesis import strategies as st

from policy_service.canonical import (
    MAX_DEPTH,
    MAX_INTEGER,
    NotCanonicalError,
    digest,
    digest_of,
    to_canonical_json,
    to_canonical_json_unchecked,
)

CHARACTERS = st.characters(exclude_categories=["Cs"]) | st.sampled_from('\x00\x01\b\t\n\f\r\x1f"\\/\x7f\u2028\ufffe😀𐏿')
TEXT = st.text(CHARACTERS)
NAMES = st.text(st.characters(max_codepoint=127))
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers(-MAX_INTEGER, MAX_INTEGER) | TEXT,
    lambda inner: st.lists(inner) | st.tuples(inner) | st.dictionaries(NAMES, inner),
    max_leaves=20,
)


class Colour(StrEnum):
    RED = "red"


class Number(IntEnum):
    ONE = 1


def nested(depth: int) -> object:
    value: object = 1
    for _ in range(depth):
        value = [value]
    return value


@given(VALUES)
def test_canonical_bytes_are_those_of_rfc_8785(value: object) -> None:
    assert to_canonical_json(value) == to_canonical_json_unchecked(value) == rfc8785.dumps(value)  # type: ignore[arg-type]


@given(VALUES)
def test_canonical_bytes_say_the_value_and_stay_what_they_are(value: object) -> None:
    assert to_canonical_json(json.loads(to_canonical_json(value))) == to_canonical_json(value)


@given(TEXT)
def test_every_character_is_written_as_rfc_8785_does(text: str) -> None:
    assert to_canonical_json(text) == rfc8785.dumps(text)


def test_each_control_character_is_escaped_in_the_one_way() -> None:
    every = "".join(map(chr, range(0x20))) + '"\\/\x7f'
    assert to_canonical_json(every) == rfc8785.dumps(every)
    assert to_canonical_json("\x1f\n") == b'"\\u001f\\n"'


@given(st.dictionaries(NAMES, st.integers(0, 9), min_size=2))
def test_members_are_in_the_order_of_their_names_however_they_came(members: dict[str, int]) -> None:
    assert to_canonical_json(dict(reversed(members.items()))) == to_canonical_json(members)
    assert list(json.loads(to_canonical_json(members))) == sorted(members)


def test_members_of_an_enumeration_are_written_as_their_values() -> None:
    assert to_canonical_json({Colour.RED: [Colour.RED, Number.ONE]}) == b'{"red":["red",1]}'


@pytest.mark.parametrize(
    ("value", "says"),
    [
        (0.5, "a float has no canonical form"),
        ([1, {"a": 1.0}], "a float has no canonical form"),
        (b"bytes", "a bytes has no canonical form"),
        ({1, 2}, "a set has no canonical form"),
        (MAX_INTEGER + 1, f"{2**53} is beyond ±(2^53 - 1): write it as text"),
        (-MAX_INTEGER - 1, f"{-(2**53)} is beyond ±(2^53 - 1): write it as text"),
        ("\ud800", "text holds half of a character (a lone surrogate)"),
        ({"a": ["x\udfff"]}, "text holds half of a character (a lone surrogate)"),
        ({"\ud800": 1}, "'\\ud800' cannot name a member: names are ASCII text"),
        ({"名": 1}, "'名' cannot name a member: names are ASCII text"),
        ({"a": {1: 2}}, "1 cannot name a member: names are ASCII text"),
        ({None: 2}, "None cannot name a member: names are ASCII text"),
    ],
)
def test_what_has_no_canonical_form_is_refused(value: object, says: str) -> None:
    for act in (to_canonical_json, digest_of):
        with pytest.raises(NotCanonicalError) as failure:
            act(value)
        assert str(failure.value) == says


@pytest.mark.parametrize("depth", [MAX_DEPTH + 1, 100_000])
def test_values_too_deep_inside_each_other_are_refused(depth: int) -> None:
    assert to_canonical_json(nested(MAX_DEPTH)) == b"[" * MAX_DEPTH + b"1" + b"]" * MAX_DEPTH
    with pytest.raises(NotCanonicalError, match="more than 100 lists and objects are inside each other"):
        to_canonical_json(nested(depth))


def test_a_value_inside_itself_is_refused() -> None:
    inside: dict[str, object] = {}
    inside["itself"] = inside
    with pytest.raises(NotCanonicalError):
        to_canonical_json(inside)


def test_a_digest_is_the_sha_256_of_the_bytes() -> None:
    assert (
        digest(b"abc") == "sha256:ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    )  # FIPS 180-4's own
    assert digest_of("abc") == digest(b'"abc"')
