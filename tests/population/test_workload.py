"""The work of each role in a month: contacts as fractions, requests by service level, beside the stated capacity."""

from __future__ import annotations

from datetime import date
from pathlib import Path
from typing import Any

import pytest

from policy_service.language.load import load_bytes
from policy_service.language.policy import Policy
from policy_service.population.effect_document import effect_of, simulated_part
from policy_service.population.errors import RunFailed
from tests.approval.test_capacity import capacity
from tests.population.files import DAY, HEADINGS, RFM, with_cells, write_csv
from tests.population.test_simulation import LOWER, effect
from tests.shipped import NEWEST

CADENCE, TIMES = "followup/contact_cadence", "service_levels/response_times"
FREQUENCY = (
    "  requests_a_month: {type: number, scale: 1, min: 0, max: 900, optional: true, title: {zh: 次数, en: count}}\n"
)


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


def service_load(tmp_path: Path, times: Policy, stated: tuple[Policy, ...] = ()) -> list[tuple[str | None, ...]]:
    """The requests of five customers, of whom L1 to L4 become S: a critical one, two minor ones, and one not judged."""
    rows = [
        (*with_cells(subject=name, amount_12m=amount, orders_12m="9", recency_days="12"), severity, requests)
        for name, amount, severity, requests in (
            ("L1", "740000.00", "critical", "1.5"),
            ("L2", "740000.00", "minor", ""),
            ("L3", "740000.00", "minor", "20"),
            ("L4", "740000.00", "", "7"),
            ("S1", "900000.00", "minor", "0"),
        )
    ]
    path = write_csv(tmp_path / "p.csv", rows, (*HEADINGS, "severity", "requests_a_month"))
    policies = [*(each for each in NEWEST if each.id != TIMES), times, *stated]
    report = effect(path, LOWER, requested=[RFM, TIMES], policies=policies)
    names = ("role", "answer_within", "before", "after", "difference", "capacity", "capacity_share")
    return [tuple(row[name] for name in names) for row in report["service_load"]]


def test_requests_are_counted_by_service_level(tmp_path: Path) -> None:
    times = next(each for each in NEWEST if each.id == TIMES)
    none = (None, None)
    assert service_load(tmp_path, times) == [
        ("dedicated", None, "1", "4", "3", *none),
        ("dedicated", "PT30M", "0", "1", "1", *none),
        ("dedicated", "PT2H", "1", "3", "2", *none),
        ("standard", None, "3", "0", "-3", *none),
        ("standard", "PT1H", "1", "0", "-1", *none),
        ("standard", "PT4H", "2", "0", "-2", *none),
    ]


def test_a_fact_says_how_many_requests_a_subject_makes_and_a_capacity_how_many_are_answered(tmp_path: Path) -> None:
    text = next(each for each in NEWEST if each.id == TIMES).text
    times = load_bytes(text.replace("\noutcome:\n", f"\n{FREQUENCY}\noutcome:\n", 1).encode())
    stated = capacity(
        ("[sales_director,", "[dedicated, sales_director,"), ('"sales_director"', '"dedicated"'), ("[60]", "[20]")
    )
    assert service_load(tmp_path, times, (stated,)) == [
        ("dedicated", None, "0", "45/2", "45/2", "20", "1.1250"),
        ("dedicated", "PT30M", "0", "3/2", "3/2", None, None),
        ("dedicated", "PT2H", "0", "21", "21", None, None),
        ("standard", None, "45/2", "0", "-45/2", None, None),
        ("standard", "PT1H", "3/2", "0", "-3/2", None, None),
        ("standard", "PT4H", "21", "0", "-21", None, None),
    ]
