"""A small company over HTTP: its people, three policies in force, and short ways to move a change along."""

from __future__ import annotations

import asyncio
import atexit
import json
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from copy import copy
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from itertools import count
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import httpx
from pydantic import SecretStr

from api.app import Application, create_app
from policy_service.actor import SERVICE, Role
from policy_service.cli.init import set_up
from policy_service.clock import Clock, timestamp
from policy_service.database import Database
from policy_service.identity.account import Account
from policy_service.identity.api_keys import issue_key
from policy_service.identity.passwords import hash_password
from policy_service.identity.service import attest, create_account
from policy_service.identity.sessions import PASSWORD, start_session
from policy_service.registry.model import active_at
from policy_service.registry.service import activations
from policy_service.workers.pool import Workers
from tests.api.client import HERE, SECRET, ask, assert_problem, portal, settings
from tests.approval.world import BONUS, SIGN_OFF, TIER, bonus, sign_off_text, tier
from tests.databases import TestClock, copied

Json = dict[str, Any]
Furnish = Callable[["Company"], dict[str, str] | None]
"""Lets things happen in a company; may give names of what it made."""
Established = tuple[dict[str, Account], TestClock, dict[str, str]]
"""People, the clock as it stands after they were made, and the names that were given."""
PEOPLE = {
    "ann": (Role.AUTHOR,),
    "ben": (Role.AUTHOR,),
    "sales": (Role.SALES_DIRECTOR,),
    "sally": (Role.SALES_DIRECTOR,),
    "finance": (Role.FINANCE_DIRECTOR,),
    "general": (Role.GENERAL_MANAGER,),
    "compliance": (Role.COMPLIANCE,),
    "both": (Role.SALES_DIRECTOR, Role.COMPLIANCE),
    "writing": (Role.AUTHOR, Role.SALES_DIRECTOR),
    "root": (Role.ADMINISTRATOR,),
}
ROLES = {
    "sales": "sales_director",
    "finance": "finance_director",
    "general": "general_manager",
    "compliance": "compliance",
}
POLICIES = {TIER: tier("1.0.0"), BONUS: bonus("1.0.0"), SIGN_OFF: sign_off_text()}


@dataclass
class Company:
    """One service on one database, with its people."""

    app: Application
    database: Database
    clock: TestClock
    people: dict[str, Account] = field(default_factory=dict)
    values: dict[str, str] = field(default_factory=dict)
    _tokens: dict[tuple[str, datetime], str] = field(default_factory=dict)
    _numbers: Iterator[int] = field(default_factory=count)

    def next_version(self) -> str:
        """A number above all that were given here, and above those of fixtures: tests may run in any order."""
        return f"2.0.{next(self._numbers)}"

    def token(self, name: str) -> str:
        """A session of somebody, begun at this moment."""
        if (name, self.clock.at) not in self._tokens:
            with self.database.write(self.clock) as transaction:
                self._tokens[name, self.clock.at] = start_session(transaction, self.people[name], PASSWORD).token
        return self._tokens[name, self.clock.at]

    def strangers_try(self, name: str) -> list[int]:
        """How six sign-ins end under somebody's name with a wrong password."""
        return [
            ask("POST", "/v1/session", app=self.app, role=None, json={"name": name, "password": "wrong"}).status_code
            for _ in range(6)
        ]

    def ask(self, method: str, path: str, by: str = "ann", body: object = None, **headers: str) -> httpx.Response:
        """The answer to one request; `if_match="…"` and `idempotency_key="…"` are headers."""
        return self.ask_all([(method, path, by, body)], **headers)[0]

    def ask_all(self, requests: Sequence[tuple[str, str, str, object]], **headers: str) -> list[httpx.Response]:
        """The answers to requests that are sent at the same time."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        tokens = {by: self.token(by) for _, _, by, _ in requests}

        async def send(client: httpx.AsyncClient, method: str, path: str, by: str, body: object) -> httpx.Response:
            head = {"authorization": f"Bearer {tokens[by]}", **named}
            if body is None:
                return await client.request(method, path, headers=head)
            content = json.dumps(body).encode()
            return await client.request(
                method, path, headers={**head, "content-type": "application/json"}, content=content
            )

        async def send_all() -> list[httpx.Response]:
            transport = httpx.ASGITransport(self.app, raise_app_exceptions=False)
            async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
                return await asyncio.gather(*(send(client, *each) for each in requests))

        return portal().call(send_all)

    def did(self, method: str, path: str, by: str = "ann", body: object = None, **headers: str) -> Json:
        """What is answered to something that is done."""
        answer = self.ask(method, path, by, body, **headers)
        assert answer.is_success, answer.text
        document: Json = answer.json()
        return document

    def decide(self, body: Json) -> Json:
        """What a machine is answered about a subject."""
        with self.database.write(self.clock) as transaction:
            expires = transaction.now + timedelta(days=1)
            key = issue_key(transaction, SERVICE, name="crm", scopes=[Role.INTEGRATION], expires_at=expires)
        self._tokens["crm", self.clock.at] = key.text
        return self.did("POST", "/v1/decisions", "crm", body)

    def draft(self, *texts: bytes, **changes: object) -> Json:
        """The body of a draft, from tomorrow on."""
        body: Json = {
            "title": "larger limit",
            "reason": "it is time",
            "effective": {"from": timestamp(self.clock.at + timedelta(days=1))},
            "texts": [text.decode() for text in texts],
        }
        return {**body, **changes}

    def create(self, *texts: bytes, by: str = "ann", **changes: Any) -> Json:  # noqa: ANN401 - members of a draft
        return self.did("POST", "/v1/changes", by, self.draft(*texts, **changes))

    def read(self, change: Json, by: str = "ann") -> Json:
        return self.did("GET", f"/v1/changes/{change['id']}", by)

    def act(self, action: str, change: Json, by: str = "ann", **headers: str) -> httpx.Response:
        """`submit`, `schedule`, or one that takes a reason; on what was seen last, unless told."""
        body = None if action in {"submit", "schedule"} else {"reason": "because"}
        tag = {"if_match": f'"{change["etag"]}"', **headers}
        return self.ask("POST", f"/v1/changes/{change['id']}/{action}", by, body, **tag)

    def moved(self, action: str, change: Json, by: str = "ann") -> Json:
        answer = self.act(action, change, by)
        assert answer.is_success, answer.text
        body: Json = answer.json()
        return body

    def signature(self, change: Json, role: str, **changes: object) -> Json:
        """The body of a signature."""
        body = {"role": role, "digest": change["digest"], "meaning": "approved", "reason": "sound", "password": SECRET}
        return {**body, **changes}

    def sign(
        self, change: Json, by: str = "sales", role: str | None = None, key: str | None = None, **changes: object
    ) -> httpx.Response:
        body = self.signature(change, role or ROLES[by], **changes)
        headers = {"idempotency_key": key} if key else {}
        return self.ask("POST", f"/v1/changes/{change['id']}/sign-offs", by, body, **headers)

    def signed(self, *texts: bytes, **changes: Any) -> Json:  # noqa: ANN401 - members of a draft
        """A change that everybody who must has signed."""
        change = self.moved("submit", self.create(*texts, **changes))
        by = {role: name for name, role in ROLES.items()}
        for role in change["owed"]:
            answer = self.sign(change, by[role])
            assert answer.status_code == 201, answer.text
            change = answer.json()
        return change

    def in_force(self, *texts: bytes) -> None:
        """Puts versions of one policy in force, one after another."""
        for text in texts:
            self.moved("schedule", self.signed(text))
            self.clock.move(days=1, hours=1)

    def version(self, policy: str = TIER) -> str | None:
        """The version in force."""
        with self.database.read() as session:
            active = active_at(activations(session), policy, self.clock.at, self.clock.at)
        return active.version if active else None


@contextmanager
def company(
    backend: str = "sqlite",
    furnish: Furnish | None = None,
    **changes: Any,  # noqa: ANN401  # whatever a setting takes
) -> Iterator[Company]:
    """A company in which the first versions of all policies are in force, since an hour ago.

    What `furnish` does in one is done once, and copied.
    """
    with copied(backend, _furnishing(furnish)) as made:
        people, clock, values = made.result
        with opened(made.url, made.folder, copy(clock), dict(people), **changes) as here:
            here.values.update(values)
            yield here


@contextmanager
def opened(
    url: str,
    folder: Path,
    clock: TestClock,
    people: dict[str, Account],
    workers: Workers = HERE,
    **changes: Any,  # noqa: ANN401  # whatever a setting takes
) -> Iterator[Company]:
    """The service of a company that was established here."""
    here = {
        "keys": folder / "keys",
        "checkpoints": folder / "checkpoints",
        "policies": policy_folder(),
        "engine": "python",
    }
    with closing(Database(url, keys=folder / "keys")) as database:
        app = create_app(settings(database_url=SecretStr(url), **(here | changes)), clock, workers)
        assert isinstance(app, Application)
        with closing(app.service):
            yield Company(app, database, clock, people)


@cache
def _furnishing(
    furnish: Furnish | None,
) -> Callable[[str, Path], Established]:
    def make(url: str, folder: Path) -> Established:
        clock = TestClock()
        people = establish(url, folder, clock)
        clock.move(hours=1)
        values = None
        if furnish is not None:
            with opened(url, folder, clock, people) as here:
                values = furnish(here)
        return people, clock, values or {}

    return make


def establish(url: str, folder: Path, clock: Clock) -> dict[str, Account]:
    """Sets a company up in a database without rows, its keys in the folder; gives its people."""
    with closing(Database(url)) as database:
        set_up(database, clock, folder / "keys", policy_folder(), (), demo=False)
        return make_people(database, clock)


@cache
def policy_folder() -> Path:
    """The same policies as files."""
    stack = ExitStack()
    atexit.register(stack.close)
    folder = Path(stack.enter_context(TemporaryDirectory(prefix="policy-service-tests-")))
    for policy, text in POLICIES.items():
        (folder / policy).mkdir(parents=True)
        (folder / policy / "1.0.0.yaml").write_bytes(text)
    return folder


def make_people(database: Database, clock: Clock) -> dict[str, Account]:
    """An account for everybody, attested where signatures are given."""
    password_hash = hash_password(SECRET)
    with database.write(clock) as transaction:
        people = {
            name: create_account(
                transaction,
                SERVICE,
                name=name,
                printed_name=name.title(),
                roles=list(roles),
                password_hash=password_hash,
            )
            for name, roles in PEOPLE.items()
        }
        return {
            name: attest(transaction, SERVICE, account.id) if account.signing_roles else account
            for name, account in people.items()
        }


def refused(answer: httpx.Response, status: int, name: str, sentence: str) -> Json:
    """Asks that a refusal says this."""
    problem = assert_problem(answer, status, name)
    assert sentence in problem["detail"]
    return problem


def later(here: Company, days: int) -> Json:
    """A period that begins in so many days."""
    return {"from": timestamp(here.clock.at + timedelta(days=days))}


def submitted(here: Company, limit: int, by: str = "ann") -> Json:
    """A change under review, from as many days from now as its limit is."""
    text = tier(here.next_version(), limit)
    return here.moved("submit", here.create(text, by=by, effective=later(here, limit)), by)
