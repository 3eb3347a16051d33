"""Contacts a month by role: fractions, before and after, beside the stated capacity, which is never 0."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from policy_service.language.policy import Policy
from policy_service.population.effect_document import effect_of, simulated_part
from policy_service.population.errors import RunFailed
from tests.approval.test_capacity import capacity
from tests.population.files import DAY, HEADINGS, RFM, with_cells, write_csv
from tests.population.test_simulation import LOWER, effect
from tests.shipped import NEWEST

CADENCE = "followup/contact_cadence"


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
