"""Re-evaluations in a browser, and who was not decided; those that the service starts by itself."""

from __future__ import annotations

import time
from collections.abc import Iterator
from datetime import timedelta

import pytest

from api.features.reevaluations.jobs import REEVALUATION, due_forms
from policy_service.actor import SERVICE
from policy_service.decisions.record_queries import subject_history
from policy_service.jobs.due_reevaluations import LOOK_BACK
from policy_service.jobs.model import JobState
from policy_service.jobs.queries import list_jobs
from policy_service.jobs.tables import JobRow
from policy_service.subject import Subject
from tests.api.client import assert_problem, portal
from tests.api.company import Company, company
from tests.approval.world import TIER, tier
from tests.pages.decisions.deciding import decided
from tests.pages.visitor import Seen, Visitor

WORDS = {"en": ("Decided again 2", "facts too old"), "zh-CN": ("已重新决定 2", "输入项过旧")}


def ended(visitor: Visitor, page: Seen) -> Seen:
    """The page once the job is over."""
    deadline = time.monotonic() + 60
    while page.has("progress"):
        assert time.monotonic() < deadline, page.text()
        time.sleep(0.05)
        page = visitor.get(page.address)
    return page


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    """C1 and C2 were decided a month ago, C3 long before; since today another limit applies."""
    with company(reevaluation_days=45) as made:
        today = made.clock.now().date()
        for subject, orders, age in (("C1", 60, 30), ("C2", 200, 30), ("C3", 60, 100)):
            decided(made, subject, TIER, orders=orders, as_of=today - timedelta(days=age))
        made.in_force(tier("1.1.0", 50))
        yield made


@pytest.fixture(autouse=True)
def without_jobs(here: Company) -> Iterator[None]:
    yield
    portal().call(here.app.jobs.close)
    with here.database.write_unlogged() as session:
        session.connection().exec_driver_sql("DELETE FROM job")


@pytest.mark.parametrize("lang", WORDS)
def test_everybody_is_decided_again_from_the_page_of_a_policy(here: Company, lang: str) -> None:
    counts, reason = WORDS[lang]
    visitor = Visitor(here, "sales", lang)
    form = visitor.get(
        next(
            href
            for each in visitor.get(f"/policies/{TIER}").all("main a")
            if (href := each.attributes["href"] or "").startswith("/reevaluations?")
        )
    )
    today = here.app.service.now().astimezone(here.app.service.zone).date()
    as_of = today + timedelta(days=-2 if lang == "en" else -1)
    page = ended(visitor, visitor.send(form, "#ask", as_of=as_of.isoformat(), max_age="60"))
    assert counts in page.text("#work dl"), page.text()
    assert [(each.text()[:2], reason in each.text()) for each in page.all("#work tbody tr")] == [("C3", True)]
    file = visitor.get(f"{page.address}/file").body.decode("utf-8-sig")
    assert [line.split(",")[:4] for line in file.splitlines()[1:]] == [["C3", "customer", TIER, "too-old"]]
    with here.database.read() as session:
        newest = subject_history(session, Subject("C1")).records[0]
    assert (newest.outcomes[TIER]["outcome"], newest.by["id"]) == ({"size": "big"}, "reevaluation")
    assert Visitor(here, "general").get("/reevaluations").has(f'a[href="{page.address}"]')


def test_what_cannot_be_decided_again_says_so(here: Company) -> None:
    visitor = Visitor(here, "sales")
    assert visitor.post("/reevaluations", {"policy": "no/such", "_key": "k"}).status == 422
    page = visitor.send(visitor.get("/reevaluations"), "#ask", policy=TIER, as_of="2100-01-01")
    assert "The decision day 2100-01-01 is in the future." in ended(visitor, page).text(".refusal")
    refused = here.ask("POST", "/v1/jobs/reevaluation", "sales", {"policy": TIER, "max_age": -1, "colour": "red"})
    pointers = {each["pointer"] for each in assert_problem(refused, 422, "request-refused")["problems"]}
    assert pointers == {"/max_age", "/colour"}
    refused = here.ask("POST", "/v1/jobs/reevaluation", "sales", {"policy": "no/such"})
    assert assert_problem(refused, 422, "request-refused")["problems"] == [
        {"pointer": "/policy", "code": "mistyped", "value": '"no/such"', "expected": "a policy on record", "hint": None}
    ]
    assert Visitor(here, "ann").get("/reevaluations").status == 403


def jobs_of_the_service(here: Company) -> list[JobState]:
    with here.database.read() as session:
        return [job.state for job in list_jobs(session, SERVICE.id, [REEVALUATION.name]).items]


def start_due(here: Company) -> None:
    """Start what is due, and wait for its end."""

    async def start() -> None:
        for form in due_forms(here.app.service):
            await here.app.jobs.start(REEVALUATION, SERVICE, form)

    portal().call(start)
    deadline = time.monotonic() + 60
    while JobState.RUNNING in jobs_of_the_service(here):
        assert time.monotonic() < deadline
        time.sleep(0.02)


def test_the_service_starts_one_for_a_version_that_came_into_force_and_no_other(here: Company) -> None:
    [form] = due_forms(here.app.service)
    with here.database.read() as session:
        before = len(subject_history(session, Subject("C1")).records)
    assert (form.policy, form.max_age) == (TIER, 45)
    start_due(here)
    assert jobs_of_the_service(here) == [JobState.DONE]
    assert due_forms(here.app.service) == []
    with here.database.read() as session:
        assert len(subject_history(session, Subject("C1")).records) == before + 1


def test_one_that_was_interrupted_is_started_again_twice(here: Company) -> None:
    for attempt in range(1, 4):
        assert len(due_forms(here.app.service)) == 1
        start_due(here)
        with here.database.write_unlogged() as session:
            for row in session.connection().exec_driver_sql("SELECT id FROM job").all():
                job = session.get(JobRow, row[0])
                assert job is not None
                job.state = JobState.INTERRUPTED.value
        assert jobs_of_the_service(here) == [JobState.INTERRUPTED] * attempt
    assert due_forms(here.app.service) == []


def test_one_that_somebody_cancelled_or_that_is_old_is_left_alone(here: Company) -> None:
    [form] = due_forms(here.app.service)
    start_due(here)
    with here.database.write_unlogged() as session:
        session.connection().exec_driver_sql("UPDATE job SET state = 'cancelled'")
    assert due_forms(here.app.service) == []
    with here.database.write_unlogged() as session:
        session.connection().exec_driver_sql("DELETE FROM job")
    assert due_forms(here.app.service) == [form]
    now = here.clock.at
    here.clock.at = now + LOOK_BACK
    assert due_forms(here.app.service) == []
    here.clock.at = now
