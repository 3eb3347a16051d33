"""Bounded connections: uvicorn's HTTP/1.1 protocol alone reads heads of any length, from any client, for any time.

| what a client does                                  | bound (`Limits`)                      | answer                |
|-----------------------------------------------------|---------------------------------------|-----------------------|
| sends a head, a trailer or a chunk's size           | `head_bytes`, `fields`                | 431                   |
| is slow with its head                               | `head_seconds`                        | 408, or closed unused |
| is slow with its body                               | `body_seconds`, `body_rate`           | 408                   |
| sends requests before it reads answers              | `pipelined`                           | closed after those    |
| sends on after the answer                           | `linger_seconds`, `linger_bytes`      | closed                |
| does not read its answer                            | `unread_seconds`                      | cut off               |
| is one too many                                     | `connections`                         | see below             |

When all connections are in use, the one that has kept the service waiting for longest is closed in favour of a new one;
only if none waits for its client, the new one gets 503. So holding connections open does not lock other clients out.

Upgrades are not supported. A client that requests HTTP/2 (`Upgrade: h2c`, like Java's) still sends its body (RFC 9110
section 7.8), which the parser would treat as another protocol: so it parses the head again without that field.

A protocol only stores its deadline, and one sweep per second checks all of them: a request costs no timer.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from enum import Enum, auto
from typing import Any, Protocol, cast

import httptools
from starlette.responses import Response
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import STATUS_LINE, HttpToolsProtocol, RequestResponseCycle
from uvicorn.server import ServerState

from api.web.problems import BUSY, HEAD_TOO_LARGE, MALFORMED_REQUEST, REQUEST_TIMEOUT, Problem
from policy_service.messages import Message

SLICE = 16 * 1024
"""Bytes parsed between checks of the bounds."""
RETRY_SECONDS = 5
STREAMED_PATH = "/v1/decisions/batch"
"""The address whose body has no time limit as long as data arrive."""
_LINE = len("  HTTP/1.1\r\n\r\n")
_FIELD = len(": \r\n")


@dataclass(frozen=True, slots=True)
class Limits:
    """The limits of one client, and of all together."""

    connections: int = 500
    head_bytes: int = 64 * 1024
    """Maximum size of a request line and its header fields, with line ends, bytes."""
    fields: int = 100
    """Maximum number of header fields of a request."""
    head_seconds: float = 10.0
    """Maximum time from the first byte of a head to its last."""
    body_seconds: float = 60.0
    """Maximum time between two pieces of a body; for the whole body, plus one second per `body_rate` bytes."""
    body_rate: int = 1024
    """Minimum rate of a body after `body_seconds`, bytes per second."""
    pipelined: int = 16
    """Maximum number of requests waiting on one connection."""
    linger_seconds: float = 2.0
    """How long input is read and discarded after an answer, so that the client reads it."""
    linger_bytes: int = 1024**2
    unread_seconds: float = 300.0
    """Maximum time during which a client reads nothing of what was sent."""
    sweep_seconds: float = 1.0
    """Interval of checking deadlines."""


class Connections:
    """The connections of one server."""

    def __init__(self, limits: Limits, render_problem: Callable[[Problem, str | None], Response]) -> None:
        """`render_problem` counts and logs a problem of a client's address, and returns the answer."""
        self.limits = limits
        self.render_problem = render_problem
        self._swept: set[Any] | None = None

    def watch(self, connections: set[Any], loop: asyncio.AbstractEventLoop) -> None:
        """Check these connections from now on, as long as there are any."""
        if self._swept is not connections:
            self._swept = connections
            loop.call_later(self.limits.sweep_seconds, self._sweep, loop)

    def _sweep(self, loop: asyncio.AbstractEventLoop) -> None:
        connections, now = self._swept, loop.time()
        if not connections:
            self._swept = None
            return
        for connection in tuple(connections):
            connection.check_deadline(now)
        loop.call_later(self.limits.sweep_seconds, self._sweep, loop)


class ServedApplication(Protocol):
    """An application that declares the limits of its connections."""

    connections: Connections


class ConnectionPhase(Enum):
    """The party for which a connection waits, and the reason."""

    IDLE = auto()
    """Waiting for a request, of which nothing has arrived."""
    HEAD = auto()
    BODY = auto()
    LINGER = auto()
    """Waiting for the client to stop sending, after its answer."""
    SERVICE = auto()


class BoundedProtocol(HttpToolsProtocol):
    """One connection. `serve` passes this class to uvicorn."""

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._manager = cast("ServedApplication", config.loaded_app).connections
        self._limits = self._manager.limits
        self._phase = ConnectionPhase.IDLE
        self._phase_started_at = self._deadline = self.loop.time() + self._limits.head_seconds
        self._in_head = self._is_upgrade = False
        self._progressed = False
        self._unparsed = 0
        self._body_size = 0
        self._is_ended = False
        self._discarded = 0
        self._problem: Problem | None = None
        self._unsent, self._unsent_since = 0, self.loop.time()

    # ------------------------------------------------------------------------------------------ what comes in

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]  # as uvicorn's, narrower than asyncio's
        super().connection_made(transport)
        self._phase_started_at = self.loop.time()
        self._deadline = self._phase_started_at + self._limits.head_seconds
        self._manager.watch(self.connections, self.loop)
        if len(self.connections) > self._limits.connections and not self._make_room():
            self._refuse(_busy())

    def data_received(self, data: bytes) -> None:
        if self._is_ended:
            self._discard(len(data))
            return
        for start in range(0, len(data), SLICE):
            if not self._parse(data[start : start + SLICE] if len(data) > SLICE else data):
                return
        self._update_phase()

    def _parse(self, data: bytes) -> bool:
        """Parse a few bytes; return False if no more is to be read. Progress clears what the parser buffers."""
        self._progressed = False
        try:
            self.parser.feed_data(data)
        except httptools.HttpParserUpgrade as upgrade:
            if self._is_upgrade:
                return self._parse(self._head_again() + data[upgrade.args[0] :])
            self._end_after_answers()  # CONNECT: no request of ours follows
            return False
        except httptools.HttpParserError:
            self._refuse(self._problem or Problem(MALFORMED_REQUEST, Message("this is not HTTP/1.1")))
            return False
        self._unparsed = 0 if self._progressed else self._unparsed + len(data)
        if self._unparsed > self._limits.head_bytes:
            self._refuse(self._too_large())
            return False
        return True

    def _head_again(self) -> bytes:
        """Return the head just read, without the upgrade fields, for a parser that does not know it."""
        line = b"%b %b HTTP/%b\r\n" % (self.parser.get_method(), self.url, self.parser.get_http_version().encode())
        fields = b"".join(b"%b: %b\r\n" % field for field in self.headers if field[0] != b"upgrade")
        self.parser = httptools.HttpRequestParser(self)
        self.parser.set_dangerous_leniencies(lenient_data_after_close=True)  # as the one before it
        return line + fields + b"\r\n"

    def on_message_begin(self) -> None:
        self._progressed = self._in_head = True
        super().on_message_begin()

    def on_header(self, name: bytes, value: bytes) -> None:
        if not self._in_head:
            return  # a trailer: not used here, and must not be taken for a header
        if len(self.headers) == self._limits.fields:
            self._stop_parsing(self._too_large())
        super().on_header(name, value)

    def on_headers_complete(self) -> None:
        self._is_upgrade = self.parser.should_upgrade() and self.parser.get_method() != b"CONNECT"
        if self._is_upgrade:
            return
        self._progressed, self._in_head, self._body_size = True, False, 0
        size = len(self.parser.get_method()) + len(self.url) + _LINE
        size += sum(len(name) + len(value) + _FIELD for name, value in self.headers)
        if size > self._limits.head_bytes:
            self._stop_parsing(self._too_large())
        if len(self.pipeline) == self._limits.pipelined:
            self._stop_parsing(_busy())
        hosts = sum(name == b"host" for name, _ in self.headers)
        if hosts > 1 or (not hosts and self.parser.get_http_version() == "1.1"):  # RFC 9112, section 3.2
            self._stop_parsing(Problem(MALFORMED_REQUEST, Message("expected one header field Host")))
        super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        self._progressed = True
        self._body_size += len(body)
        super().on_body(body)

    def on_message_complete(self) -> None:
        self._progressed = True
        if not self._is_upgrade:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        """Like uvicorn's, without its timer: `check_deadline` closes a connection that stays idle."""
        self.server_state.total_requests += 1
        self._phase_started_at = self.loop.time()
        if self.transport.is_closing():
            return
        self.flow.resume_reading()
        if self.pipeline:
            self._start_asgi_task(*self.pipeline.pop())
        elif not (self._in_head or self._is_ended):
            is_lingering = self.cycle.more_body
            self._phase = ConnectionPhase.LINGER if is_lingering else ConnectionPhase.IDLE
            seconds = self._limits.linger_seconds if is_lingering else self.timeout_keep_alive
            self._deadline = self._phase_started_at + seconds

    # ---------------------------------------------------------------------------------------- whose turn it is

    def _update_phase(self) -> None:
        """Store for whom this connection waits, and since when, after input."""
        cycle = self._newest_cycle
        if self._in_head or cycle is None:
            phase = ConnectionPhase.HEAD
        elif cycle.response_complete:
            phase = ConnectionPhase.LINGER if cycle.more_body else ConnectionPhase.HEAD
        else:
            phase = ConnectionPhase.BODY if cycle.more_body else ConnectionPhase.SERVICE
        if phase is not self._phase:
            self._phase, self._phase_started_at = phase, self.loop.time()
            self._deadline = self._phase_started_at + self._limits.head_seconds
        if phase is ConnectionPhase.BODY:
            seconds, now = self._limits.body_seconds, self.loop.time()
            body_deadline = self._phase_started_at + seconds + self._body_size / self._limits.body_rate
            self._deadline = now + seconds if self.scope["path"] == STREAMED_PATH else min(now + seconds, body_deadline)

    @property
    def _newest_cycle(self) -> RequestResponseCycle | None:
        """Return the newest request; None before the first."""
        return cast("RequestResponseCycle | None", self.cycle)

    @property
    def eviction_rank(self) -> float | None:
        """Return the rank for eviction: the lowest is evicted first; None while the service has to answer."""
        if self.transport.is_closing():
            return float("-inf")  # its client does not read the end of its answer
        cycle = self._newest_cycle
        is_answering = cycle is not None and not (cycle.more_body or cycle.response_complete)
        return None if is_answering else self._phase_started_at

    def _make_room(self) -> bool:
        """Close the connection that has waited for its client the longest; return False if there is none."""
        connections = cast("Iterable[BoundedProtocol]", self.connections)
        ranks = [
            (eviction_rank, id(each), each)
            for each in connections
            if each is not self and (eviction_rank := each.eviction_rank) is not None
        ]
        if not ranks:
            return False
        min(ranks)[2].evict()
        return True

    def evict(self) -> None:
        """Close the connection in favour of another one."""
        if self.transport.is_closing():
            self.transport.abort()
        elif self._phase in {ConnectionPhase.HEAD, ConnectionPhase.BODY}:
            self._refuse(_busy())
            self.transport.close()
        else:
            self.transport.close()

    def check_deadline(self, now: float) -> None:
        """Close the connection if its client is overdue, or does not read what was sent."""
        unsent = self.transport.get_write_buffer_size()
        if unsent != self._unsent:
            self._unsent, self._unsent_since = unsent, now
        closing, limits = self.transport.is_closing(), self._limits
        patience = limits.linger_seconds if closing else limits.unread_seconds
        if unsent and now - self._unsent_since >= patience:
            self.transport.abort()
        elif closing or self._phase is ConnectionPhase.SERVICE or now < self._deadline:
            return
        elif self.flow.read_paused:  # it is the service that does not read
            self._phase_started_at, self._deadline = now, now + limits.body_seconds
        elif self._phase in {ConnectionPhase.HEAD, ConnectionPhase.BODY}:
            self._refuse(Problem(REQUEST_TIMEOUT, Message("the rest of the request did not come in time")))
        else:
            self.transport.close()

    # ----------------------------------------------------------------------------------------------- refusing

    def _stop_parsing(self, problem: Problem) -> None:
        """End parsing, from within the parser. Raises HttpParserError."""
        self._problem = problem
        raise httptools.HttpParserError

    def _refuse(self, problem: Problem) -> None:
        """Answer what came with a problem, unless answers are under way before it; then ends the connection."""
        response = self._manager.render_problem(problem, self.client[0] if self.client else None)
        newest, self._is_ended = self._newest_cycle, True
        if newest is not None and not newest.response_complete:
            if not newest.more_body:
                self._end_after_answers()
                return
            newest.disconnected = True  # anyone who reads the body is told that it will not come
            newest.message_event.set()
            if newest.response_started or self.pipeline:
                self.transport.close()
                return
        head = [*self.server_state.default_headers, *response.raw_headers, (b"connection", b"close")]
        fields = b"".join(b"%b: %b\r\n" % field for field in head)
        self.transport.write(b"".join((STATUS_LINE[response.status_code], fields, b"\r\n", bytes(response.body))))
        self._linger()

    def _linger(self) -> None:
        """Read on for a moment, so that a client that is still sending reads its answer, and then closes."""
        self._phase, self._phase_started_at = ConnectionPhase.LINGER, self.loop.time()
        self._deadline = self._phase_started_at + self._limits.linger_seconds
        self.flow.resume_reading()
        if self.transport.can_write_eof():
            self.transport.write_eof()

    def _discard(self, size: int) -> None:
        self._discarded += size
        if self._discarded > self._limits.linger_bytes:
            self.transport.close()

    def _end_after_answers(self) -> None:
        """Read nothing more; those that came before are answered, and the connection is closed with the last."""
        self._is_ended, self._phase = True, ConnectionPhase.SERVICE
        self.cycle.keep_alive = False

    def _too_large(self) -> Problem:
        limits = self._limits
        detail = Message(
            "a request's head has at most {size:,} bytes and {count} fields",
            size=limits.head_bytes,
            count=limits.fields,
        )
        return Problem(HEAD_TOO_LARGE, detail, {"limit": limits.head_bytes})


def _busy() -> Problem:
    detail = Message("too many connections are open")
    return Problem(BUSY, detail, headers={"Retry-After": str(RETRY_SECONDS)})
