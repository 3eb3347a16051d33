"""The keys of the subjects: one each, made in the group, deleted when the subject is erased; on both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import col, select

from policy_service.actor import Actor, Role
from policy_service.audit.tables import AuditEntry
from policy_service.database import Database, LaneName
from policy_service.decisions.encryption import ENCRYPTED, DecryptionFailed, SubjectKey, decrypt_fact, encrypt_fact
from policy_service.decisions.master_keys import KeyFileError, MasterKeys, open_or_create
from policy_service.decisions.state_tables import SubjectKeyRow
from policy_service.decisions.subjects import (
    ERASED,
    ErasurePermissionDenied,
    ErasureRejected,
    FactCipher,
    FactsErased,
    erase_subject,
    rotate_master_key,
)
from policy_service.subject import InvalidSubject, Subject
from tests.databases import BACKENDS, TestClock, fresh_database
from tests.decisions.setting import person

CLOCK = TestClock()
C1 = Subject("C1")
COMPLIANCE = person("compliance", Role.COMPLIANCE, confirmed_at=CLOCK.now())


@pytest.fixture(params=BACKENDS)
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    with fresh_database(request.param) as database:
        yield database


@pytest.fixture
def masters(tmp_path: Path) -> MasterKeys:
    return open_or_create(tmp_path)


def keys(database: Database, secrets: FactCipher, *subjects: str) -> dict[str, SubjectKey]:
    """The keys of customers, by their identifiers."""
    with database.write(CLOCK, LaneName.DECISIONS) as transaction:
        return by_id(secrets.keys_for(transaction, map(Subject, subjects)))


def by_id(keys: dict[Subject, SubjectKey]) -> dict[str, SubjectKey]:
    return {subject.id: key for subject, key in keys.items()}


def erase(database: Database, subject: str | Subject, by: Actor = COMPLIANCE, reason: str = "asked for it") -> None:
    about = subject if isinstance(subject, Subject) else Subject(subject)
    with database.write(CLOCK) as transaction:
        erase_subject(transaction, by, about, reason)


def test_each_subject_has_a_key_of_its_own_that_stays(database: Database, masters: MasterKeys) -> None:
    secrets = FactCipher(masters)
    first = keys(database, secrets, "C2", "C1", "C1")
    assert first["C1"].id != first["C2"].id
    sealed = encrypt_fact(first["C1"], "d1", "income", "100")
    again = keys(database, secrets, "C1", "C3")
    assert again["C1"] is first["C1"]
    after_restart = keys(database, FactCipher(MasterKeys(masters.file.parent)), "C1")
    assert decrypt_fact(after_restart["C1"], "d1", "income", sealed) == "100"


def test_many_subjects_are_given_keys_at_once(database: Database, masters: MasterKeys) -> None:
    subjects = [f"C{number}" for number in range(1_200)]
    secrets = FactCipher(masters, cache_size=100)
    made = keys(database, secrets, *subjects)
    assert len({key.id for key in made.values()}) == 1_200
    with database.read() as session:
        assert by_id(secrets.find_keys(session, map(Subject, subjects))) == made


def test_a_transaction_that_fails_leaves_no_key(database: Database, masters: MasterKeys) -> None:
    secrets = FactCipher(masters)
    lost = []

    def fails() -> None:
        with database.write(CLOCK, LaneName.DECISIONS) as transaction:
            lost.append(secrets.keys_for(transaction, [C1])[C1].id)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fails()
    with database.read() as session:
        assert secrets.find_keys(session, [C1]) == {}
    assert keys(database, secrets, "C1")["C1"].id not in lost


def test_facts_are_opened_erased_or_told_to_be_broken(database: Database, masters: MasterKeys) -> None:
    secrets = FactCipher(masters)
    key = keys(database, secrets, "C1")["C1"]
    plain = {"amount": "5", "scaled": {"$number": "5"}}
    facts = plain | {"income": encrypt_fact(key, "d1", "income", "100")}
    with database.read() as session:
        assert secrets.decrypt_facts(session, C1, "d1", plain) == plain
        assert secrets.decrypt_facts(session, C1, "d1", facts) == plain | {"income": "100"}
        with pytest.raises(DecryptionFailed):
            secrets.decrypt_facts(session, C1, "d2", facts)
        with pytest.raises(DecryptionFailed):
            secrets.decrypt_facts(session, C1, "d1", {"income": {ENCRYPTED: "QUJD"}})
    erase(database, "C1")
    with database.read() as session:
        assert secrets.readable_facts(session, C1, "d1", facts) == plain | {"income": ERASED}
        with pytest.raises(
            FactsErased, match="The key of C1 was deleted, so its sensitive facts cannot be read: income"
        ):
            secrets.decrypt_facts(session, C1, "d1", facts)


def test_after_erasure_a_new_decision_gets_a_new_key_and_the_old_facts_stay_erased(
    database: Database, masters: MasterKeys
) -> None:
    secrets, elsewhere = FactCipher(masters), FactCipher(masters)
    old = keys(database, secrets, "C1")["C1"]
    keys(database, elsewhere, "C1")
    facts = {"income": encrypt_fact(old, "d1", "income", "100")}
    erase(database, "C1")
    new = keys(database, elsewhere, "C1")["C1"]
    assert new.id != old.id
    newer = {"income": encrypt_fact(new, "d2", "income", "200")}
    for each in (secrets, elsewhere):
        with database.read() as session:
            assert each.readable_facts(session, C1, "d1", facts) == {"income": ERASED}
            assert each.readable_facts(session, C1, "d2", newer) == {"income": "200"}


def test_an_erasure_is_told_in_the_log(database: Database, masters: MasterKeys) -> None:
    keys(database, FactCipher(masters), "C1")
    erase(database, "C1")
    with database.read() as session:
        entry = session.exec(select(AuditEntry).order_by(col(AuditEntry.seq).desc())).first()
    assert entry is not None
    assert b'"body":{"kind":"customer","reason":"asked for it","subject":"C1"}' in entry.line


def test_only_compliance_freshly_confirmed_erases_and_only_what_is_there(
    database: Database, masters: MasterKeys
) -> None:
    keys(database, FactCipher(masters), "C1")
    with pytest.raises(ErasurePermissionDenied, match="Only compliance may erase a subject"):
        erase(database, "C1", by=person("boss", Role.GENERAL_MANAGER, Role.ADMINISTRATOR, confirmed_at=CLOCK.now()))
    machine = Actor("k", "k", "k", frozenset({Role.COMPLIANCE}), "machine", CLOCK.now())
    with pytest.raises(ErasurePermissionDenied, match="Only compliance may erase a subject"):
        erase(database, "C1", by=machine)
    with pytest.raises(ErasurePermissionDenied, match="enter your password again"):
        erase(database, "C1", by=person("compliance", Role.COMPLIANCE))
    with pytest.raises(ErasureRejected, match="Give a reason"):
        erase(database, "C1", reason=" ")
    with pytest.raises(ErasureRejected, match="The customer C2 has no key"):
        erase(database, "C2")
    erase(database, "C1")
    with pytest.raises(ErasureRejected, match="The customer C1 has no key"):
        erase(database, "C1")


def test_a_master_key_is_rotated_while_other_processes_go_on(database: Database, masters: MasterKeys) -> None:
    secrets = FactCipher(masters)
    other_process = FactCipher(MasterKeys(masters.file.parent))
    subjects = [f"C{number}" for number in range(501)]
    made = keys(database, secrets, *subjects)
    old, _ = masters.current()
    assert rotate_master_key(database, CLOCK, masters, COMPLIANCE) == 501
    keys(database, other_process, "D1")
    with database.read() as session:
        assert set(session.exec(select(SubjectKeyRow.master_key_id))) == {masters.current()[0]}
        assert by_id(other_process.find_keys(session, map(Subject, subjects))) == made
    with pytest.raises(KeyFileError):
        masters.get(old)


def test_a_rotation_that_was_interrupted_is_finished_by_the_next(database: Database, masters: MasterKeys) -> None:
    secrets = FactCipher(masters)
    made = keys(database, secrets, "C1")
    masters.add()  # and then the process was killed
    made |= keys(database, secrets, "C2")
    assert rotate_master_key(database, CLOCK, masters, COMPLIANCE) == 2
    secrets.clear_cache()
    with database.read() as session:
        assert by_id(secrets.find_keys(session, map(Subject, ["C1", "C2"]))) == made
    assert len(masters.file.read_text().splitlines()) == 1


@pytest.mark.parametrize("backend", BACKENDS)
def test_a_key_in_use_by_a_record_is_erased_only_after_it(backend: str, masters: MasterKeys) -> None:
    """On PostgreSQL the two lanes go on side by side, and the key's row is what is waited for."""
    with fresh_database(backend) as database:
        secrets, order = FactCipher(masters), []
        keys(database, secrets, "C1")

        def erases() -> None:
            erase(database, "C1")
            order.append("erased")

        with database.write(CLOCK, LaneName.DECISIONS) as transaction:
            used = secrets.keys_for(transaction, [C1])[C1]
            thread = threading.Thread(target=erases)
            thread.start()
            thread.join(0.3)
            order.append("recorded")
        thread.join(10)
        assert order == ["recorded", "erased"]
        assert keys(database, secrets, "C1")["C1"].id != used.id


def test_subjects_of_two_kinds_with_one_identifier_have_two_keys_and_one_is_erased_alone(
    database: Database, masters: MasterKeys
) -> None:
    secrets, complaint = FactCipher(masters), Subject("C1", "complaint")
    with database.write(CLOCK, LaneName.DECISIONS) as transaction:
        made = secrets.keys_for(transaction, [complaint, C1, Subject("C2", "complaint")])
    assert len({key.id for key in made.values()}) == 3
    secrets.clear_cache()
    with database.read() as session:
        assert secrets.find_keys(session, [complaint, C1]) == {complaint: made[complaint], C1: made[C1]}
    facts = {subject: {"income": encrypt_fact(key, "d1", "income", subject.id)} for subject, key in made.items()}
    with database.read() as session, pytest.raises(DecryptionFailed):
        decrypt_fact(made[complaint], "d1", "income", facts[C1]["income"])
    assert rotate_master_key(database, CLOCK, masters, COMPLIANCE) == 3
    erase(database, complaint, reason="only the complaint")
    with database.read() as session:
        assert secrets.readable_facts(session, complaint, "d1", facts[complaint]) == {"income": ERASED}
        assert secrets.readable_facts(session, C1, "d1", facts[C1]) == {"income": "C1"}
        entry = session.exec(select(AuditEntry).order_by(col(AuditEntry.seq).desc())).first()
    assert entry is not None
    assert b'"body":{"kind":"complaint","reason":"only the complaint","subject":"C1"}' in entry.line
    with pytest.raises(ErasureRejected, match="The complaint C1 has no key"):
        erase(database, complaint)


@pytest.mark.parametrize("subject", [Subject("C1 "), Subject("C1\u200b"), Subject("C1", "Customer")])
def test_what_is_written_as_no_subject_is_not_looked_for(
    database: Database, masters: MasterKeys, subject: Subject
) -> None:
    keys(database, FactCipher(masters), "C1")
    with pytest.raises(InvalidSubject):
        erase(database, subject)
