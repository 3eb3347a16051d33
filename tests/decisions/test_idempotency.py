"""An answer is kept under the key of its request, with the effect and only with it."""

import pytest

from policy_service.database import Database, LaneName
from policy_service.idempotency import (
    IdempotencyKeyReused,
    InvalidIdempotencyKey,
    StoredResponse,
    check_key,
    find_response,
    find_responses,
    fingerprint_of,
    store_response,
)
from tests.databases import BACKENDS, fresh_database
from tests.databases import TestClock as Clock

FINGERPRINT = fingerprint_of("POST", "/v1/changes", b"{}")


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_answer_is_given_again_to_the_same_request_of_the_same_principal(backend: str) -> None:
    with fresh_database(backend) as database:
        with database.write(Clock()) as transaction:
            assert find_response(transaction.session, "k1", "a", FINGERPRINT) is None
            store_response(transaction, "k1", "a", FINGERPRINT, StoredResponse(201, b"\x00made"))
            assert find_response(transaction.session, "k1", "a", FINGERPRINT) == StoredResponse(201, b"\x00made")
        with database.read() as session:
            assert find_response(session, "k1", "a", FINGERPRINT) == StoredResponse(201, b"\x00made")
            assert find_response(session, "k2", "a", FINGERPRINT) is None
            assert find_response(session, "k1", "b", FINGERPRINT) is None
            [(name, found)] = find_responses(session, [("k1", "a"), ("k2", "a")]).items()
            assert (name, found.response) == (("k1", "a"), StoredResponse(201, b"\x00made"))
            assert found.is_to(FINGERPRINT)
            assert find_responses(session, []) == {}
            with pytest.raises(IdempotencyKeyReused):
                find_response(session, "k1", "a", fingerprint_of("POST", "/v1/changes", b"{ }"))


def fail(database: Database) -> None:
    with database.write(Clock(), LaneName.DECISIONS) as transaction:
        store_response(transaction, "k1", "a", FINGERPRINT, StoredResponse(200, b""))
        raise KeyError


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_effect_that_fails_keeps_no_answer(backend: str) -> None:
    with fresh_database(backend) as database:
        with pytest.raises(KeyError):
            fail(database)
        with database.read() as session:
            assert find_response(session, "k1", "a", FINGERPRINT) is None


@pytest.mark.parametrize("key", ["", "x" * 201, "two words", "line\n", "ключ", "\x7f"])
def test_a_key_is_visible_ascii(key: str) -> None:
    with pytest.raises(InvalidIdempotencyKey, match="1 to 200 visible ASCII characters"):
        check_key(key)


def test_a_key_may_be_long() -> None:
    check_key("!" * 200)


def test_method_path_and_body_make_a_fingerprint() -> None:
    prints = {fingerprint_of(*each) for each in (("POST", "/a", b"b"), ("PUT", "/a", b"b"), ("POST", "/ab", b""))}
    assert len(prints) == 3
