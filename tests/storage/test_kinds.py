"""What was recorded before subjects had kinds is kept to the byte: it verifies, replays, applies, and can be erased."""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from datetime import date, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from sqlalchemy import text
from sqlalchemy.exc import DatabaseError
from sqlmodel import col, select

from policy_service import Decider, migrations
from policy_service.actor import SERVICE, Role
from policy_service.append_only import schema_faults
from policy_service.audit.chain import GENESIS, entry_line
from policy_service.audit.events import DecisionsSealed, describe_event
from policy_service.audit.log import entries
from policy_service.audit.merkle import root_of
from policy_service.canonical import digest, to_canonical_json
from policy_service.clock import timestamp
from policy_service.database import Database, LaneName
from policy_service.decisions.block_store import verify_blocks
from policy_service.decisions.master_keys import MasterKeys, open_or_create
from policy_service.decisions.override_store import OverrideCache, read_overrides
from policy_service.decisions.record import FactsNeeded, encode_facts_read, read_record, record_line
from policy_service.decisions.record_queries import subject_history
from policy_service.decisions.replay import replay
from policy_service.decisions.subjects import ERASED, FactCipher, erase_subject
from policy_service.decisions.tables import DecisionRow
from policy_service.migrations.self_check import self_check
from policy_service.subject import InvalidSubject, Subject
from tests.databases import BACKENDS, TestClock
from tests.decisions.desks import tier
from tests.decisions.setting import MACHINE, person
from tests.storage.steps import at_step, empty, schema

CLOCK = TestClock()
OLD = "C900 "
"""An identifier as it could be written then."""
SUBJECTS = ("C1", OLD, "C1")
PHONE = "13800000000"
KEY_ID, KEY = bytes(range(16)), bytes(range(32))


def sealed_then(subject: str, decision: str, fact: str, value: str) -> dict[str, str]:
    """A sensitive fact as it was sealed at step 0008: what it is bound to names no kind."""
    nonce, result = bytes(12), to_canonical_json(value).ljust(32)
    content = AESGCM(KEY).encrypt(nonce, result, to_canonical_json(["fact", subject, decision, fact]))
    return {"$sealed": base64.b64encode(KEY_ID + nonce + content).decode()}


def line_then(decider: Decider, seq: int, subject: str) -> bytes:
    """A record as it was written at step 0008: it says no kind."""
    id_ = f"decision-{seq}"
    facts: dict[str, Any] = {"amount": "150.10", "phone": PHONE}
    decision = decider.decide(facts, as_of=date(2026, 11, 21))
    reads = FactsNeeded.of([each.policy for each in decision.evaluated.values()])
    results = {**encode_facts_read(facts, reads), "phone": sealed_then(subject, id_, "phone", PHONE)}
    line = record_line(
        decision,
        reads,
        decision_id=id_,
        seq=seq,
        subject=Subject(subject),
        decided_at=CLOCK.now(),
        by=MACHINE,
        facts=results,
        requested=list(decision.policies),
        outcomes=decision.to_dict(),
    )
    return to_canonical_json({name: value for name, value in msgspec.json.decode(line).items() if name != "kind"})


def fill(database: Database, keys: MasterKeys) -> list[bytes]:
    """Decides, excepts and seals as the service did at step 0008; gives the lines of the records."""
    policy, now = tier(), timestamp(CLOCK.now())
    with database.alter() as connection:
        connection.execute(
            text(
                "INSERT INTO version (digest, policy, version, content, recorded_at, submitted_by) "
                "VALUES (:digest, :policy, :version, :content, :now, 'service')"
            ),
            {
                "digest": policy.digest,
                "policy": policy.id,
                "version": policy.version,
                "content": policy.text.encode(),
                "now": now,
            },
        )
        connection.execute(
            text(
                "INSERT INTO activation (seq, id, policy, version, digest, kind, effective_from, recorded_at) "
                "VALUES (1, 'activation-1', :policy, :version, :digest, 'initial', :now, :now)"
            ),
            {"digest": policy.digest, "policy": policy.id, "version": policy.version, "now": now},
        )
    with Decider([tier()], engine="python") as decider:
        lines = [line_then(decider, seq, subject) for seq, subject in enumerate(SUBJECTS, 1)]
    master, cipher = keys.current()
    with database.alter() as connection:
        for seq, (subject, line) in enumerate(zip(SUBJECTS, lines, strict=True), 1):
            row = {"seq": seq, "id": f"decision-{seq}", "subject": subject, "day": "2026-11-21", "now": now}
            connection.execute(
                text(
                    "INSERT INTO decision (seq, id, subject, as_of, decided_at, actor, line, digest) "
                    "VALUES (:seq, :id, :subject, :day, :now, 'k1', :line, :digest)"
                ),
                {**row, "line": line, "digest": digest(line)},
            )
        for subject in sorted(set(SUBJECTS)):
            id_ = KEY_ID if subject == "C1" else bytes(16)
            wrapped = bytes(12) + cipher.encrypt(bytes(12), KEY, to_canonical_json(["subject-key", id_.hex(), subject]))
            connection.execute(
                text(
                    "INSERT INTO subject_key (subject, key, master, wrapped, created_at) "
                    "VALUES (:subject, :key, :master, :wrapped, :now)"
                ),
                {"subject": subject, "key": id_.hex(), "master": master, "wrapped": wrapped, "now": now},
            )
            connection.execute(
                text(
                    "INSERT INTO override (seq, id, subject, policy, version, outcome, role, actor, printed_name, "
                    "reason, recorded_at, until) VALUES (:seq, :id, :subject, 'tiering/one', '1.0.0', :outcome, "
                    "'sales_director', 'id-director', 'Director', 'agreed', :now, :until)"
                ),
                {
                    "seq": 1 if subject == "C1" else 2,
                    "id": f"override-{subject}",
                    "subject": subject,
                    "outcome": to_canonical_json({"tier": "S"}),
                    "now": now,
                    "until": timestamp(CLOCK.now() + timedelta(days=30)),
                },
            )
    root = root_of([digest(line) for line in lines])
    event = DecisionsSealed(1, 1, len(lines), root)
    sealed = entry_line(1, CLOCK.now(), SERVICE, event.name, event.about(), event.body(), GENESIS)
    with database.alter() as connection:
        connection.execute(
            text(
                "INSERT INTO audit_entry (seq, at, event, actor, line, digest) "
                "VALUES (1, :now, :event, 'service', :line, :digest)"
            ),
            {"now": now, "event": event.name, "line": sealed, "digest": digest(sealed)},
        )
        connection.execute(
            text(
                "INSERT INTO block (number, first, last, root, entry, sealed_at) VALUES (1, 1, :last, :root, 1, :now)"
            ),
            {"last": len(lines), "root": root, "now": now},
        )
    return lines


@pytest.fixture(params=BACKENDS)
def upgraded(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[tuple[Database, FactCipher, list[bytes]]]:
    """A database that was filled at step 0008 and brought up to date, its keys, and the lines as they were."""
    keys = open_or_create(tmp_path)
    with at_step(request.param, "0008") as database:
        lines = fill(database, keys)
        assert not migrations.is_current(database)
        migrations.upgrade(database)
        yield database, FactCipher(keys), lines


Upgraded = tuple[Database, FactCipher, list[bytes]]


def test_the_database_is_what_a_new_one_is(upgraded: Upgraded) -> None:
    database, _, _ = upgraded
    assert migrations.is_current(database)
    assert self_check(database, thorough=True) == []
    with empty(database.engine.dialect.name) as new:
        migrations.upgrade(new)
        made, result = schema(database), schema(new)
    assert (made["tables"], made["triggers"]) == (result["tables"], result["triggers"])
    with database.engine.connect() as connection:
        assert schema_faults(connection) == []


@pytest.mark.parametrize("table", ["decision", "override"])
@pytest.mark.parametrize("statement", ["UPDATE {} SET kind = 'order'", "DELETE FROM {}"])
def test_what_was_recorded_is_never_changed(upgraded: Upgraded, table: str, statement: str) -> None:
    with pytest.raises(DatabaseError, match=f"{table} is append-only"), upgraded[0].alter() as connection:
        connection.exec_driver_sql(statement.format(table))


def test_records_are_the_same_to_the_byte_and_are_what_was_sealed(upgraded: Upgraded) -> None:
    database, _, lines = upgraded
    with database.read() as session:
        assert list(session.exec(select(DecisionRow.line).order_by(col(DecisionRow.seq)))) == lines
        report = verify_blocks(session)
    assert (report.faults, report.records) == ([], len(lines))


def test_records_are_about_customers_and_come_out_again(upgraded: Upgraded) -> None:
    database, secrets, lines = upgraded
    assert [read_record(line).subject for line in lines] == [Subject(subject) for subject in SUBJECTS]
    with database.read() as session:
        assert [record.seq for record in subject_history(session, Subject("C1")).records] == [3, 1]
        assert subject_history(session, Subject("C1", "complaint")).records == []
        assert {replay(session, secrets, f"decision-{seq}").verdict for seq in (1, 3)} == {"same"}


def test_exceptions_apply_to_customers(upgraded: Upgraded) -> None:
    book = OverrideCache()
    with upgraded[0].read() as session:
        book.refresh(session)
        assert [each.id for _, each in read_overrides(session, subject="C1", kind="customer")] == ["override-C1"]
    assert {each.id for each in book.active_overrides(Subject("C1"), CLOCK.now()).values()} == {"override-C1"}
    assert book.active_overrides(Subject("C1", "complaint"), CLOCK.now()) == {}


@pytest.mark.parametrize("id_", ["C1", OLD])
def test_what_was_sealed_is_read_and_erased_under_the_identifier_as_it_was_written(
    upgraded: Upgraded, id_: str
) -> None:
    database, secrets, _ = upgraded
    subject, compliance = Subject(id_), person("compliance", Role.COMPLIANCE, confirmed_at=CLOCK.now())
    with database.read() as session:
        [record, *_] = subject_history(session, subject).records
        assert set(secrets.find_keys(session, [subject])) == {subject}
    with database.write(CLOCK) as transaction:
        erase_subject(transaction, compliance, subject, "asked for it")
    with database.read() as session:
        facts = secrets.readable_facts(session, subject, record.decision_id, record.facts)
        assert facts["phone"] == ERASED
        body = json.loads(entries(session, limit=1)[0].line)
    assert body["body"] == {"kind": "customer", "reason": "asked for it", "subject": id_}


def test_another_spelling_that_nothing_is_on_record_under_is_not_looked_for(upgraded: Upgraded) -> None:
    with upgraded[0].read() as session:
        assert len(subject_history(session, Subject(OLD)).records) == 1
        for subject in (Subject("C1 "), Subject(OLD, "complaint")):
            with pytest.raises(InvalidSubject):
                subject_history(session, subject)


def test_a_new_key_of_another_kind_stands_beside_the_old_one(upgraded: Upgraded) -> None:
    database, secrets, _ = upgraded
    both = [Subject("C1"), Subject("C1", "complaint")]
    with database.write(CLOCK, LaneName.DECISIONS) as transaction:
        made = secrets.keys_for(transaction, both)
    assert made[both[0]].id == KEY_ID != made[both[1]].id


def test_an_entry_from_before_kinds_is_told_as_about_a_customer() -> None:
    body = {"subject": "C1", "reason": "asked for it"}
    assert describe_event("subject_erased", "compliance", body, "en") == (
        "compliance deleted the key of the customer C1: asked for it"
    )
    assert (
        describe_event("subject_erased", "合规", {**body, "kind": "complaint"}, "zh")
        == "合规 删除投诉 C1 的密钥：asked for it"
    )
