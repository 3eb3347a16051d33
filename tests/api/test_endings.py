"""A policy is ended over HTTP: signed like any change, told by its addresses from the day on."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.api.client import assert_problem
from tests.api.company import Company, company
from tests.approval.world import BONUS, SIGN_OFF, TIER, bonus


@pytest.fixture
def here() -> Iterator[Company]:
    with company() as made:
        yield made


def test_a_signed_change_ends_a_policy_for_good(here: Company) -> None:
    change = here.signed(ends=[BONUS], title="Abolish the customer rewards")
    assert (change["ends"], change["afterwards"], change["versions"]) == ([BONUS], "before", [])
    assert change["roles"] == ["finance_director", "general_manager", "compliance"]
    report = here.did("GET", f"/v1/changes/{change['id']}/report")["report"]
    assert report["endings"][0]["policy"] == BONUS
    here.moved("schedule", change)
    assert here.did("GET", f"/v1/policies/{BONUS}/active")["ended"] is None
    here.clock.move(days=1)
    active = here.did("GET", f"/v1/policies/{BONUS}/active")
    assert active["active"] is None
    [ended] = [each for each in here.did("GET", "/v1/policies")["items"] if each["policy"] == BONUS]
    assert (ended["status"], ended["ended"], ended["suspension"]) == ("ended", change["id"], None)
    assert (active["ended"]["kind"], active["ended"]["change"]) == ("ending", change["id"])
    needs = assert_problem(here.ask("GET", f"/v1/policies/{BONUS}/requirements"), 404, "unknown-policy")
    assert f"is not in force: it was ended by the change {change['id']} from 2026-11-2" in needs["detail"]
    assert [each["id"] for each in here.did("GET", f"/v1/changes?policy={BONUS}")["items"]] == [change["id"]]


def test_what_cannot_be_ended_is_told_when_it_is_submitted(here: Company) -> None:
    for name, result in ((TIER, f"{BONUS} 1.0.0 would lack `size`"), (SIGN_OFF, "decides who signs")):
        answer = here.act("submit", here.create(ends=[name]))
        problem = assert_problem(answer, 422, "change-unfit")
        assert result in str(problem)


def test_a_period_can_fall_back_to_nothing(here: Company) -> None:
    start, until = "2026-11-23T00:00:00Z", "2026-11-24T00:00:00Z"
    change = here.signed(bonus("1.1.0", 20), effective={"from": start, "until": until}, afterwards="nothing")
    here.moved("schedule", change)
    here.clock.move(days=3, hours=1)
    assert here.version(BONUS) == "1.1.0"
    here.clock.move(days=1)
    assert here.version(BONUS) is None


def test_a_rollback_ends_nothing(here: Company) -> None:
    answer = here.ask("POST", "/v1/changes", "ann", here.draft(rollback={TIER: "1.0.0"}, ends=[BONUS]))
    assert_problem(answer, 422, "request-refused")


def test_a_draft_keeps_what_it_ends_until_it_is_edited(here: Company) -> None:
    change = here.create(ends=[BONUS])
    path = f"/v1/changes/{change['id']}/draft"
    edited = here.did("PUT", path, "ann", here.draft(bonus("1.1.0", 20)), if_match=f'"{change["etag"]}"')
    assert (edited["ends"], len(edited["texts"])) == ([], 1)
