"""A process that governs and decides as the service does, and records everything that it was told is kept."""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from dataclasses import replace
from datetime import date, timedelta
from itertools import count as numbers
from pathlib import Path
from typing import NamedTuple
from zoneinfo import ZoneInfo

import msgspec

from policy_service import migrations
from policy_service.actor import SERVICE, Actor, Role
from policy_service.approval.service import Meaning, comment, create, prepare_submission, sign_off, submit
from policy_service.approval.signers import GovernanceEvaluator
from policy_service.audit.service import ensure_signing_key, sign_checkpoint
from policy_service.clock import SystemClock
from policy_service.database import Database
from policy_service.decisions.block_store import seal
from policy_service.decisions.in_force import InForce
from policy_service.decisions.master_keys import MasterKeys
from policy_service.decisions.master_keys import open_or_create as make_master
from policy_service.decisions.request import DecisionRequest
from policy_service.decisions.service import DecisionService
from policy_service.decisions.subjects import FactCipher
from policy_service.decisions.writer import DecisionWriter
from policy_service.migrations.self_check import self_check
from policy_service.registry.model import ActivationKind, Period
from policy_service.registry.service import activate, read_version, record_version
from policy_service.shipped import shipped_policies
from policy_service.subject import Subject
from tests.overrides.alone import record_alone

POLICY = """
policy: tiering/spending
version: {version}
title: {{zh: 等级, en: tier}}
subject: customer
facts:
  amount: {{type: integer, min: 0}}
  phone: {{type: text, optional: true, sensitive: true}}
outcome:
  tier: {{type: choice, of: [A, B]}}
rules:
  hit: FIRST
  rows:
    - {{id: big, when: amount >= 100, then: {{tier: A}}, because: {{zh: 大, en: big}}}}
    - {{id: small, when: "true", then: {{tier: B}}, because: {{zh: 小, en: small}}}}
"""
MACHINE = Actor("crm", "crm", "CRM", frozenset({Role.INTEGRATION}), "machine")
AUTHOR = Actor("author", "author", "Author", frozenset({Role.AUTHOR}))
SIGNERS = {role: Actor(role, role, role, frozenset({role})) for role in (Role.SALES_DIRECTOR, Role.COMPLIANCE)}
DECIDING = 4
"""Threads that decide."""
DAY = timedelta(days=1)


class Acknowledged(NamedTuple):
    """What was acknowledged, and under which identifier it must be found."""

    kind: str
    id: str


def set_up(url: str, folder: Path) -> None:
    """Makes a database with a policy in force and a signing key."""
    database, clock = Database(url), SystemClock()
    migrations.upgrade(database)
    make_master(folder)
    with database.write(clock) as transaction:
        ensure_signing_key(transaction, folder)
        sign_off_policy = shipped_policies() / "governance" / "sign_off" / "1.0.0.yaml"
        for text in (POLICY.format(version="1.0.0").encode(), sign_off_policy.read_bytes()):
            policy = record_version(transaction, SERVICE, text, change=None)
            row = read_version(transaction.session, policy.id, policy.version)
            activate(transaction, SERVICE, row, Period(transaction.now), ActivationKind.INITIAL)
    database.close()


def live(url: str, folder: Path, tell: Callable[[Acknowledged], None]) -> None:
    """Starts as the service does, and works until killed."""
    database, clock = Database(url), SystemClock()
    faults = self_check(database) if migrations.is_current(database) else ["the tables are not there"]
    for fault in faults:
        tell(Acknowledged("fault", fault))
    secrets = FactCipher(MasterKeys(folder))
    in_force = InForce(database, clock, engine="python")
    desk = DecisionService(database, ZoneInfo("UTC"), in_force, DecisionWriter(database, clock, in_force, secrets))
    work = [lambda number=number: decide(desk, number) for number in range(DECIDING)]
    for each in (*work, lambda: govern(database, clock, folder), lambda: sign(database, clock)):
        threading.Thread(target=_work, args=(each, tell), daemon=True).start()
    threading.Event().wait()


def _work(done: Callable[[], Iterator[Acknowledged]], tell: Callable[[Acknowledged], None]) -> None:
    try:
        for stored in done():
            tell(stored)
    except BaseException as fault:  # noqa: BLE001  # told to the parent, which fails
        tell(Acknowledged("fault", repr(fault)))


def decide(desk: DecisionService, thread: int) -> Iterator[Acknowledged]:
    """Decides, with sensitive facts in every other case, each under a key of its own."""
    for number in numbers():
        key = f"{os.getpid()}-{thread}-{number}"
        facts = {"amount": number, **({"phone": "13800000000"} if number % 2 else {})}
        request = DecisionRequest(subject=f"C{key}", facts=facts, as_of=date(2026, 11, 21))
        answer = msgspec.json.decode(desk.decide_in_thread(request, MACHINE, key=key, fingerprint=key).body)
        yield Acknowledged("decision", answer["decision_id"])


def govern(database: Database, clock: SystemClock, folder: Path) -> Iterator[Acknowledged]:
    """Signs exceptions, and seals what was decided."""
    for _ in numbers():
        with database.write(clock) as transaction:
            override = record_alone(
                transaction,
                replace(SIGNERS[Role.SALES_DIRECTOR], confirmed_at=transaction.now),
                subject=Subject(f"E{transaction.number}"),
                policy="tiering/spending",
                outcome={"tier": "A"},
                role=Role.SALES_DIRECTOR,
                reason="a test of what is kept",
                until=transaction.now + DAY,
            )
        yield Acknowledged("override", override.id)
        with database.write(clock) as transaction:
            block = seal(transaction, max_records=100)
            sign_checkpoint(transaction, folder)
        if block is not None:
            yield Acknowledged("block", str(block.number))


def sign(database: Database, clock: SystemClock) -> Iterator[Acknowledged]:
    """Drafts changes, comments on them, submits them, and signs them in two roles."""
    signers = GovernanceEvaluator()
    for _ in numbers():
        with database.write(clock) as transaction:
            text = POLICY.format(version=f"1.0.{transaction.number}").encode()
            period = Period(transaction.now + DAY)
            change = create(transaction, AUTHOR, title="kept", reason="kept", effective=period, texts=[text])
        yield Acknowledged("change", change.id)
        with database.write(clock) as transaction:
            answer = comment(transaction, AUTHOR, change.id, "kept")
        yield Acknowledged("comment", answer.id)
        with database.read() as session:
            prepared = prepare_submission(session, change.id, signers, clock.now())
        with database.write(clock) as transaction:
            change = submit(transaction, AUTHOR, prepared, expected=prepared.etag)
        yield Acknowledged("submission", change.id)
        for role, person in SIGNERS.items():
            with database.write(clock) as transaction:
                sign_off(
                    transaction,
                    replace(person, confirmed_at=transaction.now),
                    change.id,
                    role=role,
                    digest=str(change.digest),
                    meaning=Meaning.APPROVED,
                    reason="kept",
                )
            yield Acknowledged("signature", f"{change.id}/{role}")
