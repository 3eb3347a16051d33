"""The service as a process of its own: started by the command line, asked over the network, told to stop."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from policy_service.clock import SystemClock
from tests.api.client import JSON, REQUEST, RFM, keys, populate
from tests.architecture.project import ROOT
from tests.databases import fresh_url

COMMAND = (sys.executable, "-c", "from policy_service.cli import main; main()", "serve", "--port")
READY_WITHIN = 60.0


@contextmanager
def running(**environment: str) -> Iterator[tuple[subprocess.Popen[str], httpx.Client]]:
    """The server, and a client of it that may ask for decisions, once it answers; stopped at the end."""
    with fresh_url("sqlite") as url:
        key = {"authorization": populate(url, SystemClock())["integration"]}
        with (
            _serving(url, **environment) as (server, address),
            httpx.Client(base_url=address, headers=key, timeout=30) as client,
        ):
            yield server, client


@contextmanager
def _serving(url: str, **environment: str) -> Iterator[tuple[subprocess.Popen[str], str]]:
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
    checkpoints = f"{url.removeprefix('sqlite:///')}.checkpoints"
    return {"DATABASE_URL": url, "POLICY_SERVICE_KEYS": str(keys()), "POLICY_SERVICE_CHECKPOINTS": checkpoints}


def wait_until_ready(server: subprocess.Popen[str], address: str) -> None:
    """Returns when the server answers."""
    deadline = time.monotonic() + READY_WITHIN
    while server.poll() is None and time.monotonic() < deadline:
        try:
            if httpx.get(f"{address}/readyz").status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.1)
    pytest.fail("the server did not get ready")


def test_it_decides_refuses_goes_on_and_stops_when_told() -> None:
    with running() as (server, client):
        address = str(client.base_url)
        right = client.post("/v1/decisions", json=REQUEST).json()["outcomes"][RFM]
        assert right["outcome"] == {"tier": "A"}
        large = client.post("/v1/decisions", content=b" " * 10_000_000, headers=JSON)
        assert (large.status_code, large.headers["connection"]) == (413, "close")
        deep = client.post("/v1/decisions", content=b'{"facts":' + b"[" * 100_000, headers=JSON)
        assert deep.status_code == 400
        assert client.post("/v1/decisions", json=REQUEST).json()["outcomes"][RFM] == right
        assert "server" not in large.headers
        server.send_signal(signal.SIGTERM)
        out, log = server.communicate(timeout=30)
        assert f"serving at {address}" in out
        events = [json.loads(line) for line in log.splitlines()]
        assert {"ready", "refused", "closed"} <= {event["event"] for event in events}


def test_a_caller_who_goes_away_in_the_middle_of_a_body_harms_nobody() -> None:
    with running(POLICY_SERVICE_ENGINE="python") as (_, client):
        port, key = client.base_url.port, client.headers["authorization"]
        for _ in range(3):
            with socket.create_connection(("127.0.0.1", port)) as line:
                line.sendall(
                    b"POST /v1/decisions HTTP/1.1\r\nHost: x\r\n"
                    + f"Authorization: {key}\r\n".encode()
                    + b"Content-Type: application/json\r\nContent-Length: 900\r\n\r\n{"
                )
        assert client.post("/v1/decisions", json=REQUEST).status_code == 200


def test_it_does_not_start_on_a_database_that_nobody_set_up(tmp_path: Path) -> None:
    environment = {**os.environ, "DATABASE_URL": f"sqlite:///{tmp_path / 'nothing.db'}"}
    ended = subprocess.run(
        [*COMMAND, "0"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 2
    assert "run `policy-service init`" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("name", "value", "sentence"),
    [("ENGIN", "python", "unknown setting"), ("POLICIES", "nowhere", "POLICY_SERVICE_POLICIES: ")],
)
def test_it_does_not_start_with_a_wrong_setting(name: str, value: str, sentence: str) -> None:
    environment = {**os.environ, f"POLICY_SERVICE_{name}": value}
    ended = subprocess.run(
        [*COMMAND, "0"], cwd=ROOT, env=environment, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 2
    assert sentence in ended.stderr
    assert "Traceback" not in ended.stderr
