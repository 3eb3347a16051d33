"""Those who work beside the decisions, each in a browser or with a program, on a service that has large policies."""

from __future__ import annotations

import http.client
import json
import time
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

from api.auth.authentication import COOKIE
from benchmarks.company.people import PASSWORD, make_people
from benchmarks.large_policy import ANOTHER, LARGE, large_policy
from benchmarks.long_work import UNDER_WAY
from benchmarks.policy_file import write_policy
from benchmarks.rounds import WrongAnswerError
from benchmarks.workload import make_workload
from policy_service.actor import SERVICE, SIGNING_ROLES, Role
from policy_service.cli.init import set_up
from policy_service.clock import SystemClock
from policy_service.database import Database, Transaction
from policy_service.identity.api_keys import issue_key
from policy_service.identity.service import find_account_by_name
from policy_service.identity.sessions import PASSWORD as BY_PASSWORD
from policy_service.identity.sessions import start_session
from policy_service.migrations import upgrade
from policy_service.shipped import shipped_policies

TIMEOUT = 300.0
"""Seconds that one request may take."""
ROWS = 50
"""Rows of the table that is decided all the time."""
SHIPPED = ("tiering/rfm_value", "followup/contact_cadence", "governance/sign_off")
Json = Any


@dataclass(frozen=True, slots=True)
class Person:
    """Somebody who is signed in."""

    port: int
    token: str

    def page(self, address: str, lang: str = "en") -> bytes:
        """A page, or a file."""
        headers = {"Accept": "text/html", "Accept-Language": lang, "Cookie": f"{COOKIE}={self.token}"}
        return self._answer("GET", address, None, headers)[1]

    def form(self, address: str, fields: Mapping[str, str]) -> tuple[str, bytes]:
        """Sends a form; gives the address it leads to, and what is answered at once."""
        headers = {
            "Accept": "text/html",
            "Content-Type": "application/x-www-form-urlencoded",
            "Cookie": f"{COOKIE}={self.token}",
            "Sec-Fetch-Site": "same-origin",
        }
        return self._answer("POST", address, urlencode({**fields, "_key": f"{time.monotonic_ns()}"}), headers)

    def run_job(self, path: str, fields: Mapping[str, str]) -> None:
        """Begins long work by its form, and looks at its page until it is over."""
        address = self.form(path, fields)[0].partition("?")[0]
        while UNDER_WAY in self.page(address):
            time.sleep(0.2)

    def ask(self, method: str, address: str, body: Json = None, **headers: str) -> bytes:
        """Return the answer to a program."""
        named_headers = {name.replace("_", "-"): value for name, value in headers.items()}
        content = body if isinstance(body, bytes) or body is None else json.dumps(body).encode()
        if content is not None:
            named_headers.setdefault("Content-Type", "application/json")
        return self._answer(method, address, content, {"Authorization": f"Bearer {self.token}", **named_headers})[1]

    def _answer(
        self, method: str, address: str, body: str | bytes | None, headers: Mapping[str, str]
    ) -> tuple[str, bytes]:
        connection = http.client.HTTPConnection("127.0.0.1", self.port, timeout=TIMEOUT)
        connection.request(method, address, body, dict(headers))
        response = connection.getresponse()
        content = response.read()
        connection.close()
        if response.status >= http.HTTPStatus.BAD_REQUEST:
            raise WrongAnswerError(f"{method} {address} answers {response.status} {content[-2_000:]!r}")
        return response.headers.get("Location", ""), content


@dataclass(frozen=True, slots=True)
class Office:
    """Everybody who works beside the decisions."""

    author: Person
    signers: Mapping[str, Person]
    auditor: Person
    machine: Person

    def draft(self, version: str, start: datetime, policy: str = LARGE) -> Json:
        """A change that is begun."""
        body = {
            "title": f"large table {version}",
            "reason": "measured",
            "effective": {"from": start.isoformat()},
            "texts": [large_policy(version, name=policy)],
        }
        return json.loads(self.author.ask("POST", "/v1/changes", body))

    def advance(self, change: Json, action: str) -> Json:
        """Submits or schedules it."""
        address = f"/v1/changes/{change['id']}/{action}"
        return json.loads(self.author.ask("POST", address, If_Match=f'"{change["etag"]}"'))

    def sign(self, change: Json) -> Json:
        """Everybody signs who must."""
        for role in change["owed"]:
            body = {"role": role, "digest": change["digest"], "meaning": "approved", "reason": "sound"}
            address = f"/v1/changes/{change['id']}/sign-offs"
            change = json.loads(self.signers[role].ask("POST", address, {**body, "password": PASSWORD}))
        return change


def set_up_office(folder: Path) -> Mapping[str, str]:
    """Makes a database with a table of 50 rows, two of 1,000 in two versions each, and people.

    Gives the credential of each by name; `machine` is an API key.
    """
    policies = folder / "policies"
    write_policy(policies, make_workload(ROWS).rows)
    for name in (LARGE, ANOTHER):
        for version in ("1.0.0", "1.1.0"):
            _write(policies / name / f"{version}.yaml", large_policy(version, name=name).encode())
    for name in SHIPPED:
        for file in (shipped_policies() / name).iterdir():
            _write(policies / name / file.name, file.read_bytes())
    database, clock = Database(f"sqlite:///{folder}/service.db"), SystemClock()
    upgrade(database)
    set_up(database, clock, folder / "keys", policies, (), demo=False)
    with database.write(clock) as transaction:
        names = [actor.name for actor in make_people(transaction).all]
        tokens = {name: _token(transaction, name) for name in names}
        expires_at = transaction.now + timedelta(days=1)
        issued = issue_key(transaction, SERVICE, name="benchmark", scopes=[Role.INTEGRATION], expires_at=expires_at)
    database.close()
    return {**tokens, "machine": issued.text}


def office_at(port: int, credentials: Mapping[str, str]) -> Office:
    """Everybody, at the service on this port."""
    return Office(
        author=Person(port, credentials["author-0"]),
        signers={role: Person(port, credentials[f"{role.replace('_', '-')}-0"]) for role in SIGNING_ROLES},
        auditor=Person(port, credentials["compliance-1"]),
        machine=Person(port, credentials["machine"]),
    )


def environment_of(folder: Path) -> Mapping[str, str]:
    """The settings of a service on such a database."""
    return {
        "DATABASE_URL": f"sqlite:///{folder}/service.db",
        "POLICY_SERVICE_KEYS": str(folder / "keys"),
        "POLICY_SERVICE_CHECKPOINTS": str(folder / "checkpoints"),
        "POLICY_SERVICE_POLICIES": str(folder / "policies"),
        "POLICY_SERVICE_POLICY_CHECK_SECONDS": f"{TIMEOUT:.0f}",  # a busy machine must not end the run
    }


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


def _token(transaction: Transaction, name: str) -> str:
    account = find_account_by_name(transaction.session, name)
    if account is None:
        raise LookupError(name)
    return start_session(transaction, account, BY_PASSWORD).token
