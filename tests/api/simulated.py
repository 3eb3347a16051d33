"""A company with decisions on record, so that its changes are simulated."""

from __future__ import annotations

from policy_service.shipped import shipped_policies
from tests.api.company import Company
from tests.approval.world import SIGN_OFF, World
from tests.population.recorded import CUSTOMERS, record


def furnish(here: Company) -> None:
    """600 customers, and who must sign where an effect is large."""
    text = (shipped_policies() / SIGN_OFF / "1.2.0.yaml").read_bytes()
    World(here.database, here.clock).import_(text, at=here.clock.at)
    here.clock.move(minutes=1)
    record(here.database, here.clock, here.app.service.settings.keys, CUSTOMERS)
