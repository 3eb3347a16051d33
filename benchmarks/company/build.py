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

from benchmarks.company.decided import Decided, moments
from benchmarks.company.governed import Governed, Report
from benchmarks.company.lately import do_lately
from benchmarks.company.ledger import Ledger
from benchmarks.company.lives import lives
from benchmarks.company.people import People, make_people
from benchmarks.company.texts import policy_name, policy_text
from policy_service.actor import SERVICE
from policy_service.analysis.report import analyse
from policy_service.approval.change import Version
from policy_service.approval.signers import SIGN_OFF
from policy_service.audit.comparison import copy_checkpoints
from policy_service.audit.copies import FileCopy
from policy_service.audit.events import SignedIn
from policy_service.audit.log_key import read_log_keys
from policy_service.audit.service import checkpoint, take_rows
from policy_service.canonical import canonical
from policy_service.cli.init import set_up
from policy_service.clock import uuid7
from policy_service.database import Database, Transaction
from policy_service.language.load import load_bytes
from policy_service.migrations import upgrade
from policy_service.registry.model import ActivationKind, Period
from policy_service.registry.service import activate, activations, read_version, record_version
from policy_service.registry.tables import VersionRow
from policy_service.shipped import shipped_policies

YEARS = timedelta(days=5 * 365)
DECIDING = timedelta(days=365)
"""How long decisions have been made."""
ASKED = 4
"""Policies that are asked about subjects."""
SEED = 20_261_121
ENTRIES_OF_A_CHANGE = 9
"""How many entries the log has of a change, about."""


@dataclass(frozen=True, slots=True)
class Size:
    """How much was done."""

    changes: int = 10_000
    decisions: int = 1_000_000
    entries: int = 1_000_000
    """Of the log, about."""
    policies: int = 48
    """Beside the shipped ones."""


class StandingClock:
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


class _Deed(NamedTuple):
    """Something that is done at an instant."""

    at: datetime
    number: int
    do: Callable[[], object]


def build(folder: Path, size: Size) -> None:
    """Makes the database, the keys and the checkpoints in a folder that has none of them."""
    folder.mkdir(parents=True, exist_ok=True)
    end = datetime.now(UTC) - timedelta(minutes=5)
    clock = StandingClock(end - YEARS)
    database = Database(f"sqlite:///{folder}/service.db")
    upgrade(database)
    set_up(database, clock, folder / "keys", shipped_policies(), (), demo=False)
    with database.write(clock) as transaction:
        people = make_people(transaction)
        _import(transaction, size.policies)
    _live(database, folder, people, size, (clock.at, end))
    clock.at = end
    with database.write(clock) as transaction:
        take_rows(transaction, next(reversed(read_log_keys(folder / "keys").values())))
    do_lately(database, clock, people)
    with database.write(clock) as transaction:
        checkpoint(transaction, folder / "keys")
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


def _live(database: Database, folder: Path, people: People, size: Size, lived: tuple[datetime, datetime]) -> None:
    """All that people and systems did between two instants."""
    (start, end), chance = lived, random.Random(SEED)
    with database.read() as session:
        ledger = Ledger(database, session, folder / "keys")
        known = activations(session)
        texts = {row.digest: row.content for row in session.exec(select(VersionRow))}
    in_force = {name: [each for each in known if each.policy == name] for name in {each.policy for each in known}}
    first = in_force[SIGN_OFF][0]
    sign_off = Version(SIGN_OFF, first.version, first.digest)
    governed = Governed(ledger, people, sign_off, _report(), in_force, len(known), texts)
    asked = [policy_name(number) for number in range(ASKED)]
    decided = Decided(ledger, people.machine, in_force, texts, asked, chance)
    others = size.entries - size.decisions // 2 - ENTRIES_OF_A_CHANGE * size.changes
    deeds = (
        _steps(governed, size, start, end, chance),
        _decisions(decided, size, end),
        _sign_ins(ledger, people, others, start, end),
    )
    for deed in heapq.merge(*deeds, key=lambda deed: deed[:2]):
        deed.do()
    decided.seal(end)
    ledger.finish()


def _report() -> Report:
    """What the analysis says of a change of one limit."""
    before, after = (load_bytes(policy_text(0, minor)) for minor in (0, 1))
    content = canonical(analyse([after], {before.id: before}).to_dict())
    versions = (Version(policy.id, policy.version, policy.digest) for policy in (before, after))
    return Report(content, *versions)


def _steps(governed: Governed, size: Size, start: datetime, end: datetime, chance: random.Random) -> Iterator[_Deed]:
    every = list(lives(size.changes, size.policies, start, end, chance))
    for number, step in enumerate(sorted(step for life in every for step in life.steps)):
        yield _Deed(step.at, number, partial(governed.do, every[step.change], step))


def _decisions(decided: Decided, size: Size, end: datetime) -> Iterator[_Deed]:
    for number, at in enumerate(moments(size.decisions, end - DECIDING, end)):
        yield _Deed(at, number, partial(decided.decide, at))


def _sign_ins(ledger: Ledger, people: People, count: int, start: datetime, end: datetime) -> Iterator[_Deed]:
    for number, at in enumerate(moments(max(0, count), start, end)):
        actor = people.all[number % len(people.all)]
        yield _Deed(at, number, partial(ledger.tell, at, actor, SignedIn(actor.id, "password")))
