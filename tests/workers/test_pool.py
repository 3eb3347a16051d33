"""Workers do what they are sent, within their limits; what goes wrong in one is told where the work was asked for."""

from __future__ import annotations

import asyncio
import gc
import os
import signal
import time
from collections.abc import Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any

import pytest

from api.web.problems import CONFLICT, ProblemError
from policy_service.approval.service import ValidationFailed
from policy_service.database import DatabaseUnavailable
from policy_service.errors import stack_frames
from policy_service.messages import Message
from policy_service.workers import kinds as work_kinds
from policy_service.workers.kind import WorkAbandoned, WorkKind, WorkRefused
from policy_service.workers.kinds import AUDITING, DRAFT_CHECKING, FILE_CHECKING, PACKING, PRINTING, READING, time_limit
from policy_service.workers.pickled_errors import WorkerError
from policy_service.workers.pool import MEMORY_LIMIT, InlineWorkers, WorkerDied, WorkerPool, Workers
from tests.api import pieces
from tests.api.client import NOW

PATIENCE = 60.0
KIND = WorkKind(
    processes=1,
    max_waiting=1,
    busy_message=lambda count: Message("{count} drafts are waiting already", count=count),
    too_long_message=lambda seconds: Message("checking it takes more than {seconds:g} s", seconds=seconds),
    too_large_message=lambda _: Message("checking it exceeds the memory limit"),
    limit_error=WorkRefused,
)


@pytest.fixture(scope="module")
def pool() -> Iterator[WorkerPool]:
    made = WorkerPool(KIND)
    yield made
    made.close()


def run(pool: WorkerPool, work: Callable[..., Any], *value: object, seconds: float = PATIENCE) -> Any:  # noqa: ANN401
    return asyncio.run(pool.run(seconds, work, *value))


def refusal(pool: WorkerPool, work: Callable[..., Any], *value: object, seconds: float = PATIENCE) -> WorkRefused:
    with pytest.raises(WorkRefused) as refused:
        run(pool, work, *value, seconds=seconds)
    return refused.value


def test_a_worker_is_kept_for_the_next_piece(pool: WorkerPool) -> None:
    assert run(pool, pieces.add, 2, 3) == 5
    assert run(pool, pieces.process) == run(pool, pieces.process)


def test_a_worker_has_little_memory_gives_way_and_is_ended_by_its_own_process_alone(pool: WorkerPool) -> None:
    memory, niceness, can_be_ended = run(pool, pieces.limits)
    assert memory == MEMORY_LIMIT
    assert niceness == min(os.nice(0) + KIND.niceness, 19)
    assert not can_be_ended


def test_arrow_takes_no_part_of_that_memory_before_it_is_needed(pool: WorkerPool) -> None:
    assert run(pool, pieces.reserve_for_arrow) < MEMORY_LIMIT / 8


def test_what_takes_too_long_is_killed_and_the_next_piece_is_done(pool: WorkerPool) -> None:
    run(pool, pieces.process)  # a worker that is started already
    result = refusal(pool, pieces.sleep, PATIENCE, seconds=0.2)
    assert (result.kind, result.detail, result.retry_after(NOW)) == ("busy", "checking it takes more than 0.2 s", 0)
    assert run(pool, pieces.add, 1, 1) == 2


@pytest.mark.parametrize("work", [pieces.die, pieces.gorge])
def test_a_worker_that_ends_or_has_no_memory_left_is_told(pool: WorkerPool, work: Callable[[], Any]) -> None:
    assert refusal(pool, work).detail == "checking it exceeds the memory limit"
    assert run(pool, pieces.add, 1, 1) == 2


def test_a_kind_says_what_it_is_to_take_too_much() -> None:
    checking = WorkerPool(replace(KIND, limit_error=WorkAbandoned))
    result = refusal(checking, pieces.die)
    checking.close()
    assert (result.kind, result.retry_after(NOW)) == ("check-abandoned", None)


def test_so_many_wait_and_no_more(pool: WorkerPool) -> None:
    async def three() -> list[object]:
        requests: list[Awaitable[object]] = [pool.run(PATIENCE, pieces.add, number, 0) for number in range(3)]
        return list(await asyncio.gather(*requests, return_exceptions=True))

    first, second, third = asyncio.run(three())
    assert (first, second) == (0, 1)
    assert isinstance(third, WorkRefused)
    assert third.detail == "1 drafts are waiting already"
    assert third.retry_after(NOW) == 10


def test_what_nobody_waits_for_any_more_is_killed(pool: WorkerPool) -> None:
    before = run(pool, pieces.process)

    async def leave() -> None:
        sleeping = asyncio.ensure_future(pool.run(PATIENCE, pieces.sleep, PATIENCE))
        waiting = asyncio.ensure_future(pool.run(PATIENCE, pieces.sleep, PATIENCE))
        await asyncio.sleep(0.3)
        for task in (waiting, sleeping):
            task.cancel()
        assert all(
            isinstance(each, asyncio.CancelledError)
            for each in await asyncio.gather(sleeping, waiting, return_exceptions=True)
        )

    begin = time.monotonic()
    asyncio.run(leave())
    assert run(pool, pieces.process) != before
    assert time.monotonic() < begin + PATIENCE


def test_what_the_work_refuses_is_raised_as_it_was(pool: WorkerPool) -> None:
    with pytest.raises(ProblemError) as refused:
        run(pool, pieces.refuse, "problem")
    result = refused.value.problem
    assert result.kind is CONFLICT
    assert result.detail == Message("`{policy}` is not in force", policy="x/y")
    assert isinstance(result.detail, Message)
    assert result.extensions == {"hint": "none"}
    with pytest.raises(ValidationFailed) as unfit:
        run(pool, pieces.refuse, "unfit")
    assert unfit.value.messages == ("The title must be given.",)
    assert unfit.value.report == {"a": 1}
    with pytest.raises(DatabaseUnavailable, match="full"):
        run(pool, pieces.refuse, "database")


def test_a_fault_says_where_it_was_but_not_what_it_said(pool: WorkerPool) -> None:
    with pytest.raises(LookupError) as fault:
        run(pool, pieces.fail)
    assert stack_frames(fault.value)[-1].endswith(" fail")
    assert "figure" not in "".join(stack_frames(fault.value))


@pytest.mark.parametrize(
    ("work", "name", "place"),
    [
        (pieces.fail_unsendably, "Unsendable", "fail_unsendably"),
        (pieces.give_unsendably, "TypeError", "handle_message"),
    ],
)
def test_what_cannot_be_sent_is_told_by_its_name(
    pool: WorkerPool, work: Callable[[], Any], name: str, place: str
) -> None:
    with pytest.raises((WorkerError, TypeError)) as fault:
        run(pool, work)
    assert name in {str(fault.value), type(fault.value).__name__}
    assert stack_frames(fault.value)[-1].endswith(f" {place}")


def test_threads_may_ask_too(pool: WorkerPool) -> None:
    assert pool.call(PATIENCE, pieces.add, 2, 2) == 4
    with pytest.raises(TimeoutError):
        pool.call(0.2, pieces.sleep, PATIENCE)
    with pytest.raises(WorkerDied):
        pool.call(PATIENCE, pieces.die)


def test_a_worker_without_work_is_ended(pool: WorkerPool) -> None:
    before = run(pool, pieces.process)
    pool.retire(PATIENCE)
    assert run(pool, pieces.process) == before
    pool.retire(0)
    assert run(pool, pieces.process) != before


def test_of_some_kinds_a_worker_stays() -> None:
    staying = WorkerPool(replace(KIND, min_idle=1))
    before = run(staying, pieces.process)
    staying.retire(0)
    assert run(staying, pieces.process) == before
    staying.close()


def test_a_worker_that_ended_while_it_had_nothing_to_do_is_not_asked(pool: WorkerPool) -> None:
    before = run(pool, pieces.process)
    os.kill(before, signal.SIGKILL)
    until = time.monotonic() + PATIENCE
    while pool._idle[-1].is_alive:
        assert time.monotonic() < until
        time.sleep(0.01)
    assert run(pool, pieces.process) != before


def test_a_worker_can_be_made_ready(pool: WorkerPool) -> None:
    pool.retire(0)
    pool.begin(pieces.process)
    until = time.monotonic() + PATIENCE
    while not pool._idle:
        assert time.monotonic() < until, "no worker is ready"
        time.sleep(0.05)


def test_what_a_worker_has_loaded_is_not_looked_through_for_garbage_again(pool: WorkerPool) -> None:
    async def frozen() -> list[int]:
        return [await pool.run(PATIENCE, gc.get_freeze_count) for _ in range(2)]

    assert asyncio.run(frozen())[1] > 10_000


def test_a_process_has_one_pool_of_a_kind() -> None:
    workers = Workers()
    assert workers.pool(KIND) is workers.pool(KIND)
    assert workers.pool(KIND) is not workers.pool(replace(KIND, max_waiting=2))
    workers.retire()
    workers.close()


def test_when_workers_are_ended_whoever_waits_is_told_and_others_begin() -> None:
    workers = Workers()

    async def end() -> None:
        sleeping = asyncio.ensure_future(workers.pool(KIND).run(PATIENCE, pieces.sleep, PATIENCE))
        await asyncio.sleep(0.3)
        workers.close()
        with pytest.raises(WorkRefused):
            await sleeping

    asyncio.run(end())
    assert asyncio.run(workers.pool(KIND).run(PATIENCE, pieces.add, 1, 2)) == 3
    workers.close()


def test_in_this_process_the_work_is_done_at_once() -> None:
    here = InlineWorkers()
    here.pool(KIND).refuse_when_busy()
    here.pool(KIND).begin(pieces.die)
    assert here.pool(KIND).call(PATIENCE, pieces.add, 1, 2) == 3
    assert asyncio.run(here.pool(KIND).run(PATIENCE, pieces.add, 1, 2)) == 3
    with pytest.raises(LookupError):
        asyncio.run(here.pool(KIND).run(PATIENCE, pieces.fail))
    here.retire()


def test_every_kind_of_work_has_its_sentences_and_its_time() -> None:
    kinds = (READING, FILE_CHECKING, DRAFT_CHECKING, PRINTING, AUDITING, PACKING)
    assert [time_limit(kind, 7) for kind in kinds] == [60, 7, 7, 60, 600, 900]
    for kind in kinds:
        for result in (kind.busy_message(3), kind.too_long_message(2.5), kind.too_large_message(2.5)):
            assert isinstance(result, Message)
            assert result.pattern
    assert "more than 2.5 s" in AUDITING.too_long_message(2.5)


def test_what_takes_too_much_is_busy_only_where_trying_again_may_help() -> None:
    kinds = {name: kind for name, kind in vars(work_kinds).items() if isinstance(kind, WorkKind)}
    assert {name for name, kind in kinds.items() if kind.limit_error is WorkRefused} == {"READING", "BUILDING"}
