"""Who is in which group, how many, since when, and who moved, for programs."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, cast

import httpx
import pytest
from fastapi import FastAPI

from api.app import Application
from tests.api import client
from tests.api.client import CUSTOMER, RFM, apart, assert_problem

RICH = {**CUSTOMER, "amount_12m": "2000000.00", "orders_12m": 9, "recency_days": 3}
POOR = {**CUSTOMER, "amount_12m": "1.00", "orders_12m": 0, "recency_days": 3}
GROUP = f"/v1/groups/{RFM}"
_APPLICATION: list[FastAPI] = []


@pytest.fixture(scope="module", autouse=True)
def _company() -> Iterator[None]:
    """G1 fell from S in November, G2 rose to S, G3 stays S, G4 is new; G5 lacks facts."""
    with apart() as made:
        _APPLICATION[:] = [made]
        for subject, day, facts in (
            ("G1", "2026-10-05", RICH),
            ("G1", "2026-11-05", POOR),
            ("G2", "2026-10-06", POOR),
            ("G2", "2026-11-20", RICH),
            ("G3", "2026-10-07", RICH),
            ("G3", "2026-11-07", RICH),
            ("G4", "2026-11-08", RICH),
            ("G5", "2026-10-01", {}),
            ("G2", "2026-11-10", POOR),  # of a day gone by
        ):
            request = {"subject": subject, "facts": facts, "policies": [RFM], "as_of": day}
            assert client.decide(request, app=application()).status_code == 200
        yield


def application() -> Application:
    return cast("Application", _APPLICATION[0])


def ask(path: str, **params: object) -> httpx.Response:
    return client.ask("GET", path, app=application(), params=params)


def read(path: str, **params: object) -> Any:  # noqa: ANN401  # JSON
    answer = ask(path, **params)
    assert answer.status_code == 200, answer.text
    return answer.json()


def names(found: dict[str, Any]) -> list[str]:
    return [each["subject"] for each in found["items"]]


def test_groups_are_counted_by_the_newest_decisions_and_on_a_day() -> None:
    def sizes(**params: object) -> dict[str, int]:
        found = read("/v1/groups", policy=RFM, **params)["items"]
        assert {(each["policy"], each["kind"]) for each in found} == {(RFM, "customer")}
        return {each["name"]: each["subjects"] for each in found}

    assert sizes()["tier:S"] == 3
    assert sizes()["missing_facts"] == 1
    assert sizes(day="2026-10-31")["tier:S"] == 2
    assert read("/v1/groups", policy=RFM, day="2026-09-30")["items"] == []
    assert read("/v1/groups")["items"] == read("/v1/groups", policy=RFM)["items"]


def test_a_list_has_the_subjects_of_a_group_each_with_its_decision() -> None:
    found = read(GROUP, group="tier:S")
    assert names(found) == ["G2", "G3", "G4"]
    member = found["items"][1]
    assert member["group"] == {"name": "tier:S", "status": "decided", "values": {"tier": "S"}}
    assert (member["since"], member["as_of"], member["rule"]) == ("2026-10-07", "2026-11-07", "S")
    assert member["because"][0]["en"]
    assert read(f"/v1/decisions/{member['decision_id']}")["as_of"] == "2026-11-07"
    assert names(read(GROUP, group="tier:S", day="2026-11-10")) == ["G3", "G4"]
    assert names(read(GROUP, group="tier:S", day="2026-10-31")) == ["G1", "G3"]
    assert names(read(GROUP, rule="S", subject="G2")) == ["G2"]
    assert names(read(GROUP, group="missing_facts")) == ["G5"]
    assert names(read(GROUP, group="tier:Z")) == names(read(GROUP, rule="none")) == []


def test_a_list_is_read_page_by_page() -> None:
    whole, found = names(read(GROUP)), list[str]()
    cursor: dict[str, str] = {}
    while True:
        page = read(GROUP, limit=2, **cursor)
        found += names(page)
        cursor = {"cursor": page["next_cursor"]}
        if page["next_cursor"] is None:
            break
    assert found == whole
    assert sorted(found) == ["G1", "G2", "G3", "G4", "G5"]


def test_one_subject_has_its_standing_by_each_policy() -> None:
    found = read("/v1/subjects/G1")
    [assignment] = found["policies"]
    assert (assignment["policy"], assignment["since"], assignment["group"]["status"]) == (RFM, "2026-11-05", "decided")
    assert assignment["outcome"] == assignment["group"]["values"]
    assert assignment["overridden"] is None
    assert read("/v1/subjects/G1", kind="complaint")["policies"] == []
    assert read("/v1/subjects/nobody/at/all")["policies"] == []
    assert read("/v1/subjects/G1/decisions")["items"]


def test_movements_add_up_and_name_the_subjects() -> None:
    days = {"policy": RFM, "from": "2026-10-31", "to": "2026-11-30"}
    found = read("/v1/movements", **days)
    cells = {
        (each["before"] and each["before"]["name"], each["after"]["name"]): each["subjects"] for each in found["items"]
    }
    low = next(after for before, after in cells if before == "tier:S" and after != "tier:S")
    assert cells == {
        ("tier:S", "tier:S"): 1,
        ("tier:S", low): 1,
        (low, "tier:S"): 1,
        (None, "tier:S"): 1,
        ("missing_facts", "missing_facts"): 1,
    }
    rates = {each["group"]["name"]: each for each in found["groups"]}
    assert next(iter(rates)) == "tier:S"
    assert (rates["tier:S"]["before"], rates["tier:S"]["after"], rates["tier:S"]["fallen"]) == (2, 3, 1)
    assert (rates["tier:S"]["loss_rate"], rates[low]["upgrade_rate"]) == ("50.0", "100.0")
    moved = read("/v1/movements/subjects", **days)
    assert names(moved) == ["G1", "G4", "G2"]  # by the day they moved
    lost = read("/v1/movements/subjects", **days, before="tier:S")["items"]
    assert [(each["subject"], each["after"]["name"], each["day"]) for each in lost] == [("G1", low, "2026-11-05")]
    assert read(f"/v1/decisions/{lost[0]['decision_id']}")["as_of"] == "2026-11-05"
    assert names(read("/v1/movements/subjects", **days, before="none")) == ["G4"]
    assert names(read("/v1/movements/subjects", **days, after="tier:S", limit=1)) == ["G4"]


def test_what_cannot_be_listed_is_refused() -> None:
    assert_problem(ask("/v1/groups/tiering/none"), 404, "unknown-policy")
    assert_problem(ask("/v1/groups", policy="tiering/none"), 404, "unknown-policy")
    assert_problem(
        ask("/v1/movements", policy="tiering/none", **{"from": "2026-01-01", "to": "2026-01-02"}), 404, "unknown-policy"
    )
    backwards = {"policy": RFM, "from": "2026-11-02", "to": "2026-11-01"}
    for path, params in (
        ("/v1/groups", {"day": "20261121"}),
        ("/v1/groups", {"day": "1"}),
        (GROUP, {"day": "2026-02-30"}),
        (GROUP, {"cursor": "bm8="}),
        (GROUP, {"limit": 0}),
        ("/v1/movements", {"policy": RFM, "from": "2026-11-02"}),
        ("/v1/movements", backwards),
        ("/v1/movements/subjects", backwards),
    ):
        assert_problem(ask(path, **params), 422, "invalid-parameter")
