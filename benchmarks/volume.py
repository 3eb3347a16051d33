"""Time and disk of many decision records: written, sealed, listed, verified, backed up, archived.

The records are those of one tiering policy for a quarter of so many subjects, as `groups.py` writes them; they are
sealed in blocks by the service's own code. New decisions are made beside them, in transactions of 32. Times are of one
process on a SQLite file; *processor* is without what others took of the machine meanwhile.
"""

from __future__ import annotations

import random
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from sqlmodel import Session

from benchmarks.groups import (
    GROUP_SIZE,
    POLICY,
    QUARTERS,
    TIERS,
    answer_of,
    facts_by_tier,
    group_questions,
    put_policy_in_force,
    write_records,
)
from policy_service.actor import SERVICE, Actor
from policy_service.audit.keys import public_keys
from policy_service.audit.log_key import read_log_keys
from policy_service.audit.service import ensure_signing_key
from policy_service.cli.copy import copy
from policy_service.clock import SystemClock
from policy_service.database import Database, LaneName
from policy_service.decisions.archiving import archive
from policy_service.decisions.block_store import seal
from policy_service.decisions.evaluation import Question
from policy_service.decisions.group import GroupWriter, PendingDecision
from policy_service.decisions.groups.service import rebuild
from policy_service.decisions.in_force import InForce
from policy_service.decisions.master_keys import open_or_create
from policy_service.decisions.record_queries import RecordFilter, find_records, read_decision
from policy_service.decisions.subjects import FactCipher
from policy_service.decisions.verification import verify_everything
from policy_service.language.load import load_folder, newest
from policy_service.migrations import upgrade
from policy_service.shipped import shipped_policies
from policy_service.subject import Subject

ROUNDS = 40
NEW_GROUPS = 50
"""Transactions of new decisions."""
BLOCKS_AT_ONCE = 50


@dataclass(frozen=True, slots=True)
class VolumeStep:
    """What was done, and what it took."""

    name: str
    seconds: float
    processor_seconds: float
    megabytes: float | None = None
    """On disk afterwards, of what the step makes."""


@dataclass(slots=True)
class VolumeFigures:
    """All steps at one number of records."""

    decisions: int
    steps: list[VolumeStep] = field(default_factory=list)

    @contextmanager
    def step(self, name: str, size: Callable[[], float | None] = lambda: None, count: int = 1) -> Iterator[None]:
        """Measure what is done inside; of `count` the same, one."""
        begin, processor = time.perf_counter(), time.process_time()
        yield
        seconds, used = time.perf_counter() - begin, time.process_time() - processor
        self.add(VolumeStep(name, seconds / count, used / count, size()))

    def add(self, step: VolumeStep) -> None:
        """Keep a step and tell it on stderr, as the next one may take an hour."""
        self.steps.append(step)
        print(step, file=sys.stderr, flush=True)


@dataclass(frozen=True, slots=True)
class Store:
    """The database that is measured, and what asks it and writes to it."""

    place: Path
    database: Database
    clock: SystemClock
    in_force: InForce
    rng: random.Random
    subjects: int
    facts: dict[str, object]
    figures: VolumeFigures

    @property
    def file(self) -> Path:
        """The SQLite file."""
        return self.place / "service.db"


def measure_volume(decisions: int, folder: Path | None = None, steps: Sequence[str] = ()) -> VolumeFigures:
    """Make the database, unless the folder has it already, and do with it what a company does, or the steps named."""
    with ExitStack() as stack:
        place = folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        (place / "keys").mkdir(exist_ok=True, parents=True)
        database, clock = Database(f"sqlite:///{place / 'service.db'}", keys=place / "keys"), SystemClock()
        stack.callback(database.close)
        figures, rng = VolumeFigures(decisions), random.Random(1)  # no secret
        policy = next(each for each in newest(load_folder(shipped_policies())) if each.id == POLICY)
        is_new = not (place / "written").exists()
        upgrade(database)
        if is_new:
            with database.write(clock) as transaction:
                ensure_signing_key(transaction, place / "keys")
            put_policy_in_force(database, clock, policy)
        in_force = InForce(database, clock, engine="python")
        stack.callback(in_force.close)
        facts = facts_by_tier(in_force, rng)
        store = Store(place, database, clock, in_force, rng, decisions // len(QUARTERS), facts[TIERS[0]], figures)
        if is_new:
            answers = {tier: answer_of(in_force, facts[tier]) for tier in TIERS}
            with figures.step("records written, all", lambda: _megabytes(store)):
                write_records(database, policy, decisions, rng, answers)
            (place / "written").touch()
        for name in steps or STEPS:
            STEPS[name](store)
        return figures


def _seal(store: Store) -> None:
    more = True
    with store.figures.step("records sealed, all", lambda: _megabytes(store)):
        while more:
            with store.database.write(store.clock) as transaction:
                more = all(seal(transaction) is not None for _ in range(BLOCKS_AT_ONCE))


def _group(store: Store) -> None:
    with store.figures.step("group lists made, all", lambda: _megabytes(store)):
        rebuild(store.database, store.clock)


def _write_new(store: Store) -> None:
    actor, day = Actor("k1", "crm", "CRM", frozenset(), "machine"), date(2027, 1, 1)
    writer = GroupWriter(store.in_force, FactCipher(open_or_create(store.place / "keys")))
    with store.figures.step("a new decision, of 32 in a transaction", count=NEW_GROUPS * GROUP_SIZE):
        for _ in range(NEW_GROUPS):
            chosen = [Subject(f"C{store.rng.randrange(store.subjects):07}") for _ in range(GROUP_SIZE)]
            questions = [Question(each, store.facts, day, (POLICY,)) for each in chosen]
            items = [PendingDecision(store.in_force.evaluate(each), actor) for each in questions]
            with store.database.write(store.clock, LaneName.DECISIONS) as transaction:
                writer.write(transaction, items)


def _look(store: Store) -> None:
    """Ask for lists and single records in turn; p95 of each."""
    with store.database.read() as session:
        newest_records = find_records(session).records

        def of_subject() -> RecordFilter:
            return RecordFilter(f"C{store.rng.randrange(store.subjects):07}", kind="customer")

        looks: tuple[tuple[str, Callable[[Session], object]], ...] = (
            ("the newest records", find_records),
            ("the newest records of a policy", lambda session: find_records(session, RecordFilter(policy=POLICY))),
            ("records of a subject", lambda session: find_records(session, of_subject())),
            ("one record", lambda session: read_decision(session, store.rng.choice(newest_records).decision_id)),
            *group_questions(store.rng, store.subjects),
        )
        for name, look in looks:
            times, processor = [], []
            for _ in range(ROUNDS):
                begin, used = time.perf_counter(), time.process_time()
                look(session)
                times.append(time.perf_counter() - begin)
                processor.append(time.process_time() - used)
                session.expunge_all()
            store.figures.add(VolumeStep(f"{name}, p95", _p95(times), _p95(processor)))


def _p95(seconds: Sequence[float]) -> float:
    return statistics.quantiles(seconds, n=20)[-1]


def _verify(store: Store) -> None:
    keys = store.place / "keys"
    with store.figures.step("verification of everything"), store.database.read() as session:
        verdict = verify_everything(session, list(public_keys(keys).values()), (), read_log_keys(keys))
        if not verdict.is_fine:
            raise AssertionError(verdict.faults)


def _back_up(store: Store) -> None:
    file = store.place / "backup.db"
    with store.figures.step("backup, copied and compared", lambda: _size(file)):
        target = Database(f"sqlite:///{file}")
        upgrade(target)
        copy(store.database, target, backup=True)
        target.close()
    file.unlink()


def _archive(store: Store) -> None:
    middle = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=store.figures.decisions // 2)
    file = store.place / "half.archive"
    with store.figures.step("half of it archived", lambda: _size(file)):
        archive(store.database, store.clock, SERVICE, before=middle, retention=timedelta(0), file=file)


def _vacuum(store: Store) -> None:
    with (
        store.figures.step("database afterwards, VACUUM", lambda: _megabytes(store)),
        store.database.engine.connect() as connection,
    ):
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("VACUUM")


def _megabytes(store: Store) -> float:
    with store.database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return _size(store.file)


def _size(file: Path) -> float:
    return file.stat().st_size / 1e6


STEPS: Mapping[str, Callable[[Store], None]] = {
    "seal": _seal,
    "group": _group,
    "write": _write_new,
    "look": _look,
    "verify": _verify,
    "backup": _back_up,
    "archive": _archive,
    "vacuum": _vacuum,
}
"""What is done with the records, in this order; in a kept folder each but `archive` may be repeated."""
