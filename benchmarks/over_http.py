"""Requests per second over HTTP: our decision endpoint, and zen-engine behind a plain FastAPI endpoint.

Ours knows by its API key who asks, and answers when the decision is on record in a SQLite file (WAL, synced at each
commit); the peer asks nobody and records nothing.

Ours is `policy-service serve`; the peer is served by uvicorn with one worker, the same loop and parser and no access
log. Both listen on a free port of this machine and are loaded in turns from a third process.
"""

import http.client
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from benchmarks import ours
from benchmarks.candidate import native_facts
from benchmarks.load import LoadReport
from benchmarks.policy_file import POLICY, write_policy
from benchmarks.rounds import WrongAnswerError
from benchmarks.serving import READY_SECONDS, ROOT, Server, running
from benchmarks.workload import FactSet, Workload, make_workload
from benchmarks.zen_service import ROWS_VARIABLE
from policy_service.actor import SERVICE, Role
from policy_service.cli.init import set_up
from policy_service.clock import SystemClock
from policy_service.database import Database
from policy_service.identity.api_keys import issue_key
from policy_service.migrations import upgrade

ROWS = 50
KEY_LASTS = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Service(Server):
    """A server of decisions: how it is asked and read."""

    headers: Mapping[str, str]
    path: str
    body: Callable[[FactSet], str]
    outputs: Callable[[Any], list[int]]


@dataclass(frozen=True, slots=True)
class ServiceResult:
    """The figures of one service in each round, measured by its client."""

    name: str
    ours: bool
    reports: tuple[LoadReport, ...]

    def median(self, figure: Callable[[LoadReport], float]) -> float:
        """The median of one figure over the rounds."""
        return statistics.median(map(figure, self.reports))

    def ratio_to(self, other: "ServiceResult") -> float:
        """Return the ratio of the requests per second to those of `other`: the median of the rounds' ratios."""
        pairs = zip(self.reports, other.reports, strict=True)
        return statistics.median(mine.per_second / its.per_second for mine, its in pairs)


def compare_http(*, rounds: int, seconds: float, connections: int) -> tuple[ServiceResult, ...]:
    """Load both services in turns of `seconds`, after each has answered every set of facts rightly."""
    workload = make_workload(ROWS)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()))
        write_policy(folder / "policies", workload.rows)
        services = (our_service(folder), _zen_service())
        ports = [stack.enter_context(running(service, folder)) for service in services]
        for service, port in zip(services, ports, strict=True):
            verify(service, port, workload)
        requests = [write_requests(folder, service, workload) for service in services]
        reports: list[list[LoadReport]] = [[] for _ in services]
        for number in range(rounds):
            pairs = list(zip(requests, ports, reports, strict=True))
            for request_file, port, results in reversed(pairs) if number % 2 else pairs:
                results.append(_load(request_file, port, connections, seconds))
    return tuple(
        ServiceResult(service.name, index == 0, tuple(reports[index])) for index, service in enumerate(services)
    )


def our_service(folder: Path) -> Service:
    """Our service, with its database and its policies in a folder."""

    def body(facts: FactSet) -> str:
        question = {
            "subject": "C1",
            "facts": ours.exact_facts(facts),
            "policies": [POLICY],
            "as_of": ours.AS_OF.isoformat(),
        }
        return json.dumps(question)

    return Service(
        name="policy-service, POST /v1/decisions",
        factory="",
        environment={
            "DATABASE_URL": f"sqlite:///{folder}/decisions.db",
            "POLICY_SERVICE_KEYS": str(folder / "keys"),
            "POLICY_SERVICE_CHECKPOINTS": str(folder / "checkpoints"),
            "POLICY_SERVICE_POLICIES": str(folder / "policies"),
        },
        headers={"Authorization": f"Bearer {_set_up(folder)}"},
        path="/v1/decisions",
        body=body,
        outputs=lambda answer: ours.outputs_of(answer["outcomes"][POLICY]),
    )


def _set_up(folder: Path) -> str:
    """Makes the database with the policy in force; gives an API key."""
    database, clock = Database(f"sqlite:///{folder}/decisions.db"), SystemClock()
    upgrade(database)
    set_up(database, clock, folder / "keys", folder / "policies", (), demo=False)
    with database.write(clock) as transaction:
        expires = transaction.now + KEY_LASTS
        issued = issue_key(transaction, SERVICE, name="benchmark", scopes=[Role.INTEGRATION], expires_at=expires)
    database.close()
    return issued.text


def _zen_service() -> Service:
    return Service(
        name="zen-engine behind FastAPI",
        factory="benchmarks.zen_service:create_app",
        environment={ROWS_VARIABLE: str(ROWS)},
        headers={},
        path="/decisions",
        body=lambda facts: json.dumps({"subject": "C1", "facts": native_facts(facts)}),
        outputs=lambda answer: [row["out"] for row in answer["outcome"]],
    )


def verify(service: Service, port: int, workload: Workload) -> None:
    """Asks all of the workload. Raises WrongAnswerError when one answer is not what is expected."""
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=30)
    for facts, expected in zip(workload.fact_sets, workload.expected, strict=True):
        connection.request(
            "POST", service.path, service.body(facts), {"Content-Type": "application/json", **service.headers}
        )
        response = connection.getresponse()
        text = response.read()
        if response.status != http.HTTPStatus.OK or service.outputs(json.loads(text)) != expected:
            raise WrongAnswerError(f"{service.name} answers {response.status} {text[:2_000]!r} instead of {expected}")
    connection.close()


def write_requests(folder: Path, service: Service, workload: Workload) -> Path:
    """The requests of a service, as a file for those who load it."""
    path = folder / f"{service.name.partition(',')[0]}.json"
    bodies = [service.body(facts) for facts in workload.fact_sets]
    path.write_text(
        json.dumps({"path": service.path, "headers": dict(service.headers), "bodies": bodies}), encoding="utf-8"
    )
    return path


def _load(requests: Path, port: int, connections: int, seconds: float) -> LoadReport:
    """One turn of the load generator, in a process of its own."""
    command = (
        *(sys.executable, "-m", "benchmarks.load", str(requests), str(port)),
        *("--connections", str(connections), "--seconds", str(seconds)),
    )
    finished = subprocess.run(  # noqa: S603 - our own command
        command, cwd=ROOT, check=True, stdout=subprocess.PIPE, timeout=2 * seconds + READY_SECONDS
    )
    report = LoadReport(**json.loads(finished.stdout))
    if report.refused:
        raise WrongAnswerError(f"{report.refused} of {report.requests} requests under load were refused")
    return report
