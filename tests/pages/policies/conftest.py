"""A company with a history: versions in force, one planned, policies of every form, one never in force."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from policy_service.actor import SERVICE
from policy_service.registry.model import ActivationKind, Period
from policy_service.registry.service import activate, read_version, record_version
from tests.api.company import Company, company
from tests.approval.world import tier
from tests.pages.policies.texts import HOSTILE, SCORED, crossed, rules


def importing(here: Company, *texts: bytes, active: bool = True) -> None:
    """Imports versions as a set-up does."""
    with here.database.write(here.clock) as transaction:
        for text in texts:
            policy = record_version(transaction, SERVICE, text, change=None)
            if active:
                row = read_version(transaction.session, policy.id, policy.version)
                activate(transaction, SERVICE, row, Period(transaction.now), ActivationKind.INITIAL)


@pytest.fixture(scope="package")
def here() -> Iterator[Company]:
    """`tiering/size` 1.0.0 and 1.1.0 were in force, 1.2.0 is, 1.3.0 will be."""
    with company() as here:
        importing(here, rules(), SCORED.encode(), HOSTILE.encode(), crossed())
        importing(here, crossed("1.1.0", within="PT30M"), active=False)
        importing(here, rules("1.1.0", 2000), SCORED.replace("score\n", "waiting\n", 1).encode(), active=False)
        here.in_force(tier("1.1.0", 150), tier("1.2.0", 150, words="[small, big]"))
        here.clock.move(days=3)
        here.moved("schedule", here.signed(tier("1.3.0", 200, words="[small, big]")))
        yield here
