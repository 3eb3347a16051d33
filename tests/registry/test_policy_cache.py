"""What a version declares is read once, or handed over, and a transaction that asks for it parses nothing."""

from __future__ import annotations

from unittest import mock

import pytest

from policy_service.canonical import digest
from policy_service.language.load import load_bytes
from policy_service.language.requirements import topological_order
from policy_service.lru_cache import LruCache
from policy_service.registry import policy_cache
from policy_service.registry.policy_cache import cached_head, head_of, load_head
from policy_service.registry.service import UnknownVersion, record_version
from tests.approval.world import ANN, BONUS, TIER, bonus, tier, world

LARGER = tier("1.2.0", 150)


@pytest.fixture(autouse=True)
def nothing_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_cache, "_HEADS", LruCache(policy_cache.MAX_HEAD_CHARACTERS))
    monkeypatch.setattr(policy_cache, "_POLICIES", LruCache(policy_cache.MAX_POLICY_CHARACTERS))


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
        [each.id for each in topological_order(map(head_of, whole))]
        == [each.id for each in topological_order(whole)]
        == [TIER, BONUS]
    )


def test_a_version_is_read_once() -> None:
    with world() as here, here.database.read() as session:
        digest = next(each.digest for each in here.activations() if each.policy == TIER)
        assert cached_head(digest) is None
        head = load_head(session, digest)
        with mock.patch.object(policy_cache, "load_version", side_effect=AssertionError):
            assert load_head(session, digest) is head
        with pytest.raises(UnknownVersion):
            load_head(session, "sha256:nothing")


def test_a_text_that_is_not_what_was_read_is_read_again() -> None:
    with world() as here, here.database.write(here.clock) as transaction:
        other = load_bytes(tier("1.2.0", 160))
        assert record_version(transaction, ANN, LARGER, change=None, policy=other).digest == digest(LARGER)
