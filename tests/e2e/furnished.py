"""A company in which a little of everything has happened, so that no page is empty; and somebody who sees each page."""

from __future__ import annotations

import re
import time
from datetime import timedelta

from api.auth.permissions import PERMISSIONS
from policy_service.actor import SERVICE, Role
from policy_service.clock import timestamp
from policy_service.identity.service import create_account
from tests.api.client import SECRET, ask
from tests.api.company import Company, Json
from tests.approval.world import TIER, tier

SEEN_BY = ("compliance", "sales", "ann", "root")
"""Who looks at a page: the first who may."""
ROLES = {"compliance": Role.COMPLIANCE, "sales": Role.SALES_DIRECTOR, "ann": Role.AUTHOR, "root": Role.ADMINISTRATOR}
DRAFT_TITLE = "a draft <script>alert(1)</script>"
POPULATION = "spring"
NOT_PAGES = {"/healthz", "/readyz", "/metrics", "/docs", "/openapi.json", "/problems", "/problems/{name}"}
QUERIES = {"/subjects/erase": "?subject=C202405001"}
"""What an address needs to be a page."""
CHANGES = {"draft": ("/draft", "/report"), "in_force": ("/actual-effect",)}
"""Of which change an address is, by its end."""
JOBS = {
    "export": "/audit/exports/",
    "pack": "/packs/",
    "reevaluation": "/reevaluations/",
    "data-check": "/data-checks/",
    "run": "/runs/",
    "renewal": "/benchmarks/",
}
FILES = re.compile(r"\.(?:pdf|pem|json|csv|xlsx)$|/file$|/evidence$|/texts/|^/static/|/images/")
"""Addresses of what is downloaded, not looked at."""


def furnish(here: Company) -> dict[str, str]:
    """Makes it happen; gives what stands in the addresses of pages."""
    with here.database.write(here.clock) as transaction:
        here.people["crm"] = create_account(
            transaction, SERVICE, name="crm", printed_name="CRM", roles=[Role.INTEGRATION]
        )
    subject = "C202405001"
    question = {"subject": subject, "facts": {"orders": 70}, "policies": [TIER], "explain": True}
    here.did("POST", "/v1/decisions", "crm", question)
    here.in_force(tier("1.1.0", 200))
    [in_force] = here.did("GET", "/v1/changes?state=scheduled")["items"]
    decision = here.did("POST", "/v1/decisions", "crm", question)
    here.clock.move(minutes=1)
    change = here.moved("submit", here.create(tier("1.2.0", 300), title="larger limit for large customers"))
    here.did("POST", f"/v1/changes/{change['id']}/comments", "sales", {"text": "why 300?"})
    assert here.sign(change, "sales").is_success
    draft = here.create(tier("1.3.0", 400), title=DRAFT_TITLE)
    override = here.did("POST", "/v1/overrides", "sales", _override(here, subject))
    suspension = here.did("POST", "/v1/suspensions", "sales", _suspension())
    here.did("POST", "/v1/api-keys", "root", _key(here))
    return {
        "domain": TIER.split("/")[0],
        "policy": TIER.split("/")[1],
        "version": "1.1.0",
        "rule": "big",
        "change": change["id"],
        "draft": draft["id"],
        "in_force": in_force["id"],
        "text": draft["texts"][0],
        "suspension": suspension["id"],
        "override": override["override"],
        "decision": decision["decision_id"],
        "seq": "3",
        "population": _population(here),
        "kind": "how-to",
        "name": "find-out-why",
        "account": here.people["sales"].id,
        "job": _ended(here, "verification")["id"],
        "export": _ended(here, "export")["id"],
        "pack": _ended(here, "pack", {"policy": TIER, "sample": 1})["id"],
        "run": _ended(here, "run", {"policy": TIER})["id"],
        "renewal": _ended(here, "renewal", {}, "ann", "failed")["id"],  # no policy has a benchmark fact
        "data-check": _ended(here, "data-check", {})["id"],
        "reevaluation": _ended(here, "reevaluation", {"policy": TIER})["id"],
    }


def _ended(
    here: Company, kind: str, parameters: Json | None = None, by: str = "compliance", state: str = "done"
) -> Json:
    """A job that has ended."""
    job = here.did("POST", f"/v1/jobs/{kind}", by, parameters)
    while job["state"] == "running":
        time.sleep(0.1)
        job = here.did("GET", f"/v1/jobs/{job['id']}", by)
    assert job["state"] == state, job
    return job


def pages(values: dict[str, str]) -> list[tuple[str, str]]:
    """Every page with what makes it worth looking at, and who looks."""
    results = []
    for (method, path), access in PERMISSIONS.items():
        if method == "GET" and not path.startswith("/v1/") and path not in NOT_PAGES and not FILES.search(path):
            name = "-" if not access.authenticated else next(name for name in SEEN_BY if ROLES[name] in access.roles)
            results.append((_address(path, values) + QUERIES.get(path, ""), name))
    policy = f"/policies/{TIER}"
    change = f"/changes/{values['change']}"
    return [
        *results,
        (f"{policy}/compare?from=1.0.0&to=1.1.0", "ann"),
        (f"{policy}/try?as_of=2026-11-21&f.orders=7", "ann"),
        ("/changes/new?rollback=" + TIER + "&version=1.0.0", "ann"),
        ("/changes?state=rejected", "ann"),
        (change, "ann"),
        (change, "root"),
        (f"/changes/{values['draft']}", "ann"),
        ("/decisions?subject=C202405001", "compliance"),
        ("/decisions?subject=nobody", "compliance"),
        (f"/decisions?policy={TIER}", "compliance"),
        (f"/movements?policy={TIER}", "compliance"),
        ("/search?q=size", "compliance"),
        ("/", "ann"),
        ("/", "sales"),
        ("/", "root"),
        ("/nowhere", "ann"),
    ]


def _address(path: str, values: dict[str, str]) -> str:
    change = next((each for each, ends in CHANGES.items() if path.endswith(ends)), "change")
    own = {**values, "change": values[change]}
    own["job"] = next((values[kind] for kind in JOBS if path.startswith(JOBS[kind])), values["job"])
    return re.sub(r"\{(\w+)\}", lambda name: own[name[1]], path)


def _population(here: Company) -> str:
    headers = {"authorization": f"Bearer {here.token('ann')}", "content-type": "text/csv"}
    address = f"/v1/populations?name={POPULATION}&as_of=2026-11-01"
    made = ask("POST", address, app=here.app, role=None, content=b"subject,orders\nC1,60\n", headers=headers)
    return made.headers["location"].rpartition("/")[2]


def _override(here: Company, subject: str) -> Json:
    return {
        "subject": subject,
        "policy": TIER,
        "outcome": {"size": "big"},
        "role": "sales_director",
        "reason": "a partner of ten years",
        "until": timestamp(here.clock.at + timedelta(days=30)),
        "password": SECRET,
    }


def _suspension() -> Json:
    return {
        "policy": TIER,
        "version": "1.1.0",
        "role": "sales_director",
        "reason": "it misjudges everybody",
        "password": SECRET,
    }


def _key(here: Company) -> Json:
    ends = timestamp(here.clock.at + timedelta(days=30))
    return {"name": "crm", "scopes": ["integration"], "expires_at": ends}
