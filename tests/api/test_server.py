"""The service as a process of its own: started by the command line, asked over the network, told to stop."""

import json
import os
import re
import signal
import socket
import sqlite3
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager, suppress
from itertools import count
from pathlib import Path

import httpx
import pytest

from policy_service.actor import SERVICE
from policy_service.cli import serve
from policy_service.clock import SystemClock
from policy_service.database import Database
from policy_service.errors import StartupError
from policy_service.registry.model import ActivationKind, Period
from policy_service.registry.service import activate, read_version, record_version
from policy_service.temporary_folder import PREFIX
from tests.api.client import CREDENTIALS, JSON, REQUEST, RFM, keys, one_policy, populated
from tests.approval.world import TIER, bonus
from tests.architecture.project import ROOT

COMMAND = (sys.executable, "-c", "from policy_service.cli import main; main()", "serve", "--port")
READY_WITHIN = 60.0


@contextmanager
def running(**environment: str) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """The server, and a client of it that may ask for decisions, once it answers; stopped at the end."""
    with populated(policies=one_policy(), clock=SystemClock) as url:
        key = {"authorization": CREDENTIALS[url]["integration"]}
        with (
            serving(url, POLICY_SERVICE_POLICIES=str(one_policy()), **environment) as (server, address),
            httpx.Client(base_url=address, headers=key, timeout=30) as client,
        ):
            yield server, client


@contextmanager
def serving(url: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port = listener.getsockname()[1]
    server = subprocess.Popen(
        [*COMMAND, str(port)],
        cwd=ROOT,
        env={**os.environ, **places(url), **environment},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    address = f"http://127.0.0.1:{port}"
    try:
        wait_until_ready(server, address)
        yield server, address
    finally:
        server.kill()
        server.communicate()


def places(url: str) -> dict[str, str]:
    """The environment of a service on a database."""
    file = url.removeprefix("sqlite:///")
    beside = {"CHECKPOINTS": f"{file}.checkpoints", "JOBS": f"{file}.jobs"}
    return {
        "DATABASE_URL": url,
        "POLICY_SERVICE_KEYS": str(keys()),
        **{f"POLICY_SERVICE_{name}": place for name, place in beside.items()},
    }


def begun(url: str) -> dict[str, str]:
    """The environment of a service that begins quickly."""
    return {**places(url), "POLICY_SERVICE_ENGINE": "python"}


def wait_until_ready(server: subprocess.Popen[str], address: str) -> None:
    """Returns when the server answers."""
    deadline = time.monotonic() + READY_WITHIN
    with httpx.Client(base_url=address) as client:
        while server.poll() is None and time.monotonic() < deadline:
            with suppress(httpx.TransportError):
                if client.get("/readyz").status_code == 200:
                    return
            time.sleep(0.05)
    pytest.fail("the server did not get ready")


def test_it_decides_refuses_goes_on_and_stops_when_told(tmp_path: Path) -> None:
    with running(TMPDIR=str(tmp_path)) as (server, client):
        address = str(client.base_url)
        right = client.post("/v1/decisions", json=REQUEST).json()["outcomes"][RFM]
        assert right["outcome"] == {"tier": "A"}
        large = client.post("/v1/decisions", content=b" " * 10_000_000, headers=JSON)
        assert (large.status_code, large.headers["connection"]) == (413, "close")
        deep = client.post("/v1/decisions", content=b'{"facts":' + b"[" * 100_000, headers=JSON)
        assert deep.status_code == 400
        assert "server" not in large.headers
        for _ in range(3):
            _go_away_in_the_middle_of_a_body(client)
        assert client.post("/v1/decisions", json=REQUEST).json()["outcomes"][RFM] == right
        assert [each.name.startswith(PREFIX) for each in tmp_path.iterdir()] == [True]
        server.send_signal(signal.SIGTERM)
        out, log = server.communicate(timeout=30)
        assert server.returncode == 0
        assert list(tmp_path.iterdir()) == []
        assert f"serving at {address}" in out
        events = [json.loads(line) for line in log.splitlines()]
        assert {"service_started", "request_rejected", "service_stopped", "library_message"} <= {
            event["event"] for event in events
        }


def _go_away_in_the_middle_of_a_body(client: httpx.Client) -> None:
    port, key = client.base_url.port, client.headers["authorization"]
    with socket.create_connection(("127.0.0.1", port)) as line:
        line.sendall(
            b"POST /v1/decisions HTTP/1.1\r\nHost: x\r\n"
            + f"Authorization: {key}\r\n".encode()
            + b"Content-Type: application/json\r\nContent-Length: 900\r\n\r\n{"
        )


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """The address of a database that a service could begin on."""
    with populated(policies=one_policy(), clock=SystemClock) as url:
        yield url


def copied(database: str, folder: Path, *statements: str) -> str:
    """The address of a copy of a database, in which some statements were executed."""
    file = folder / "copy.db"
    with closing(sqlite3.connect(database.removeprefix("sqlite:///"))) as one, closing(sqlite3.connect(file)) as two:
        one.backup(two)
        for statement in statements:
            two.execute(statement)
    return f"sqlite:///{file}"


STARTS = f"""
import json, os, signal, sys
import api.app  # what takes long is done once
from policy_service.cli import main
for line in sys.stdin:
    start = json.loads(line)
    child = os.fork()
    if child == 0:
        signal.alarm({READY_WITHIN:.0f})
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        os.dup2(os.open(start["log"], os.O_CREAT | os.O_WRONLY), 2)
        os.environ.update(start["environment"])
        sys.argv = ["policy-service", "serve", "--port", start["port"]]
        exec(start["before"])
        main()
    print(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]), flush=True)
"""
"""The program of a process that splits off another for each start."""
Start = Callable[..., tuple[int, str]]


@pytest.fixture(scope="module")
def start(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Start]:
    """What a server that does not begin ends with, and what it says; `before` is done in its process first."""
    logs = tmp_path_factory.mktemp("logs")
    with subprocess.Popen(
        [sys.executable, "-c", STARTS], cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    ) as parent:
        numbers, orders, statuses = count(), parent.stdin, parent.stdout
        assert orders is not None
        assert statuses is not None

        def ended(port: int = 0, before: str = "", **environment: str) -> tuple[int, str]:
            log = logs / str(next(numbers))
            begun = {"log": str(log), "port": str(port), "before": before, "environment": environment}
            print(json.dumps(begun), file=orders, flush=True)
            status = int(statuses.readline())
            text = log.read_text("utf-8")
            assert "Traceback" not in text.splitlines()[0]
            return status, text

        yield ended
        orders.close()


def test_it_begins_without_what_only_populations_need(start: Start) -> None:
    heavy = "{'duckdb', 'ibis', 'pyarrow'}"
    before = f"import policy_service.cli.app; print({heavy} & set(sys.modules), file=sys.stderr); sys.exit(9)"
    assert start(before=before) == (9, "set()\n")


def test_it_ends_with_another_status_when_it_fails(start: Start, database: str) -> None:
    fault = "api.app.tune_interpreter = lambda: 1 / 0"
    status, text = start(before=fault, **begun(database))
    assert (status, "ZeroDivisionError" in text) == (1, True)
    assert all(json.loads(line)["event"] for line in text.splitlines())


def test_it_ends_with_another_status_when_the_versions_in_force_cannot_decide(
    start: Start, database: str, tmp_path: Path
) -> None:
    url = copied(database, tmp_path)
    with closing(Database(url, keys=keys())) as opened, opened.write(SystemClock()) as transaction:
        row = record_version(transaction, SERVICE, bonus("1.0.0"), change=None)
        version = read_version(transaction.session, row.id, row.version)
        activate(transaction, SERVICE, version, Period(transaction.now), ActivationKind.INITIAL)
    status, text = start(**begun(url))
    assert (status, TIER in text) == (7, True)


def test_it_ends_with_another_status_without_a_key(start: Start, database: str, tmp_path: Path) -> None:
    status, text = start(**begun(database) | {"POLICY_SERVICE_KEYS": str(tmp_path)})
    assert (status, "POLICY_SERVICE_KEYS" in text) == (4, True)


def test_it_ends_with_another_status_when_something_on_record_was_altered(
    start: Start, database: str, tmp_path: Path
) -> None:
    status, text = start(**begun(copied(database, tmp_path, "DROP TRIGGER decision_no_update")))
    assert (status, "lost a trigger" in text) == (5, True)


def test_it_ends_with_another_status_when_the_port_is_taken(start: Start, database: str) -> None:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        status, text = start(listener.getsockname()[1], **begun(database))
    assert (status, "address already in use" in text) == (6, True)


def test_it_ends_with_another_status_when_the_database_does_not_answer(start: Start, tmp_path: Path) -> None:
    status, text = start(**begun(f"postgresql://ada:secret@/none?host={tmp_path}"))
    assert (status, "does not answer" in text, "secret" in text) == (3, True, False)


def test_a_log_that_nobody_reads_stops_nothing_and_ctrl_c_stops_it_as_a_supervisor_does() -> None:
    with running(POLICY_SERVICE_ENGINE="python") as (server, client):
        for _ in range(400):
            assert client.get("/v1/policies", headers={"authorization": ""}).status_code == 401
        assert "policy_service_log_lines_dropped_total 0.0" not in client.get("/metrics").text
        server.send_signal(signal.SIGINT)
        _, log = server.communicate(timeout=30)
        assert server.returncode == 0
        assert "Traceback" not in log


class Ending:
    """A server that ends in some way."""

    started = True

    def __init__(self, how: BaseException | None) -> None:
        self.how = how

    def run(self, **_: object) -> None:
        if self.how is not None:
            raise self.how


@pytest.mark.parametrize(
    ("how", "status"),
    [(None, 0), (SystemExit(0), 0), (SystemExit(3), 1), (StartupError("they do not fit together"), 7)],
)
def test_what_the_server_ends_with_is_told_apart(how: BaseException | None, status: int) -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("policy_service.cli.serve.AnnouncingServer", lambda *_: Ending(how))
        patch.setattr("policy_service.cli.serve.signal.signal", lambda *_: None)
        assert serve.run("127.0.0.1", 0) == status


def test_every_status_is_in_the_reference() -> None:
    rows = set(re.findall(r"^\| (\d) +\|", str(serve.__doc__), re.MULTILINE))
    page = (ROOT / "docs" / "reference" / "cli.md").read_text("utf-8").partition("## serve")[2].partition("## ")[0]
    assert set(re.findall(r"^\| (\d) \|", page, re.MULTILINE)) == rows == set("01234567")


def test_it_does_not_start_on_a_database_that_nobody_set_up(start: Start, tmp_path: Path) -> None:
    status, text = start(DATABASE_URL=f"sqlite:///{tmp_path / 'nothing.db'}")
    assert status == 3
    assert "run `policy-service init`" in text
    assert "Traceback" not in text
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [("ENGIN", "python", "unknown setting"), ("POLICIES", "nowhere", "POLICY_SERVICE_POLICIES: ")],
)
def test_it_does_not_start_with_a_wrong_setting(start: Start, name: str, value: str, sentence: str) -> None:
    status, text = start(**{f"POLICY_SERVICE_{name}": value})
    assert status == 2
    assert sentence in text
    assert "Traceback" not in text
