"""A load generator: keep-alive connections that each send the next request as soon as the last is answered.

    python -m benchmarks.load REQUESTS.json PORT --connections 32 --seconds 5

REQUESTS.json holds a path, headers and a list of bodies, sent in turn. Printed is one JSON object: the requests
answered, the seconds they took, how many were refused, and the latencies' percentiles in milliseconds. It
speaks just enough HTTP/1.1 to cost less than the servers it loads: a response is a head with a
Content-Length, and as many bytes.
"""

import argparse
import asyncio
import gc
import itertools
import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import cast

import uvloop

CONTENT_LENGTH = re.compile(rb"\r\ncontent-length: *(\d+)", re.IGNORECASE)
WARM_UP_SHARE = 0.1
"""The part of the time whose requests are not counted."""


@dataclass(frozen=True, slots=True)
class LoadReport:
    """The figures of a load, measured by its client; latencies in milliseconds."""

    requests: int
    refused: int
    seconds: float
    p50: float
    p99: float

    @property
    def per_second(self) -> float:
        """Requests answered per second."""
        return self.requests / self.seconds


@dataclass(slots=True)
class Tally:
    """The latencies (seconds) and refusals of all connections, and when to stop."""

    deadline: float
    requests: Iterator[bytes]
    latencies: list[float] = field(default_factory=list)
    refused: int = 0
    pause: float = 0.0
    """Seconds from an answer to the next request."""


class Connection(asyncio.Protocol):
    """One keep-alive connection with one request under way."""

    def __init__(self, tally: Tally, ended: asyncio.Future[None]) -> None:
        self.tally = tally
        self.ended = ended
        self.received = b""
        self.request_started_at = 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Send the first request."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's own class, not asyncio's
        self._send()

    def data_received(self, data: bytes) -> None:
        """Note the latency of a whole response and send the next request, or close when the time is up."""
        self.received += data
        head, separator, body = self.received.partition(b"\r\n\r\n")
        length = CONTENT_LENGTH.search(head)
        if not separator or length is None or len(body) < int(length[1]):
            return
        now = perf_counter()
        self.tally.latencies.append(now - self.request_started_at)
        self.tally.refused += not head.startswith(b"HTTP/1.1 200")
        self.received = b""
        if now + self.tally.pause < self.tally.deadline:
            self._send_after(self.tally.pause)
        else:
            self.transport.close()

    def connection_lost(self, exc: Exception | None) -> None:
        """End well when the time is up, and with an error before."""
        if self.ended.done():
            return
        if exc is None and perf_counter() + self.tally.pause >= self.tally.deadline:
            self.ended.set_result(None)
        else:
            self.ended.set_exception(exc or ConnectionError("the server closed a connection it should have kept"))

    def _send_after(self, pause: float) -> None:
        if pause:
            asyncio.get_running_loop().call_later(pause, self._send)
        else:
            self._send()

    def _send(self) -> None:
        self.request_started_at = perf_counter()
        self.transport.write(next(self.tally.requests))


def render(path: str, body: str, headers: Mapping[str, str]) -> bytes:
    """A whole POST request."""
    content = body.encode()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Accept: application/json\r\nContent-Length: {len(content)}\r\n"
        + "".join(f"{name}: {value}\r\n" for name, value in headers.items())
        + "\r\n"
    )
    return head.encode() + content


async def run(port: int, requests: list[bytes], connections: int, seconds: float, pause: float = 0.0) -> LoadReport:
    """Load the server for a warm-up and then for `seconds`; only the latter is counted."""
    bodies = itertools.cycle(requests)
    await _load(port, Tally(perf_counter() + seconds * WARM_UP_SHARE, bodies, pause=pause), connections)
    gc.collect()
    begin = perf_counter()
    tally = Tally(begin + seconds, bodies, pause=pause)
    await _load(port, tally, connections)
    elapsed = perf_counter() - begin
    ordered = sorted(tally.latencies)
    p50, p99 = (1_000 * ordered[int(len(ordered) * share)] for share in (0.50, 0.99))
    return LoadReport(len(ordered), tally.refused, elapsed, p50, p99)


async def _load(port: int, tally: Tally, connections: int) -> None:
    loop = asyncio.get_running_loop()
    futures = [loop.create_future() for _ in range(connections)]
    for future in futures:
        await loop.create_connection(partial(Connection, tally, future), "127.0.0.1", port)
    await asyncio.gather(*futures)


def main() -> None:
    """Read the command line, load the server, print the report."""
    parser = argparse.ArgumentParser(description="Load a server on this machine.")
    parser.add_argument("requests", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("--connections", type=int, default=32)
    parser.add_argument("--seconds", type=float, default=5.0)
    parser.add_argument("--pause", type=float, default=0.0, help="seconds from an answer to the next request")
    arguments = parser.parse_args()
    payload = json.loads(arguments.requests.read_text(encoding="utf-8"))
    requests = [render(payload["path"], body, payload["headers"]) for body in payload["bodies"]]
    report = uvloop.run(run(arguments.port, requests, arguments.connections, arguments.seconds, arguments.pause))
    print(json.dumps(asdict(report)))


if __name__ == "__main__":
    main()
