"""Servers of this machine, started for a benchmark and stopped at its end: uvicorn with one worker on a free port."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
READY_WITHIN = 180.0
"""Seconds a server may take until it answers."""
STOPPED_WITHIN = 10.0
"""Seconds a server may take to end after it is told to."""


@dataclass(frozen=True, slots=True)
class Server:
    """How a server is started."""

    name: str
    factory: str
    environment: Mapping[str, str]


class NotServingError(Exception):
    """A server did not start, or did not answer in time; the message ends with what it wrote."""


@contextmanager
def running(server: Server, folder: Path) -> Iterator[int]:
    """The service, up and answering; the port it listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    command = (
        *(sys.executable, "-m", "uvicorn", "--factory", server.factory),
        *(
            "--host",
            "127.0.0.1",
            "--port",
            str(port),
            "--workers",
            "1",
            "--loop",
            "uvloop",
            "--http",
            "httptools",
        ),
        *("--no-access-log", "--log-level", "warning"),
    )
    written = folder / f"{port}.log"
    with written.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, cwd=ROOT, env={**os.environ, **server.environment}, stdout=log, stderr=log
        )
    try:
        _wait_until_serving(server, process, port, written)
        yield port
    finally:
        process.terminate()
        try:
            process.wait(STOPPED_WITHIN)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _wait_until_serving(server: Server, process: subprocess.Popen[bytes], port: int, written: Path) -> None:
    deadline = time.monotonic() + READY_WITHIN
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.05)
    raise NotServingError(f"{server.name} does not answer\n{written.read_text(errors='replace')[-4_000:]}")
