"""Many decisions in one request: a line of JSON in, a line of JSON out, in the same order, as they come.

    {"subject": "C1", "facts": {…}}      ──►  {"decision_id": …, "subject": "C1", "outcomes": {…}, …}
    {"subject": "C2", "fatcs": {…}}      ──►  {"line": 2, "problem": {"code": "request-refused", "problems": […], …}}

Each line is a request as for one decision, and is recorded before its answer is given. A line that is refused does not
keep the others from being decided. Blank lines are passed over; they count as lines. A line that is too long is
refused, and not kept in memory. Only so many lines are under way at a time: more are read as answers are taken.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Awaitable, Callable
from typing import Any

import msgspec

from policy_service.database import DatabaseUnavailable
from policy_service.decisions.exact_json import NotJsonError
from policy_service.decisions.group import Answer
from policy_service.decisions.in_force import NotReady
from policy_service.decisions.request import DecisionRequest, RequestRefused, read_request
from policy_service.decisions.writer import Busy
from policy_service.errors import FactsRefused, UnknownKind, UnknownPolicies
from policy_service.sentences import Sentence, plain

AHEAD = 256
"""Lines under way at a time."""
LINE_LIMIT = 256 * 1024
"""Bytes of a line."""
BUSY_TRIES = 100
BUSY_SECONDS = 0.05
"""How often, and after how long, a line is tried again when too many decisions wait."""

Decide = Callable[[DecisionRequest], Awaitable[Answer]]
Tell = Callable[[Exception], dict[str, Any]]


class LineTooLong(ValueError):
    """A line has more bytes than are read."""

    def __init__(self, limit: int) -> None:
        super().__init__(Sentence("a line has at most {limit:,} bytes", limit=limit))


def told(error: Exception) -> dict[str, Any]:
    """What a line that was refused is answered. Raises the error again when it is nobody's refusal."""
    match error:
        case NotJsonError():
            return {"code": "malformed-json", "detail": str(error)}
        case LineTooLong():
            return {"code": "line-too-long", "detail": str(error)}
        case RequestRefused() | FactsRefused():
            code = "facts-refused" if isinstance(error, FactsRefused) else "request-refused"
            return {"code": code, "problems": [problem.to_dict() for problem in error.problems]}
        case UnknownPolicies():
            return {"code": "unknown-policy", "detail": str(error), "hints": error.hints}
        case UnknownKind():
            return {"code": "unknown-kind", "detail": str(error)}
        case NotReady() | Busy() | DatabaseUnavailable():
            return {"code": "unavailable", "detail": str(error)}
        case _:
            raise error


async def answer_lines(
    chunks: AsyncIterable[bytes],
    decide: Decide,
    *,
    tell: Tell = told,
    ahead: int = AHEAD,
    line_limit: int = LINE_LIMIT,
) -> AsyncIterator[bytes]:
    """The answer to each line, with its newline.

    `decide` gives the answer to one request, `tell` what is said of an error. What `chunks` raises is raised after the
    answers to the lines before.
    """
    under_way: asyncio.Queue[asyncio.Task[bytes] | Exception | None] = asyncio.Queue(ahead)

    async def read() -> None:
        try:
            async for number, line in _lines(chunks, line_limit):
                await under_way.put(asyncio.create_task(_answer(number, line, decide, tell)))
                await asyncio.sleep(0)  # others of this event loop have their turn between two decisions
            await under_way.put(None)
        except Exception as error:  # noqa: BLE001  # it is raised where it is awaited
            await under_way.put(error)

    reader = asyncio.create_task(read())
    try:
        while (next_ := await under_way.get()) is not None:
            if isinstance(next_, Exception):
                raise next_
            yield await next_
    finally:
        reader.cancel()
        while not under_way.empty():
            if isinstance(left := under_way.get_nowait(), asyncio.Task):
                left.cancel()


async def _answer(number: int, line: bytes | LineTooLong, decide: Decide, tell: Tell) -> bytes:
    if isinstance(line, LineTooLong):
        return _problem(number, tell(line))
    try:
        answer = await _decide(read_request(line), decide)
    except Exception as error:  # noqa: BLE001  # `tell` knows which are refusals
        return _problem(number, tell(error))
    return answer.body + b"\n"


def _problem(number: int, problem: dict[str, Any]) -> bytes:
    return msgspec.json.encode({"line": number, "problem": problem}, enc_hook=plain) + b"\n"


async def _decide(request: DecisionRequest, decide: Decide) -> Answer:
    for _ in range(BUSY_TRIES):
        try:
            return await decide(request)
        except Busy:
            await asyncio.sleep(BUSY_SECONDS)
    return await decide(request)


async def _lines(chunks: AsyncIterable[bytes], limit: int) -> AsyncIterator[tuple[int, bytes | LineTooLong]]:
    """Each line that is not blank, with its number from 1; of one that is too long only the fault is kept."""
    number, begun, too_long = 1, bytearray(), False
    async for chunk in chunks:
        *whole, rest = chunk.split(b"\n")
        for piece in whole:
            too_long = too_long or len(begun) + len(piece) > limit
            begun += b"" if too_long else piece
            if too_long or begun.strip():
                yield number, LineTooLong(limit) if too_long else bytes(begun)
            number, begun, too_long = number + 1, bytearray(), False
        too_long = too_long or len(begun) + len(rest) > limit
        begun = bytearray() if too_long else begun + rest
    if too_long or begun.strip():
        yield number, LineTooLong(limit) if too_long else bytes(begun)
