"""An answer is kept under the key of its request, with the effect and only with it."""

import pytest

from policy_service.database import Database, LaneName
from policy_service.idempotency import (
    KeyRefused,
    KeyReused,
    Stored,
    check_key,
    fingerprint_of,
    recall,
    recall_all,
    remember,
)
from tests.databases import BACKENDS, fresh_database
from tests.databases import TestClock as Clock

FINGERPRINT = fingerprint_of("POST", "/v1/changes", b"{}")


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_answer_is_given_again_to_the_same_request_of_the_same_principal(backend: str) -> None:
    with fresh_database(backend) as database:
        with database.write(Clock()) as transaction:
            assert recall(transaction.session, "k1", "a", FINGERPRINT) is None
            remember(transaction, "k1", "a", FINGERPRINT, Stored(201, b"\x00made"))
            assert recall(transaction.session, "k1", "a", FINGERPRINT) == Stored(201, b"\x00made")
        with database.read() as session:
            assert recall(session, "k1", "a", FINGERPRINT) == Stored(201, b"\x00made")
            assert recall(session, "k2", "a", FINGERPRINT) is None
            assert recall(session, "k1", "b", FINGERPRINT) is None
            assert recall_all(session, [("k1", "a"), ("k2", "a")]) == {
                ("k1", "a"): (FINGERPRINT, Stored(201, b"\x00made"))
            }
            assert recall_all(session, []) == {}
            with pytest.raises(KeyReused):
                recall(session, "k1", "a", fingerprint_of("POST", "/v1/changes", b"{ }"))


def fail(database: Database) -> None:
    with database.write(Clock(), LaneName.DECISIONS) as transaction:
        remember(transaction, "k1", "a", FINGERPRINT, Stored(200, b""))
        raise KeyError


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_effect_that_fails_keeps_no_answer(backend: str) -> None:
    with fresh_database(backend) as database:
        with pytest.raises(KeyError):
            fail(database)
        with database.read() as session:
            assert recall(session, "k1", "a", FINGERPRINT) is None


@pytest.mark.parametrize("key", ["", "x" * 201, "two words", "line\n", "ключ", "\x7f"])
def test_a_key_is_visible_ascii(key: str) -> None:
    with pytest.raises(KeyRefused, match="1 to 200 visible ASCII characters"):
        check_key(key)


def test_a_key_may_be_long() -> None:
    check_key("!" * 200)


def test_method_path_and_body_make_a_fingerprint() -> None:
    prints = {fingerprint_of(*each) for each in (("POST", "/a", b"b"), ("PUT", "/a", b"b"), ("POST", "/ab", b""))}
    assert len(prints) == 3
