"""People, versions in force and recorded decisions, for tests of what is kept beside the decisions."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date, datetime
from typing import Any

from sqlalchemy import text
from sqlmodel import func, select

from policy_service import Decider, Policy
from policy_service.actor import SERVICE, Actor, Role
from policy_service.canonical import digest
from policy_service.clock import Clock
from policy_service.database import Database, LaneName
from policy_service.decisions.encryption import encrypt_fact
from policy_service.decisions.groups.model import AssignmentReader
from policy_service.decisions.groups.records import placed_decisions
from policy_service.decisions.groups.service import record_outcomes
from policy_service.decisions.override import Override
from policy_service.decisions.record import FactsNeeded, encode_facts_read, read_record, record_line
from policy_service.decisions.subjects import FactCipher
from policy_service.decisions.tables import DecisionRow
from policy_service.registry.model import ActivationKind, Period
from policy_service.registry.service import activate, read_version, record_version
from policy_service.subject import CUSTOMER, Subject

AS_OF = date(2026, 11, 21)
MACHINE = Actor("k1", "crm", "CRM", frozenset({Role.INTEGRATION}), "machine")


def person(name: str, *roles: Role, confirmed_at: datetime | None = None) -> Actor:
    """Somebody with these roles."""
    return Actor(f"id-{name}", name, name.title(), frozenset(roles), "person", confirmed_at)


def put_in_force(database: Database, clock: Clock, *policies: Policy) -> None:
    """Records the versions and puts them in force from now on."""
    with database.write(clock) as transaction:
        for policy in policies:
            record_version(transaction, SERVICE, policy.text.encode(), change=None)
            row = read_version(transaction.session, policy.id, policy.version)
            activate(transaction, SERVICE, row, Period(transaction.now), ActivationKind.INITIAL)


def decide_and_record(
    database: Database,
    clock: Clock,
    decider: Decider,
    subject: str,
    facts: Mapping[str, Any],
    *,
    secrets: FactCipher | None = None,
    policies: Iterable[str] | None = None,
    overrides: Mapping[str, Override] | None = None,
    kind: str = CUSTOMER,
) -> str:
    """Decides and records, as the service does; gives the decision's identifier."""
    about = Subject(subject, kind)
    request = None if policies is None else tuple(policies)
    decision = decider.decide(facts, as_of=AS_OF, policies=request, overrides=overrides)
    reads = FactsNeeded.of([each.policy for each in decision.evaluated.values()])
    with database.write(clock, LaneName.DECISIONS) as transaction:
        session = transaction.session
        id_ = transaction.new_id()
        stored = encode_facts_read(facts, reads)
        sensitive = reads.sensitive & stored.keys()
        if sensitive and secrets is not None:
            key = secrets.keys_for(transaction, [about])[about]
            stored |= {name: encrypt_fact(key, id_, name, stored[name]) for name in sensitive}
        seq = (session.exec(select(func.max(DecisionRow.seq))).one() or 0) + 1
        line = record_line(
            decision,
            reads,
            decision_id=id_,
            seq=seq,
            subject=about,
            decided_at=transaction.now,
            by=MACHINE,
            facts=stored,
            requested=list(decision.policies),
            outcomes=decision.to_dict(),
        )
        record = read_record(line)
        session.add(
            DecisionRow(
                seq=seq,
                id=id_,
                subject=subject,
                kind=kind,
                as_of=record.as_of,
                decided_at=record.decided_at,
                actor=MACHINE.id,
                line=line,
                digest=digest(line),
            )
        )
        session.flush()
        reader = AssignmentReader()
        for each in decision.policies.values():
            reader.add_version(each.policy)
        record_outcomes(session, placed_decisions(reader, about, record.as_of, seq, record.outcomes))
    return id_


def tamper(database: Database, statement: str, **values: object) -> None:
    """Changes what the database refuses to change, as somebody with the file or the superuser's password can."""
    table = statement.removeprefix("DELETE FROM ").removeprefix("UPDATE ").split()[0]
    with database.engine.connect() as connection, connection.begin():
        if database.engine.dialect.name == "postgresql":
            connection.execute(text(f"ALTER TABLE {table} DISABLE TRIGGER ALL"))
        else:
            connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_update"))
            connection.execute(text(f"DROP TRIGGER IF EXISTS {table}_no_delete"))
        connection.execute(text(statement), values)
    database.engine.dispose()
