"""Builds the company's database: everything that was ever done, in the order of time, in one pass."""

from __future__ import annotations

import heapq
import random
import uuid
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import NamedTuple

from sqlmodel import select

from benchmarks.company.change_history import ChangeHistory, Report
from benchmarks.company.change_plans import plan_changes
from benchmarks.company.decision_history import DecisionHistory, moments
from benchmarks.company.ledger import Ledger
from benchmarks.company.people import People, make_people
from benchmarks.company.recent_actions import record_recent_actions
from benchmarks.company.texts import policy_name, policy_text
from policy_service.actor import SERVICE
from policy_service.analysis.report import analyse
from policy_service.approval.change import Version
from policy_service.approval.policies import record_meanings
from policy_service.approval.signers import SIGN_OFF
from policy_service.audit.comparison import copy_checkpoints
from policy_service.audit.copies import FileCopy
from policy_service.audit.events import SignedIn
from policy_service.audit.log_key import read_log_keys
from policy_service.audit.service import cover_rows, sign_checkpoint
from policy_service.canonical import to_canonical_json
from policy_service.cli.init import set_up
from policy_service.clock import uuid7
from policy_service.database import Database, Transaction
from policy_service.decisions.groups.service import rebuild
from policy_service.language.load import load_bytes
from policy_service.migrations import upgrade
from policy_service.registry.model import ActivationKind, Period
from policy_service.registry.service import activate, activations, read_version, record_version
from policy_service.registry.tables import VersionRow
from policy_service.shipped import shipped_policies

YEARS = timedelta(days=5 * 365)
DECISION_PERIOD = timedelta(days=365)
"""How long decisions have been made."""
QUERIED_POLICIES = 4
"""Policies that are asked about subjects."""
SEED = 20_261_121
BUILT_MARK = "built"
"""The file that says that a folder's database is whole."""
ENTRIES_OF_A_CHANGE = 9
"""How many entries the log has of a change, about."""


@dataclass(frozen=True, slots=True)
class Size:
    """The size of what was built."""

    changes: int = 10_000
    decisions: int = 1_000_000
    entries: int = 1_000_000
    """Of the log, about."""
    policies: int = 48
    """Beside the shipped ones."""


class FixedClock:
    """A clock that says what it is told; identifiers are counted."""

    def __init__(self, at: datetime) -> None:
        self.at = at
        self._count = 0

    def now(self) -> datetime:
        """The instant it was told."""
        return self.at

    def new_id(self) -> uuid.UUID:
        """An identifier nobody has."""
        self._count += 1
        return uuid7(int(self.at.timestamp() * 1_000), self._count)


class _TimedCommand(NamedTuple):
    """Something that is done at an instant."""

    at: datetime
    number: int
    run: Callable[[], object]


def build_once(folder: Path, size: Size) -> None:
    """Makes the database of a folder unless it has a whole one."""
    if not (folder / BUILT_MARK).exists():
        build(folder, size)
        (folder / BUILT_MARK).touch()


def build(folder: Path, size: Size) -> None:
    """Makes the database, the keys and the checkpoints in a folder that has none of them."""
    folder.mkdir(parents=True, exist_ok=True)
    end = datetime.now(UTC) - timedelta(minutes=5)
    clock = FixedClock(end - YEARS)
    database = Database(f"sqlite:///{folder}/service.db")
    upgrade(database)
    set_up(database, clock, folder / "keys", shipped_policies(), (), demo=False)
    with database.write(clock) as transaction:
        people = make_people(transaction)
        _import(transaction, size.policies)
    _build_history(database, folder, people, size, (clock.at, end))
    clock.at = end
    rebuild(database, clock)
    with database.write(clock) as transaction:
        record_meanings(transaction)
        cover_rows(transaction, next(reversed(read_log_keys(folder / "keys").values())))
    record_recent_actions(database, clock, people)
    rebuild(database, clock)
    with database.write(clock) as transaction:
        sign_checkpoint(transaction, folder / "keys")
    copy_checkpoints(database, clock, FileCopy(folder / "checkpoints"))
    with database.engine.connect() as connection:
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    database.close()


def _import(transaction: Transaction, policies: int) -> None:
    """The first versions of the company's own policies."""
    for number in range(policies):
        policy = record_version(transaction, SERVICE, policy_text(number, 0), change=None)
        row = read_version(transaction.session, policy.id, policy.version)
        activate(transaction, SERVICE, row, Period(transaction.now), ActivationKind.INITIAL)


def _build_history(
    database: Database, folder: Path, people: People, size: Size, period: tuple[datetime, datetime]
) -> None:
    """All that people and systems did between two instants."""
    (start, end), rng = period, random.Random(SEED)
    with database.read() as session:
        ledger = Ledger(database, session, folder / "keys")
        known = activations(session)
        texts = {row.digest: row.content for row in session.exec(select(VersionRow))}
    in_force = {name: [each for each in known if each.policy == name] for name in {each.policy for each in known}}
    first = in_force[SIGN_OFF][0]
    sign_off = Version(SIGN_OFF, first.version, first.digest)
    change_history = ChangeHistory(ledger, people, sign_off, _report(), in_force, len(known), texts)
    policies = [policy_name(number) for number in range(QUERIED_POLICIES)]
    decision_history = DecisionHistory(ledger, people.machine, in_force, texts, policies, rng)
    others = size.entries - size.decisions // 2 - ENTRIES_OF_A_CHANGE * size.changes
    commands = (
        _steps(change_history, size, start, end, rng),
        _decisions(decision_history, size, end),
        _sign_ins(ledger, people, others, start, end),
    )
    for command in heapq.merge(*commands, key=lambda command: command[:2]):
        command.run()
    decision_history.seal(end)
    ledger.finish()


def _report() -> Report:
    """Return the analysis report of a change of one limit."""
    before, after = (load_bytes(policy_text(0, minor)) for minor in (0, 1))
    content = to_canonical_json(analyse([after], {before.id: before}).to_dict())
    versions = (Version(policy.id, policy.version, policy.digest) for policy in (before, after))
    return Report(content, *versions)


def _steps(
    change_history: ChangeHistory, size: Size, start: datetime, end: datetime, rng: random.Random
) -> Iterator[_TimedCommand]:
    plans = list(plan_changes(size.changes, size.policies, start, end, rng))
    for number, step in enumerate(sorted(step for life in plans for step in life.steps)):
        yield _TimedCommand(step.at, number, partial(change_history.apply, plans[step.change], step))


def _decisions(decision_history: DecisionHistory, size: Size, end: datetime) -> Iterator[_TimedCommand]:
    for number, at in enumerate(moments(size.decisions, end - DECISION_PERIOD, end)):
        yield _TimedCommand(at, number, partial(decision_history.decide, at))


def _sign_ins(ledger: Ledger, people: People, count: int, start: datetime, end: datetime) -> Iterator[_TimedCommand]:
    for number, at in enumerate(moments(max(0, count), start, end)):
        actor = people.all[number % len(people.all)]
        yield _TimedCommand(at, number, partial(ledger.append, at, actor, SignedIn(actor.id, "password")))
