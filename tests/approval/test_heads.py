"""Transactions ask for heads of policies that were read beforehand, and parse nothing."""

from __future__ import annotations

from unittest import mock

import pytest

from policy_service.approval import service as approval
from policy_service.approval.policies import heads, unknown_heads
from policy_service.language.load import load_bytes
from policy_service.lru_cache import LruCache
from policy_service.registry import loaded
from policy_service.registry.loaded import head_of, known_head, remember_heads
from tests.approval.world import ANN, SIGNERS, in_force, tier, world

LARGER = tier("1.2.0", 150)


@pytest.fixture(autouse=True)
def nothing_was_read(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(loaded, "_HEADS", LruCache(loaded.HEADS))
    monkeypatch.setattr(loaded, "_WHOLE", LruCache(loaded.WHOLE))


def test_drafts_have_heads_too() -> None:
    with world() as here:
        [text] = here.create(LARGER).draft.texts
        with here.database.read() as session:
            assert heads(session)(text) == head_of(load_bytes(LARGER, "draft.yaml"))
            assert known_head(text) is not None


def test_what_a_change_will_be_asked_about_is_named_until_it_was_read() -> None:
    with world() as here:
        change = here.create(LARGER)
        with here.database.read() as session, mock.patch.object(loaded, "_HEADS", LruCache(loaded.HEADS)):
            asked = unknown_heads(session, change.id, here.now)
            assert asked == {*change.draft.texts, *(each.digest for each in here.activations())}
            assert unknown_heads(session, None, here.now) == asked - set(change.draft.texts)
            remember_heads(heads(session)(each) for each in asked)
            assert unknown_heads(session, change.id, here.now) == set()


def test_of_what_was_submitted_and_of_what_is_over_only_what_may_still_apply_is_asked() -> None:
    with world() as here:
        in_force(here, "1.1.0")
        submitted = here.submit(here.create(tier("1.2.0", 300)))
        with here.database.read() as session, mock.patch.object(loaded, "_HEADS", LruCache(1)):
            ahead = unknown_heads(session, submitted.id, here.now)
        assert {each.digest for each in submitted.submitted.versions} <= ahead


def test_a_change_moves_through_its_states_without_a_policy_being_read_in_a_transaction() -> None:
    with world() as here:
        in_force(here, "1.1.0")
        change = here.create(LARGER)
        with here.database.read() as session:
            prepared = approval.prepare_submission(session, change.id, SIGNERS, here.now)
            remember_heads(heads(session)(each) for each in unknown_heads(session, change.id, here.now))
        with mock.patch("policy_service.language.load.read_source", side_effect=AssertionError("a policy is read")):
            with here.database.write(here.clock) as transaction:
                submitted = approval.submit(transaction, ANN, prepared, expected=change.etag)
            scheduled = here.schedule(here.sign_all(submitted))
            here.cancel(scheduled)
            here.suspend(version="1.1.0")
