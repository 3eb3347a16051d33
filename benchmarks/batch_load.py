"""A client of `POST /v1/decisions/batch` that never ends its body: it sends lines and counts answers until it stops.

    python -m benchmarks.batch_load REQUESTS.json PORT --seconds 5

REQUESTS.json holds a path, headers and a list of bodies, sent in turn as lines. Printed is one JSON object: the lines
answered after a warm-up, how many were refused, and the seconds they took.
"""

import argparse
import asyncio
import itertools
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from time import perf_counter

import uvloop

from benchmarks.load import WARM_UP_SHARE

LINES_AT_ONCE = 64
"""Lines of one chunk of the body."""
ANSWER, REFUSED = b'"decision_id":', b'"problem":'


@dataclass(frozen=True, slots=True)
class BatchReport:
    """The figures of a batch, measured by its client."""

    lines: int
    refused: int
    seconds: float

    @property
    def per_second(self) -> float:
        """Lines answered per second."""
        return self.lines / self.seconds


async def run(port: int, head: bytes, lines: list[bytes], seconds: float) -> BatchReport:
    """Sends and reads for a warm-up and then for `seconds`; only the latter is counted."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, limit=2**20)
    writer.write(head)
    sending = asyncio.create_task(_send(writer, lines))
    begin = perf_counter() + seconds * WARM_UP_SHARE
    answered = refused = 0
    while (now := perf_counter()) < begin + seconds:
        content = await reader.read(2**18)
        if not content:
            raise ConnectionError("the server ended an answer whose body had not ended")
        if now >= begin:
            answered += content.count(ANSWER)  # one cut by the end of a piece in ten thousand is not counted
            refused += content.count(REFUSED)
    sending.cancel()
    writer.transport.abort()
    return BatchReport(answered, refused, perf_counter() - begin)


async def _send(writer: asyncio.StreamWriter, lines: list[bytes]) -> None:
    body = itertools.cycle(lines)
    while True:
        content = b"".join(itertools.islice(body, LINES_AT_ONCE))
        writer.write(b"%x\r\n%b\r\n" % (len(content), content))
        await writer.drain()


def main() -> None:
    """Read the command line, load the server, print the report."""
    parser = argparse.ArgumentParser(description="Send an endless batch to a server on this machine.")
    parser.add_argument("requests", type=Path)
    parser.add_argument("port", type=int)
    parser.add_argument("--seconds", type=float, default=5.0)
    arguments = parser.parse_args()
    payload = json.loads(arguments.requests.read_text(encoding="utf-8"))
    headers = "".join(f"{name}: {value}\r\n" for name, value in payload["headers"].items())
    head = (
        f"POST {payload['path']}/batch HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/x-ndjson\r\n"
        f"Transfer-Encoding: chunked\r\n{headers}\r\n"
    )
    lines = [body.encode() + b"\n" for body in payload["bodies"]]
    print(json.dumps(asdict(uvloop.run(run(arguments.port, head.encode(), lines, arguments.seconds)))))


if __name__ == "__main__":
    main()
