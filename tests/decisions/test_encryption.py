"""Sealing facts, without a database."""

from __future__ import annotations

import base64
from typing import Any

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from hypothesis import given
from hypothesis import strategies as st

from policy_service.decisions.encryption import (
    ENCRYPTED,
    ID_SIZE,
    PADDING,
    DecryptionFailed,
    SubjectKey,
    decrypt_fact,
    encrypt_fact,
    is_encrypted,
    key_id_of,
    unwrap_key,
    wrap_key,
)
from policy_service.decisions.masking import MASK, masked, sensitive_facts
from policy_service.decisions.record import encode_fact
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


VALUES = st.none() | st.booleans() | st.integers(-(2**70), 2**70).map(encode_fact) | st.text() | st.lists(st.text())


@given(VALUES)
def test_a_sealed_fact_opens_to_the_same_value(value: object) -> None:
    try:
        sealed = encrypt_fact(a_key(), "d1", "income", value)
    except ValueError:  # half of a character, which no fact that was read holds
        return
    assert is_encrypted(sealed)
    assert key_id_of(sealed) == bytes(ID_SIZE)
    assert decrypt_fact(a_key(), "d1", "income", sealed) == value


def test_a_sealed_fact_opens_in_no_other_place() -> None:
    sealed = encrypt_fact(a_key(), "d1", "income", "100")
    for key, decision, fact in [(a_key("C2"), "d1", "income"), (a_key(), "d2", "income"), (a_key(), "d1", "amount")]:
        with pytest.raises(DecryptionFailed, match="was altered"):
            decrypt_fact(key, decision, fact, sealed)


def test_a_sealed_fact_with_any_byte_changed_does_not_open() -> None:
    content = base64.b64decode(encrypt_fact(a_key(), "d1", "income", "100")[ENCRYPTED])
    for place in range(ID_SIZE, len(content)):
        changed = bytearray(content)
        changed[place] ^= 1
        with pytest.raises(DecryptionFailed):
            decrypt_fact(a_key(), "d1", "income", {ENCRYPTED: base64.b64encode(changed).decode()})


@pytest.mark.parametrize(
    "wrong",
    [
        {ENCRYPTED: "***"},
        {ENCRYPTED: ""},
        {ENCRYPTED: None},
        {ENCRYPTED: "QUJD"},
        {"sealed": "QUJD"},
        {ENCRYPTED: "QUJD" * 40, "x": 1},
    ],
)
def test_what_was_never_sealed_does_not_open(wrong: dict[str, Any]) -> None:
    with pytest.raises(DecryptionFailed, match="not what was written"):
        decrypt_fact(a_key(), "d1", "income", wrong)


def test_the_length_of_a_sealed_fact_does_not_tell_its_value() -> None:
    sizes = {
        len(encrypt_fact(a_key(), "d1", "vip", value)[ENCRYPTED]) for value in (True, False, None, "x" * (PADDING - 2))
    }
    assert len(sizes) == 1


def test_the_same_value_is_sealed_differently_each_time() -> None:
    assert encrypt_fact(a_key(), "d1", "days", 5) != encrypt_fact(a_key(), "d1", "days", 5)


def test_a_wrapped_key_opens_only_for_its_subject_under_its_master() -> None:
    master, id_ = AESGCM(b"m" * 32), bytes(ID_SIZE)
    wrapped = wrap_key(master, id_, Subject("C1"), b"k" * 32)
    assert unwrap_key(master, id_, Subject("C1"), wrapped) == b"k" * 32
    for other, subject, content in [(AESGCM(b"n" * 32), "C1", wrapped), (master, "C2", wrapped), (master, "C1", b"")]:
        with pytest.raises(DecryptionFailed, match="does not open under its master key"):
            unwrap_key(other, id_, Subject(subject), content)


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
