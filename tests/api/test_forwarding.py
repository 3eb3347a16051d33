"""What only reads is answered by workers, exactly as it would be answered here."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import cast

import httpx
import pytest
from starlette.requests import ClientDisconnect

from api.app import Application, create_app
from api.auth.permissions import PERMISSIONS, ROW
from api.workers.forwarding import FORWARDED, LOCAL_ROUTES, ForwardingMiddleware
from policy_service.workers.pool import SHARED, InlineWorkers
from tests.api.client import assert_problem, portal
from tests.api.company import Company, company
from tests.approval.world import TIER, tier
from tests.e2e.furnished import furnish, pages
from tests.effort import sample

KEY = re.compile(rb'name="_key" value="[0-9a-f-]{36}"')
"""Each form has a key of its own."""
INSTANCE = re.compile(rb"urn:uuid:[0-9a-f-]{36}")
"""So has each problem."""
SECRET = re.compile(rb'[A-Z2-7]{32,}|path d="[^"]*h1v1h-1z"')
"""And each page that offers a second factor, in letters and as a QR code."""
LARGEST = 2**21
QUERIES = {
    "/difference": "?from=1.0.0&to=1.1.0",
    "/v1/search": "?q=size",
    "/v1/movements": f"?policy={TIER}&from=2026-11-01&to=2026-11-21",
}
"""What addresses need behind them."""
OF_NO_DRAFT = ("/evidence", "/simulation", "/movers")
"""What a draft does not have; each process answers so."""
IN_FORCE = "/actual-effect"
"""What only a change in force has."""


@dataclass(frozen=True)
class Both:
    """One company, served by a process that sends away what only reads, and by one that does all itself."""

    sending: Company
    alone: Company

    def ask(self, method: str, path: str, by: str, body: object = None, **headers: str) -> httpx.Response:
        """The answer, when it is the same from both."""
        answers = [each.ask(method, path, by, body, **headers) for each in (self.sending, self.alone)]
        results = [(each.status_code, _plain(each), _headers(each)) for each in answers]
        assert results[0] == results[1]
        return answers[0]


def _headers(answer: httpx.Response) -> dict[str, str]:
    return {name: value for name, value in answer.headers.items() if name != "content-length"}  # QR codes are of any


def _plain(answer: httpx.Response) -> bytes:
    content = answer.content
    for each_its_own in (INSTANCE, KEY, SECRET):
        content = each_its_own.sub(b"", content)
    return content


def _unknown_policies(metrics: bytes) -> float:
    """The number of such problems that were answered."""
    found = re.search(rb'problems_total\{type="unknown-policy"\} ([0-9.]+)', metrics)
    return float(found[1]) if found else 0.0


@pytest.fixture(scope="module")
def both() -> Iterator[Both]:
    with company(furnish=furnish, workers=SHARED, policy_check_seconds=300) as sending:
        sending.app.service.sealer.seal_all()
        alone = create_app(sending.app.service.settings, sending.clock, InlineWorkers())
        try:
            yield Both(sending, replace(sending, app=cast("Application", alone)))
        finally:
            cast("Application", alone).service.close()


def test_every_request_that_reads_is_sent_away_or_has_a_reason_to_stay() -> None:
    reading = {path for method, path in PERMISSIONS if method == "GET"}
    assert reading >= LOCAL_ROUTES
    assert {path for method, path in FORWARDED if method == "GET"} == reading - LOCAL_ROUTES
    assert FORWARDED.keys() <= PERMISSIONS.keys()


def test_a_page_is_the_same_wherever_it_is_made(both: Both) -> None:
    for lang in ("zh-CN", "en"):
        for address, by in sample(pages(both.sending.values), 6):
            if address != "/nowhere" and both.sending.app.table.row("GET", address.partition("?")[0]) in FORWARDED:
                answer = both.ask("GET", address, by, accept="text/html", accept_language=lang)
                assert answer.status_code == 200, address


def test_programs_read_the_same_too(both: Both) -> None:
    readers = {"author": "ann", "administrator": "root", "integration": "crm", "compliance": "compliance"}
    request_count = 0
    for (method, template), access in PERMISSIONS.items():
        if method != "GET" or not template.startswith("/v1/") or template in LOCAL_ROUTES:
            continue
        values = both.sending.values
        gaps = {**values, "entry": values["seq"], "subject": "C202405001", "change": values["draft"]}
        path = re.sub(r"\{(\w+)\}", lambda gap, gaps=gaps: gaps[gap[1]], template)  # type: ignore[misc]  # a default
        by = next(name for role, name in readers.items() if any(role == each.value for each in access.roles))
        by = "compliance" if template.startswith("/v1/jobs") else by  # whose jobs they are
        query = next((query for part, query in QUERIES.items() if part in template), "")
        status = 404 if template.endswith(OF_NO_DRAFT) else 409 if template.endswith(IN_FORCE) else 200
        assert both.ask("GET", path + query, by).status_code == status, path
        request_count += 1
    assert request_count > 20


def test_what_is_refused_is_told_by_the_process_that_was_asked(both: Both) -> None:
    before = both.sending.app.service.metrics.render()
    nothing = both.ask("GET", "/v1/policies/tiering/nothing", "ann")
    assert_problem(nothing, 404, "unknown-policy")
    assert_problem(both.ask("GET", "/v1/policies?limit=0", "ann"), 422, "invalid-parameter")
    assert _unknown_policies(both.sending.app.service.metrics.render()) == _unknown_policies(before) + 1
    page = both.ask("GET", "/policies/tiering/nothing", "ann", accept="text/html")
    assert (page.status_code, page.headers["content-type"]) == (404, "text/html; charset=utf-8")


def test_what_nobody_has_is_refused_alike_wherever_it_is_read(both: Both) -> None:
    nobody, gap = "00000000-0000-7000-8000-000000000000", re.compile(r"\{(\w+)(?::\w+)?\}")
    values = {"domain": "tiering", "policy": "nothing", "version": "9.9.9", "seq": "99999999", "entry": "99999999"}
    refused = 0
    for method, template in sorted(FORWARDED):
        path = gap.sub(lambda name: values.get(name[1], nobody), template)
        if method == "GET" and path != template:
            answer = both.ask("GET", path + QUERIES.get("/difference", ""), "compliance", accept="application/json")
            assert answer.status_code < 500, path
            refused += answer.status_code == 404
    assert refused > 10


def test_a_form_that_only_asks_is_answered_elsewhere(both: Both) -> None:
    address = f"/policies/{TIER}/try"
    headers = {"content_type": "application/x-www-form-urlencoded", "accept": "text/html", "origin": "http://service"}

    def send(here: Company) -> bytes:
        token = here.token("ann")

        async def post() -> httpx.Response:
            transport = httpx.ASGITransport(here.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
                head = {name.replace("_", "-"): value for name, value in headers.items()}
                return await client.post(
                    address,
                    content=b"as_of=2026-11-21&f.orders=70",
                    headers={**head, "authorization": f"Bearer {token}"},
                )

        answer = portal().call(post)
        assert answer.status_code == 200
        return _plain(answer)

    assert send(both.sending) == send(both.alone)


def test_a_file_is_checked_elsewhere_and_one_that_is_too_large_is_refused(both: Both) -> None:
    def check(here: Company, content: bytes) -> httpx.Response:
        async def post() -> httpx.Response:
            transport = httpx.ASGITransport(here.app)
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
                head = {"authorization": f"Bearer {token}", "content-type": "application/yaml"}
                return await client.post("/v1/policies/check", content=content, headers=head)

        token = here.token("ann")
        return portal().call(post)

    for content, status in ((tier("1.9.0", 200), 200), (b"a: b", 200), (b" " * (LARGEST + 1), 413)):
        answers = [check(here, content) for here in (both.sending, both.alone)]
        assert [each.status_code for each in answers] == [status, status]
        assert _plain(answers[0]) == _plain(answers[1])


def test_a_decision_is_made_again_elsewhere(both: Both) -> None:
    address = f"/v1/decisions/{both.sending.values['decision']}/replay"
    assert both.ask("POST", address, "crm").json()["verdict"] == "same"


def test_a_caller_who_goes_away_is_not_waited_for(both: Both) -> None:
    async def gone() -> dict[str, str]:
        return {"type": "http.disconnect"}

    async def nothing(*_: object) -> None:
        raise AssertionError("nothing is answered")

    row = ("POST", "/v1/policies/check")
    scope = {"type": "http", "method": "POST", "path": row[1], "headers": [], ROW: row, "state": {}}
    with pytest.raises(ClientDisconnect):
        portal().call(ForwardingMiddleware(nothing, both.sending.app.service), scope, gone, nothing)
