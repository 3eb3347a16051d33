"""Transactions ask for heads of policies that were read beforehand, and parse nothing."""

from __future__ import annotations

from unittest import mock

import pytest

from policy_service.approval import service as approval
from policy_service.approval.policies import head_loader, uncached_heads
from policy_service.language.load import load_bytes
from policy_service.lru_cache import LruCache
from policy_service.registry import policy_cache
from policy_service.registry.policy_cache import cache_heads, cached_head, head_of
from tests.approval.world import ANN, SIGNERS, in_force, tier, world

LARGER = tier("1.2.0", 150)


@pytest.fixture(autouse=True)
def nothing_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(policy_cache, "_HEADS", LruCache(policy_cache.MAX_HEAD_CHARACTERS))
    monkeypatch.setattr(policy_cache, "_POLICIES", LruCache(policy_cache.MAX_POLICY_CHARACTERS))


def test_drafts_have_heads_too() -> None:
    with world() as here:
        [text] = here.create(LARGER).draft.texts
        with here.database.read() as session:
            assert head_loader(session)(text) == head_of(load_bytes(LARGER, "draft.yaml"))
            assert cached_head(text) is not None


def test_what_a_change_will_be_asked_about_is_named_until_it_was_read() -> None:
    with world() as here:
        change = here.create(LARGER)
        with (
            here.database.read() as session,
            mock.patch.object(policy_cache, "_HEADS", LruCache(policy_cache.MAX_HEAD_CHARACTERS)),
        ):
            request = uncached_heads(session, change.id, here.now)
            assert request == {*change.draft.texts, *(each.digest for each in here.activations())}
            assert uncached_heads(session, None, here.now) == request - set(change.draft.texts)
            cache_heads(head_loader(session)(each) for each in request)
            assert uncached_heads(session, change.id, here.now) == set()


def test_of_what_was_submitted_and_of_what_is_over_only_what_may_still_apply_is_asked() -> None:
    with world() as here:
        in_force(here, "1.1.0")
        submitted = here.submit(here.create(tier("1.2.0", 300)))
        with here.database.read() as session, mock.patch.object(policy_cache, "_HEADS", LruCache(1)):
            ahead = uncached_heads(session, submitted.id, here.now)
        assert {each.digest for each in submitted.frozen_submission.versions} <= ahead


def test_of_a_policy_with_many_versions_only_those_are_read_that_may_apply_and_the_one_before() -> None:
    with world() as here:
        in_force(here, "1.1.0")
        with here.database.read() as session, mock.patch.object(policy_cache, "_HEADS", LruCache(1)):
            few = uncached_heads(session, None, here.now)
        for number in range(2, 5):
            in_force(here, f"1.{number}.0")
        with here.database.read() as session, mock.patch.object(policy_cache, "_HEADS", LruCache(1)):
            assert len(uncached_heads(session, None, here.now)) == len(few)


def test_a_change_moves_through_its_states_without_a_policy_being_read_in_a_transaction() -> None:
    with world() as here:
        in_force(here, "1.1.0")
        change = here.create(LARGER)
        with here.database.read() as session:
            prepared = approval.prepare_submission(session, change.id, SIGNERS, here.now)
            cache_heads(head_loader(session)(each) for each in uncached_heads(session, change.id, here.now))
        with mock.patch("policy_service.language.load.read_source", side_effect=AssertionError("a policy is read")):
            with here.database.write(here.clock) as transaction:
                submitted = approval.submit(transaction, ANN, prepared, expected=change.etag)
            scheduled = here.schedule(here.sign_all(submitted))
            here.cancel(scheduled)
            here.suspend(version="1.1.0")
