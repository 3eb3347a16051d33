"""The capacity of each role, as `governance/capacity` states it, and which policies ask for contacts."""

from __future__ import annotations

import re
from datetime import date
from fractions import Fraction
from pathlib import Path

import pytest

from policy_service.approval.capacity import asks_for_contacts, check_capacity, stated_capacity
from policy_service.approval.errors import ValidationFailed
from policy_service.language.load import load_bytes
from policy_service.language.policy import Policy
from tests.shipped import NEWEST

GUIDE = Path(__file__).parents[2] / "docs/how-to/set-a-limit-that-blocks.md"
CADENCE = "followup/contact_cadence"
DAY = date(2026, 11, 21)


def capacity(*changes: tuple[str, str]) -> Policy:
    """The policy of the guide, with other texts and without its examples."""
    found = re.search(r"```yaml\n(policy: governance/capacity.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    text = found[1]
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after)
    return load_bytes(re.sub(r"examples:.*", "", text, flags=re.DOTALL).encode())


def test_a_capacity_is_of_the_roles_that_it_knows() -> None:
    check_capacity(policy := capacity())
    assert stated_capacity(policy, "sales_director", DAY) == Fraction(60)
    assert stated_capacity(policy, "customer_service", DAY) is None, "no rule matches"
    assert stated_capacity(policy, "robot", DAY) is None
    for change, told in (
        (("hit: UNIQUE", "hit: RULE ORDER"), "must decide `contacts_a_month`"),
        (("contacts_a_month:", "contacts:"), "must decide `contacts_a_month`"),
        (("  role:", "  person:"), "must ask for `role`"),
    ):
        changed = capacity(change, *((("inputs: [role]", "inputs: [person]"),) if "person" in change[1] else ()))
        with pytest.raises(ValidationFailed, match=told):
            check_capacity(changed)


def test_which_policies_ask_for_contacts() -> None:
    assert [policy.id for policy in NEWEST if asks_for_contacts(policy)] == [CADENCE]
