"""Contacts a month by role: fractions, before and after, beside the stated capacity, which is never 0."""

from __future__ import annotations

import re
from datetime import date
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest

from policy_service.approval.capacity import asks_for_contacts, check_capacity, stated_capacity
from policy_service.approval.errors import ValidationFailed
from policy_service.language.load import load_bytes
from policy_service.language.policy import Policy
from policy_service.population.effect_document import effect_of, simulated_part
from policy_service.population.errors import RunFailed
from tests.population.files import DAY, HEADINGS, RFM, with_cells, write_csv
from tests.population.test_simulation import LOWER, effect
from tests.shipped import NEWEST

GUIDE = Path(__file__).parents[2] / "docs/how-to/set-a-limit-that-blocks.md"
CADENCE = "followup/contact_cadence"


def capacity(*changes: tuple[str, str]) -> Policy:
    """The policy of the guide, with other texts and without its examples."""
    found = re.search(r"```yaml\n(policy: governance/capacity.*?)```", GUIDE.read_text("utf-8"), re.DOTALL)
    assert found is not None
    text = found[1]
    for before, after in changes:
        assert before in text, before
        text = text.replace(before, after)
    return load_bytes(re.sub(r"examples:.*", "", text, flags=re.DOTALL).encode())


def simulated(tmp_path: Path, *stated: Policy, **others: Any) -> dict[str, Any]:  # noqa: ANN401  # fields of a request
    """Three customers of tier A become S: of one it is not known when it was contacted last."""
    rows = [
        (*with_cells(subject=name, amount_12m="740000.00", orders_12m="9", recency_days="12"), contacted)
        for name, contacted in (("L1", "2026-11-01"), ("L2", "2026-11-01"), ("L3", ""))
    ]
    path = write_csv(tmp_path / "p.csv", rows, (*HEADINGS, "last_contact_on"))
    return effect(path, LOWER, requested=[RFM, CADENCE], policies=[*NEWEST, *stated], **others)


def test_contacts_are_summed_as_fractions(tmp_path: Path) -> None:
    report = simulated(tmp_path)
    rows = [(each["role"], each["before"], each["after"], each["difference"]) for each in report["workload"]]
    assert rows == [("sales_director", "0", "2", "2"), ("senior_sales", "4/3", "0", "-4/3")]
    assert {each["capacity"] for each in report["workload"]} == {None}
    assert simulated(tmp_path, start=date.max)["workload"][0]["difference"] == "0"


def test_a_capacity_makes_a_share_that_limits_may_ask_for(tmp_path: Path) -> None:
    stated = capacity(("[60]", "[1.5]"), ("type: integer", "type: number, scale: 1"), ("min: 1,", "min: 0.1,"))
    report = simulated(tmp_path, stated)
    [director, senior] = report["workload"]
    assert (director["capacity"], director["capacity_share"]) == ("3/2", "1.3334")
    assert (senior["capacity"], senior["capacity_share"]) == ("120", "0.0000")
    part = simulated_part("customer", report, NEWEST)
    assert effect_of([part], b"", day=DAY, records=1).document["capacity_share"] == "1.3334"
    assert report["bundle"]["capacity"][0]["digest"] == stated.digest
    assert report["bundle"]["digest"] != simulated(tmp_path)["bundle"]["digest"]


def test_a_capacity_that_may_be_zero_is_refused(tmp_path: Path) -> None:
    zero = capacity(("min: 1,", "min: 0,"), ("[60]", "[0]"))
    with pytest.raises(RunFailed, match="must decide `contacts_a_month`, one number with a minimum above 0"):
        simulated(tmp_path, zero)


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
