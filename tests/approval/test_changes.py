"""A change from its first draft to the day it is in force, on both databases."""

from __future__ import annotations

from datetime import timedelta

import pytest

from policy_service.actor import Role
from policy_service.approval import service as approval
from policy_service.approval.service import ChangeState
from tests.approval.world import COMPLIANCE, SALES, TIER, in_force, tier, world
from tests.databases import BACKENDS


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_change_is_drafted_submitted_signed_scheduled_and_then_in_force(backend: str) -> None:
    with world(backend) as made:
        change = made.create(tier("1.1.0", 200))
        assert change.state is ChangeState.DRAFT
        change = made.submit(change)
        assert (change.state, change.missing_roles) == (ChangeState.SUBMITTED, (Role.SALES_DIRECTOR, Role.COMPLIANCE))
        change = made.sign(change, SALES)
        assert (change.state, change.missing_roles) == (ChangeState.SUBMITTED, (Role.COMPLIANCE,))
        change = made.sign(change, COMPLIANCE, meaning=approval.Meaning.CONFORMS)
        assert change.state is ChangeState.SIGNED_OFF
        change = made.schedule(change)
        assert change.state is ChangeState.SCHEDULED
        assert made.read(change) == change
        assert made.version() == "1.0.0"
        made.move(days=1)
        assert made.version() == "1.1.0"


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_rollback_is_a_signed_change_of_its_own(backend: str) -> None:
    with world(backend) as made:
        in_force(made, "1.1.0")
        assert made.version() == "1.1.0"
        change = made.schedule(made.sign_all(made.submit(made.rollback((TIER, "1.0.0")))))
        assert (change.kind, change.state) == ("rollback", ChangeState.SCHEDULED)
        made.move(days=1)
        assert made.version() == "1.0.0"


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_suspension_falls_back_at_once_and_ends_by_itself(backend: str) -> None:
    with world(backend) as made:
        in_force(made, "1.1.0")
        suspension = made.suspend()
        assert (suspension.version, suspension.fallback) == ("1.1.0", "1.0.0")
        assert made.version() == "1.0.0"
        assert made.version(at=made.now + approval.SUSPENSION_LENGTH - timedelta(seconds=1)) == "1.0.0"
        assert made.version(at=made.now + approval.SUSPENSION_LENGTH) == "1.1.0"
        made.move(hours=1)
        made.ratify(suspension)
        assert made.version(at=suspension.signature.at + approval.RATIFIED_LENGTH - timedelta(seconds=1)) == "1.0.0"
        assert made.version(at=suspension.signature.at + approval.RATIFIED_LENGTH) == "1.1.0"
        made.move(hours=1)
        made.end(suspension)
        assert made.version() == "1.1.0"
        assert made.version(at=made.now - timedelta(minutes=1)) == "1.0.0"
