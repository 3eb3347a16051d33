"""The service on a real socket of this process, with buffers so small that a few answers fill the connection."""

from __future__ import annotations

import asyncio
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import uvicorn
from fastapi import FastAPI

from api.web.connections import BoundedProtocol
from tests.api.client import bearer

SMALL = 8_192
"""Bytes asked for each buffer; the system makes at least twice that of it."""
BUFFERS = [
    (socket.SOL_SOCKET, socket.SO_SNDBUF, SMALL),
    (socket.SOL_SOCKET, socket.SO_RCVBUF, SMALL),
    (socket.IPPROTO_TCP, socket.TCP_NODELAY, 1),
]
WITHIN = 30.0
"""Seconds until which a server must have started, stopped, or done what a test waits for."""


@dataclass(frozen=True, slots=True)
class Address:
    """Where the service listens, and what opens it."""

    port: int
    authorization: str

    @property
    def url(self) -> str:
        """Of the service."""
        return f"http://127.0.0.1:{self.port}"


@contextmanager
def served(app: FastAPI) -> Iterator[Address]:
    """The application behind uvicorn, as `policy-service serve` has it, in a thread of this process."""
    with socket.socket() as listener:
        for option in BUFFERS:
            listener.setsockopt(*option)  # what it accepts inherits them
        listener.bind(("127.0.0.1", 0))
        with listening(app, listener) as port:
            result = bearer("POST", "/v1/decisions/batch", app)
            assert result is not None
            yield Address(port, result)


@contextmanager
def listening(app: Callable[..., Any], listener: socket.socket, keep_alive: float = 5.0) -> Iterator[int]:
    """Any application with `connections` behind the same server, which keeps idle connections so long; its port."""
    config = uvicorn.Config(
        app,
        timeout_keep_alive=keep_alive,  # type: ignore[arg-type]  # whole seconds would be long for a test
        http=BoundedProtocol,
        ws="none",
        proxy_headers=False,
        lifespan="off",
        log_config=None,
        access_log=False,
        timeout_graceful_shutdown=1,
    )
    server = uvicorn.Server(config)
    thread = threading.Thread(target=asyncio.run, args=(server.serve(sockets=[listener]),))
    thread.start()
    try:
        eventually(lambda: server.started)
        yield listener.getsockname()[1]
    finally:
        server.should_exit = True
        thread.join(WITHIN)


def eventually(true: Callable[[], bool]) -> None:
    """Waits until something is so."""
    deadline = time.monotonic() + WITHIN
    while not true():
        assert time.monotonic() < deadline, "it never came"
        time.sleep(0.01)


def connect(address: Address) -> socket.socket:
    """A connection with small buffers, which must be asked for before it is made."""
    line = socket.socket()
    for option in BUFFERS:
        line.setsockopt(*option)
    line.settimeout(WITHIN)
    line.connect(("127.0.0.1", address.port))
    return line


def rest(line: socket.socket) -> bytes:
    """What comes until the connection ends."""
    content = b""
    try:
        while piece := line.recv(65_536):
            content += piece
    except ConnectionResetError:
        pass
    return content
