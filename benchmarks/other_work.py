"""The work that is done beside the decisions, piece by piece."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any
from urllib.parse import urlencode

from benchmarks import ours
from benchmarks.company.people import PASSWORD
from benchmarks.large_policy import ANOTHER, LARGE, large_policy
from benchmarks.office import ROWS, Office, Person
from benchmarks.rounds import WrongAnswerError
from benchmarks.workload import make_workload

LEAD_SECONDS = 20.0
"""Seconds from its beginning until a change comes into force, beside four times what its submission takes."""
BUILT_WITHIN = 6.0
"""Seconds after which a version that was scheduled is ready."""
Json = Any


@dataclass(frozen=True, slots=True)
class WorkItem:
    """A piece of work; `once` says that it cannot be done again."""

    name: str
    command: Callable[[], object]
    once: bool = False


def all_work(office: Office) -> Iterator[WorkItem]:
    """Every piece, in an order in which each finds what it needs."""
    idle = partial(time.sleep, 1)
    yield WorkItem("nothing", idle)
    yield from _page_work(office.author)
    yield from _api_work(office.machine)
    yield from _change_work(office)
    yield from _decision_work(office)
    yield from _audit_work(office.auditor)
    yield WorkItem("sign-in", lambda: _sign_in(office.author.port))
    yield WorkItem("nothing, once more", idle)


def _page_work(author: Person) -> Iterator[WorkItem]:
    """A policy of 1,000 rules, as people read it."""
    policy, version = f"/policies/{LARGE}", f"/policies/{LARGE}/versions/1.0.0"
    case = urlencode({"as_of": ours.AS_OF.isoformat(), **dict(_form_facts())})
    pages = {
        "policies": "/policies",
        "policy": policy,
        "version": version,
        "version, source": f"{version}/source",
        "version, examples": f"{version}/examples",
        "comparison": f"{policy}/compare?from=1.0.0&to=1.1.0",
        "rule": f"{policy}/rules/r500",
        "what is in force": "/in-force",
        "trying": f"{policy}/try",
        "trying, decided": f"{policy}/try?{case}",
    }
    for name, address in pages.items():
        yield WorkItem(f"page: {name}", partial(author.page, address, "zh-CN"))


def _api_work(machine: Person) -> Iterator[WorkItem]:
    """The same, as programs do."""
    policy_path = f"/v1/policies/{LARGE}"
    reads = {
        "policies": "/v1/policies",
        "policy": policy_path,
        "versions": f"{policy_path}/versions",
        "version as prose": f"{policy_path}/versions/1.0.0?format=text&lang=zh",
        "difference": f"{policy_path}/difference?from=1.0.0&to=1.1.0",
        "requirements": f"{policy_path}/requirements",
        "/docs": "/docs",
        "/openapi.json": "/openapi.json",
        "/metrics": "/metrics",
        "/readyz": "/readyz",
    }
    for name, address in reads.items():
        yield WorkItem(f"GET {name}", partial(machine.ask, "GET", address))
    text = large_policy("9.0.0").encode()
    check = partial(machine.ask, "POST", "/v1/policies/check", text, Content_Type="application/yaml")
    yield WorkItem("POST check", check)


def _change_work(office: Office) -> Iterator[WorkItem]:
    """A change from its draft to its day."""
    author, director = office.author, office.signers["compliance"]
    changes: list[Json] = []

    def store(command: Callable[[], Json]) -> None:
        changes.append(command())

    yield WorkItem("page: new change", partial(author.page, "/changes/new"))
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    yield WorkItem("draft begun", partial(store, partial(office.draft, "2.0.0", tomorrow)), once=True)
    path = f"/changes/{changes[-1]['id']}"
    yield WorkItem("page: editor", partial(author.page, f"{path}/draft"))
    yield WorkItem("page: editor, checked", partial(author.page, f"{path}/draft?check=1"))
    yield WorkItem("editor's live check", partial(author.form, "/changes/check", {"text": large_policy("2.0.0")}))
    yield WorkItem("page: report of a draft", partial(author.page, f"{path}/report"), once=True)
    begin = time.monotonic()
    yield WorkItem("submission", lambda: store(lambda: office.advance(changes[-1], "submit")), once=True)
    submit_seconds = time.monotonic() - begin
    yield WorkItem("page: dossier", partial(director.page, path, "zh-CN"))
    yield WorkItem("page: report, submitted", partial(author.page, f"{path}/report"))
    yield WorkItem("page: dossier on paper", partial(author.page, f"{path}/print"))
    yield WorkItem("dossier.pdf", partial(_succeeds, partial(author.page, f"{path}/dossier.pdf")), once=True)
    for name, address in {"change": path, "report": f"{path}/report", "changes": "/changes"}.items():
        yield WorkItem(f"GET {name}", partial(author.ask, "GET", f"/v1{address}"))
    yield WorkItem("signatures", lambda: store(lambda: office.sign(changes[-1])), once=True)
    yield WorkItem("scheduled", lambda: store(lambda: office.advance(changes[-1], "schedule")), once=True)
    yield WorkItem("built ahead", partial(time.sleep, BUILT_WITHIN), once=True)
    yield WorkItem(
        "submitted, signed, scheduled, in force",
        partial(_activate, office, LEAD_SECONDS + 4 * submit_seconds),
        once=True,
    )
    yield WorkItem("GET /docs after that", partial(author.ask, "GET", "/docs"))


def _succeeds(ask: Callable[[], object]) -> bool:
    """Asks, and whether that was answered: on a slow machine a PDF is given up, which is measured too."""
    with suppress(WrongAnswerError):
        ask()
        return True
    return False


def _activate(office: Office, lead_seconds: float) -> None:
    """Leads a change to its day, which is so many seconds away, and waits until it decides."""
    start = datetime.now(UTC) + timedelta(seconds=lead_seconds)
    change = office.advance(office.draft("2.1.0", start, ANOTHER), "submit")
    office.advance(office.sign(change), "schedule")
    while b'"version":"2.1.0"' not in office.machine.ask("GET", f"/v1/policies/{ANOTHER}/active"):
        time.sleep(0.25)
    time.sleep(1)


def _decision_work(office: Office) -> Iterator[WorkItem]:
    """Decisions by 1,000 rules, as they are made and looked up."""
    machine, auditor = office.machine, office.auditor
    facts = ours.exact_facts(make_workload(ROWS).fact_sets[0])
    question = {"subject": "C1", "facts": facts, "policies": [LARGE]}
    decide = partial(machine.ask, "POST", "/v1/decisions")
    decision_id = json.loads(decide(question))["decision_id"]
    yield WorkItem("decision by 1,000 rules", partial(decide, question))
    yield WorkItem("decision by 1,000 rules, explained", partial(decide, {**question, "explain": True}))
    yield WorkItem("page: decision", partial(auditor.page, f"/decisions/{decision_id}", "zh-CN"))
    yield WorkItem("GET decision", partial(machine.ask, "GET", f"/v1/decisions/{decision_id}"))
    proof = partial(machine.ask, "GET", f"/v1/decisions/{decision_id}/proof")
    while not _succeeds(proof):  # until it is sealed
        time.sleep(1)
    yield WorkItem("GET proof of a decision", proof)
    yield WorkItem("replay", partial(machine.ask, "POST", f"/v1/decisions/{decision_id}/replay"))


def _audit_work(auditor: Person) -> Iterator[WorkItem]:
    """Lists, the log, and long work."""
    pages = ("/", "/changes", "/decisions", "/suspensions", "/overrides", "/audit", "/audit/checkpoints", "/packs")
    for address in (*pages, "/audit/entries/3"):
        yield WorkItem(f"page: {address}", partial(auditor.page, address))
    for address in ("/v1/audit", "/v1/audit/verify", "/v1/audit/export"):
        yield WorkItem(f"GET {address}", partial(auditor.ask, "GET", address))
    for address, fields in (("/audit/verifications", {}), ("/audit/exports", {}), ("/packs", {"policy": LARGE})):
        yield WorkItem(f"page: {address}, to its end", partial(auditor.run_job, address, fields))


def _form_facts() -> Iterator[tuple[str, str]]:
    """Facts, as they are typed into the fields of a page."""
    for name, value in ours.exact_facts(make_workload(ROWS).fact_sets[0]).items():
        yield f"f.{name}", ("true" if value else "false") if isinstance(value, bool) else str(value)


def _sign_in(port: int) -> None:
    Person(port, "").ask("POST", "/v1/session", {"name": "author-1", "password": PASSWORD})
