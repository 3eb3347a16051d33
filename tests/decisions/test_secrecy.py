"""Sealing facts, without a database."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from policy_service.decisions.masking import MASK, masked, sensitive_facts
from policy_service.decisions.record import kept
from policy_service.decisions.secrecy import (
    ID_SIZE,
    PADDING,
    SEALED,
    Broken,
    SubjectKey,
    is_sealed,
    key_of,
    open_fact,
    seal_fact,
    unwrap,
    wrap,
)
from policy_service.subject import Subject
from tests.decisions.policies import TIER, policy

PERSONAL = policy("""
policy: tiering/personal
version: 1.0.0
title: {zh: 个人, en: personal}
subject: customer
facts:
  income: {type: money, currency: CNY, min: 0, sensitive: true}
  amount: {type: money, currency: CNY, min: 0}
  standing: {type: tags, of: [villa, office], sensitive: true, optional: true}
outcome:
  tier: {type: choice, of: [A, B]}
rules:
  hit: FIRST
  rows:
    - {id: rich, when: income > 1000, then: {tier: A}, because: {zh: 高收入, en: earns much}}
    - {id: other, when: "true", then: {tier: B}, because: {zh: 其他, en: any other}}
""")


def a_key(subject: str = "C1") -> SubjectKey:
    return SubjectKey(bytes(ID_SIZE), Subject(subject), AESGCM(b"k" * 32))


VALUES = st.none() | st.booleans() | st.integers(-(2**70), 2**70).map(kept) | st.text() | st.lists(st.text())


@given(VALUES)
def test_a_sealed_fact_opens_to_the_same_value(value: object) -> None:
    try:
        sealed = seal_fact(a_key(), "d1", "income", value)
    except ValueError:  # half of a character, which no fact that was read holds
        return
    assert is_sealed(sealed)
    assert key_of(sealed) == bytes(ID_SIZE)
    assert open_fact(a_key(), "d1", "income", sealed) == value


def test_a_sealed_fact_opens_in_no_other_place() -> None:
    sealed = seal_fact(a_key(), "d1", "income", "100")
    for key, decision, fact in [(a_key("C2"), "d1", "income"), (a_key(), "d2", "income"), (a_key(), "d1", "amount")]:
        with pytest.raises(Broken, match="was altered"):
            open_fact(key, decision, fact, sealed)


def test_a_sealed_fact_with_any_byte_changed_does_not_open() -> None:
    content = base64.b64decode(seal_fact(a_key(), "d1", "income", "100")[SEALED])
    for place in range(ID_SIZE, len(content)):
        changed = bytearray(content)
        changed[place] ^= 1
        with pytest.raises(Broken):
            open_fact(a_key(), "d1", "income", {SEALED: base64.b64encode(changed).decode()})


@pytest.mark.parametrize(
    "wrong",
    [
        {SEALED: "***"},
        {SEALED: ""},
        {SEALED: None},
        {SEALED: "QUJD"},
        {"sealed": "QUJD"},
        {SEALED: "QUJD" * 40, "x": 1},
    ],
)
def test_what_was_never_sealed_does_not_open(wrong: dict[str, Any]) -> None:
    with pytest.raises(Broken, match="not what was written"):
        open_fact(a_key(), "d1", "income", wrong)


def test_the_length_of_a_sealed_fact_does_not_tell_its_value() -> None:
    sizes = {len(seal_fact(a_key(), "d1", "vip", value)[SEALED]) for value in (True, False, None, "x" * (PADDING - 2))}
    assert len(sizes) == 1


def test_the_same_value_is_sealed_differently_each_time() -> None:
    assert seal_fact(a_key(), "d1", "days", 5) != seal_fact(a_key(), "d1", "days", 5)


def test_a_wrapped_key_opens_only_for_its_subject_under_its_master() -> None:
    master, id_ = AESGCM(b"m" * 32), bytes(ID_SIZE)
    wrapped = wrap(master, id_, Subject("C1"), b"k" * 32)
    assert unwrap(master, id_, Subject("C1"), wrapped) == b"k" * 32
    for other, subject, content in [(AESGCM(b"n" * 32), "C1", wrapped), (master, "C2", wrapped), (master, "C1", b"")]:
        with pytest.raises(Broken, match="does not open under its master key"):
            unwrap(other, id_, Subject(subject), content)


def test_a_key_does_not_show_itself() -> None:
    assert "AESGCM" not in repr(a_key())


def test_sensitive_facts_are_masked_where_they_must_not_be_shown() -> None:
    sensitive = sensitive_facts([TIER, PERSONAL])
    assert sensitive == {"income", "standing"}
    assert masked({"income": "100", "standing": None, "amount": "5"}, sensitive) == {
        "income": MASK,
        "standing": None,
        "amount": "5",
    }
