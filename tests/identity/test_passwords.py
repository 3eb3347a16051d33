"""Passwords are kept as argon2id hashes, tried in constant work, and have to be long."""

from collections.abc import Iterator

import pytest

from policy_service.identity import passwords
from policy_service.identity.passwords import (
    HASHER,
    common_passwords,
    dummy_hash,
    hash_password,
    is_outdated,
    matches,
    password_error,
    words_of,
)
from tests.identity.people import SECRET
from tests.passwords import CHEAP, FULL, hashed_by


@pytest.fixture(scope="module", autouse=True)
def password_hasher() -> Iterator[None]:
    """Passwords are hashed as the service does."""
    with hashed_by(FULL):
        yield


def test_the_parameters_are_those_of_the_standard() -> None:
    assert dummy_hash().startswith("$argon2id$v=19$m=65536,t=3,p=4$")
    assert (HASHER.hash_len, HASHER.salt_len) == (32, 16)


def test_only_the_same_password_matches() -> None:
    password_hash = hash_password(SECRET)
    assert SECRET not in password_hash
    assert matches(password_hash, SECRET)
    assert not matches(password_hash, SECRET + " ")
    assert password_hash != hash_password(SECRET)


def test_however_the_keyboard_composed_it_the_password_is_the_same() -> None:
    assert matches(hash_password("caf\u00e9 au lait, ma\u00eetre"), "cafe\u0301 au lait, mai\u0302tre")


@pytest.mark.parametrize("stored", ["", "plain text", "$argon2id$v=19$m=8,t=1,p=1$AAAA$AAAA"])
def test_a_hash_that_cannot_be_read_matches_nothing(stored: str) -> None:
    assert not matches(stored, "plain text")


def test_a_password_without_end_is_not_hashed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(passwords, "HASHER", None)
    assert not matches("", "x" * 257)


def test_half_of_a_character_is_a_wrong_password_and_no_failure() -> None:
    assert not matches(hash_password(SECRET), "\ud800" * 12)


def test_a_hash_of_other_parameters_is_outdated() -> None:
    assert is_outdated(CHEAP.hash(SECRET))
    assert not is_outdated(dummy_hash())


NAMED = "a password without the name of the account, the person or this service, or a word of the company"
COMMON = "a password that is not one of the most common ones, nor one of their words with signs around it"


def test_the_list_has_more_passwords_that_would_do_than_the_standard_asks_for() -> None:
    long = [each for each in common_passwords() if len(each) >= passwords.MIN_LENGTH]
    assert len(long) >= 3_000
    assert not [each for each in long if password_error(each) is None]


@pytest.mark.parametrize(
    ("password", "expected"),
    [
        ("short", "12 to 256 characters"),
        ("x" * 257, "12 to 256 characters"),
        ("aabbaabbaabb", "at least 5 different characters"),
        ("my name is Ada-Example!", NAMED),
        ("The Example person", NAMED),
        ("adaExample, again", NAMED),
        ("Policy-Service!", NAMED),
        ("policyservice2026", NAMED),
        ("qwertyuiop123", COMMON),
        ("1QAZ2wsx3edc", COMMON),
        ("P@ssw0rd2026!!", COMMON),
        ("...Dragon...2027", COMMON),
        ("woaini13145201314", COMMON),
        ("Woaini1314520aini!", COMMON),
        ("1314WoDeMima2026", COMMON),
        ("wodemima zhimakaimen", COMMON),
        ("ADAEXAMPLE-2026", NAMED),
        ("EXAMPLE PERSON!", NAMED),
        (SECRET, None),
        ("中文密码也可以用来登录系统", None),
    ],
)
def test_a_new_password_is_long_not_the_name_and_not_common(password: str, expected: str | None) -> None:
    assert password_error(password, "ada-example", "Example person") == expected


@pytest.mark.parametrize(
    "password", ["Acme-Rockets-1998", "we sell a.c.m.e. things", "博达的密码不告诉任何人啊", "ＡＣＭＥ-rockets-98"]
)
def test_a_new_password_holds_no_word_of_the_company(password: str) -> None:
    assert password_error(password) is None
    assert password_error(password, *words_of("acme, 博达")) == NAMED


def test_two_letters_tell_nothing_and_a_chinese_name_does() -> None:
    assert password_error("a big adventure in may", "ad") is None
    assert password_error("王芳的密码没有人能猜得到", "wf", "王芳") == NAMED


@pytest.mark.parametrize("text", ["Acme, 博达", "Acme，博达", " Acme 、博达,, "])
def test_words_of_the_company_are_separated_by_commas(text: str) -> None:
    assert words_of(text) == ("Acme", "博达")
