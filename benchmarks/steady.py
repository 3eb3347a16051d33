"""Asks for decisions at a steady pace, whatever the answers take, and writes down how long each of them took.

    python -m benchmarks.steady REQUESTS.json PORT --rate 100 --connections 32 > ANSWERS

REQUESTS.json is what `benchmarks.load` reads. Requests are due at fixed instants: one that finds every connection
taken waits, and the wait counts, so a service that stands still for a second is seen to do so by a hundred requests.
Each line of ANSWERS is the instant at which a request was due (seconds of the monotonic clock, which all processes of a
machine share), the milliseconds until its answer, and the status. It ends when its standard input does.
"""

from __future__ import annotations

import argparse
import asyncio
import itertools
import json
import sys
from collections import deque
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import cast

import uvloop

from benchmarks.load import CONTENT_LENGTH, render


class Pacer:
    """The requests that are due, the connections that are free, and what was answered."""

    def __init__(self, requests: Iterator[bytes], rate: float) -> None:
        self.loop = asyncio.get_running_loop()
        self.requests, self.rate = requests, rate
        self.free: deque[Connection] = deque()
        self.due: deque[float] = deque()
        self.answers: list[tuple[float, float, str]] = []
        self.started_at = self.loop.time()

    def tick(self, number: int) -> None:
        """Lets the request of this number be sent, and sets when the next one is due."""
        at = self.started_at + number / self.rate
        self.due.append(at)
        self.send()
        self.loop.call_at(at + 1 / self.rate, self.tick, number + 1)

    def send(self) -> None:
        """Sends what is due, as far as there are connections."""
        while self.due and self.free:
            self.free.popleft().ask(next(self.requests), self.due.popleft())


class Connection(asyncio.Protocol):
    """One keep-alive connection with at most one request under way."""

    def __init__(self, pace: Pacer) -> None:
        self.pace, self.received, self.due = pace, b"", 0.0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Takes part from now on."""
        self.transport = cast("asyncio.Transport", transport)  # uvloop's own class, not asyncio's
        self.pace.free.append(self)

    def ask(self, request: bytes, due: float) -> None:
        """Sends a request."""
        self.due = due
        self.transport.write(request)

    def data_received(self, data: bytes) -> None:
        """Notes a whole answer."""
        self.received += data
        head, separator, body = self.received.partition(b"\r\n\r\n")
        length = CONTENT_LENGTH.search(head)
        if not separator or length is None or len(body) < int(length[1]):
            return
        self.received = b""
        latency = 1_000 * (self.pace.loop.time() - self.due)
        self.pace.answers.append((self.due, latency, head[9:12].decode()))
        self.pace.free.append(self)
        self.pace.send()


async def run(port: int, requests: list[bytes], rate: float, connections: int) -> Pacer:
    """Asks until standard input ends; gives all that was answered."""
    pace = Pacer(itertools.cycle(requests), rate)
    for _ in range(connections):
        await pace.loop.create_connection(partial(Connection, pace), "127.0.0.1", port)
    pace.started_at = pace.loop.time()
    pace.tick(0)
    stopped = asyncio.Event()
    pace.loop.add_reader(sys.stdin, lambda: None if sys.stdin.read(1) else stopped.set())
    await stopped.wait()
    return pace


def main() -> None:
    """Read the command line, ask, print."""
    parser = argparse.ArgumentParser(description="Ask a server on this machine at a steady pace.")
    parser.add_argument("requests", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("--rate", type=float, default=100.0, help="requests a second")
    parser.add_argument("--connections", type=int, default=32)
    arguments = parser.parse_args()
    payload = json.loads(arguments.requests.read_text(encoding="utf-8"))
    requests = [render(payload["path"], body, payload["headers"]) for body in payload["bodies"]]
    pace = uvloop.run(run(arguments.port, requests, arguments.rate, arguments.connections))
    for due, latency, status in pace.answers:
        print(f"{due:.6f} {latency:.3f} {status}")


if __name__ == "__main__":
    main()
