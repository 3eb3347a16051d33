"""Lines in, answers out: in order, bounded, one bad line no harm to the others, each recorded once under a key."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from typing import Any, cast

import pytest

from policy_service.actor import Actor
from policy_service.database import DatabaseUnavailable
from policy_service.decisions.batch import MAX_LINES_IN_FLIGHT, Batch, BatchEnded, LineAnswer
from policy_service.decisions.evaluation import Evaluation
from policy_service.decisions.group import PendingDecision, RecordedAnswer, RecordResult
from policy_service.decisions.in_force import InForce, NotReady, VersionsChanging
from policy_service.decisions.request import DecisionRequest
from policy_service.decisions.service import DecisionService
from policy_service.decisions.writer import MAX_LINES_BESIDE, QueueFull
from policy_service.idempotency import (
    IdempotencyKeyReused,
    InvalidIdempotencyKey,
    RecordedResponse,
    ScopedKey,
    StoredResponse,
)
from tests.databases import BACKENDS
from tests.decisions.desks import Setting, held, put, setting, tier
from tests.decisions.test_service import CRM

Json = dict[str, Any]


class Desk:
    """A desk that decides at once and records a moment later, of whose groups a test is told."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.writer = self
        self.batches = self.singles = 0
        self.groups: list[int] = []
        self.stored: dict[ScopedKey, RecordedResponse] = {}
        self.refuse: Callable[[DecisionRequest], None] = lambda _: None
        self._seconds = seconds

    async def evaluate(self, request: DecisionRequest, *, wait: bool = True) -> Evaluation:  # noqa: ARG002  # the desk's
        self.refuse(request)
        return cast("Evaluation", request.subject)

    def recall(self, names: Iterable[ScopedKey]) -> dict[ScopedKey, RecordedResponse]:
        return {name: self.stored[name] for name in names if name in self.stored}

    def record_lines(self, items: Sequence[PendingDecision]) -> asyncio.Future[Sequence[RecordResult]]:
        self.groups.append(len(items))
        future = asyncio.get_running_loop().create_future()

        def settle() -> None:
            for item in items:
                if item.key:
                    response = StoredResponse(200, str(item.evaluation).encode())
                    self.stored[item.name] = RecordedResponse(item.name, item.fingerprint, response, {})
            future.set_result([RecordedAnswer(str(item.evaluation).encode(), {}) for item in items])

        asyncio.get_running_loop().call_later(self._seconds, settle)
        return future


def render(answer: LineAnswer) -> bytes:
    """What is answered, as a test wants to see it: the body, or the line, the subject and the kind of the refusal."""
    if isinstance(answer.result, RecordedAnswer):
        return answer.result.body + b"\n"
    return f"{answer.line} {answer.subject} {type(answer.result).__name__}\n".encode()


async def pieces(content: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


def batch(desk: Desk | DecisionService, *, actor: Actor = CRM, **more: Any) -> Batch:  # noqa: ANN401  # a batch's own
    return Batch(cast("DecisionService", desk), actor, render, **more)


def answers(content: bytes, size: int = 7, *, desk: Desk | DecisionService | None = None, **more: Any) -> list[str]:  # noqa: ANN401
    async def collect() -> list[str]:
        result = batch(desk or Desk(), **more).decide(pieces(content, size))
        return [line async for part in result for line in part.decode().splitlines()]

    return asyncio.run(collect())


def lines(subjects: Iterable[str]) -> bytes:
    return b"".join(b'{"subject": "%s", "facts": {}}\n' % subject.encode() for subject in subjects)


@pytest.mark.parametrize("size", [1, 7, 4096])
@pytest.mark.parametrize("ahead", [1, 3, MAX_LINES_IN_FLIGHT])
def test_answers_come_in_the_order_of_the_lines_however_the_bytes_come(size: int, ahead: int) -> None:
    subjects = [f"C{number}" for number in range(50)]
    assert answers(lines(subjects), size, max_in_flight=ahead) == subjects
    assert answers(lines(subjects).rstrip(), size, max_in_flight=ahead) == subjects


def test_a_refused_line_is_told_with_its_number_and_its_subject_and_the_others_are_decided() -> None:
    content = (
        b'{"subject": "C1", "facts": {}}\n\n \r\n{"subject": 1, "fcts": {}}\nno json\r\n'
        b'{"subject": "C2", "facts": [], "day": 1}\n' + lines(["C3"])
    )
    assert answers(content) == [
        "C1",
        "4 None InvalidRequest",
        "5 None NotJsonError",
        "6 C2 InvalidRequest",
        "C3",
    ]


def test_a_byte_order_mark_before_a_line_is_passed_over() -> None:
    mark = b"\xef\xbb\xbf"
    assert answers(mark + lines(["C1"]) + mark + lines(["C2"]), 1) == ["C1", "C2"]
    assert answers(mark) == answers(mark + b"\r\n") == []


def test_utf_16_is_refused_line_by_line() -> None:
    answer = answers(lines(["C1", "C2"]).decode().encode("utf-16"))
    assert answer == ["1 None NotJsonError", "2 None NotJsonError", "3 None NotJsonError"]


@pytest.mark.parametrize("size", [1, 3, 100_000])
def test_a_line_that_is_too_long_is_refused(size: int) -> None:
    content = b"x" * 1_000 + b"\n" + lines(["C1"]) + b"y" * 1_000
    assert answers(content, size, line_limit=100) == ["1 None LineTooLong", "C1", "3 None LineTooLong"]


def test_lines_that_have_come_are_recorded_together_and_no_others_are_waited_for() -> None:
    desk = Desk()
    assert len(answers(lines(map(str, range(100))), 100_000, desk=desk)) == 100
    assert desk.groups == [MAX_LINES_BESIDE] * (100 // MAX_LINES_BESIDE)
    desk = Desk()
    assert len(answers(lines(map(str, range(9))), len(lines("0")), desk=desk)) == 9
    assert desk.groups == [1] * 9


def test_only_so_many_lines_are_under_way_and_nothing_is_read_ahead_of_what_is_taken() -> None:
    read = 0
    desk = Desk()

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield lines(["C"])

    async def take() -> None:
        result = batch(desk, max_in_flight=5).decide(endless())
        for _ in range(3):
            await anext(result)
        await asyncio.sleep(0.05)
        await result.aclose()

    asyncio.run(take())
    assert len(desk.groups) == 2 + 5  # the third answer is not taken before the next is asked for
    assert read == 2 + 5 + 1


def test_lines_give_way_to_single_decisions_and_go_on_all_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    """With single decisions always under way, the batch pauses before each slice, and comes to its end."""
    monkeypatch.setattr("policy_service.decisions.batch.SLICE_SECONDS", 0.0)
    pauses: list[float] = []
    sleep = asyncio.sleep

    async def counted(seconds: float) -> None:
        pauses.append(seconds)
        await sleep(seconds)

    monkeypatch.setattr(asyncio, "sleep", counted)
    desk = Desk()
    assert answers(lines(["C1", "C2"]), 1_000, desk=desk) == ["C1", "C2"]
    assert {*pauses} == {0}
    desk.singles = 1
    assert answers(lines(["C1", "C2"]), 1_000, desk=desk) == ["C1", "C2"]
    assert sum(pause > 0 for pause in pauses) >= 4


@pytest.mark.parametrize("error", [NotReady("not yet"), VersionsChanging(), ZeroDivisionError()])
def test_whatever_is_wrong_with_a_line_is_its_answer_alone(error: Exception) -> None:
    desk = Desk()

    def refuse(request: DecisionRequest) -> None:
        if request.subject == "C2":
            raise error

    desk.refuse = refuse
    assert answers(lines(["C1", "C2", "C3"]), desk=desk) == ["C1", f"2 C2 {type(error).__name__}", "C3"]


def test_when_the_service_closes_the_lines_are_told() -> None:
    class Closing(Desk):
        def record_lines(self, items: Sequence[PendingDecision]) -> asyncio.Future[Sequence[RecordResult]]:
            raise QueueFull(str(len(items)))

    assert answers(lines(["C1"]) + b"x\n", desk=Closing()) == ["1 C1 QueueFull", "2 None NotJsonError"]
    assert answers(lines(["C1"]) + b"x", 100, desk=Closing()) == ["1 C1 QueueFull", "2 None NotJsonError"]


def test_only_the_first_of_many_lines_waits_for_versions_that_do_not_come(monkeypatch: pytest.MonkeyPatch) -> None:
    waited = 0

    async def wait(_: DecisionService) -> None:
        nonlocal waited
        waited += 1
        raise VersionsChanging

    def turning(*_: object) -> None:
        raise VersionsChanging

    with setting("sqlite") as each:
        monkeypatch.setattr(DecisionService, "_wait_for_refresh", wait)
        monkeypatch.setattr(InForce, "evaluate", turning)
        answer = answers(amounts(range(40)), 10_000, desk=each.decisions)
    assert answer == [f"{number} C{number - 1} VersionsChanging" for number in range(1, 41)]
    assert waited == 1


def test_what_the_caller_breaks_off_is_raised_after_the_answers_before() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield lines(["C1"])
        raise ConnectionError("gone")

    async def collect() -> bytes:
        result = batch(Desk()).decide(broken())
        first = await anext(result)
        with pytest.raises(ConnectionError, match="gone"):
            await anext(result)
        return first

    assert asyncio.run(collect()) == b"C1\n"


@pytest.mark.parametrize("begun", [b"", b'{"subject": "C'])
def test_a_batch_that_is_not_read_to_its_end_says_where_it_ended(begun: bytes) -> None:
    async def ended() -> AsyncIterator[bytes]:
        yield b"\n" + lines(["C1"]) + begun
        raise BatchEnded

    async def collect() -> list[bytes]:
        return [part async for part in batch(Desk()).decide(ended())]

    assert b"".join(asyncio.run(collect())) == b"C1\n3 None BatchEnded\n"


def test_a_batch_that_is_left_leaves_nothing_behind() -> None:
    async def leave() -> int:
        desk = Desk(0.01)
        result = batch(desk).decide(pieces(lines(map(str, range(1_000))), 100_000))
        await anext(result)
        await result.aclose()
        await asyncio.sleep(0.05)
        assert desk.batches == 0
        return len(asyncio.all_tasks())

    assert asyncio.run(leave()) == 1


# ------------------------------------------------------------------------------------------------- with a key


def test_a_batch_sent_again_gets_the_same_answers_and_decides_the_rest() -> None:
    desk = Desk()
    assert answers(lines(["C1", "C2"]), desk=desk, key="k") == ["C1", "C2"]
    decided = sum(desk.groups)
    assert answers(lines(["C1", "C2", "C3"]), desk=desk, key="k") == ["C1", "C2", "C3"]
    assert sum(desk.groups) == decided + 1
    assert answers(lines(["C1"]), desk=desk, key="other") == ["C1"]
    assert answers(lines(["C1"]), desk=desk) == ["C1"]
    assert sum(desk.groups) == decided + 3


def test_a_line_that_was_refused_may_be_mended() -> None:
    desk = Desk()
    assert answers(lines(["C1"]) + b"{\n" + lines(["C3"]), desk=desk, key="k") == ["C1", "2 None NotJsonError", "C3"]
    assert answers(lines(["C1", "C2", "C3"]), desk=desk, key="k") == ["C1", "C2", "C3"]
    assert sum(desk.groups) == 3


@pytest.mark.parametrize("size", [7, 100_000])
def test_another_batch_is_refused_from_its_first_other_line_on(size: int) -> None:
    desk = Desk()
    answers(lines(["C1", "C2", "C3"]), desk=desk, key="k")
    other = lines(["C1", "CX", "C3", "C4"])
    assert answers(other, size, desk=desk, key="k") == ["C1", "2 CX IdempotencyKeyReused"]
    assert answers(lines(["C1"]) + b"{\n" + lines(["C3"]), size, desk=desk, key="k") == [
        "C1",
        "2 None IdempotencyKeyReused",
    ]
    assert sum(desk.groups) == 3
    with pytest.raises(IdempotencyKeyReused):
        answers(lines(["CX", "C2"]), size, desk=desk, key="k")
    assert sum(desk.groups) == 3


def test_the_keys_of_two_principals_have_nothing_to_do_with_each_other() -> None:
    desk = Desk()
    answers(lines(["C1"]), desk=desk, key="k")
    assert answers(lines(["C2"]), desk=desk, key="k", actor=Actor("k2", "erp", "ERP", CRM.roles, "machine")) == ["C2"]


def test_a_key_is_visible_ascii_so_that_no_client_can_choose_that_of_a_line() -> None:
    with pytest.raises(InvalidIdempotencyKey):
        batch(Desk(), key="two words")
    desk = Desk()
    answers(lines(["C1"]), desk=desk, key="k")
    [(_, key)] = desk.stored
    assert " " in key
    assert len(key) <= 200


# ------------------------------------------------------------------------------------------- on a database


def amounts(numbers: Iterable[int]) -> bytes:
    return b"".join(b'{"subject": "C%d", "facts": {"amount": %d}}\n' % (number, number) for number in numbers)


def subjects(results: Iterable[str]) -> list[str]:
    return [json.loads(line)["subject"] for line in results]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_batch_is_decided_and_recorded(backend: str) -> None:
    content = amounts(range(7)) + b'{"subject": "C7", "facts": {"amount": -1}}\n' + amounts(range(8, 300))
    content += b'{"subject": "C", "facts": {"amount": 1}, "policies": ["tiering/on"]}'
    with setting(backend) as each:
        answer = answers(content, 1_000, desk=each.decisions)
        records = each.records()
    assert answer[7] == "8 C7 FactsRejected"
    assert answer[300] == "301 C UnknownPolicies"
    ids = [json.loads(line)["decision_id"] for line in answer if line.startswith("{")]
    assert ids == [record.decision_id for record in records]
    assert len(records) == 299


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_line_has_one_effect_under_its_key_whatever_is_in_force_and_whoever_else_sends_it(backend: str) -> None:
    content = amounts(range(100))

    async def twice(each: Setting) -> list[list[bytes]]:
        response = [batch(each.decisions, key="k").decide(pieces(content, 1_000)) for _ in range(2)]
        return list(await asyncio.gather(*(_all(answers) for answers in response)))

    with setting(backend) as each:
        first, second = asyncio.run(twice(each))
        put(each.database, each.clock, tier("2.0.0", least=5))
        third = answers(content, 1_000, desk=each.decisions, key="k")
        assert b"".join(first) == b"".join(second) == ("\n".join(third) + "\n").encode()
        assert subjects(third) == [f"C{number}" for number in range(100)]
        assert len(each.records()) == 100


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_database_that_cannot_be_asked_is_told_for_each_line(backend: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def gone(*_: object) -> None:
        raise DatabaseUnavailable("gone")

    with setting(backend) as each:
        monkeypatch.setattr(DecisionService, "recall", gone)
        answer = answers(amounts([1, 2]) + b"{\n", desk=each.decisions, key="k")
        assert answer == ["1 C1 DatabaseUnavailable", "2 C2 DatabaseUnavailable", "3 None DatabaseUnavailable"]
        assert not each.records()


@pytest.mark.parametrize("backend", BACKENDS)
def test_single_decisions_and_lines_take_turns_and_few_lines_at_a_time_have_theirs(backend: str) -> None:
    """While nobody can write one decision waits, then many lines, then other decisions, which are not behind them."""

    async def all_of_them(each: Setting) -> None:
        def decide(subject: str) -> asyncio.Task[RecordedAnswer]:
            return asyncio.create_task(each.decisions.decide(DecisionRequest(subject, {"amount": 1}), CRM))

        with held(each.database, each.clock) as release:
            first = decide("first")
            while each.decisions.writer.queue_length or not each.decisions.singles:  # noqa: ASYNC110  # till the writer has it
                await asyncio.sleep(0.01)
            many = asyncio.create_task(_all(batch(each.decisions).decide(pieces(amounts(range(300)), 10_000))))
            await asyncio.sleep(0.3)
            others = [decide("second"), decide("third")]
            await asyncio.sleep(0.05)
            release.set()
            await asyncio.gather(first, many, *others)

    with setting(backend) as each:
        asyncio.run(all_of_them(each))
        recorded = [record.subject.id for record in each.records()]
    assert recorded.index("first") == 0
    assert recorded[MAX_LINES_BESIDE + 1 : MAX_LINES_BESIDE + 3] == ["second", "third"]
    assert len(recorded) == 303


async def _all(result: AsyncIterator[bytes]) -> list[bytes]:
    return [part async for part in result]
