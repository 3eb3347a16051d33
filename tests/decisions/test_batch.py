"""Lines in, lines out: in order, bounded, one bad line no harm to the others."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from typing import Any

import msgspec
import pytest

from policy_service.database import DatabaseUnavailable
from policy_service.decisions.batch import AHEAD, LINE_LIMIT, Decide, answer_lines
from policy_service.decisions.group import Answer
from policy_service.decisions.in_force import NotReady
from policy_service.decisions.request import DecisionRequest
from policy_service.decisions.writer import Busy
from tests.databases import BACKENDS
from tests.decisions.desks import setting
from tests.decisions.test_desk import CRM

Json = dict[str, Any]


async def pieces(content: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(content), size):
        yield content[start : start + size]


async def echo(request: DecisionRequest) -> Answer:
    await asyncio.sleep(0.001 * (hash(request.subject) % 3))
    return Answer(msgspec.json.encode({"subject": request.subject}), None)


def answers(
    content: bytes, size: int = 7, *, decide: Decide = echo, ahead: int = AHEAD, line_limit: int = LINE_LIMIT
) -> list[Json]:
    async def collect() -> list[Json]:
        told = answer_lines(pieces(content, size), decide, ahead=ahead, line_limit=line_limit)
        return [msgspec.json.decode(line) async for line in told]

    return asyncio.run(collect())


def lines(subjects: Iterable[str]) -> bytes:
    return b"".join(b'{"subject": "%s", "facts": {}}\n' % subject.encode() for subject in subjects)


@pytest.mark.parametrize("size", [1, 7, 4096])
def test_answers_come_in_the_order_of_the_lines_however_the_bytes_come(size: int) -> None:
    subjects = [f"C{number}" for number in range(50)]
    assert [each["subject"] for each in answers(lines(subjects), size, ahead=3)] == subjects
    assert [each["subject"] for each in answers(lines(subjects).rstrip(), size)] == subjects


def test_a_refused_line_is_told_with_its_number_and_the_others_are_decided() -> None:
    content = b'{"subject": "C1", "facts": {}}\n\n \r\n{"subject": 1, "fcts": {}}\nno json\r\n' + lines(["C2"])
    first, refused, broken, last = answers(content)
    assert (first, last) == ({"subject": "C1"}, {"subject": "C2"})
    assert refused["line"] == 4
    assert refused["problem"]["code"] == "request-refused"
    assert [each["pointer"] for each in refused["problem"]["problems"]] == ["/subject", "/facts", "/fcts"]
    assert (broken["line"], broken["problem"]["code"]) == (5, "malformed-json")


@pytest.mark.parametrize("size", [3, 100_000])
def test_a_line_that_is_too_long_is_refused(size: int) -> None:
    content = b"x" * 1_000 + b"\n" + lines(["C1"]) + b"y" * 1_000
    first, second, third = answers(content, size, line_limit=100)
    assert first == {"line": 1, "problem": {"code": "line-too-long", "detail": "a line has at most 100 bytes"}}
    assert (second, third["line"]) == ({"subject": "C1"}, 3)


def test_only_so_many_lines_are_under_way() -> None:
    under_way = most = 0

    async def decide(request: DecisionRequest) -> Answer:
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0.002)
        under_way -= 1
        return await echo(request)

    assert len(answers(lines(map(str, range(100))), 100_000, decide=decide, ahead=5)) == 100
    assert most <= 7


def test_nothing_is_read_ahead_of_what_is_taken() -> None:
    read = 0

    async def endless() -> AsyncIterator[bytes]:
        nonlocal read
        while True:
            read += 1
            yield lines(["C"])

    async def take() -> None:
        told = answer_lines(endless(), echo, ahead=5)
        for _ in range(3):
            await anext(told)
        await asyncio.sleep(0.05)
        await told.aclose()  # type: ignore[attr-defined]  # it is a generator

    asyncio.run(take())
    assert read <= 12


def test_a_line_is_tried_again_when_too_many_wait(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("policy_service.decisions.batch.BUSY_SECONDS", 0.0)
    monkeypatch.setattr("policy_service.decisions.batch.BUSY_TRIES", 3)
    calls = 0

    async def decide(request: DecisionRequest) -> Answer:
        nonlocal calls
        calls += 1
        if request.subject == "never" or calls < 3:
            raise Busy("too many")
        return await echo(request)

    assert answers(lines(["C1"]), decide=decide) == [{"subject": "C1"}]
    assert answers(lines(["never"]), decide=decide)[0]["problem"] == {"code": "unavailable", "detail": "too many"}


@pytest.mark.parametrize("error", [DatabaseUnavailable("busy"), NotReady("not yet")])
def test_a_line_that_cannot_be_recorded_is_told(error: Exception) -> None:
    async def decide(_: DecisionRequest) -> Answer:
        raise error

    assert answers(lines(["C1"]), decide=decide)[0]["problem"] == {"code": "unavailable", "detail": str(error)}


def test_a_fault_of_ours_is_not_taken_for_a_refusal() -> None:
    async def decide(_: DecisionRequest) -> Answer:
        raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        answers(lines(["C1"]), decide=decide)


def test_what_the_caller_breaks_off_is_raised_after_the_answers_before() -> None:
    async def broken() -> AsyncIterator[bytes]:
        yield lines(["C1"])
        raise ConnectionError("gone")

    async def collect() -> list[bytes]:
        lines_told = answer_lines(broken(), echo)
        first = await anext(lines_told)
        with pytest.raises(ConnectionError, match="gone"):
            await anext(lines_told)
        return [first]

    assert len(asyncio.run(collect())) == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_batch_is_decided_and_recorded(backend: str) -> None:
    content = (
        b"".join(
            b'{"subject": "C%d", "facts": {"amount": %s}}\n' % (number, b"-1" if number == 7 else b"%d" % number)
            for number in range(300)
        )
        + b'{"subject": "C", "facts": {"amount": 1}, "policies": ["tiering/on"]}'
    )
    with setting(backend) as each:
        told = answers(content, 1_000, decide=lambda request: each.decisions.decide(request, CRM))
        records = each.records()
    assert [each["decision_id"] for each in told if "line" not in each] == [record.decision_id for record in records]
    assert len(records) == 299
    assert (told[7]["line"], told[7]["problem"]["code"]) == (8, "facts-refused")
    assert told[300]["problem"] == {
        "code": "unknown-policy",
        "detail": "unknown policy `tiering/on`",
        "hints": {"tiering/on": "did you mean `tiering/one`?"},
    }
