"""Servers of this machine, started for a benchmark and stopped at its end: one worker on a free port."""

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
READY_SECONDS = 180.0
"""Seconds a server may take until it answers."""
STOP_SECONDS = 10.0
"""Seconds a server may take to end after it is told to."""


@dataclass(frozen=True, slots=True)
class Server:
    """A server to start."""

    name: str
    factory: str
    """What uvicorn serves; nothing for `policy-service serve`."""
    environment: Mapping[str, str]

    @classmethod
    def of_folder(cls, folder: Path) -> Server:
        """This service on the database, the keys and the checkpoints of a folder."""
        environment = {
            "DATABASE_URL": f"sqlite:///{folder}/service.db",
            "POLICY_SERVICE_KEYS": str(folder / "keys"),
            "POLICY_SERVICE_CHECKPOINTS": str(folder / "checkpoints"),
        }
        return cls("policy-service", "", environment)


class NotServingError(Exception):
    """A server did not start, or did not answer in time; the message ends with what it wrote."""


@contextmanager
def running(server: Server, folder: Path) -> Iterator[int]:
    """The service, up and answering; the port it listens on."""
    with running_process(server, folder) as (port, _):
        yield port


@contextmanager
def running_process(server: Server, folder: Path) -> Iterator[tuple[int, int]]:
    """The service, up and answering; the port it listens on, and its process."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        port: int = listener.getsockname()[1]
    log_file = folder / f"{port}.log"
    with log_file.open("wb") as log:
        process = subprocess.Popen(  # noqa: S603 - our own command
            _command(server, port), cwd=ROOT, env={**os.environ, **server.environment}, stdout=log, stderr=log
        )
    try:
        _wait_until_serving(server, process, port, log_file)
        yield port, process.pid
    finally:
        process.terminate()
        try:
            process.wait(STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def processor_seconds(pid: int) -> float:
    """The processor time of a process and of all below it, which answer requests that only read."""
    try:
        below = [child for task in Path(f"/proc/{pid}/task").iterdir() for child in _children(task)]
        clock = ~pid << 3 | 2  # as clock_getcpuclockid(3) has it
        return time.clock_gettime(clock) + sum(map(processor_seconds, below))
    except OSError:  # it has ended meanwhile
        return 0.0


def _children(task: Path) -> list[int]:
    return [int(each) for each in (task / "children").read_text("ascii").split()]


def _command(server: Server, port: int) -> tuple[str, ...]:
    address = ("--host", "127.0.0.1", "--port", str(port))
    if not server.factory:
        return sys.executable, "-c", "from policy_service.cli import main; main()", "serve", *address
    quiet = ("--workers", "1", "--loop", "uvloop", "--http", "httptools", "--no-access-log", "--log-level", "warning")
    return sys.executable, "-m", "uvicorn", "--factory", server.factory, *address, *quiet


def _wait_until_serving(server: Server, process: subprocess.Popen[bytes], port: int, log_file: Path) -> None:
    deadline = time.monotonic() + READY_SECONDS
    while process.poll() is None and time.monotonic() < deadline:
        try:
            with socket.create_connection(("127.0.0.1", port), timeout=1):
                return
        except OSError:
            time.sleep(0.01)
    raise NotServingError(f"{server.name} does not answer\n{log_file.read_text(errors='replace')[-4_000:]}")
