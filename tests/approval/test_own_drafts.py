"""A person's own drafts: which hold a text of a policy, and an example that is added to one."""

from __future__ import annotations

from typing import Any

import pytest

from policy_service.approval.errors import StaleChange
from policy_service.approval.own_drafts import draft_with_example, read_draft_policy, read_own_drafts, save_draft
from policy_service.approval.store import read_text
from tests.approval.world import ANN, BEN, BONUS, DAY, TIER, bonus, tier, world

FEW: dict[str, Any] = {"name": "few", "facts": {"orders": 3}, "outcome": {"size": "small"}, "rule": "small"}


def test_own_drafts_with_a_valid_text_of_the_policy_are_offered() -> None:
    with world() as made:
        own = made.create(b"policy: [", tier("1.1.0"), title="mine")
        made.create(bonus("1.1.0"), title="of another policy")
        made.create(tier("1.2.0"), title="of another person", by=BEN)
        made.submit(made.create(tier("1.3.0", 300), title="submitted"))
        with made.database.read() as session:
            assert [(draft.id, draft.title) for draft in read_own_drafts(session, ANN, TIER)] == [(own.id, "mine")]
            policy = read_draft_policy(session, own.id, TIER)
            assert policy is not None
            assert policy.version == "1.1.0"
            assert read_draft_policy(session, own.id, BONUS) is None


def test_an_example_alters_the_text_of_its_policy_and_nothing_else() -> None:
    with world() as made:
        draft = made.create(
            tier("1.1.0"), b"# nothing yet", ends=[BONUS], until=made.now + 9 * DAY, afterwards="nothing"
        )
        with made.database.read() as session:
            update = draft_with_example(session, draft.id, TIER, FEW)
        with made.database.write(made.clock) as transaction:
            updated = save_draft(transaction, ANN, update)
        with made.database.read() as session:
            texts = [read_text(session, name) for name in updated.draft.texts]
        assert texts[0].startswith(tier("1.1.0"))
        assert b'name: "few"' in texts[0]
        assert texts[1:] == [b"# nothing yet"]
        assert (updated.draft.ends, updated.draft.afterwards) == (draft.draft.ends, "nothing")
        with made.database.write(made.clock) as transaction, pytest.raises(StaleChange):
            save_draft(transaction, ANN, update)
