"""What one client sends, how slowly, or how often, does not keep the service from the others."""

from __future__ import annotations

import asyncio
import json
import socket
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace

import pytest
from starlette.requests import ClientDisconnect, Request
from starlette.responses import PlainTextResponse, Response
from starlette.types import Receive, Scope, Send

from api.web.connections import STREAMED_PATH, Connections, Limits
from api.web.problems import Problem
from tests.api.network import WITHIN, eventually, listening, rest

SMALL = Limits(
    head_bytes=4_096,
    fields=20,
    head_seconds=0.4,
    body_seconds=0.4,
    linger_seconds=0.3,
    unread_seconds=0.4,
    sweep_seconds=0.02,
)
PATIENT = replace(SMALL, head_seconds=WITHIN, body_seconds=WITHIN)
GET = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"
CHUNKED = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
LARGE = 8 * 1024**2


class Echo:
    """Answers with the size of the body and the names of the headers; `/wait` waits, `/unread` reads no body."""

    def __init__(self, limits: Limits) -> None:
        self.connections = Connections(limits, self.refusal)
        self.refused: list[tuple[str, str | None]] = []
        self.disconnected = 0
        self.asked = 0
        self.go_on = threading.Event()

    def refusal(self, problem: Problem, address: str | None) -> Response:
        self.refused.append((problem.kind.name, address))
        return problem.response("urn:uuid:1")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        self.asked += 1
        request, body = Request(scope, receive), b""
        if scope["path"] == "/wait":
            await asyncio.to_thread(self.go_on.wait, WITHIN)
        if scope["path"] != "/unread":
            try:
                body = await request.body()
            except ClientDisconnect:
                self.disconnected += 1
                return
        message = "x" * LARGE if scope["path"] == "/large" else f"{len(body)} {','.join(sorted(request.headers))}"
        await PlainTextResponse(message, 401 if scope["path"] == "/unread" else 200)(scope, receive, send)


@dataclass
class Here:
    """The server of a test."""

    app: Echo
    port: int

    def connect(self) -> socket.socket:
        return socket.create_connection(("127.0.0.1", self.port), WITHIN)

    def send(self, *pieces: bytes) -> bytes:
        """All that comes back when pieces are sent, or as many of them as are taken."""
        with self.connect() as line:
            return exchange(line, *pieces)


@contextmanager
def served(limits: Limits = SMALL, keep_alive: float = 5.0) -> Iterator[Here]:
    app = Echo(limits)
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        with listening(app, listener, keep_alive) as port:
            try:
                yield Here(app, port)
            finally:
                app.go_on.set()


def exchange(line: socket.socket, *pieces: bytes) -> bytes:
    try:
        for piece in pieces:
            line.sendall(piece)
    except (BrokenPipeError, ConnectionResetError):
        pass
    return rest(line)


def one(line: socket.socket) -> bytes:
    """The body of one answer on a connection that goes on."""
    content = b""
    while b"\r\n\r\n" not in content:
        content += line.recv(1)
    size = int(content.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
    body = b""
    while len(body) < size:
        body += line.recv(size - len(body))
    return body


def statuses(answer: bytes) -> list[int]:
    return [int(part[:3]) for part in answer.split(b"HTTP/1.1 ")[1:]]


def head(size: int) -> bytes:
    """A request of one so large head."""
    start, end = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\na: ", b"\r\n\r\n"
    return start + b"a" * (size - len(start) - len(end)) + end


def test_a_head_may_have_64_kib_and_no_more() -> None:
    with served(replace(PATIENT, head_bytes=Limits().head_bytes)) as here:
        assert statuses(here.send(head(64 * 1024))) == [200]
        answer = here.send(head(64 * 1024 + 1))
        assert statuses(answer) == [431]
        fields, _, body = answer.partition(b"\r\n\r\n")
        assert {b"connection: close", b"cache-control: no-store"} <= set(fields.lower().split(b"\r\n"))
        assert b"content-type: application/problem+json" in fields
        problem = json.loads(body)
        assert (problem["type"], problem["status"], problem["limit"]) == ("/problems/head-too-large", 431, 65_536)
        assert here.app.refused == [("head-too-large", "127.0.0.1")]
        assert here.app.asked == 1


ENDLESS = {
    "a value": (b"GET / HTTP/1.1\r\na: ", b"a" * 1_000),
    "blanks before a value": (b"GET / HTTP/1.1\r\na:", b" " * 1_000),
    "a name": (b"GET / HTTP/1.1\r\n", b"a" * 1_000),
    "an address": (b"GET /", b"a" * 1_000),
    "fields": (b"GET / HTTP/1.1\r\n", b"a: b\r\n" * 100),
    "empty lines": (b"", b"\r\n" * 500),
    "the extension of a chunk": (CHUNKED + b"1;a=", b"a" * 1_000),
    "a trailer": (CHUNKED + b"0\r\na: ", b"a" * 1_000),
    "trailers": (CHUNKED + b"0\r\n", b"a: b\r\n" * 100),
}


@pytest.mark.parametrize("name", ENDLESS)
def test_what_never_ends_is_not_read_to_its_end(name: str) -> None:
    start, again = ENDLESS[name]
    with served(PATIENT) as here, here.connect() as line:
        response, answered = len(start), b""
        line.sendall(start)
        line.settimeout(0.001)
        deadline = time.monotonic() + WITHIN
        while response < 64 * 1024**2 and not answered and time.monotonic() < deadline:
            try:
                response += line.send(again)
                answered = line.recv(65_536)
            except TimeoutError:
                continue
            except (BrokenPipeError, ConnectionResetError):
                break
        assert response < 4 * 1024**2
        assert statuses(answered) in ([431], [])
        assert [kind for kind, _ in here.app.refused] == ["head-too-large"]


def test_too_many_fields_are_refused_though_they_are_short() -> None:
    with served(PATIENT) as here:
        fields = b"".join(b"a%d: b\r\n" % number for number in range(18))
        start = b"GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
        assert statuses(here.send(start + fields + b"\r\n")) == [200]
        assert statuses(here.send(start + fields + b"b: c\r\n\r\n")) == [431]


def test_a_request_names_one_host() -> None:
    with served(PATIENT) as here:
        assert statuses(here.send(b"GET / HTTP/1.1\r\n\r\n")) == [400]
        assert statuses(here.send(GET.replace(b"\r\n\r\n", b"\r\nhost: x\r\n\r\n"))) == [400]
        assert statuses(here.send(b"GET / HTTP/1.0\r\n\r\n")) == [200]


def test_a_trailer_is_not_taken_for_a_header() -> None:
    with served(PATIENT) as here:
        start = CHUNKED.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        answer = here.send(start + b"1\r\nx\r\n0\r\nAuthorization: Bearer y\r\n\r\n")
        assert answer.endswith(b"1 connection,host,transfer-encoding")


def slowly(line: socket.socket, start: bytes, byte: bytes) -> tuple[bytes, float]:
    """What comes back, and after how many seconds, when a client goes on byte by byte."""
    began = time.monotonic()
    line.sendall(start)
    line.settimeout(0.05)
    content = b""
    while time.monotonic() < began + WITHIN:
        try:
            line.sendall(byte)
            piece = line.recv(65_536)
        except TimeoutError:
            continue
        except OSError:
            break
        content += piece
        if not piece:
            break
    return content, time.monotonic() - began


SLOW = {
    "a head": (b"GET / HTTP/1.1\r\nHost: x\r\na: ", b"a"),
    "empty lines": (b"\r\n", b"\r\n"),
    "a body": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9000\r\n\r\n", b"a"),
    "a body in chunks": (CHUNKED, b"1\r\na\r\n"),
}


@pytest.mark.parametrize("name", SLOW)
def test_who_sends_byte_by_byte_is_not_waited_for(name: str) -> None:
    with served() as here, here.connect() as line:
        result, seconds = slowly(line, *SLOW[name])
        assert statuses(result) == [408]
        assert json.loads(result.partition(b"\r\n\r\n")[2])["type"] == "/problems/request-timeout"
        assert 0.3 < seconds < 5
        expected, until = int("body" in name), time.monotonic() + 5
        while here.app.disconnected < expected and time.monotonic() < until:
            time.sleep(0.01)  # the application is told after the client
        assert here.app.disconnected == expected


def test_who_sends_nothing_is_left_without_a_word() -> None:
    with served() as here, here.connect() as line:
        assert rest(line) == b""
        assert here.app.refused == []


def test_who_stops_in_the_middle_of_a_body_is_told() -> None:
    with served() as here:
        assert statuses(here.send(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n12345678")) == [408]


def test_a_batch_may_be_slow_and_not_silent() -> None:
    with served(replace(SMALL, body_seconds=1.5)) as here, here.connect() as line:
        line.sendall(CHUNKED.replace(b"/", STREAMED_PATH.encode(), 1))
        for _ in range(8):
            time.sleep(0.25)  # in all more than a body may take
            line.sendall(b"1\r\nx\r\n")
        line.sendall(b"0\r\n\r\n")
        assert line.recv(65_536).startswith(b"HTTP/1.1 200")
    with served() as here:
        assert statuses(here.send(CHUNKED.replace(b"/", STREAMED_PATH.encode(), 1) + b"1\r\nx\r\n")) == [408]


def test_what_is_slow_to_answer_is_waited_for() -> None:
    with served() as here, here.connect() as line:
        line.sendall(b"GET /wait HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        time.sleep(1)
        here.app.go_on.set()
        assert statuses(rest(line)) == [200]


def test_what_is_slow_to_answer_behind_another_answer_is_waited_for() -> None:
    with served(keep_alive=0.2) as here, here.connect() as line:
        line.sendall(GET + b"GET /wait HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        time.sleep(1)
        here.app.go_on.set()
        assert statuses(rest(line)) == [200, 200]


def test_who_asks_nothing_more_is_left() -> None:
    with served(PATIENT, keep_alive=0.2) as here, here.connect() as line:
        line.sendall(GET)
        assert statuses(rest(line)) == [200]


def test_who_has_an_answer_and_sends_on_is_left() -> None:
    start = b"POST /unread HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"
    with served(PATIENT) as here, here.connect() as line:
        result, seconds = slowly(line, start, b"1\r\na\r\n")
        assert statuses(result) == [401]
        assert seconds < 5


def test_who_does_not_read_the_answer_is_cut_off() -> None:
    with served() as here, here.connect() as line:
        line.sendall(b"GET /large HTTP/1.1\r\nHost: x\r\n\r\n")
        time.sleep(2)
        assert len(rest(line)) < LARGE


def test_requests_on_one_connection_are_answered_in_turn() -> None:
    with served() as here, here.connect() as line:
        for size in (0, 7, 70_000):
            line.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % size + b"x" * size)
            assert one(line).startswith(b"%d " % size)
        line.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n")
        assert line.recv(65_536) == b"HTTP/1.1 100 Continue\r\n\r\n"
        line.sendall(b"xx")
        assert one(line).startswith(b"2 ")


def test_requests_before_answers_are_answered_up_to_a_number() -> None:
    with served() as here:
        closing = GET.replace(b"\r\n\r\n", b"\r\nConnection: close\r\n\r\n")
        assert statuses(here.send(GET * 10 + closing)) == [200] * 11
        assert statuses(here.send(GET * 10_000)) == [200] * 17
        assert here.app.asked == 28


def test_what_is_no_http_is_refused_after_what_was() -> None:
    with served() as here:
        answer = here.send(b"GET / HTTP/9.9\r\n\r\n")
        assert statuses(answer) == [400]
        assert json.loads(answer.partition(b"\r\n\r\n")[2])["type"] == "/problems/malformed-request"
        assert statuses(here.send(GET + b"what is this?\r\n\r\n")) == [200]
        assert statuses(here.send(CHUNKED + b"zz\r\n")) == [400]


@pytest.mark.parametrize("protocol", [b"websocket", b"h2c"])
def test_nothing_is_upgraded_to(protocol: bytes) -> None:
    fields = b"Connection: Upgrade, close\r\nUpgrade: " + protocol + b"\r\nSec-WebSocket-Version: 13\r\n"
    with served(PATIENT) as here:
        assert statuses(here.send(b"GET / HTTP/1.1\r\nHost: x\r\n" + fields + b"\r\n")) == [200]


H2C = b"POST / HTTP/1.1\r\nHost: x\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AA\r\n"
SIZED = H2C + b"Content-Length: 5\r\n\r\nhello"
IN_CHUNKS = H2C + b"Transfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n"


@pytest.mark.parametrize("sent", [SIZED, IN_CHUNKS])
def test_who_would_rather_have_http_2_is_answered_with_their_body_and_goes_on(sent: bytes) -> None:
    with served(PATIENT) as here, here.connect() as line:
        line.sendall(sent)
        names = one(line)
        assert names.startswith(b"5 connection,")
        assert b"upgrade" not in names
        for start in range(0, len(sent), 7):
            line.sendall(sent[start : start + 7])
        assert one(line) == names
        line.sendall(sent + GET)
        assert one(line) == names
        assert one(line) == b"0 host"


def test_nothing_is_a_tunnel() -> None:
    with served(PATIENT) as here:
        assert statuses(here.send(b"CONNECT x:1 HTTP/1.1\r\nHost: x\r\n\r\nhello")) in ([200], [400])


def test_who_has_kept_it_waiting_for_longest_gives_way() -> None:
    with served(replace(PATIENT, connections=4)) as here:
        lines = [here.connect() for _ in range(4)]
        for number, line in enumerate(lines):
            line.sendall(GET[: 5 * number])
            eventually(lambda: len(here.app.connections._swept or ()) == 4)
            time.sleep(0.05)
        for left, result in zip(lines[:3], ([], [503], [503]), strict=True):
            lines.append(here.connect())
            lines[-1].sendall(GET)
            assert one(lines[-1]).startswith(b"0 ")
            assert statuses(rest(left)) == result
        lines[3].sendall(GET[15:])
        assert one(lines[3]).startswith(b"0 ")
        for line in lines:
            line.close()


def test_when_all_wait_for_the_service_the_next_is_told_to_come_back() -> None:
    with served(replace(PATIENT, connections=3)) as here:
        lines = [here.connect() for _ in range(3)]
        for line in lines:
            line.sendall(b"GET /wait HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        eventually(lambda: here.app.asked == 3)
        answer = here.send()
        assert statuses(answer) == [503]
        assert b"retry-after: 5\r\n" in answer
        here.app.go_on.set()
        assert [statuses(rest(line)) for line in lines] == [[200]] * 3
        for line in lines:
            line.close()
