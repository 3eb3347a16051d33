"""Many decisions in one request: a line of JSON in, an answer out, in the same order, as they come.

    async for content in Batch(decisions, actor, render).decide(pieces):     # the request's bytes, in any pieces
        …                                               # the rendered answers of lines that were recorded together

Each line is a request as for one decision, and is recorded before its answer is given. A line that is refused does not
keep the others from being decided. Blank lines are passed over; they count as lines. A line that is too long is
refused, and not kept in memory. Only so many lines are under way at a time: more are read as answers are taken.

Single decisions go first. Lines are decided for a millisecond before others of the event loop have their turn, and for
single decisions under way they wait a little longer; the writer records them behind single decisions.

With an idempotency key each line has one effect: its own key is made of the batch's and its number. A batch that is
sent again gets for each line the answer there was, and what was not decided before is decided now. Where a line is not
the one that was answered, it is another batch: that line is refused, and nothing behind it is decided.
"""

from __future__ import annotations

import asyncio
import hashlib
import time
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Callable, Iterator, Mapping, Sequence
from itertools import islice
from typing import NamedTuple

from policy_service.actor import Actor
from policy_service.characters import UTF8_BOM
from policy_service.database import DatabaseUnavailable
from policy_service.decisions.group import PendingDecision, RecordedAnswer, RecordResult
from policy_service.decisions.in_force import NotReady
from policy_service.decisions.request import DecisionRequest, InvalidRequest, read_request
from policy_service.decisions.service import DecisionService
from policy_service.decisions.writer import MAX_LINES_BESIDE, QueueFull
from policy_service.idempotency import IdempotencyKeyReused, check_key, fingerprint_of
from policy_service.messages import Message

MAX_LINES_IN_FLIGHT = 256
"""Lines under way at a time."""
LINE_LIMIT = 256 * 1024
"""Bytes of a line."""
SLICE_SECONDS = 0.001
"""How long lines are decided, by all batches together, before others have their turn."""
YIELD_SECONDS = 0.005
"""How long lines wait then for single decisions under way."""
PATH = "/v1/decisions/batch"
"""Where a line is sent to, for its fingerprint."""


class LineTooLong(ValueError):
    """A line has more bytes than are read."""

    def __init__(self, limit: int) -> None:
        super().__init__(Message("a line has at most {limit:,} bytes", limit=limit))
        self.limit = limit


class BatchEnded(Exception):
    """The request is not read to its end; raised by the source of its bytes, and sent as the last answer."""


class LineAnswer(NamedTuple):
    """The answer to one line."""

    line: int
    """Its number, from 1."""
    request: DecisionRequest | None
    """What was asked; None when that could not be read."""
    result: RecordedAnswer | Exception
    """The answer as it was recorded, or why there is none."""
    started: float
    """When it was begun, by `time.perf_counter`."""

    @property
    def subject(self) -> str | None:
        """The subject, if known."""
        request = self.result.valid_members if isinstance(self.result, InvalidRequest) else self.request
        return (request.subject or None) if request is not None else None


Render = Callable[[LineAnswer], bytes]
Line = tuple[int, bytes | Exception]
"""A line's number, and its content or what is wrong with it."""


class _PendingLine(NamedTuple):
    """A line that was decided and is to be recorded."""

    line: int
    request: DecisionRequest
    item: PendingDecision
    started: float


_Chunk = tuple[list[LineAnswer | _PendingLine], asyncio.Future[Sequence[RecordResult]] | None]
"""Some lines, and the results of those that are pending, in their order."""


class Batch:
    """The lines of one request, decided for an actor."""

    def __init__(  # noqa: PLR0913  # for whom, how it is written down, and two limits
        self,
        decisions: DecisionService,
        actor: Actor,
        render: Render,
        *,
        key: str | None = None,
        max_in_flight: int = MAX_LINES_IN_FLIGHT,
        line_limit: int = LINE_LIMIT,
    ) -> None:
        """`render` writes an answer down, `key` is an idempotency key. Raises InvalidIdempotencyKey."""
        if key is not None:
            check_key(key)
        self._decisions, self._actor, self._render = decisions, actor, render
        self._prefix = None if key is None else f"batch {hashlib.sha256(key.encode()).hexdigest()} "  # no client's key
        self._lines = _LineSplitter(line_limit)
        self._free_slots = asyncio.Semaphore(max_in_flight)
        self._at_once = min(max_in_flight, MAX_LINES_BESIDE)
        self._has_answered = False
        self._is_ready = True
        self._slice_began = 0.0

    async def decide(self, pieces: AsyncIterable[bytes]) -> AsyncGenerator[bytes, None]:
        """Yield the rendered answers, those of lines that were recorded together in one piece.

        Raises IdempotencyKeyReused when the first line is not the one that the key was used for; and after the answers
        to the lines before what `pieces` raises, but for BatchEnded.
        """
        chunks: asyncio.Queue[_Chunk | Exception | None] = asyncio.Queue()
        reader = asyncio.create_task(self._read(pieces, chunks))
        self._decisions.batches += 1
        try:
            while (chunk := await chunks.get()) is not None:
                if isinstance(chunk, Exception):
                    raise chunk
                yield await self._render_chunk(*chunk)
                for _ in chunk[0]:
                    self._free_slots.release()
        finally:
            self._decisions.batches -= 1
            reader.cancel()

    async def _read(self, pieces: AsyncIterable[bytes], chunks: asyncio.Queue[_Chunk | Exception | None]) -> None:
        """Decide the lines and hands them to the writer, as many as there is room for."""
        try:
            async for lines in self._read_lines(pieces):
                for _ in lines:
                    await self._free_slots.acquire()
                answers, recorded = await self._decide_lines(lines)
                chunks.put_nowait((answers, recorded))
                if _ends_batch(answers[-1]):
                    break
            chunks.put_nowait(None)
        except Exception as error:  # noqa: BLE001  # it is raised where it is awaited
            chunks.put_nowait(error)

    async def _read_lines(self, pieces: AsyncIterable[bytes]) -> AsyncIterator[list[Line]]:
        """Yield the lines that have come, without waiting for others, a few at a time."""
        try:
            async for piece in pieces:
                lines = self._lines.split(piece)
                while group := list(islice(lines, self._at_once)):
                    yield group
        except BatchEnded as error:
            yield [(self._lines.number, error)]
            return
        if rest := list(self._lines.end_line()):
            yield rest

    async def _decide_lines(self, lines: Sequence[Line]) -> _Chunk:
        """Decide some lines; those that are to be recorded are on their way."""
        previous = await self._recall(lines)
        answers: list[LineAnswer | _PendingLine] = []
        for number, content in lines:
            await self._let_others_run()
            answers.append(await self._decide_line(number, content, previous.get(number)))
            if _ends_batch(answers[-1]):
                break
        items = [answer.item for answer in answers if isinstance(answer, _PendingLine)]
        if not items:
            return answers, None
        try:
            return answers, self._decisions.writer.record_lines(items)
        except QueueFull as error:
            return [
                LineAnswer(each.line, each.request, error, each.started) if isinstance(each, _PendingLine) else each
                for each in answers
            ], None

    async def _decide_line(
        self, number: int, content: bytes | Exception, previous: RecordResult | None
    ) -> LineAnswer | _PendingLine:
        """Answer one line: its earlier answer, its refusal, or a decision."""
        started = time.perf_counter()
        if isinstance(content, Exception):
            return LineAnswer(number, None, content, started)
        if isinstance(previous, RecordedAnswer):
            return LineAnswer(number, None, previous, started)
        request: DecisionRequest | None = None
        try:
            request = read_request(content)
            if previous is not None:
                return LineAnswer(number, request, previous, started)
            evaluation = await self._decisions.evaluate(
                request, wait=self._is_ready
            )  # one line waits for versions, not each
        except Exception as error:  # noqa: BLE001  # it is the answer to this line, and to no other
            self._is_ready = not isinstance(error, NotReady)
            return LineAnswer(number, request, previous or error, started)
        self._is_ready = True
        item = PendingDecision(evaluation, self._actor)
        if self._prefix is not None:
            item.key, item.fingerprint = f"{self._prefix}{number}", _fingerprint(content)
        return _PendingLine(number, request, item, started)

    async def _render_chunk(
        self, answers: Sequence[LineAnswer | _PendingLine], recorded: asyncio.Future[Sequence[RecordResult]] | None
    ) -> bytes:
        """Return the rendered answers, once all of them are on record."""
        results = iter(await recorded if recorded is not None else ())
        rendered = []
        for each in answers:
            await self._let_others_run()
            answer = each
            if isinstance(answer, _PendingLine):
                answer = LineAnswer(answer.line, answer.request, next(results), answer.started)
            if isinstance(answer.result, IdempotencyKeyReused) and not self._has_answered:
                raise answer.result
            self._has_answered = True
            rendered.append(self._render(answer))
        return b"".join(rendered)

    async def _recall(self, lines: Sequence[Line]) -> Mapping[int, RecordResult]:
        """Return the recorded answers to some lines under the key of the batch, and which of them differ now."""
        if self._prefix is None:
            return {}
        names = {number: (self._actor.id, f"{self._prefix}{number}") for number, _ in lines}
        try:
            stored_answers = await asyncio.to_thread(self._decisions.recall, names.values())
        except DatabaseUnavailable as error:
            return dict.fromkeys(names, error)
        stored_lines = ((number, content, stored_answers.get(names[number])) for number, content in lines)
        return {
            number: RecordedAnswer(stored.response.body, None)
            if stored.is_to(_fingerprint(content))
            else IdempotencyKeyReused()
            for number, content, stored in stored_lines
            if stored is not None
        }

    async def _let_others_run(self) -> None:
        """Yield to the other tasks of the event loop once lines have taken long enough."""
        if (now := time.perf_counter()) < self._slice_began + SLICE_SECONDS / self._decisions.batches:
            return
        await asyncio.sleep(0)
        while self._decisions.singles and time.perf_counter() < now + YIELD_SECONDS:  # noqa: ASYNC110  # a few times
            await asyncio.sleep(YIELD_SECONDS / 5)
        self._slice_began = time.perf_counter()


def _ends_batch(answer: LineAnswer | _PendingLine) -> bool:
    """Return True if nothing is decided behind a line."""
    return isinstance(answer, LineAnswer) and isinstance(answer.result, IdempotencyKeyReused | BatchEnded)


def _fingerprint(content: bytes | Exception) -> str:
    """Return the digest of a line's request; none when it could not be one."""
    return fingerprint_of("POST", PATH, content) if isinstance(content, bytes) else ""


class _LineSplitter:
    """Cuts bytes into lines that are not blank; of one that is too long only the fault is kept."""

    def __init__(self, limit: int) -> None:
        self.number = 1
        """Of the line that has not ended yet."""
        self._limit = limit
        self._buffer = bytearray()
        self._is_too_long = False

    def split(self, piece: bytes) -> Iterator[Line]:
        """Yield the lines that end in the next piece of the text."""
        *complete_lines, remainder = piece.split(b"\n")
        for part in complete_lines:
            self._add(part)
            yield from self.end_line()
            self.number += 1
        self._add(remainder)

    def end_line(self) -> Iterator[Line]:
        """Yield the line that was begun, if it is not blank."""
        content, is_too_long = bytes(self._buffer.strip()), self._is_too_long
        self._buffer, self._is_too_long = bytearray(), False
        if is_too_long:
            yield self.number, LineTooLong(self._limit)
        elif content.removeprefix(UTF8_BOM):
            yield self.number, content

    def _add(self, part: bytes) -> None:
        self._is_too_long = self._is_too_long or len(self._buffer) + len(part) > self._limit
        if self._is_too_long:
            self._buffer.clear()
        else:
            self._buffer += part
