"""Heads without end from a few connections keep no decision waiting, and fill no memory."""

from __future__ import annotations

import socket
import threading
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from tests.api.client import REQUEST, RFM
from tests.api.network import WITHIN, rest
from tests.api.test_server import running
from tests.effort import effort


def resident(process: int) -> int:
    """Bytes of a process's memory."""
    status = Path(f"/proc/{process}/status").read_text("ascii")
    return 1024 * int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])


MEBIBYTES = effort(8, 100)
"""Of header from each of the connections, at least."""
FLOODS, DECISIONS = 4, effort(20, 500)


def flood(port: int, size: int, stopped: threading.Event) -> tuple[int, int]:
    """Sends at least so many bytes of heads, until it is stopped; how many, and how often it was refused."""
    sent_count = refused = 0
    while sent_count < size or not stopped.is_set():
        with socket.create_connection(("127.0.0.1", port), WITHIN) as line:
            try:
                line.sendall(b"GET / HTTP/1.1\r\na: ")
                for _ in range(1_600):
                    sent_count += line.send(b"a" * 65_536)
            except (BrokenPipeError, ConnectionResetError):
                pass
            refused += b" 431 " in rest(line)
    return sent_count, refused


def test_decisions_go_on_while_heads_without_end_are_sent() -> None:
    quiet = {"POLICY_SERVICE_ENGINE": "python", "POLICY_SERVICE_LOG_LEVEL": "error"}  # nobody reads its log meanwhile
    with running(**quiet) as (server, client), ThreadPoolExecutor() as pool:
        port, stopped = client.base_url.port, threading.Event()
        assert port is not None
        client.post("/v1/decisions", json=REQUEST)
        before, slowest = resident(server.pid), 0.0
        flooding = [pool.submit(flood, port, MEBIBYTES * 1024**2, stopped) for _ in range(FLOODS)]
        try:
            for _ in range(DECISIONS):
                began = time.monotonic()
                answer = client.post("/v1/decisions", json=REQUEST).json()
                slowest = max(slowest, time.monotonic() - began)
                assert answer["outcomes"][RFM]["outcome"] == {"tier": "A"}
            grown = resident(server.pid) - before
        finally:
            stopped.set()
        for each in flooding:
            response, refused = each.result()
            assert response >= MEBIBYTES * 1024**2
            assert refused > 0
        assert grown < 32 * 1024**2
        assert slowest < 5
