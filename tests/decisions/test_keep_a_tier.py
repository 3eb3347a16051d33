"""The guide "keep a tier for a minimum time": its policy decides its examples, and a history, as the guide says."""

from __future__ import annotations

import re
import textwrap
from datetime import date, timedelta

import pytest

from policy_service import Decider, Policy
from policy_service.decisions.decision import EngineName
from policy_service.decisions.request import DecisionRequest
from policy_service.language.types import format_value
from tests.architecture.project import ROOT
from tests.decisions.desks import setting
from tests.decisions.policies import policy
from tests.decisions.setting import MACHINE
from tests.shipped import NEWEST

RFM = next(each for each in NEWEST if each.id == "tiering/rfm_value")
DAY = date(2026, 1, 1)


def guide(name: str) -> Policy:
    """The policy that a guide shows."""
    found = re.search(r"```yaml\n(.*?)```", (ROOT / "docs" / "how-to" / name).read_text("utf-8"), re.DOTALL)
    assert found is not None
    return policy(textwrap.dedent(found[1]))


@pytest.mark.parametrize("engine", ["durable_rules", "python", "definition"])
def test_the_policy_of_the_guide_decides_its_examples_by_every_engine(engine: EngineName) -> None:
    stay = guide("keep-a-tier.md")
    assert stay == guide("keep-a-tier.zh.md")
    with Decider([stay, RFM], engine=engine) as decider:
        for example in stay.examples:
            facts = {name: format_value(stay.facts[name].type, value) for name, value in example.facts.items()}
            day = date.fromisoformat(example.as_of or "2026-01-01")
            entry = decider.decide(facts, as_of=day, policies=[stay.id]).to_dict()[stay.id]
            assert (entry["outcome"], entry["rules"]) == (example.outcome, list(example.rules or ())), example.name


def test_a_tier_is_kept_for_90_days_after_a_fall_as_the_guide_says() -> None:
    stay = guide("keep-a-tier.md")
    means = {"industry": "it", "industry_mean_amount": "500000.00", "industry_mean_orders": "2.0000"}
    high = {"amount_12m": "900000.00", "orders_12m": 9, "recency_days": 10, **means}
    low = {"amount_12m": "300000.00", "orders_12m": 1, "recency_days": 80, **means}
    least = low | {"amount_12m": "90000.00"}
    with setting("sqlite", RFM, stay) as here:
        days = (0, 1, 50, 60, 61, 150, 151, 152, 153)
        told = (high, low, low, high, low, low, low, high, least)
        for day, facts in zip(days, told, strict=True):
            here.decisions.decide_in_thread(DecisionRequest("C1", facts, as_of=DAY + timedelta(days=day)), MACHINE)
        found = [record.outcomes[stay.id]["outcome"] for record in here.records()]
    assert [(each["tier"] == "S", each["in_grace"]) for each in found] == [
        (True, False),
        (True, True),
        (True, True),
        (True, False),
        (True, True),
        (True, True),
        (False, False),
        (True, False),
        (False, False),
    ]
