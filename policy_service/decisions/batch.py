"""Many decisions in one request: a stream of JSON lines in, a stream of answers out, in the same order.

    async for content in Batch(decisions, actor, render).decide(pieces):     # the request's bytes, in any pieces
        …                                               # the rendered answers of lines that were recorded together

Each line is a request like that for a single decision, and is recorded before it is answered. A rejected line does not
stop the others. Blank lines are skipped, but count in the line numbers. A line that is too long is rejected, and not
buffered. The number of lines in flight is limited: more are read as the client reads answers.

Single decisions have priority. Lines are decided for a millisecond before other tasks of the event loop run, and pause
longer while single decisions are in flight; the writer records them after single decisions.

With an idempotency key each line has one effect: its own key is derived from the batch's and its number. If a batch is
retried, lines decided before get their recorded answer, and the rest are decided now. If a line differs from the one
answered before, the batch is another one: that line is rejected, and no line after it is decided.
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
"""Maximum number of lines in flight."""
LINE_LIMIT = 256 * 1024
"""Maximum length of a line, bytes."""
SLICE_SECONDS = 0.001
"""How long lines are decided, by all batches together, before other tasks run."""
YIELD_SECONDS = 0.005
"""How long lines then pause for single decisions in flight."""
PATH = "/v1/decisions/batch"
"""The path to which a line counts as sent, for its fingerprint."""


class LineTooLong(ValueError):
    """A line exceeds the maximum length."""

    def __init__(self, limit: int) -> None:
        super().__init__(Message("a line has at most {limit:,} bytes", limit=limit))
        self.limit = limit


class BatchEnded(Exception):
    """The request body was not read to its end; raised by the source of its bytes, and sent as the last answer."""


class LineAnswer(NamedTuple):
    """The answer to one line."""

    line: int
    """The line number, from 1."""
    request: DecisionRequest | None
    """The parsed request; None if the line could not be parsed."""
    result: RecordedAnswer | Exception
    """The recorded answer, or the error."""
    started: float
    """The start of its processing, by `time.perf_counter`."""

    @property
    def subject(self) -> str | None:
        """The subject, if known."""
        request = self.result.valid_members if isinstance(self.result, InvalidRequest) else self.request
        return (request.subject or None) if request is not None else None


Render = Callable[[LineAnswer], bytes]
Line = tuple[int, bytes | Exception]
"""A line number, and the line's content or error."""


class _PendingLine(NamedTuple):
    """A line that is decided and not yet recorded."""

    line: int
    request: DecisionRequest
    item: PendingDecision
    started: float


_Chunk = tuple[list[LineAnswer | _PendingLine], asyncio.Future[Sequence[RecordResult]] | None]
"""Some lines, and the futures of the pending ones, in order."""


class Batch:
    """The lines of one request, decided on behalf of an actor."""

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
        """`render` encodes an answer, `key` is an idempotency key. Raises InvalidIdempotencyKey."""
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
        """Yield the rendered answers; those of lines recorded together come as one piece.

        Raises IdempotencyKeyReused if the first line is not the one the key was used for; and, after the answers to
        earlier lines, whatever `pieces` raises except BatchEnded.
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
        """Decide the lines and hand them to the writer, as far as the limit in flight allows."""
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
        """Yield the lines that have arrived, a few at a time, without waiting for more."""
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
        """Decide some lines, and submit to the writer those that are to be recorded."""
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
        """Return a line's earlier answer, its rejection, or its pending decision."""
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
        """Return the rendered answers, once all of them are recorded."""
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
        """Return the recorded answers to some lines under the key of the batch, and which lines have changed since."""
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
        """Yield to the other tasks of the event loop after SLICE_SECONDS."""
        if (now := time.perf_counter()) < self._slice_began + SLICE_SECONDS / self._decisions.batches:
            return
        await asyncio.sleep(0)
        while self._decisions.singles and time.perf_counter() < now + YIELD_SECONDS:  # noqa: ASYNC110  # a few times
            await asyncio.sleep(YIELD_SECONDS / 5)
        self._slice_began = time.perf_counter()


def _ends_batch(answer: LineAnswer | _PendingLine) -> bool:
    """Return True if no line after this one is decided."""
    return isinstance(answer, LineAnswer) and isinstance(answer.result, IdempotencyKeyReused | BatchEnded)


def _fingerprint(content: bytes | Exception) -> str:
    """Return the digest of a line's request; an empty text if the line is no request."""
    return fingerprint_of("POST", PATH, content) if isinstance(content, bytes) else ""


class _LineSplitter:
    """Splits bytes into lines that are not blank; of a line that is too long only the error is stored."""

    def __init__(self, limit: int) -> None:
        self.number = 1
        """The number of the unfinished line."""
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
        """Yield the unfinished line, if it is not blank."""
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
