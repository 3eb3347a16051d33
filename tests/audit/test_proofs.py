"""One entry, or one record in a sealed block, is proved to a reader who has only a public key."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlmodel import col, select

from policy_service.actor import SERVICE
from policy_service.audit.events import DecisionsSealed
from policy_service.audit.inclusion import read_inclusion
from policy_service.audit.keys import PublicKey, make_key, public_keys
from policy_service.audit.log import append
from policy_service.audit.merkle import path, root_of
from policy_service.audit.proofs import InvalidProof, ProofUnavailable, prove_entry, verify_proof
from policy_service.audit.tables import AuditEntry
from policy_service.canonical import digest
from tests.audit.logs import Log
from tests.databases import BACKENDS, TestClock, fresh_database

RECORDS = [f'{{"decision_id":"d-{number}","seq":{number}}}' for number in range(11, 18)]
LEAVES = [digest(record.encode()) for record in RECORDS]
SEALED = 10
Proof = dict[str, Any]


@pytest.fixture(scope="module", params=BACKENDS)
def log(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Log]:
    """Entry 10 seals seven records; 13 entries are covered by a checkpoint, the last is not."""
    with fresh_database(request.param) as database:
        log = Log(database, TestClock(), tmp_path_factory.mktemp("keys"))
        log.start()
        log.write(4)
        log.rotate()
        log.write(3)
        with database.write(log.clock) as transaction:
            append(transaction, SERVICE, DecisionsSealed(1, 11, 17, root_of(LEAVES)))
        log.write(3)
        log.seal()
        log.write(1)
        yield log


@pytest.fixture(params=["first", "last"])
def trusted(request: pytest.FixtureRequest, log: Log) -> list[PublicKey]:
    """The key before the rotation, or the one in use."""
    with log.database.read() as session:
        keys = [json.loads(key)["signing_key"] for key in prove_entry(session, 1)["keys"]]
    return [public_keys(log.folder)[keys[0 if request.param == "first" else -1]]]


def proof_of(log: Log, seq: int) -> Proof:
    with log.database.read() as session:
        proof: Proof = json.loads(json.dumps(prove_entry(session, seq)))
    return proof


def record_proof(log: Log, index: int) -> Proof:
    record = {"line": RECORDS[index], "index": index, "size": len(RECORDS), "path": path(LEAVES, index)}
    return {**proof_of(log, SEALED), "record": record}


@pytest.mark.parametrize("seq", range(1, 14))
def test_every_entry_that_a_checkpoint_covers_is_proved(log: Log, trusted: list[PublicKey], seq: int) -> None:
    read = verify_proof(proof_of(log, seq), trusted)
    assert read.seq == json.loads(read.entry)["seq"] == seq


@pytest.mark.parametrize("seq", range(1, 14))
def test_each_step_of_a_proof_is_over_entries_beside_those_before(log: Log, seq: int) -> None:
    with log.database.read() as session:
        inclusion = read_inclusion(session, seq)
        digests = list(session.exec(select(AuditEntry.digest).order_by(col(AuditEntry.seq))))
    assert (inclusion.size, inclusion.root) == (13, root_of(digests[:13]))
    first = last = seq
    for step in inclusion.steps:
        assert step.root == root_of(digests[step.first - 1 : step.last])
        assert (step.last + 1 == first) if step.is_left else (step.first == last + 1)
        first, last = min(first, step.first), max(last, step.last)
    assert (first, last) == (1, 13)


def test_an_entry_behind_the_checkpoint_has_no_steps_yet(log: Log) -> None:
    with log.database.read() as session, pytest.raises(ProofUnavailable):
        read_inclusion(session, 15)


@pytest.mark.parametrize("index", range(7))
def test_every_record_of_a_block_is_proved(log: Log, trusted: list[PublicKey], index: int) -> None:
    read = verify_proof(record_proof(log, index), trusted)
    assert read.record is not None
    assert read.record.line == RECORDS[index]


def test_what_no_checkpoint_covers_is_not_provable(log: Log, tmp_path: Path) -> None:
    with log.database.read() as session:
        with pytest.raises(ProofUnavailable, match="no checkpoint covers entry 14 yet"):
            prove_entry(session, 14)
        with pytest.raises(ProofUnavailable, match="the log has no entry 15"):
            prove_entry(session, 15)
    with fresh_database("sqlite") as database:
        fresh = Log(database, TestClock(), tmp_path)
        fresh.start()
        with database.read() as session, pytest.raises(ProofUnavailable, match="no checkpoint covers entry 1 yet"):
            prove_entry(session, 1)


def test_a_stranger_s_signature_proves_nothing(log: Log, tmp_path: Path) -> None:
    with pytest.raises(InvalidProof, match="signed with no key that is trusted"):
        verify_proof(proof_of(log, 3), [make_key(tmp_path).public])


SPOILT: dict[str, tuple[Callable[[Proof], Proof], str]] = {
    "an entry altered": (lambda p: {**p, "entry": p["entry"].replace('"by"', '"By"')}, "not have the form of a proof"),
    "an entry of another instant": (
        lambda p: {**p, "entry": p["entry"].replace('"at":"2026', '"at":"2025')},
        "the entry is not in the log",
    ),
    "another number": (lambda p: {**p, "seq": 9}, "a proof of something else"),
    "another kind": (lambda p: {**p, "kind": "gossip"}, "a proof of something else"),
    "a path cut short": (lambda p: {**p, "path": p["path"][:-1]}, "the path leads nowhere: the path is too short"),
    "a step that is no digest": (lambda p: {**p, "path": ["up", *p["path"][1:]]}, "`up` is no digest"),
    "a checkpoint altered": (
        lambda p: {**p, "checkpoint": p["checkpoint"].replace('"size":13', '"size":14')},
        "signed with no key that is trusted",
    ),
    "no keys": (lambda p: {**p, "keys": []}, "signed with no key that is trusted"),
    "a key altered": (
        lambda p: {**p, "keys": [p["keys"][0], p["keys"][1].replace('"signature":"', '"signature":"0')]},
        "public key 2 was altered",
    ),
    "something more": (lambda p: {**p, "more": 1}, "not have the form of a proof"),
    "half a character": (lambda p: {**p, "entry": "\ud800"}, "not have the form of a proof"),
    "half a character in a key": (lambda p: {**p, "keys": ["\ud800"]}, "not have the form of a proof"),
    "a record altered": (
        lambda p: {**p, "record": {**p["record"], "line": "{}"}},
        "the record is not in the block that the entry seals",
    ),
    "a block of another size": (
        lambda p: {**p, "record": {**p["record"], "size": 6}},
        "the entry seals no such block of records",
    ),
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_spoilt_proof_is_refused(log: Log, what: str) -> None:
    spoil, sentence = SPOILT[what]
    with pytest.raises(InvalidProof, match=sentence):
        verify_proof(spoil(record_proof(log, 3)), list(public_keys(log.folder).values()))


def test_an_entry_that_seals_nothing_proves_no_record(log: Log) -> None:
    record = record_proof(log, 3)["record"]
    with pytest.raises(InvalidProof, match="the entry seals no such block of records"):
        verify_proof({**proof_of(log, 2), "record": record}, list(public_keys(log.folder).values()))


@pytest.mark.parametrize(
    ("line", "sentence"),
    [
        ('{"seq":8}', "the record says that it stands elsewhere"),
        ('{"seq":"7"}', "what was sealed is no record"),
        ("gossip", "what was sealed is no record"),
    ],
)
def test_what_was_sealed_must_be_the_record_of_that_place(tmp_path: Path, line: str, sentence: str) -> None:
    with fresh_database("sqlite") as database:
        log = Log(database, TestClock(), tmp_path)
        trusted = [log.start()]
        with database.write(log.clock) as transaction:
            append(transaction, SERVICE, DecisionsSealed(1, 7, 7, root_of([digest(line.encode())])))
        log.seal()
        record = {"line": line, "index": 0, "size": 1, "path": []}
        with pytest.raises(InvalidProof, match=sentence):
            verify_proof({**proof_of(log, 2), "record": record}, trusted)
