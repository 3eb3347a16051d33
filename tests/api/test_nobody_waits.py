"""Whatever is asked about a large policy, the event loop stays free for decisions.

It has 150 rules, and a thousand in a long run.

What is counted is the processor time of the loop's own thread for each step of each request, not the time on the clock,
so a busy machine makes no difference but to how quick its processor is; the bound is ten times what was measured, and a
tenth of what the slow ones took for a thousand rules when they were answered on the loop.
"""

from __future__ import annotations

import asyncio
import gc
import json
import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from typing import NoReturn
from unittest import mock
from urllib.parse import urlencode

import httpx
import pytest

import api.kit.rendering
import policy_service.language.load
from benchmarks.large_policy import LARGE, large_policy
from benchmarks.ours import exact_facts
from benchmarks.workload import make_workload
from policy_service import load_bytes
from policy_service.actor import SERVICE, Role
from policy_service.identity.service import create_account
from policy_service.workers.pool import SHARED
from tests.api.client import portal
from tests.api.company import Company, Json, company
from tests.approval.world import TIER
from tests.decisions.setting import put_in_force
from tests.effort import effort, sample
from tests.faults.machine import machine
from tests.pages.visitor import Visitor

BOUND = 0.05
"""Seconds of processor time that a step may take; it is some milliseconds."""
RULES = effort(150, 1_000)
PATIENCE = 300.0
"""Seconds for the slowest of the requests, on the slowest of machines."""
DECISION = {"subject": "C1", "facts": {"orders": 70}, "policies": [TIER]}
pytestmark = pytest.mark.slow


def large(version: str) -> str:
    """A version of the large policy."""
    return large_policy(version, rows=RULES, examples=3)


@dataclass
class Desk:
    """A company with the large policy in force and another version of it submitted, and decisions all the time."""

    here: Company
    submitted: Json
    draft: Json
    decided: str
    answers: list[int] = field(default_factory=list)

    def longest(self) -> dict[str, float]:
        """The steps that took longer than they may, by route, since the last look."""
        watch = self.here.app.service.loop_watch
        results = {route: seconds for route, seconds in watch.longest.items() if seconds > BOUND}
        watch.longest.clear()
        return results


@pytest.fixture(scope="module")
def desk() -> Iterator[Desk]:
    with company(workers=SHARED, policy_check_seconds=PATIENCE, event_loop_milliseconds=1) as here:
        here.app.service.loop_watch.clock = time.thread_time
        with here.database.write(here.clock) as transaction:
            here.people["crm"] = create_account(
                transaction, SERVICE, name="crm", printed_name="CRM", roles=[Role.INTEGRATION]
            )
        put_in_force(here.database, here.clock, load_bytes(large("1.0.0").encode()))
        here.clock.move(hours=1)
        submitted = here.moved("submit", here.create(large("1.1.0").encode()))
        draft = here.create(large("1.2.0").encode())
        body = {"subject": "C1", "facts": _facts(), "policies": [LARGE]}
        decided = here.did("POST", "/v1/decisions", "crm", body)["decision_id"]
        made = Desk(here, submitted, draft, decided)
        stop = threading.Event()
        asking = portal().start_task_soon(_decide, made, machine(here.database, here.clock), stop)
        gc.freeze()
        gc.disable()  # this process holds a thousand tests beside the service, and would go through all of them
        try:
            yield made
        finally:
            gc.enable()
            stop.set()
            asking.result()
        assert set(made.answers) == {200}


async def _decide(desk: Desk, key: str, stop: threading.Event) -> None:
    """Asks for one decision after another, as long as this goes on."""
    transport = httpx.ASGITransport(desk.here.app)
    headers = {"authorization": key, "content-type": "application/json"}
    async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
        while not stop.is_set():
            answer = await client.post("/v1/decisions", content=json.dumps(DECISION), headers=headers)
            desk.answers.append(answer.status_code)
            await asyncio.sleep(0.05)


def _facts() -> Json:
    facts: Json = exact_facts(make_workload(50).fact_sets[0])
    return facts


def _typed() -> str:
    typed = {f"f.{name}": str(value).lower() if isinstance(value, bool) else value for name, value in _facts().items()}
    return urlencode({"as_of": "2026-11-21", **typed})


POLICY, VERSION = f"/policies/{LARGE}", f"/policies/{LARGE}/versions/1.0.0"
READS: dict[str, tuple[str, str]] = {
    "policies": ("/policies", "ann"),
    "policy": (POLICY, "ann"),
    "version": (VERSION, "ann"),
    "source": (f"{VERSION}/source", "ann"),
    "file": (f"{VERSION}/file", "ann"),
    "examples": (f"{VERSION}/examples", "ann"),
    "comparison": (f"{POLICY}/compare?from=1.0.0&to=1.1.0", "ann"),
    "rule": (f"{POLICY}/rules/r{RULES // 2}", "ann"),
    "trying": (f"{POLICY}/try?{_typed()}", "ann"),
    "in force": ("/in-force", "ann"),
    "new change": ("/changes/new", "ann"),
    "changes": ("/changes", "ann"),
    "draft": ("/changes/{draft}", "ann"),
    "editor": ("/changes/{draft}/draft?check=1", "ann"),
    "report of a draft": ("/changes/{draft}/report", "ann"),
    "dossier": ("/changes/{submitted}", "compliance"),
    "report": ("/changes/{submitted}/report", "compliance"),
    "dossier on paper": ("/changes/{submitted}/print", "compliance"),
    "decisions": ("/decisions", "compliance"),
    "decision": ("/decisions/{decided}", "compliance"),
    "home": ("/", "compliance"),
    "help": ("/help/reference/errors", "ann"),
    "log": ("/audit", "compliance"),
    "packs": ("/packs", "compliance"),
    "GET policies": ("/v1/policies", "ann"),
    "GET policy": (f"/v1{POLICY}", "ann"),
    "GET version": (f"/v1{VERSION}", "ann"),
    "GET prose": (f"/v1{VERSION}?format=text&lang=zh", "ann"),
    "GET versions": (f"/v1{POLICY}/versions", "ann"),
    "GET difference": (f"/v1{POLICY}/difference?from=1.0.0&to=1.1.0", "ann"),
    "GET requirements": (f"/v1{POLICY}/requirements", "ann"),
    "GET change": ("/v1/changes/{submitted}", "ann"),
    "GET report": ("/v1/changes/{submitted}/report", "ann"),
    "GET decision": ("/v1/decisions/{decided}", "crm"),
    "verification": ("/v1/audit/verify", "compliance"),
    "export": ("/v1/audit/export", "compliance"),
    "openapi.json": ("/openapi.json", "ann"),
    "docs": ("/docs", "ann"),
    "metrics": ("/metrics", "root"),
    "readyz": ("/readyz", "ann"),
}
"""What is read, by whom."""


@pytest.mark.parametrize("name", sample(READS, 4))
def test_to_read_it_takes_no_step_that_others_would_notice(desk: Desk, name: str) -> None:
    address, by = READS[name]
    gaps = {"draft": desk.draft["id"], "submitted": desk.submitted["id"], "decided": desk.decided}
    desk.longest()
    before = len(desk.answers)
    accept = {} if address.startswith("/v1/") else {"accept": "text/html", "accept_language": "zh-CN"}
    answer = desk.here.ask("GET", address.format(**gaps), by, **accept)
    assert answer.status_code == 200, answer.text[-2_000:]
    assert desk.longest() == {}
    assert len(desk.answers) >= before


def test_to_send_a_large_form_takes_no_such_step_either(desk: Desk) -> None:
    visitor, text = Visitor(desk.here, "ann"), large("1.3.0")
    desk.longest()
    assert visitor.post("/changes/check", {"text": text}).status == 200
    page = visitor.get(f"/changes/{desk.draft['id']}/draft")
    assert visitor.send(page, "form#draft", text=text, do="save", follow=False).status == 303
    body = desk.here.draft(large("1.4.0").encode())
    assert desk.here.ask("POST", "/v1/changes", "ann", body).status_code == 201
    assert desk.longest() == {}


def test_a_change_comes_into_force_without_such_a_step(desk: Desk) -> None:
    here, change = desk.here, desk.submitted
    for role in change["owed"]:
        change = here.sign(change, {"sales_director": "sales", "compliance": "compliance"}[role]).json()
    assert change["state"] == "signed_off"
    desk.longest()
    here.moved("schedule", change)
    assert desk.longest() == {}
    in_force = here.app.service.decisions.in_force
    _eventually(lambda: in_force._next is not None)
    here.clock.move(days=1, hours=1)
    _eventually(lambda: here.app.service.decider.policies[LARGE].version == "1.1.0")
    assert desk.longest() == {}


def test_none_of_it_is_read_or_rendered_in_the_process_that_decides(desk: Desk) -> None:
    """Whatever the processor: the functions that take long are not called here at all."""
    forbidden = AssertionError("this is work for a worker")
    with (
        mock.patch.object(policy_service.language.load, "read_source", side_effect=forbidden),
        mock.patch.object(api.kit.rendering.Pages, "render_html", side_effect=forbidden),
    ):
        for name in (
            "version",
            "examples",
            "comparison",
            "dossier",
            "trying",
            "decision",
            "GET prose",
            "GET difference",
        ):
            test_to_read_it_takes_no_step_that_others_would_notice(desk, name)


def _eventually(holds: Callable[[], bool]) -> None:
    until = time.monotonic() + PATIENCE
    while not holds():
        assert time.monotonic() < until
        time.sleep(0.1)


def test_a_step_that_takes_long_is_seen_logged_and_counted(capsys: pytest.CaptureFixture[str]) -> None:
    with company(event_loop_milliseconds=20, log_level="warning") as here:
        here.app.service.loop_watch.clock = time.thread_time

        def hog(*_: object, **__: object) -> NoReturn:
            until = time.thread_time() + 0.1
            while time.thread_time() < until:
                pass
            raise ZeroDivisionError

        with mock.patch("api.features.health.endpoints.Alive", side_effect=hog):
            assert here.ask("GET", "/healthz").status_code == 500
        assert 0.1 <= here.app.service.loop_watch.longest["GET /healthz"] < 10
        figures = here.app.service.metrics.render().decode()
    assert 'policy_service_event_loop_blocked_total{route="GET /healthz"} 1.0' in figures
    [line] = [json.loads(each) for each in capsys.readouterr().err.splitlines() if "event_loop_blocked" in each]
    assert (line["route"], line["level"]) == ("GET /healthz", "warning")
    assert line["seconds"] >= 0.1
