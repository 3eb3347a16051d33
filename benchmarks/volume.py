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
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

from benchmarks.groups import GROUP_SIZE, POLICY, TIERS, answer_of, facts_by_tier, put_policy_in_force, write_records
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
        """Measure what is done inside; of `count` the same, one. Long steps are told on stderr as they end."""
        begin, processor = time.perf_counter(), time.process_time()
        yield
        seconds, used = time.perf_counter() - begin, time.process_time() - processor
        self.steps.append(VolumeStep(name, seconds / count, used / count, size()))
        print(self.steps[-1], file=sys.stderr, flush=True)


def measure_volume(decisions: int, folder: Path | None = None) -> VolumeFigures:
    """Make the database, and do with it what a company does."""
    with ExitStack() as stack:
        place = folder or Path(stack.enter_context(tempfile.TemporaryDirectory()))
        file, keys = place / "service.db", place / "keys"
        keys.mkdir(exist_ok=True)
        database, clock, figures = Database(f"sqlite:///{file}", keys=keys), SystemClock(), VolumeFigures(decisions)
        stack.callback(database.close)
        upgrade(database)
        with database.write(clock) as transaction:
            ensure_signing_key(transaction, keys)
        policy = next(each for each in newest(load_folder(shipped_policies())) if each.id == POLICY)
        put_policy_in_force(database, clock, policy)
        in_force, rng = InForce(database, clock, engine="python"), random.Random(1)
        stack.callback(in_force.close)
        facts = facts_by_tier(in_force, rng)
        answers = {tier: answer_of(in_force, facts[tier]) for tier in TIERS}
        with figures.step("records written, all", lambda: _megabytes(database, file)):
            subjects = write_records(database, policy, decisions, rng, answers)
        with figures.step("records sealed, all", lambda: _megabytes(database, file)):
            _seal(database, clock)
        with figures.step("group lists made, all", lambda: _megabytes(database, file)):
            rebuild(database, clock)
        writer = GroupWriter(in_force, FactCipher(open_or_create(keys)))
        _write_new(figures, database, clock, in_force, writer, rng, subjects, facts[TIERS[0]])
        _look(figures, database, rng, subjects)
        with figures.step("verification of everything"), database.read() as session:
            verdict = verify_everything(session, list(public_keys(keys).values()), (), read_log_keys(keys))
            if not verdict.is_fine:
                raise AssertionError(verdict.faults)
        with figures.step("backup, copied and compared", lambda: _size(place / "backup.db")):
            _back_up(database, place / "backup.db")
        with figures.step("half of it archived", lambda: _size(place / "half.archive")):
            middle = datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=decisions // 2)
            archive(database, clock, SERVICE, before=middle, retention=timedelta(0), file=place / "half.archive")
        with figures.step("database afterwards, VACUUM", lambda: _megabytes(database, file)):
            _vacuum(database)
        return figures


def _seal(database: Database, clock: SystemClock) -> None:
    more = True
    while more:
        with database.write(clock) as transaction:
            more = all(seal(transaction) is not None for _ in range(BLOCKS_AT_ONCE))


def _write_new(  # noqa: PLR0913, PLR0917  # what decides, about whom, and where to
    figures: VolumeFigures,
    database: Database,
    clock: SystemClock,
    in_force: InForce,
    writer: GroupWriter,
    rng: random.Random,
    subjects: int,
    facts: dict[str, object],
) -> None:
    actor, day = Actor("k1", "crm", "CRM", frozenset(), "machine"), date(2027, 1, 1)
    with figures.step("a new decision, of 32 in a transaction", count=NEW_GROUPS * GROUP_SIZE):
        for _ in range(NEW_GROUPS):
            questions = [
                Question(Subject(f"C{rng.randrange(subjects):07}"), facts, day, (POLICY,)) for _ in range(GROUP_SIZE)
            ]
            items = [PendingDecision(in_force.evaluate(each), actor) for each in questions]
            with database.write(clock, LaneName.DECISIONS) as transaction:
                writer.write(transaction, items)


def _look(figures: VolumeFigures, database: Database, rng: random.Random, subjects: int) -> None:
    """Ask for lists and single records in turn; p95 of each."""
    with database.read() as session:
        newest_records = find_records(session).records

        def subject() -> RecordFilter:
            return RecordFilter(f"C{rng.randrange(subjects):07}", kind="customer")

        looks: tuple[tuple[str, Callable[[], object]], ...] = (
            ("the newest records, p95", lambda: find_records(session)),
            ("records of a subject, p95", lambda: find_records(session, subject())),
            ("one record, p95", lambda: read_decision(session, rng.choice(newest_records).decision_id)),
        )
        for name, look in looks:
            times, processor = [], time.process_time()
            for _ in range(ROUNDS):
                begin = time.perf_counter()
                look()
                times.append(time.perf_counter() - begin)
            used = (time.process_time() - processor) / ROUNDS
            figures.steps.append(VolumeStep(name, statistics.quantiles(times, n=20)[-1], used))


def _back_up(database: Database, file: Path) -> None:
    target = Database(f"sqlite:///{file}")
    upgrade(target)
    copy(database, target, backup=True)
    target.close()


def _vacuum(database: Database) -> None:
    with database.engine.connect() as connection:
        connection.exec_driver_sql("COMMIT")
        connection.exec_driver_sql("VACUUM")


def _megabytes(database: Database, file: Path) -> float:
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    return _size(file)


def _size(file: Path) -> float:
    return file.stat().st_size / 1e6
