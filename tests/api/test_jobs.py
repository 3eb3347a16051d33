"""Jobs over HTTP, and a server that is killed in the middle of them."""

from __future__ import annotations

import signal
import sqlite3
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from pathlib import Path
from typing import Any

import httpx
import pytest
from pydantic import SecretStr
from selectolax.lexbor import LexborHTMLParser
from sqlalchemy import update
from sqlmodel import col

from api.routes import JOB_KINDS
from policy_service.clock import SystemClock
from policy_service.jobs.encoding import encode_json
from policy_service.jobs.tables import JobRow
from tests.api.client import CREDENTIALS, REQUEST, RFM, assert_problem, one_policy, opened, populated
from tests.api.company import Company, company
from tests.api.test_server import serving
from tests.approval.world import TIER
from tests.databases import TestClock
from tests.effort import sample
from tests.pages.serving import served

PATIENCE = 120.0
KINDS: dict[str, tuple[str, dict[str, str]]] = {
    "verification": ("/audit/verifications", {}),
    "pack": ("/packs", {"policy": RFM, "sample": "0"}),
    "export": ("/audit/exports", {}),
    "data-check": ("/data-checks", {}),
    "run": ("/runs", {"policy": RFM}),
}
INTERRUPTED = sample(KINDS, len(KINDS))
"""Each by a kill of its own: one that was started before another would be done by then."""
INSIDE = ["reevaluation"]
"""It records in the process that is killed, and is over in no time: tests/cli/test_reevaluate.py kills it."""
Json = dict[str, Any]


@pytest.fixture(scope="module")
def here() -> Iterator[Company]:
    with company() as here:
        here.app.service.sealer.seal_all()
        yield here


def over(here: Company, job: Json, by: str = "compliance") -> Json:
    """The job once it has ended."""
    deadline = time.monotonic() + PATIENCE
    while job["state"] == "running":
        assert time.monotonic() < deadline
        time.sleep(0.05)
        job = here.did("GET", f"/v1/jobs/{job['id']}", by)
    return job


def test_a_program_starts_one_and_asks_until_it_is_done(here: Company) -> None:
    started = here.ask("POST", "/v1/jobs/verification", "compliance", idempotency_key="once")
    assert started.status_code == 202
    job = started.json()
    assert started.headers["location"] == f"/v1/jobs/{job['id']}"
    assert (job["state"], job["result"], job["file"]) == ("running", None, None)
    again = here.ask("POST", "/v1/jobs/verification", "compliance", idempotency_key="once")
    assert again.json() == job
    done = over(here, job)
    verdict = here.did("GET", "/v1/audit/verify", "compliance")
    assert done["result"] == verdict
    assert done["result"]["fine"]
    assert done["completed"] == done["total"] > 0
    assert done["id"] in [each["id"] for each in here.did("GET", "/v1/jobs", "compliance")["items"]]


@pytest.mark.parametrize("kind", ["reevaluation", "data-check", "run"])
def test_a_boolean_is_no_number(here: Company, kind: str) -> None:
    body = {"policy": TIER, "max_age": True} if kind != "data-check" else {"max_age": True}
    problem = assert_problem(here.ask("POST", f"/v1/jobs/{kind}", "compliance", body), 422, "request-refused")
    assert [(each["pointer"], each["expected"]) for each in problem["problems"]] == [("/max_age", "a valid integer")]


def test_a_file_is_fetched_by_who_started_the_job_alone(here: Company) -> None:
    job = over(here, here.did("POST", "/v1/jobs/export", "compliance"))
    answer = here.ask("GET", f"/v1/jobs/{job['id']}/file", "compliance")
    assert answer.headers["content-disposition"] == 'attachment; filename="log.ndjson"'
    assert len(answer.content) == job["file"]["size"]
    for method, path in (("GET", ""), ("GET", "/file"), ("DELETE", "")):
        assert_problem(here.ask(method, f"/v1/jobs/{job['id']}{path}", "both"), 404, "not-found")
    assert here.did("GET", "/v1/jobs", "both") == {"items": [], "next_cursor": None}
    assert here.did("DELETE", f"/v1/jobs/{job['id']}", "compliance")["state"] == "done"


@pytest.mark.parametrize(("column", "value"), [("account", "both"), ("parameters", "[]"), ("file_name", "log.exe")])
def test_a_file_of_a_job_that_was_altered_in_the_database_is_given_to_nobody(
    here: Company, column: str, value: str
) -> None:
    job = over(here, here.did("POST", "/v1/jobs/export", "compliance"))
    is_taken = column == "account"
    values = {column: here.people[value].id if is_taken else value}
    with here.database.engine.begin() as connection:
        connection.execute(update(JobRow).where(col(JobRow.id) == job["id"]).values(values))
    for path in (f"/v1/jobs/{job['id']}/file", f"/audit/exports/{job['id']}/file"):
        assert_problem(here.ask("GET", path, value if is_taken else "compliance"), 503, "damaged-record")


def test_a_job_fails_whose_result_cannot_have_a_mac(here: Company, monkeypatch: pytest.MonkeyPatch) -> None:
    key = here.app.service.settings.keys / "log.key"
    away = key.with_suffix(".away")

    def encode_without_key(result: object) -> str:
        key.rename(away)  # while the work was done
        return encode_json(result)

    with monkeypatch.context() as during:
        during.setattr("policy_service.jobs.runner.encode_json", encode_without_key)
        try:
            job = over(here, here.did("POST", "/v1/jobs/export", "compliance"))
        finally:
            away.rename(key)
    assert (job["state"], job["result"], job["file"]) == ("failed", None, None)
    assert job["problem"]["type"] == "/problems/not-ready"
    assert_problem(here.ask("GET", f"/v1/jobs/{job['id']}/file", "compliance"), 404, "not-found")


def test_parameters_that_are_wrong_are_told_by_their_member(here: Company) -> None:
    cases: tuple[tuple[Json, list[str]], ...] = (
        ({"policy": "no/such"}, ["/policy"]),
        ({"policy": TIER, "sample": 201}, ["/sample"]),
        ({"policy": TIER, "color": "red"}, ["/color"]),
        ({"policy": "no/such", "sample": 201, "color": "red"}, ["/sample", "/color", "/policy"]),
        ({"kind": "", "sample": "x", "subject": "nobody"}, ["/kind", "/sample"]),
        ({}, [""]),
    )
    for body, pointers in cases:
        refused = here.ask("POST", "/v1/jobs/pack", "compliance", body)
        assert [each["pointer"] for each in assert_problem(refused, 422, "request-refused")["problems"]] == pointers
    job = over(here, here.did("POST", "/v1/jobs/pack", "compliance", {"policy": TIER, "sample": 0}))
    assert job["parameters"]["policy"] == TIER
    assert job["result"]["counts"]["versions"] == 1


def test_who_may_not_start_a_kind_any_more_does_not_read_it(here: Company) -> None:
    job = over(here, here.did("POST", "/v1/jobs/verification", "both"), "both")
    account = here.did("GET", f"/v1/accounts/{here.people['both'].id}", "root")
    change = here.ask(
        "PATCH", f"/v1/accounts/{account['id']}", "root", {"roles": ["sales_director"]}, if_match=f'"{account["etag"]}"'
    )
    assert change.is_success, change.text
    here.clock.move(seconds=1)  # the session before ended
    assert_problem(here.ask("GET", f"/v1/jobs/{job['id']}", "both"), 403, "not-allowed")
    assert here.did("GET", "/v1/jobs", "both") == {"items": [], "next_cursor": None}


# ------------------------------------------------------------------------------------------ the server is killed


class Browser:
    """Compliance at the pages of a server."""

    def __init__(self, address: str, authorization: str) -> None:
        headers = {"authorization": authorization, "accept": "text/html", "sec-fetch-site": "same-origin"}
        self.client = httpx.Client(base_url=address, headers={**headers, "accept-language": "en"}, timeout=60)

    def start(self, path: str, fields: dict[str, str]) -> str:
        answer = self.client.post(path, data={**fields, "_key": f"{path}{time.monotonic_ns()}"})
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def decide(self, authorization: str) -> None:
        """Put a decision on record, as a program does."""
        headers = {"authorization": authorization, "accept": "application/json"}
        answer = self.client.post("/v1/decisions", json={**REQUEST, "as_of": None}, headers=headers)
        assert answer.status_code == 200, answer.text

    def page(self, address: str) -> LexborHTMLParser:
        answer = self.client.get(address)
        assert answer.status_code == 200, answer.text
        return LexborHTMLParser(answer.text)


ATTEMPTS = 5
"""How often a server is begun and killed for a kind of job, until one is killed in the middle."""


@contextmanager
def before_a_kill(url: str, authorization: str) -> Iterator[Browser]:
    """A browser at a server, which is killed at the end."""
    with serving(url, POLICY_SERVICE_ENGINE="python", POLICY_SERVICE_POLICIES=str(one_policy())) as (server, address):
        result = Browser(address, authorization)
        with closing(result.client):
            yield result
        server.send_signal(signal.SIGKILL)
        server.wait(PATIENCE)


@contextmanager
def afterwards(url: str, authorization: str) -> Iterator[Browser]:
    """A browser at the next server of that database, which is begun in this process: that takes less time."""
    file = file_of(url)
    here: Json = {"jobs": Path(f"{file}.jobs"), "checkpoints": Path(f"{file}.checkpoints"), "policies": one_policy()}
    with (
        opened(SystemClock(), **here, database_url=SecretStr(url), engine="python") as app,
        served(Company(app, app.service.database, TestClock())) as address,
    ):
        result = Browser(address, authorization)
        with closing(result.client):
            yield result


def file_of(url: str) -> str:
    return url.removeprefix("sqlite:///")


def state_of(url: str, job: str) -> str:
    with closing(sqlite3.connect(file_of(url))) as connection:
        (state,) = connection.execute("SELECT state FROM job WHERE id = ?", [job.rpartition("/")[2]]).fetchone()
    return str(state)


@pytest.fixture(scope="module")
def killed() -> Iterator[tuple[Browser, dict[str, str]]]:
    """A server whose predecessors were killed in the middle of each kind, and the addresses of these jobs."""
    with ExitStack() as stack:
        url, addresses = stack.enter_context(populated(policies=one_policy(), clock=SystemClock)), {}
        authorization = CREDENTIALS[url]["compliance"]
        for kind in INTERRUPTED:
            for _ in range(ATTEMPTS):  # one that was done before the kill is no job in the middle
                with before_a_kill(url, authorization) as first:
                    first.decide(CREDENTIALS[url]["integration"])
                    addresses[kind] = first.start(*KINDS[kind])
                if state_of(url, addresses[kind]) == "running":
                    break
            assert state_of(url, addresses[kind]) == "running", kind
        yield stack.enter_context(afterwards(url, authorization)), addresses


def test_every_kind_there_is_is_interrupted_by_a_kill() -> None:
    started_alone = {each.name for each in JOB_KINDS} - {"analysis", "renewal"}  # of changes, and of authors
    assert sorted([*KINDS, *INSIDE]) == sorted(started_alone)


@pytest.mark.slow
@pytest.mark.parametrize("kind", INTERRUPTED)
def test_a_server_that_was_killed_in_the_middle_says_so_and_does_it_again(
    killed: tuple[Browser, dict[str, str]], kind: str
) -> None:
    browser, addresses = killed
    page = browser.page(addresses[kind])
    assert "The job was interrupted." in page.css_first("#work").text()
    form = page.css_first("#start-again")
    assert form.css_first("button").text() == "Start again"
    fields = {each.attributes["name"]: each.attributes["value"] for each in form.css("input")}
    address = browser.start(
        form.attributes["action"] or "", {name or "": value or "" for name, value in fields.items()}
    )
    deadline = time.monotonic() + PATIENCE
    while (page := browser.page(address)).css_first("progress") is not None:
        assert time.monotonic() < deadline
        time.sleep(0.1)
    assert page.css_first("#work h2") is not None, page.text()
