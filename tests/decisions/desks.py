"""Desks for tests: a database with versions in force, a clock, and all that decides and records."""

from __future__ import annotations

import tempfile
import threading
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from copy import copy
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from zoneinfo import ZoneInfo

from sqlmodel import col, select

from policy_service import Policy, load_bytes
from policy_service.actor import SERVICE
from policy_service.clock import Clock
from policy_service.database import Database, LaneName
from policy_service.decisions.decision import EngineName
from policy_service.decisions.in_force import InForce
from policy_service.decisions.master_keys import open_or_create
from policy_service.decisions.record import DecisionRecord, read_record
from policy_service.decisions.service import DecisionService
from policy_service.decisions.subjects import FactCipher
from policy_service.decisions.tables import DecisionRow
from policy_service.decisions.writer import DecisionWriter
from policy_service.registry.model import Activation, ActivationKind, Period
from policy_service.registry.service import activate, read_version, record_version
from tests.databases import TestClock, copied

ZONE = ZoneInfo("Asia/Shanghai")

TIER = """
policy: tiering/one
version: {version}
title: {{zh: 等级, en: tier}}
subject: customer
facts:
  amount: {{type: money, currency: CNY, min: 0}}
  phone: {{type: text, optional: true, sensitive: true}}
outcome:
  tier: {{type: choice, of: [S, A, B]}}
rules:
  hit: FIRST
  rows:
    - id: called
      when: phone is not missing and phone = "13800000000"
      then: {{tier: S}}
      because: {{zh: 贵宾, en: a guest of honour}}
    - {{id: big, when: amount >= {least}, then: {{tier: A}}, because: {{zh: 大, en: big}}}}
    - {{id: small, when: amount < {least}, then: {{tier: B}}, because: {{zh: 小, en: small}}}}
"""
SIGNING = """
policy: governance/signing
version: 1.0.0
title: {zh: 签署, en: signing}
subject: change
facts:
  domain: {type: choice, of: [tiering, other]}
outcome:
  role: {type: choice, of: [compliance]}
rules:
  hit: FIRST
  rows:
    - {id: all, when: "true", then: {role: compliance}, because: {zh: 都, en: all of them}}
"""


def tier(version: str = "1.0.0", least: int = 100) -> Policy:
    """A version: at least so much is A, less is B."""
    return load_bytes(TIER.format(version=version, least=least).encode())


def signing() -> Policy:
    """A policy that decides about changes."""
    return load_bytes(SIGNING.encode())


@dataclass(frozen=True, slots=True)
class Setting:
    """All that a test of the desk works with."""

    database: Database
    clock: TestClock
    secrets: FactCipher
    decisions: DecisionService

    def records(self) -> list[DecisionRecord]:
        """Every record, in order."""
        with self.database.read() as session:
            return [read_record(row.line) for row in session.exec(select(DecisionRow).order_by(col(DecisionRow.seq)))]


def put(
    database: Database,
    clock: Clock,
    policy: Policy,
    period: Period | None = None,
    kind: ActivationKind = ActivationKind.CHANGE,
    change: str | None = None,
) -> Activation:
    """Puts a version in force, from now on when nothing else is said; or ends it."""
    with database.write(clock) as transaction:
        record_version(transaction, SERVICE, policy.text.encode(), change=None)
        row = read_version(transaction.session, policy.id, policy.version)
        return activate(transaction, SERVICE, row, period or Period(transaction.now), kind, change=change)


def eventually(true: Callable[[], bool]) -> None:
    """Waits until the thread has done its work."""
    for _ in range(1_000):
        if true():
            return
        threading.Event().wait(0.01)
    raise AssertionError("it never came")


@contextmanager
def opened(
    database: Database,
    clock: Clock,
    *,
    engine: EngineName = "python",
    look_seconds: float = 0.05,
    group: int = 500,
    queue: int = 5_000,
    patience: float = 5.0,
) -> Iterator[tuple[DecisionService, FactCipher]]:
    """A desk on a database."""
    with tempfile.TemporaryDirectory() as folder:
        secrets = FactCipher(open_or_create(Path(folder)))
        in_force = InForce(database, clock, engine=engine, poll_seconds=look_seconds)
        writer = DecisionWriter(database, clock, in_force, secrets, group_size=group, queue_size=queue)
        decisions = DecisionService(database, ZONE, in_force, writer, wait_seconds=patience)
        try:
            yield decisions, secrets
        finally:
            decisions.close()


@contextmanager
def held(database: Database, clock: Clock) -> Iterator[threading.Event]:
    """Somebody else writes, until the event is set, and keeps all others from writing."""
    begun, release = threading.Event(), threading.Event()

    def hold() -> None:
        with database.write(clock, LaneName.DECISIONS):
            begun.set()
            release.wait(30)

    thread = threading.Thread(target=hold)
    thread.start()
    begun.wait(30)
    try:
        yield release
    finally:
        release.set()
        thread.join()


@contextmanager
def setting(backend: str, *policies: Policy, look_seconds: float = 0.05, patience: float = 5.0) -> Iterator[Setting]:
    """A desk on a database of its own, with the policies in force."""
    texts = [policy.text for policy in policies or (tier(),)]
    with copied(backend, _with_in_force(*texts)) as made, closing(Database(made.url)) as database:
        clock = copy(made.result)
        with opened(database, clock, look_seconds=look_seconds, patience=patience) as (decisions, secrets):
            yield Setting(database, clock, secrets, decisions)


@cache
def _with_in_force(*texts: str) -> Callable[[str, Path], TestClock]:
    def make(url: str, _folder: Path) -> TestClock:
        clock = TestClock()
        with closing(Database(url)) as database:
            for text in texts:
                put(database, clock, load_bytes(text.encode()))
        return clock

    return make
