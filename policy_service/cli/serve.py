"""`policy-service serve`: the HTTP service on one worker, its log as JSON lines on standard error.

With `--demo` the log goes to a file beside the demo accounts, and the last lines on the terminal say what to open.

| it ends with | because                                                                |
|--------------|------------------------------------------------------------------------|
| 0            | it was stopped by SIGTERM or SIGINT                                    |
| 1            | it failed                                                              |
| 2            | the command or a setting is wrong                                      |
| 3            | the database is not there, not set up, or does not answer              |
| 4            | a key is not there, or cannot be used                                  |
| 5            | what is on record is not what was written                              |
| 6            | the address and the port cannot be listened on                         |
| 7            | the versions in force, or the rules engine, cannot decide              |
"""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import closing, contextmanager, nullcontext, redirect_stderr
from importlib import import_module
from pathlib import Path
from types import FrameType
from typing import Any

import structlog
import uvicorn

from policy_service.cli import demo_accounts
from policy_service.cli.output import print_line
from policy_service.cli.status import EXIT_FAULT, EXIT_OK, UsageError
from policy_service.compilers.rules_engine import SmokeTestFailed
from policy_service.errors import StartupError
from policy_service.paths import keys_folder
from policy_service.temporary_folder import own_temporary_folder

APPLICATION = "api.app:create_app"
PROTOCOL = "api.web.connections:BoundedProtocol"
LOG = "policy_service.service_log.LINES"
GRACE_SECONDS = 10
NOT_LISTENING, NOT_DECIDING = 6, StartupError.status
DEMO_TASKS = {
    "demo-author": "writes changes",
    "demo-sales-director": "signs them",
    "demo-compliance": "signs them too, and verifies the log",
}
"""The demo accounts of the tutorial, and what each does there."""


def run(host: str, port: int, *, demo: bool = False) -> int:
    """Serve until stopped by a signal; return the exit status. Raises UsageError when a setting is wrong."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    gc.disable()  # what a start makes stays: a fifth of its time was looking through it; the service has it back
    try:
        listener = _listener(host, port)
    except OSError as error:
        return _fail(f"cannot listen on {host}:{port}: {(error.strerror or str(error)).lower()}", NOT_LISTENING)
    with closing(listener):
        address = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
        if not demo:
            print_line(f"serving at {address}, described at {address}/docs")
            return _serve(listener)
        accounts = demo_accounts.demo_file(keys_folder(os.environ))
        log = accounts.with_name("service.log")
        if status := _serve(listener, log, lambda: _print_welcome(address, accounts, log)):
            return _fail(f"it ended with {status}; its log: {log}", status)
        return status


class AnnouncingServer(uvicorn.Server):
    """A server that calls a function once it accepts requests."""

    def __init__(self, config: uvicorn.Config, on_started: Callable[[], None]) -> None:
        super().__init__(config)
        self._on_started = on_started

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Start, then announce it."""
        await super().startup(sockets)
        if self.started:
            self._on_started()


def _serve(listener: socket.socket, log: Path | None = None, on_started: Callable[[], None] = lambda: None) -> int:
    config = uvicorn.Config(
        APPLICATION,
        factory=True,
        http=PROTOCOL,
        ws="none",
        proxy_headers=False,
        workers=1,
        access_log=False,
        server_header=False,
        log_config=log_config(),
        timeout_graceful_shutdown=GRACE_SECONDS,
    )
    server = AnnouncingServer(config, on_started)
    try:
        import_module(APPLICATION.partition(":")[0])
        gc.freeze()  # modules stay: the collection that ends the start need not look through them
        with own_temporary_folder(), _log_file(log) if log else nullcontext():
            server.run(sockets=[listener])
    except StartupError as error:
        return _fail(f"cannot serve:\n{error}", error.status)
    except SmokeTestFailed as error:
        return _fail(f"cannot serve:\n{error}", NOT_DECIDING)
    except SystemExit as error:  # the server ends so when it cannot begin, with a status of its own
        return EXIT_FAULT if error.code else EXIT_OK
    except (ValueError, OSError) as error:  # an address of a database, a library that is not installed: it says which
        raise UsageError(f"cannot serve:\n{error}") from None
    return EXIT_OK if server.started else EXIT_FAULT


def _append_opener(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_APPEND, 0o644)


@contextmanager
def _log_file(file: Path) -> Iterator[None]:
    """Write the log to a new file, which may be truncated meanwhile, not to standard error. Raises OSError."""
    file.parent.mkdir(parents=True, exist_ok=True)
    with open(file, "w", encoding="utf-8", opener=_append_opener) as log, redirect_stderr(log):
        yield


def _print_welcome(address: str, accounts: Path, log: Path) -> None:
    """Say what to open and whom to sign in as."""
    secrets = demo_accounts.read(accounts)
    print_line(f"\nReady. Open {address} in a browser and sign in, for example as\n")
    for name, task in DEMO_TASKS.items():
        print_line(f"  {name:<20}  {secrets.get(name, ''):<16}  {task}")
    print_line(f"\nMore accounts: {accounts}. Log: {log}. Ctrl-C stops the service.\n\n  {address}\n")


def _listener(host: str, port: int) -> socket.socket:
    """A socket on an address, on which nobody else listens. Raises OSError."""
    family, kind, protocol, _, address = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)[0]
    listener = socket.socket(family, kind, protocol)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError:
        listener.close()
        raise
    return listener


def _stop(_number: int, _frame: FrameType | None) -> None:
    """End the process; while it serves, the server takes the signal, stops, and passes it on to here."""
    sys.exit(EXIT_OK)


def _fail(message: str, status: int) -> int:
    print(f"policy-service: {message}", file=sys.stderr)  # noqa: T201  # as every refusal of the command line is told
    return status


def add_event_name(_logger: object, _method: str, fields: MutableMapping[str, Any]) -> MutableMapping[str, Any]:
    """Give what a library logs, which is a sentence, one event name."""
    fields["event"] = "library_message"
    return fields


def log_config() -> dict[str, Any]:
    """Return the configuration of the logs of the server and of libraries: one JSON object a line."""
    stamp = structlog.processors.TimeStamper(fmt="iso", utc=True)
    formatter = {
        "()": structlog.stdlib.ProcessorFormatter,
        "foreign_pre_chain": [
            structlog.stdlib.add_log_level,
            structlog.stdlib.add_logger_name,
            stamp,
            structlog.processors.EventRenamer("message"),
            add_event_name,
        ],
        "processors": [
            structlog.stdlib.ProcessorFormatter.remove_processors_meta,
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(ensure_ascii=False),
        ],
    }
    return {
        "version": 1,
        "disable_existing_loggers": False,
        "formatters": {"json": formatter},
        "handlers": {"stderr": {"class": "logging.StreamHandler", "formatter": "json", "stream": f"ext://{LOG}"}},
        "loggers": {"uvicorn": {"level": "INFO"}},
        "root": {"handlers": ["stderr"], "level": "WARNING"},
    }
