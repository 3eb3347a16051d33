"""One application of the shipped policies for all tests of the service, and a client that needs no network.

The database has a person for every role, and a key for machines; a request comes with the credential it takes, unless
the test says which: `ask("GET", "/v1/policies", role=Role.AUTHOR)`, or `role=None` for none.
"""

import atexit
import itertools
import json
import shutil
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import UTC, datetime, timedelta
from functools import cache
from hashlib import sha256
from pathlib import Path
from typing import Any, Literal
from uuid import UUID

import httpx
from anyio.from_thread import BlockingPortal, start_blocking_portal
from fastapi import FastAPI
from pydantic import SecretStr

from api.app import Application, create_app
from api.auth.permissions import PermissionTable
from api.web.problems import ProblemError
from policy_service import shipped_policies
from policy_service.actor import SERVICE, SIGNING_ROLES, Role
from policy_service.cli.init import set_up
from policy_service.clock import Clock, uuid7
from policy_service.database import Database
from policy_service.identity.api_keys import issue_key
from policy_service.identity.passwords import hash_password
from policy_service.identity.service import attest, create_account
from policy_service.identity.sessions import PASSWORD, start_session
from policy_service.settings import Settings
from policy_service.workers.pool import InlineWorkers, Workers
from tests.databases import copied

HERE = InlineWorkers()
"""Does what takes long in the process of the tests, where its faults can be put."""
NOW = datetime(2026, 11, 20, 17, 30, tzinfo=UTC)
"""Already the 21st in Shanghai."""
DECISIONS = "/v1/decisions"
JSON = {"content-type": "application/json"}
YAML = {"content-type": "application/yaml"}
RFM = "tiering/rfm_value"
CUSTOMER = {
    "industry": "it",
    "amount_12m": "800000.00",
    "orders_12m": 3,
    "recency_days": 45,
    "industry_mean_amount": "750000.00",
    "industry_mean_orders": "3.2",
}
REQUEST = {"subject": "C202405001", "facts": CUSTOMER, "policies": [RFM], "as_of": "2026-11-21"}


_NUMBERS = itertools.count(1)


class StandingClock:
    """It is always the same moment; identifiers are counted, by all such clocks together: they share a database."""

    def now(self) -> datetime:
        return NOW

    def new_id(self) -> UUID:
        return uuid7(int(NOW.timestamp() * 1_000), next(_NUMBERS))


SECRET = "correct horse battery staple"  # noqa: S105  # nobody's: the accounts of a test live as long as it
KEY_LASTS = timedelta(days=30)


@cache
def database_url() -> str:
    """The address of a database of this process's own, with an account for every role and a key for every scope."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(populated())


def credentials(app: FastAPI | None = None) -> dict[str, str]:
    """The `Authorization` of everybody that `populate` made, by what it calls them."""
    if isinstance(app, Application) and (url := app.service.settings.database_url.get_secret_value()) in CREDENTIALS:
        return CREDENTIALS[url]
    return CREDENTIALS[database_url()]


CREDENTIALS: dict[str, dict[str, str]] = {}
"""The same, by the address of the database."""


@cache
def keys() -> Path:
    """The folder of the private keys of every database of this process."""
    folder = tempfile.TemporaryDirectory(prefix="policy-service-tests-")
    atexit.register(folder.cleanup)
    return Path(folder.name) / "keys"


@contextmanager
def populated(
    backend: str = "sqlite", policies: Path | None = None, clock: type[Clock] = StandingClock
) -> Iterator[str]:
    """The address of a database of the test's own that `populate` filled: a copy, which takes less time."""
    with copied(backend, _populating(policies, clock)) as made:
        CREDENTIALS[made.url] = made.result
        yield made.url


@cache
def _populating(policies: Path | None, clock: type[Clock]) -> Callable[[str, Path], dict[str, str]]:
    return lambda url, _folder: populate(url, clock(), policies)


def populate(url: str, clock: Clock | None = None, policies: Path | None = None) -> dict[str, str]:
    """Puts policies in force, the shipped ones or those of a folder; makes an account for every role, and keys.

    Gives the `Authorization` of each. An account has the name of its role. Machines are `integration` and
    `key:compliance`; the person who integrates is `person:integration`; `leaving` is a session that may be ended.
    """
    database, results = Database(url), {}
    password_hash = hash_password(SECRET)
    set_up(database, clock or StandingClock(), keys(), policies or shipped_policies(), (), demo=False)
    with database.write(clock or StandingClock()) as transaction:
        for role in Role:
            names = {"name": role.value, "printed_name": f"The {role.value.replace('_', ' ')}"}
            account = create_account(transaction, SERVICE, **names, roles=[role], password_hash=password_hash)
            if role in SIGNING_ROLES:
                account = attest(transaction, SERVICE, account.id)
            results[role.value] = f"Bearer {start_session(transaction, account, PASSWORD).token}"
            results["leaving"] = f"Bearer {start_session(transaction, account, PASSWORD).token}"
        results["person:integration"] = results["integration"]
        for role in (Role.INTEGRATION, Role.COMPLIANCE):
            issued = issue_key(
                transaction, SERVICE, name=role.value, scopes=[role], expires_at=transaction.now + KEY_LASTS
            )
            results[f"key:{role.value}"] = f"Bearer {issued.text}"
        results["integration"] = results["key:integration"]
    database.close()
    CREDENTIALS[url] = results
    return results


def settings(**changes: Any) -> Settings:  # noqa: ANN401 - whatever a setting takes
    """Settings of a service on the database of `database_url`."""
    url = changes.get("database_url") or SecretStr(database_url())
    jobs = keys().parent / "jobs" / sha256(url.get_secret_value().encode()).hexdigest()
    places = {"database_url": url, "keys": keys(), "checkpoints": keys().parent / "checkpoints", "jobs": jobs}
    return Settings(**{**places, "log_level": "error", **changes})


@cache
def one_policy() -> Path:
    """A folder with RFM alone: an application of it is made quickly."""
    folder = tempfile.TemporaryDirectory()
    atexit.register(folder.cleanup)
    shutil.copytree(shipped_policies() / RFM, Path(folder.name) / RFM)
    return Path(folder.name)


@cache
def application() -> Application:
    """The application, made once a process."""
    app = create_app(settings(), StandingClock(), HERE)
    assert isinstance(app, Application)
    return app


@contextmanager
def opened(clock: Clock | None = None, workers: Workers = HERE, **changes: Any) -> Iterator[Application]:  # noqa: ANN401 - whatever a setting takes
    """An application with other settings, on the same database unless they name another; by the same clock too.

    A clock that goes would move the database's time, and so that of every other test.
    """
    app = create_app(settings(**changes), clock or StandingClock(), workers)
    assert isinstance(app, Application)
    with closing(app.service):
        yield app


@contextmanager
def apart(policies: Path | None = None, **changes: Any) -> Iterator[Application]:  # noqa: ANN401 - whatever a setting takes
    """An application on a database of its own, where nobody else decides or tries passwords."""
    with (
        populated(policies=policies) as url,
        opened(database_url=SecretStr(url), policies=policies or shipped_policies(), **changes) as app,
    ):
        yield app


@cache
def portal() -> BlockingPortal:
    """An event loop that goes on between requests, so that the processes of its workers are started once."""
    stack = ExitStack()
    atexit.register(stack.close)
    return stack.enter_context(start_blocking_portal())


@cache
def _table() -> PermissionTable:
    return PermissionTable()


PREFERRED = (Role.INTEGRATION, Role.AUTHOR, Role.COMPLIANCE, Role.SALES_DIRECTOR, Role.ADMINISTRATOR)


def bearer(method: str, path: str, app: FastAPI | None = None) -> str | None:
    """The `Authorization` of somebody who may ask for this; of an author where there is nothing to ask for."""
    try:
        access = _table().access(method, path)
    except ProblemError:
        return credentials(app)[Role.AUTHOR]
    if not access.authenticated:
        return None
    if (method, path) == ("DELETE", "/v1/session"):
        return credentials(app)["leaving"]  # a session of its own: the others are asked with again
    role = next((role for role in PREFERRED if role in access.roles), Role.AUTHOR)
    name = f"person:{role.value}" if role is Role.INTEGRATION and not access.machines else role.value
    return credentials(app)[name]


def as_fits(method: str, path: str) -> dict[str, str]:
    """The header of somebody who may ask for this."""
    result = bearer(method, path)
    return {"authorization": result} if result else {}


def ask(
    method: str,
    path: str,
    *,
    app: FastAPI | None = None,
    role: Role | Literal["fitting"] | None = "fitting",
    **more: Any,  # noqa: ANN401 - httpx's
) -> httpx.Response:
    """The answer to one request, by somebody in a role: one that may ask, when it is left to this."""
    headers = dict(more.pop("headers", None) or {})
    result = bearer(method, httpx.URL(path).path, app) if role == "fitting" else role and credentials(app)[role.value]
    if result and "authorization" not in {name.lower() for name in headers}:
        headers["authorization"] = result

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app or application(), raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.request(method, path, headers=headers, **more)

    return portal().call(send)


def decide(request: object = None, *, app: FastAPI | None = None, **changes: object) -> httpx.Response:
    """The answer to a request for a decision: REQUEST, with changes, unless another is given."""
    body = {**REQUEST, **changes} if request is None else request
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    return ask("POST", DECISIONS, app=app, content=content, headers=JSON)


def assert_problem(response: httpx.Response, status: int, name: str) -> dict[str, Any]:
    """Asks that the answer is a problem detail of one type, and gives it."""
    assert response.status_code == status, response.text
    assert response.headers["content-type"] == "application/problem+json"
    assert response.headers["cache-control"] == "no-store"
    problem: dict[str, Any] = response.json()
    assert problem["type"] == f"/problems/{name}"
    assert problem["status"] == status
    assert problem["title"]
    assert problem["detail"]
    assert problem["instance"].startswith("urn:uuid:")
    return problem


def assert_next_decision_is_right() -> None:
    """Asks that whatever came before left the service as it was."""
    assert decide().json()["outcomes"][RFM]["outcome"] == {"tier": "A"}
