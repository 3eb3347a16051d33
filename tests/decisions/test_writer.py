"""Group commit: acknowledged is durable, nothing is half-written, one fault does not reach the others."""

import asyncio
import threading
import time
from concurrent.futures import Future
from datetime import date, timedelta
from unittest.mock import patch

import msgspec
import pytest
from sqlmodel import select

from policy_service.actor import Role
from policy_service.canonical import digest
from policy_service.database import Database, DatabaseUnavailable, LaneName, transaction_count
from policy_service.decisions import writer
from policy_service.decisions.evaluation import Question
from policy_service.decisions.group import GroupWriter, PendingDecision, RecordedAnswer
from policy_service.decisions.in_force import NotReady, VersionsChanging
from policy_service.decisions.tables import DecisionRow
from policy_service.decisions.writer import QueueFull
from policy_service.errors import FactsRejected
from policy_service.idempotency import IdempotencyKeyReused
from policy_service.language.load import load_bytes
from policy_service.registry.model import Period
from policy_service.subject import Subject
from tests.databases import BACKENDS
from tests.decisions.desks import Setting, eventually, held, put, setting, tier
from tests.decisions.setting import person
from tests.decisions.test_service import CRM
from tests.overrides.alone import record_alone

AS_OF = date(2026, 11, 21)


def made(each: Setting, subject: str = "C1", amount: object = "150", **more: object) -> PendingDecision:
    facts = {"amount": amount, **more}
    return PendingDecision(each.decisions.in_force.evaluate(Question(Subject(subject), facts, AS_OF)), CRM)


def keyed(each: Setting, key: str, fingerprint: str) -> PendingDecision:
    item = made(each)
    item.key, item.fingerprint = key, fingerprint
    return item


def wait(future: Future[RecordedAnswer]) -> RecordedAnswer:
    return future.result(timeout=30)


@pytest.mark.parametrize("backend", BACKENDS)
def test_those_that_wait_share_a_commit(backend: str) -> None:
    with setting(backend) as each:
        with held(each.database, each.clock):
            futures = [each.decisions.writer.submit(made(each, f"C{number}")) for number in range(50)]
        answers = [wait(future) for future in futures]
        with each.database.read() as session:
            groups = transaction_count(session, LaneName.DECISIONS) - 1
            rows = session.exec(select(DecisionRow).order_by(DecisionRow.seq)).all()  # type: ignore[arg-type]
    assert groups <= 3
    assert [row.seq for row in rows] == list(range(1, 51))
    assert [msgspec.json.decode(answer.body)["decision_id"] for answer in answers] == [row.id for row in rows]
    assert all(digest(row.line) == row.digest for row in rows)


@pytest.mark.parametrize("backend", BACKENDS)
def test_who_asks_again_at_once_shares_the_commit_of_those_that_wait(backend: str) -> None:
    async def ask_twice(each: Setting) -> None:
        await each.decisions.writer.record(made(each, "C1"))
        for _ in range(2):  # the answer is sent, the next request read
            time.sleep(0.01)  # noqa: ASYNC251  # it takes its time
            await asyncio.sleep(0)
        await each.decisions.writer.record(made(each, "C1"))

    async def ask(each: Setting, release: threading.Event) -> None:
        first = asyncio.create_task(ask_twice(each))
        await asyncio.sleep(0)
        eventually(lambda: not each.decisions.writer.queue_length)
        second = asyncio.create_task(each.decisions.writer.record(made(each, "C2")))
        await asyncio.sleep(0)
        release.set()
        await asyncio.gather(first, second)

    with setting(backend) as each, patch.object(writer, "TURNS_SECONDS", 30):
        with held(each.database, each.clock) as release:
            asyncio.run(ask(each, release))
        with each.database.read() as session:
            groups = transaction_count(session, LaneName.DECISIONS) - 1
    assert groups == 2


@pytest.mark.parametrize("backend", BACKENDS)
def test_keys_are_settled_within_a_group(backend: str) -> None:
    with setting(backend) as each:
        with held(each.database, each.clock):
            named = (("a", "f"), ("a", "f"), ("a", "g"), ("b", "f"))
            one, again, other, second = [each.decisions.writer.submit(keyed(each, *name)) for name in named]
        assert wait(again).body == wait(one).body != wait(second).body
        assert wait(again).outcomes is None
        with pytest.raises(IdempotencyKeyReused):
            wait(other)
        with pytest.raises(IdempotencyKeyReused):
            wait(each.decisions.writer.submit(keyed(each, "b", "g")))
        assert len(each.records()) == 2


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_exception_in_the_middle_leaves_nothing_half_written(backend: str) -> None:
    write = GroupWriter._write

    def fail_late(self: GroupWriter, *arguments: object) -> object:
        write(self, *arguments)  # type: ignore[arg-type]
        raise DatabaseUnavailable("full")

    with setting(backend) as each:
        with patch.object(GroupWriter, "_write", fail_late):
            futures = [each.decisions.writer.submit(keyed(each, str(number), "f")) for number in range(3)]
            for future in futures:
                with pytest.raises(DatabaseUnavailable, match="full"):
                    wait(future)
        assert each.records() == []
        assert wait(each.decisions.writer.submit(keyed(each, "1", "f"))).outcomes is not None
        assert [record.seq for record in each.records()] == [1]


@pytest.mark.parametrize("backend", BACKENDS)
def test_one_that_cannot_be_written_does_not_keep_the_others_from_it(backend: str) -> None:
    with setting(backend) as each:
        with held(each.database, each.clock):
            futures = [each.decisions.writer.submit(made(each, subject)) for subject in ("C1", "C\ud800", "C3")]
        assert wait(futures[0]).outcomes
        assert wait(futures[2]).outcomes
        with pytest.raises(ValueError, match="surrogates not allowed"):
            wait(futures[1])
        assert [(record.seq, record.subject.id) for record in each.records()] == [(1, "C1"), (2, "C3")]


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_fault_that_ends_the_transaction_reaches_only_whose_it_is(backend: str) -> None:
    write = GroupWriter.write

    def poisoned(self: GroupWriter, transaction: object, items: list[PendingDecision]) -> object:
        result = write(self, transaction, items)  # type: ignore[arg-type]
        if any(item.evaluation.question.subject.id == "poison" for item in items):
            raise KeyError("poison")
        return result

    with setting(backend) as each, patch.object(GroupWriter, "write", poisoned):
        with held(each.database, each.clock):
            futures = [each.decisions.writer.submit(made(each, subject)) for subject in ("C1", "poison", "C3")]
        assert wait(futures[0]).outcomes
        assert wait(futures[2]).outcomes
        with pytest.raises(KeyError):
            wait(futures[1])
        assert [(record.seq, record.subject.id) for record in each.records()] == [(1, "C1"), (2, "C3")]


def test_a_locked_database_is_told_and_the_writer_goes_on() -> None:
    with setting("sqlite") as each:
        impatient = Database(each.database.url, lock_seconds=0.1)
        with patch.object(each.decisions.writer, "_database", impatient):
            with held(each.database, each.clock), pytest.raises(DatabaseUnavailable, match="busy"):
                wait(each.decisions.writer.submit(made(each)))
            assert wait(each.decisions.writer.submit(made(each))).outcomes
        impatient.close()
        assert len(each.records()) == 1


def test_a_database_that_is_gone_is_told_and_used_again_when_it_is_back() -> None:
    with setting("sqlite", look_seconds=30) as each:
        file = each.database.file
        assert file is not None
        aside = file.with_suffix(".aside")
        item = made(each)
        file.rename(aside)
        with pytest.raises(DatabaseUnavailable, match="gone"):
            wait(each.decisions.writer.submit(item))
        aside.rename(file)
        assert wait(each.decisions.writer.submit(item)).outcomes


def test_a_full_queue_is_refused_and_closing_records_what_waits() -> None:
    with setting("sqlite") as each:
        writer = each.decisions.writer
        with held(each.database, each.clock), patch.object(writer, "_limit", 3):
            first = writer.submit(made(each))
            eventually(lambda: not writer.queue_length)
            futures = [writer.submit(made(each)) for _ in range(3)]
            with pytest.raises(QueueFull, match="3 decisions wait"):
                writer.submit(made(each))
        each.decisions.writer.close()
        assert all(wait(future).outcomes for future in (first, *futures))
        with pytest.raises(QueueFull, match="closing"):
            writer.submit(made(each))
        assert len(each.records()) == 4


def test_a_caller_who_left_and_a_loop_that_is_gone_harm_nobody() -> None:
    async def leave(each: Setting) -> None:
        task = asyncio.create_task(each.decisions.writer.record(made(each)))
        await asyncio.sleep(0)
        task.cancel()

    async def stay(each: Setting, release: threading.Event) -> None:
        await leave(each)
        task = asyncio.create_task(each.decisions.writer.record(made(each)))
        release.set()
        assert (await task).outcomes

    with setting("sqlite") as each:
        with held(each.database, each.clock) as release:
            asyncio.run(leave(each))
            asyncio.run(stay(each, release))
        assert wait(each.decisions.writer.submit(made(each))).outcomes
        assert len(each.records()) == 4


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_decision_made_by_what_is_no_longer_in_force_is_made_again(backend: str) -> None:
    with setting(backend, look_seconds=30) as each:
        item = made(each)
        each.clock.move(seconds=1)
        put(each.database, each.clock, tier("1.1.0", 200))
        outcomes = wait(each.decisions.writer.submit(item)).outcomes or {}
        assert outcomes["tiering/one"]["version"] == "1.1.0"
        assert outcomes["tiering/one"]["outcome"] == {"tier": "B"}
        (record,) = each.records()
        assert record.policies["tiering/one"].digest == tier("1.1.0", 200).digest


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_decision_that_waits_past_a_boundary_is_made_again(backend: str) -> None:
    with setting(backend, look_seconds=30) as each:
        put(each.database, each.clock, tier("1.1.0", 200), Period(each.clock.now() + timedelta(hours=1)))
        item = made(each)
        each.clock.move(hours=1)
        assert (wait(each.decisions.writer.submit(item)).outcomes or {})["tiering/one"]["version"] == "1.1.0"


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_decision_that_still_holds_is_not_made_again(backend: str) -> None:
    with setting(backend, look_seconds=30) as each:
        item = made(each)
        before = item.evaluation
        put(each.database, each.clock, tier("1.1.0", 200), Period(each.clock.now() + timedelta(hours=1)))
        assert wait(each.decisions.writer.submit(item)).outcomes
        assert item.evaluation is before


@pytest.mark.parametrize("backend", BACKENDS)
def test_an_exception_made_meanwhile_counts(backend: str) -> None:
    with setting(backend, look_seconds=30) as each:
        item = made(each)
        director = person("d", Role.SALES_DIRECTOR, confirmed_at=each.clock.now())
        with each.database.write(each.clock) as transaction:
            override = record_alone(
                transaction,
                director,
                subject=Subject("C1"),
                policy="tiering/one",
                outcome={"tier": "S"},
                role=Role.SALES_DIRECTOR,
                reason="a friend",
                until=each.clock.now() + timedelta(hours=1),
            )
        outcomes = wait(each.decisions.writer.submit(item)).outcomes or {}
        assert outcomes["tiering/one"]["outcome"] == {"tier": "S"}
        assert each.records()[0].overrides == (override.id,)
        item = made(each)
        each.clock.move(hours=1)
        outcomes = wait(each.decisions.writer.submit(item)).outcomes or {}
        assert outcomes["tiering/one"]["outcome"] == {"tier": "A"}


def test_one_that_does_not_fit_the_new_versions_is_refused_and_the_others_are_recorded() -> None:
    with setting("sqlite", look_seconds=30) as each:
        good, bad = made(each, amount="1"), made(each, amount="150")
        bound = tier("1.1.0").text.replace("min: 0}", "min: 0, max: 120}")
        put(each.database, each.clock, load_bytes(bound.encode()))
        with held(each.database, each.clock):
            futures = [each.decisions.writer.submit(item) for item in (good, bad)]
        assert wait(futures[0]).outcomes
        with pytest.raises(FactsRejected):
            wait(futures[1])
        assert len(each.records()) == 1


def test_versions_that_cannot_be_put_in_service_are_told_until_others_can() -> None:
    with setting("sqlite", look_seconds=30) as each:
        item = made(each)
        needy = tier("1.1.0").text.replace("  phone:", "  x: {type: choice, of: [x], from: tiering/none.x}\n  phone:")
        put(each.database, each.clock, load_bytes(needy.encode()))
        with pytest.raises(NotReady, match="cannot be put in service"):
            wait(each.decisions.writer.submit(item))
        each.clock.move(hours=1)
        put(each.database, each.clock, tier("1.2.0"))
        assert wait(each.decisions.writer.submit(item)).outcomes


def test_versions_that_never_rest_are_told() -> None:
    with setting("sqlite", look_seconds=30) as each:
        item, in_force = made(each), each.decisions.in_force
        with patch.object(in_force, "is_current", return_value=False), pytest.raises(VersionsChanging):
            wait(each.decisions.writer.submit(item))
        put(each.database, each.clock, tier("1.1.0"))
        with patch.object(in_force, "evaluate", side_effect=VersionsChanging), pytest.raises(VersionsChanging):
            wait(each.decisions.writer.submit(item))
        assert each.records() == []


@pytest.mark.parametrize("backend", BACKENDS)
def test_the_record_never_goes_back_in_time_though_the_clock_does(backend: str) -> None:
    with setting(backend) as each:
        wait(each.decisions.writer.submit(made(each)))
        each.clock.move(hours=1)
        put(each.database, each.clock, tier("1.1.0", 200))
        each.clock.move(hours=-2)
        wait(each.decisions.writer.submit(made(each)))
        wait(each.decisions.writer.submit(made(each)))
        first, second, third = each.records()
    assert first.decided_at < second.decided_at < third.decided_at
    assert second.policies["tiering/one"].version == "1.1.0"


def test_only_so_many_sets_of_versions_are_remembered() -> None:
    with setting("sqlite") as each, patch("policy_service.decisions.group.MAX_CACHED_READS", 1):
        for number in range(3):
            each.clock.move(seconds=1)
            put(each.database, each.clock, tier(f"2.{number}.0"))
            each.decisions.in_force.refresh()
            assert wait(each.decisions.writer.submit(made(each))).outcomes
        assert len(each.decisions.writer._groups._reads_by_versions) == 1
