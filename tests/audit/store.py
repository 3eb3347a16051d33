"""A store for checkpoints as strict as an append-only one is, which can also be slow, wrong, or refuse."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import ClassVar

TOKEN = "a-token-of-the-store"  # noqa: S105  # of a store that lives for one test


@dataclass
class Store:
    """What it holds, and how it behaves."""

    port: int = 0
    token: str | None = None
    held: dict[str, bytes] = field(default_factory=dict)
    asked: list[tuple[str, str]] = field(default_factory=list)
    status: int | None = None
    """What every request is answered with, when it is set."""
    refuses: int | None = None
    """What every PUT is answered with, when it is set; nothing is kept then."""
    answer: bytes | None = None
    """What every GET is answered with, when it is set."""
    forgets: bool = False
    """Whether it says that it keeps what it is given, and does not."""
    drip: float = 0.0
    """Seconds between two bytes of an answer."""

    @property
    def address(self) -> str:
        return f"http://127.0.0.1:{self.port}/log"

    @property
    def lines(self) -> list[bytes]:
        return [self.held[f"/log/{number}"] for number in range(1, len(self.held) + 1)]


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    store: ClassVar[Store]

    def do_GET(self) -> None:
        result = self.store.answer if self.store.answer is not None else self.store.held.get(self.path)
        self._tell(404 if result is None else 200, result or b"")

    def do_PUT(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        if self.store.refuses is not None:
            self._tell(self.store.refuses)
        elif self.headers["If-None-Match"] != "*":
            self._tell(428)
        elif self.path in self.store.held:
            self._tell(412)
        else:
            if not self.store.forgets and self.store.status is None:
                self.store.held[self.path] = body
            self._tell(201)

    def _tell(self, status: int, body: bytes = b"") -> None:
        store = self.store
        store.asked.append((self.command, self.path))
        if store.token is not None and self.headers["Authorization"] != f"Bearer {store.token}":
            status, body = 401, b""
        self.send_response(store.status or status)
        if store.status == 302:
            self.send_header("Location", "http://127.0.0.1:9/elsewhere")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        for at in range(len(body)) if store.drip else ():
            time.sleep(store.drip)
            self.wfile.write(body[at : at + 1])
            self.wfile.flush()
        if not store.drip:
            self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  # the name it has there
        """Says nothing."""


class _Server(ThreadingHTTPServer):
    daemon_threads = True

    def handle_error(self, request: object, client_address: object) -> None:
        """A client that hung up is no fault here."""


@contextmanager
def running_store(**behaviour: object) -> Iterator[Store]:
    """A store at an address of its own."""
    store = Store(**behaviour)  # type: ignore[arg-type]
    server = _Server(("127.0.0.1", 0), type("Handler", (_Handler,), {"store": store}))
    store.port = server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,), daemon=True)
    thread.start()
    try:
        yield store
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
