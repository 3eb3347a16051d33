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

AHEAD = 20.0
"""Seconds from its beginning until a change comes into force, beside four times what its submission takes."""
BUILT_WITHIN = 6.0
"""Seconds after which a version that was scheduled is ready."""
Json = Any


@dataclass(frozen=True, slots=True)
class Work:
    """A piece of work; `once` says that it cannot be done again."""

    name: str
    do: Callable[[], object]
    once: bool = False


def all_work(office: Office) -> Iterator[Work]:
    """Every piece, in an order in which each finds what it needs."""
    rest = partial(time.sleep, 1)
    yield Work("nothing", rest)
    yield from _reading(office.author)
    yield from _programs(office.machine)
    yield from _changing(office)
    yield from _deciding(office)
    yield from _auditing(office.auditor)
    yield Work("sign-in", lambda: _sign_in(office.author.port))
    yield Work("nothing, once more", rest)


def _reading(author: Person) -> Iterator[Work]:
    """A policy of 1,000 rules, as people read it."""
    policy, version = f"/policies/{LARGE}", f"/policies/{LARGE}/versions/1.0.0"
    case = urlencode({"as_of": ours.AS_OF.isoformat(), **dict(_typed())})
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
        yield Work(f"page: {name}", partial(author.page, address, "zh-CN"))


def _programs(machine: Person) -> Iterator[Work]:
    """The same, as programs do."""
    served = f"/v1/policies/{LARGE}"
    reads = {
        "policies": "/v1/policies",
        "policy": served,
        "versions": f"{served}/versions",
        "version as prose": f"{served}/versions/1.0.0?format=text&lang=zh",
        "difference": f"{served}/difference?from=1.0.0&to=1.1.0",
        "requirements": f"{served}/requirements",
        "/docs": "/docs",
        "/openapi.json": "/openapi.json",
        "/metrics": "/metrics",
        "/readyz": "/readyz",
    }
    for name, address in reads.items():
        yield Work(f"GET {name}", partial(machine.ask, "GET", address))
    text = large_policy("9.0.0").encode()
    check = partial(machine.ask, "POST", "/v1/policies/check", text, Content_Type="application/yaml")
    yield Work("POST check", check)


def _changing(office: Office) -> Iterator[Work]:
    """A change from its draft to its day."""
    author, director = office.author, office.signers["compliance"]
    seen: list[Json] = []

    def keep(act: Callable[[], Json]) -> None:
        seen.append(act())

    yield Work("page: new change", partial(author.page, "/changes/new"))
    tomorrow = datetime.now(UTC) + timedelta(days=1)
    yield Work("draft begun", partial(keep, partial(office.draft, "2.0.0", tomorrow)), once=True)
    path = f"/changes/{seen[-1]['id']}"
    yield Work("page: editor", partial(author.page, f"{path}/draft"))
    yield Work("page: editor, checked", partial(author.page, f"{path}/draft?check=1"))
    yield Work("editor's live check", partial(author.form, "/changes/check", {"text": large_policy("2.0.0")}))
    yield Work("page: report of a draft", partial(author.page, f"{path}/report"), once=True)
    begin = time.monotonic()
    yield Work("submission", lambda: keep(lambda: office.move(seen[-1], "submit")), once=True)
    took = time.monotonic() - begin
    yield Work("page: dossier", partial(director.page, path, "zh-CN"))
    yield Work("page: report, submitted", partial(author.page, f"{path}/report"))
    yield Work("page: dossier on paper", partial(author.page, f"{path}/print"))
    yield Work("dossier.pdf", partial(_answered, partial(author.page, f"{path}/dossier.pdf")), once=True)
    for name, address in {"change": path, "report": f"{path}/report", "changes": "/changes"}.items():
        yield Work(f"GET {name}", partial(author.ask, "GET", f"/v1{address}"))
    yield Work("signatures", lambda: keep(lambda: office.sign(seen[-1])), once=True)
    yield Work("scheduled", lambda: keep(lambda: office.move(seen[-1], "schedule")), once=True)
    yield Work("built ahead", partial(time.sleep, BUILT_WITHIN), once=True)
    yield Work("submitted, signed, scheduled, in force", partial(_activate, office, AHEAD + 4 * took), once=True)
    yield Work("GET /docs after that", partial(author.ask, "GET", "/docs"))


def _answered(ask: Callable[[], object]) -> bool:
    """Asks, and whether that was answered: on a slow machine a PDF is given up, which is measured too."""
    with suppress(WrongAnswerError):
        ask()
        return True
    return False


def _activate(office: Office, ahead: float) -> None:
    """Leads a change to its day, which is so many seconds away, and waits until it decides."""
    start = datetime.now(UTC) + timedelta(seconds=ahead)
    change = office.move(office.draft("2.1.0", start, ANOTHER), "submit")
    office.move(office.sign(change), "schedule")
    while b'"version":"2.1.0"' not in office.machine.ask("GET", f"/v1/policies/{ANOTHER}/active"):
        time.sleep(0.25)
    time.sleep(1)


def _deciding(office: Office) -> Iterator[Work]:
    """Decisions by 1,000 rules, as they are made and looked up."""
    machine, auditor = office.machine, office.auditor
    facts = ours.exact_facts(make_workload(ROWS).fact_sets[0])
    question = {"subject": "C1", "facts": facts, "policies": [LARGE]}
    decide = partial(machine.ask, "POST", "/v1/decisions")
    decided = json.loads(decide(question))["decision_id"]
    yield Work("decision by 1,000 rules", partial(decide, question))
    yield Work("decision by 1,000 rules, explained", partial(decide, {**question, "explain": True}))
    yield Work("page: decision", partial(auditor.page, f"/decisions/{decided}", "zh-CN"))
    yield Work("GET decision", partial(machine.ask, "GET", f"/v1/decisions/{decided}"))
    proof = partial(machine.ask, "GET", f"/v1/decisions/{decided}/proof")
    while not _answered(proof):  # until it is sealed
        time.sleep(1)
    yield Work("GET proof of a decision", proof)
    yield Work("replay", partial(machine.ask, "POST", f"/v1/decisions/{decided}/replay"))


def _auditing(auditor: Person) -> Iterator[Work]:
    """Lists, the log, and long work."""
    pages = ("/", "/changes", "/decisions", "/suspensions", "/overrides", "/audit", "/audit/checkpoints", "/packs")
    for address in (*pages, "/audit/entries/3"):
        yield Work(f"page: {address}", partial(auditor.page, address))
    for address in ("/v1/audit", "/v1/audit/verify", "/v1/audit/export"):
        yield Work(f"GET {address}", partial(auditor.ask, "GET", address))
    for address, fields in (("/audit/verifications", {}), ("/audit/exports", {}), ("/packs", {"policy": LARGE})):
        yield Work(f"page: {address}, to its end", partial(auditor.work, address, fields))


def _typed() -> Iterator[tuple[str, str]]:
    """Facts, as they are typed into the fields of a page."""
    for name, value in ours.exact_facts(make_workload(ROWS).fact_sets[0]).items():
        yield f"f.{name}", ("true" if value else "false") if isinstance(value, bool) else str(value)


def _sign_in(port: int) -> None:
    Person(port, "").ask("POST", "/v1/session", {"name": "author-1", "password": PASSWORD})
