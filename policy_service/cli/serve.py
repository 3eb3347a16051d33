"""`policy-service serve`: the HTTP service on one worker, its log as JSON lines on standard error.

| it ends with | because                                                                |
|--------------|------------------------------------------------------------------------|
| 0            | it was told to stop, by SIGTERM or SIGINT                              |
| 1            | it failed                                                              |
| 2            | the command or a setting is wrong                                      |
| 3            | the database is not there, not set up, or does not answer              |
| 4            | a key is not there, or cannot be used                                  |
| 5            | what is on record is not what was written                              |
| 6            | the address and the port cannot be listened on                         |
| 7            | the versions in force, or the rules engine, cannot decide              |
"""

from __future__ import annotations

import signal
import socket
import sys
from collections.abc import MutableMapping
from contextlib import closing
from types import FrameType
from typing import Any

import structlog
import uvicorn

from policy_service.cli.output import print_line
from policy_service.cli.status import EXIT_FAULT, EXIT_OK, UsageError
from policy_service.compilers.rules_engine import SmokeTestFailed
from policy_service.errors import StartupError

APPLICATION = "api.app:create_app"
PROTOCOL = "api.web.connections:BoundedProtocol"
LOG = "api.observability.logs.LINES"
GRACE_SECONDS = 10
NOT_LISTENING, NOT_DECIDING = 6, StartupError.status


def run(host: str, port: int) -> int:
    """Serves until it is told to stop; gives the exit status. Raises UsageError when a setting is wrong."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, _stop)
    try:
        listener = _listener(host, port)
    except OSError as error:
        return _fail(f"cannot listen on {host}:{port}: {(error.strerror or str(error)).lower()}", NOT_LISTENING)
    with closing(listener):
        address = f"http://{f'[{host}]' if ':' in host else host}:{listener.getsockname()[1]}"
        print_line(f"serving at {address}, described at {address}/docs")
        return _serve(listener)


def _serve(listener: socket.socket) -> int:
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
    server = uvicorn.Server(config)
    try:
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
    """Ends the process; while it serves, the server takes the signal, stops, and passes it on to here."""
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
