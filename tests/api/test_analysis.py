"""A change is analysed by a job where there are many decisions on record, and is submitted or a draft afterwards."""

from __future__ import annotations

import time
from collections.abc import Iterator

import pytest

from policy_service.approval import service as approval
from policy_service.jobs.tables import JobRow
from policy_service.population import recorded_effect
from tests.api.client import assert_problem
from tests.api.company import Company, Json, company
from tests.api.simulated import furnish
from tests.approval.world import tier
from tests.pages.visitor import Visitor

PATIENCE = 120.0


@pytest.fixture
def here(monkeypatch: pytest.MonkeyPatch) -> Iterator[Company]:
    """A company with more records than are simulated at once."""
    monkeypatch.setattr(recorded_effect, "MAX_RECORDS_AT_ONCE", 0)
    with company(furnish=furnish) as made:
        yield made


def over(here: Company, change: Json) -> Json:
    """The change once it is not under analysis any more."""
    deadline = time.monotonic() + PATIENCE
    while (change := here.read(change))["state"] == "under_analysis":
        assert time.monotonic() < deadline
        time.sleep(0.1)
    return change


def put_under_analysis(here: Company) -> Json:
    """A change whose analysis no job does."""
    change = here.create(tier(here.next_version(), 95))
    with here.database.write(here.clock) as transaction:
        author = here.people["ann"].actor()
        approval.analyse(transaction, author, change["id"], expected=change["etag"])
    return here.read(change)


def test_a_change_is_submitted_when_its_analysis_has_ended(here: Company) -> None:
    change = here.moved("submit", here.create(tier(here.next_version(), 95)))
    assert (change["state"], change["digest"]) == ("under_analysis", None)
    assert change["may"]["submit"]["reason"] == "The change is being analysed, and is submitted when that has ended."
    change = over(here, change)
    assert (change["state"], change["roles"]) == ("submitted", ["sales_director", "compliance"])
    assert [each["action"] for each in change["history"]] == ["create", "analyse", "submit"]
    [job] = here.did("GET", "/v1/jobs")["items"]
    done = here.did("GET", f"/v1/jobs/{job['id']}")
    assert (done["state"], done["completed"], done["result"]["digest"]) == ("done", 600, change["digest"])
    assert here.did("GET", f"/v1/changes/{change['id']}/simulation")["parts"][0]["moved"] == 6


def test_an_analysis_that_fails_leaves_a_draft_with_the_reason(here: Company) -> None:
    wrong = tier(here.next_version(), 95).replace(b"outcome: {size: big}", b"outcome: {size: small}")
    visitor = Visitor(here, "ann")
    page = visitor.get(f"/changes/{here.create(wrong)['id']}")
    visitor.send(page, "form#submit")
    change = over(here, {"id": page.address.split("/")[2]})
    assert change["state"] == "draft"
    assert "many" in change["history"][-1]["reason"]
    assert change["history"][-1]["by"]["name"] == "service"


def test_an_author_stops_an_analysis(here: Company) -> None:
    change = put_under_analysis(here)
    ann = Visitor(here, "ann")
    page = ann.get(f"/changes/{change['id']}")
    assert "The change is being analysed." in page.text("#analysis")
    assert not page.has("form#submit")
    assert_problem(here.act("submit", change), 409, "conflict")
    page = ann.send(page, "form#end-analysis", reason="one more cell")
    assert "The change is a draft again." in page.text(".notice")


def test_an_analysis_that_was_interrupted_leaves_a_draft_and_begins_again(here: Company) -> None:
    change = put_under_analysis(here)
    jobs, process = here.app.jobs, "0197a000-0000-7000-8000-00000000dead"
    with here.database.write_unlogged() as session:
        session.add(
            JobRow(
                id="0197a000-0000-7000-8000-00000000beef",
                kind="analysis",
                account=here.people["ann"].id,
                requested_by="Ann",
                parameters=f'{{"change":"{change["id"]}"}}',
                state="running",
                started_at=here.clock.at,
                process=process,
            )
        )
    jobs.sweep()
    change = here.read(change)
    assert (change["state"], change["history"][-1]["reason"]) == ("draft", "The job was interrupted.")
    refused = here.ask("POST", "/v1/jobs/analysis", "ann", {"change": change["id"]})
    problem = assert_problem(refused, 422, "request-refused")["problems"][0]
    assert (problem["value"], problem["expected"]) == (f'"{change["id"]}"', "a change under analysis")
