"""What a version declares is read once, or handed over, and a transaction that asks for it parses nothing."""

from __future__ import annotations

from unittest import mock

import pytest

from policy_service.canonical import digest
from policy_service.language.load import load_bytes
from policy_service.language.requirements import in_stages
from policy_service.lru_cache import LruCache
from policy_service.registry import loaded
from policy_service.registry.loaded import head_of, known_head, load_head
from policy_service.registry.service import UnknownVersion, record_version
from tests.approval.world import ANN, BONUS, TIER, bonus, tier, world

LARGER = tier("1.2.0", 150)


@pytest.fixture(autouse=True)
def nothing_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaded, "_HEADS", LruCache(loaded.HEADS))
    monkeypatch.setattr(loaded, "_WHOLE", LruCache(loaded.WHOLE))


def test_a_head_declares_what_the_policy_does_and_decides_nothing() -> None:
    whole = load_bytes(tier("1.0.0"))
    head = head_of(whole)
    assert (head.rules, head.scorecard, head.examples, head.invariants) == ((), None, (), ())
    assert (head.facts, head.outcomes, head.digest, head.text) == (
        whole.facts,
        whole.outcomes,
        whole.digest,
        whole.text,
    )


def test_heads_fit_together_as_the_policies_do() -> None:
    whole = [load_bytes(bonus("1.0.0")), load_bytes(tier("1.0.0"))]
    assert (
        [each.id for each in in_stages(map(head_of, whole))] == [each.id for each in in_stages(whole)] == [TIER, BONUS]
    )


def test_a_version_is_read_once() -> None:
    with world() as here, here.database.read() as session:
        digest = next(each.digest for each in here.activations() if each.policy == TIER)
        assert known_head(digest) is None
        head = load_head(session, digest)
        with mock.patch.object(loaded, "load_version", side_effect=AssertionError):
            assert load_head(session, digest) is head
        with pytest.raises(UnknownVersion):
            load_head(session, "sha256:nothing")


def test_a_text_that_is_not_what_was_read_is_read_again() -> None:
    with world() as here, here.database.write(here.clock) as transaction:
        other = load_bytes(tier("1.2.0", 160))
        assert record_version(transaction, ANN, LARGER, change=None, policy=other).digest == digest(LARGER)
