"""Sealed blocks: no record is left out, altered or removed without being found; on both databases."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import col, select

from policy_service import Decider
from policy_service.actor import SERVICE
from policy_service.audit.events import DecisionsSealed
from policy_service.audit.log import append
from policy_service.audit.merkle import root_from_path
from policy_service.audit.proofs import InvalidProof, ProofUnavailable, verify_proof
from policy_service.audit.service import ensure_signing_key, sign_checkpoint
from policy_service.audit.tables import AuditEntry
from policy_service.canonical import digest
from policy_service.database import Database, LaneName
from policy_service.decisions import block_store
from policy_service.decisions.block_store import (
    BlockAltered,
    NotSealed,
    SealingFailed,
    add_block,
    block_of,
    block_with,
    count_unsealed,
    digests_of,
    next_block,
    prove_decision,
    seal,
    verify_blocks,
)
from policy_service.decisions.blocks import Block, BlockReport, leaves_of, record_proof
from policy_service.decisions.proof import RecordProof, check_proof
from policy_service.decisions.record_queries import read_decision
from policy_service.decisions.state_tables import BlockRow
from policy_service.decisions.tables import DecisionRow
from tests.databases import BACKENDS, TestClock, fresh_database
from tests.decisions.policies import TIER
from tests.decisions.setting import decide_and_record, put_in_force, tamper

CLOCK = TestClock()
NO_BLOCK = Block(0, 1, 0, "")
FACTS = {"amount": 200, "days": 10, "mean": 100}


@pytest.fixture(params=BACKENDS)
def database(request: pytest.FixtureRequest) -> Iterator[Database]:
    with fresh_database(request.param) as database:
        put_in_force(database, CLOCK, TIER)
        yield database


@pytest.fixture(scope="module")
def decider() -> Iterator[Decider]:
    with Decider([TIER], engine="definition") as decider:
        yield decider


def record(database: Database, decider: Decider, number: int = 1) -> list[str]:
    return [decide_and_record(database, CLOCK, decider, f"C{each}", FACTS) for each in range(number)]


def seal_some(database: Database, at_most: int = block_store.BLOCK_SIZE) -> tuple[int, int] | None:
    with database.write(CLOCK) as transaction:
        block = seal(transaction, max_records=at_most)
        return (block.first, block.last) if block else None


def verify(database: Database, last: int | None = None) -> BlockReport:
    with database.read() as session:
        return verify_blocks(session, last)


def test_records_are_sealed_in_blocks_without_a_gap(database: Database, decider: Decider) -> None:
    assert seal_some(database) is None
    ids = record(database, decider, 7)
    assert seal_some(database, 3) == (1, 3)
    assert seal_some(database, 3) == (4, 6)
    with database.read() as session:
        assert count_unsealed(session) == 1
        assert block_with(session, 7) is None
        result = block_with(session, 4)
        assert result is not None
        assert result.number == 2
    assert seal_some(database, 3) == (7, 7)
    assert seal_some(database, 3) is None
    assert verify(database) == BlockReport(blocks=3, records=7)
    assert len(set(ids)) == 7


def test_a_block_is_told_in_the_log(database: Database, decider: Decider) -> None:
    record(database, decider, 2)
    seal_some(database)
    with database.read() as session:
        entry = session.exec(select(AuditEntry).where(AuditEntry.event == DecisionsSealed.name)).one()
        result = block_with(session, 1)
    assert result is not None
    assert result.entry == entry.seq
    assert f'"root":"{result.root}"'.encode() in entry.line


def test_what_is_not_sealed_yet_is_verified_too(database: Database, decider: Decider) -> None:
    record(database, decider, 2)
    report = verify(database)
    assert report.to_dict() == {"blocks": 0, "records": 2, "faults": []}


def test_the_newest_blocks_alone_can_be_verified(database: Database, decider: Decider) -> None:
    record(database, decider, 5)
    while seal_some(database, 1):
        pass
    assert verify(database, last=2) == BlockReport(blocks=2, records=2)
    assert verify(database, last=100) == BlockReport(blocks=5, records=5)
    assert verify(database, last=0) == BlockReport(blocks=0, records=0)


@pytest.mark.parametrize("sealed", [True, False])
def test_an_altered_record_is_found(database: Database, decider: Decider, sealed: bool) -> None:
    record(database, decider, 5)
    if sealed:
        seal_some(database)
    with database.read() as session:
        line = session.exec(select(DecisionRow.line).where(DecisionRow.seq == 3)).one()
    changed = line.replace(b'"tier":"S"', b'"tier":"A"')
    assert changed != line
    tamper(database, "UPDATE decision SET line = :line WHERE seq = 3", line=changed)
    assert verify(database).faults == ["decision record 3 was altered: it does not have the digest it was written with"]
    tamper(database, "UPDATE decision SET digest = :digest WHERE seq = 3", digest=digest(changed))
    expected = ["decision records 1 to 5 are not those that were sealed as block 1"] if sealed else []
    assert verify(database).faults == expected  # what is not sealed is only as safe as the database


@pytest.mark.parametrize("column", ["id", "subject", "actor"])
def test_a_column_that_does_not_say_what_the_line_says_is_found(
    database: Database, decider: Decider, column: str
) -> None:
    record(database, decider, 2)
    seal_some(database)
    tamper(database, f"UPDATE decision SET {column} = 'x' WHERE seq = 2")  # noqa: S608  # names of ours
    assert verify(database).faults == ["decision record 2 was altered: its columns do not match its line"]


def test_a_line_that_is_no_record_is_found(database: Database, decider: Decider) -> None:
    record(database, decider, 1)
    tamper(database, "UPDATE decision SET line = :line, digest = :digest", line=b"{}", digest=digest(b"{}"))
    assert verify(database).faults == ["decision record 1 was altered: its line is no record"]


@pytest.mark.parametrize("sealed", [True, False])
def test_a_removed_record_is_found(database: Database, decider: Decider, sealed: bool) -> None:
    record(database, decider, 5)
    if sealed:
        seal_some(database)
    tamper(database, "DELETE FROM decision WHERE seq = 3")
    assert verify(database).faults == ["decision record 3 was removed"]


def test_all_records_of_a_block_removed_are_found(database: Database, decider: Decider) -> None:
    record(database, decider, 4)
    seal_some(database, 2)
    tamper(database, "DELETE FROM decision WHERE seq < 3")
    assert verify(database).faults == ["decision record 1 was removed", "decision record 2 was removed"]


def test_a_block_removed_or_altered_is_found(database: Database, decider: Decider) -> None:
    record(database, decider, 6)
    for _ in range(3):
        seal_some(database, 2)
    tamper(database, "UPDATE block SET root = :root WHERE number = 3", root=digest(b""))
    assert verify(database).faults[0] == "block 3 is not what the audit log says was sealed"
    tamper(database, "DELETE FROM block WHERE number = 3")
    assert verify(database).faults == ["block 3 was removed"]
    assert verify(database, last=1).faults == ["block 3 was removed"]
    tamper(database, "DELETE FROM block WHERE number = 1")
    assert "block 1 was removed" in verify(database).faults


def test_a_block_that_overlaps_another_is_found(database: Database, decider: Decider) -> None:
    record(database, decider, 4)
    seal_some(database, 2)
    with database.write(CLOCK) as transaction:
        root = "sha256:" + "0" * 64
        entry = append(transaction, SERVICE, DecisionsSealed(2, 4, 4, root))
        row = BlockRow(number=2, first=4, last=4, root=root, entry=entry.seq, sealed_at=transaction.now)
        transaction.session.add(row)
    assert verify(database).faults == [
        "block 2 begins with record 4, not with 3",
        "decision records 4 to 4 are not those that were sealed as block 2",
    ]


def test_twenty_faults_are_told_and_all_are_counted(database: Database, decider: Decider) -> None:
    record(database, decider, 30)
    seal_some(database)
    tamper(database, "DELETE FROM decision WHERE seq < 30")
    report = verify(database)
    assert report.faults == [f"decision record {seq} was removed" for seq in range(1, 21)]
    assert report.untold == 9


def test_a_gap_far_behind_is_found(database: Database, decider: Decider) -> None:
    record(database, decider, 1)
    tamper(database, "UPDATE decision SET seq = :seq", seq=block_store.BLOCK_SIZE * 5)
    assert verify(database).faults == ["decision record 1 was removed"]


def test_records_with_a_gap_or_altered_are_not_sealed(database: Database, decider: Decider) -> None:
    record(database, decider, 3)
    tamper(database, "DELETE FROM decision WHERE seq = 2")
    with pytest.raises(SealingFailed, match="block 1 cannot be sealed: decision record 2 was removed"):
        seal_some(database)


def test_records_behind_a_wide_gap_are_not_sealed(database: Database, decider: Decider) -> None:
    record(database, decider, 1)
    tamper(database, "UPDATE decision SET seq = :seq", seq=block_store.BLOCK_SIZE * 5)
    with pytest.raises(SealingFailed, match="block 1 cannot be sealed: decision record 1 was removed"):
        seal_some(database)


@pytest.mark.parametrize("at_once", [1, 2, 100])
def test_a_block_is_the_same_however_many_records_are_looked_at_at_once(
    database: Database, decider: Decider, at_once: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(block_store, "FETCH_SIZE", at_once)
    record(database, decider, 5)
    pauses: list[None] = []
    with database.read() as session:
        block = next_block(session, NO_BLOCK, max_records=3, pause=lambda: pauses.append(None))
    assert block is not None
    assert (block.number, block.first, block.last) == (1, 1, 3)
    assert len(pauses) == -(-3 // at_once)
    assert seal_some(database, at_most=3) == (1, 3)
    assert seal_some(database) == (4, 5)
    assert verify(database) == BlockReport(blocks=2, records=5)


def test_a_block_that_another_process_sealed_meanwhile_is_not_sealed_again(
    database: Database, decider: Decider
) -> None:
    record(database, decider, 2)
    with database.read() as session:
        block = next_block(session, NO_BLOCK)
    assert block is not None
    seal_some(database, at_most=1)
    with database.write(CLOCK) as transaction:
        assert add_block(transaction, block) is None
    assert seal_some(database) == (2, 2)
    assert verify(database) == BlockReport(blocks=2, records=2)


def test_a_record_being_written_cannot_turn_up_behind_one_that_is_sealed(database: Database, decider: Decider) -> None:
    """Whoever writes a record holds the lane until the commit; so the next number is given after it, never before."""
    record(database, decider, 1)
    writing, go_on, order = threading.Event(), threading.Event(), []

    def slow() -> None:
        with database.write(CLOCK, LaneName.DECISIONS) as transaction:
            order.append(("slow", transaction.number))
            writing.set()
            go_on.wait(10)

    def quick() -> None:
        with database.write(CLOCK, LaneName.DECISIONS) as transaction:
            order.append(("quick", transaction.number))

    threads = [threading.Thread(target=slow)]
    threads[0].start()
    assert writing.wait(10)
    threads.append(threading.Thread(target=quick))
    threads[1].start()
    if database.engine.dialect.name == "postgresql":  # there, sealing waits for no record
        assert seal_some(database) == (1, 1)
    assert [name for name, _ in order] == ["slow"]
    go_on.set()
    for thread in threads:
        thread.join()
    assert [name for name, _ in order] == ["slow", "quick"]
    assert order[1][1] == order[0][1] + 1


# ------------------------------------------------------------------------------------------------- proofs


def test_a_decision_is_proved_offline_with_the_public_key_alone(
    database: Database, decider: Decider, tmp_path: Path
) -> None:
    ids = record(database, decider, 5)
    with database.write(CLOCK) as transaction:
        key = ensure_signing_key(transaction, tmp_path)
    with database.read() as session, pytest.raises(NotSealed, match="not sealed yet"):
        prove_decision(session, ids[0])
    seal_some(database)
    with database.read() as session, pytest.raises(ProofUnavailable, match="no checkpoint covers"):
        prove_decision(session, ids[0])
    with database.write(CLOCK) as transaction:
        sign_checkpoint(transaction, tmp_path)
    for id_ in ids:
        with database.read() as session:
            proof = prove_decision(session, id_)
        read = verify_proof(proof, [key])
        assert read.record is not None
        assert f'"decision_id":"{id_}"' in read.record.line
        proof["record"]["line"] = proof["record"]["line"].replace('"tier":"S"', '"tier":"A"')
        with pytest.raises(InvalidProof, match="the record is not in the block"):
            verify_proof(proof, [key])
    with database.read() as session, pytest.raises(NotSealed, match="no such decision"):
        prove_decision(session, "none")
    tamper(database, "DELETE FROM decision WHERE seq = 2")
    with database.read() as session, pytest.raises(BlockAltered, match="are not those that were sealed as block 1"):
        prove_decision(session, ids[0])


def test_the_state_of_a_proof_is_told_with_where_the_record_is_sealed(
    database: Database, decider: Decider, tmp_path: Path
) -> None:
    ids = record(database, decider, 3)
    with database.write(CLOCK) as transaction:
        ensure_signing_key(transaction, tmp_path)

    def state() -> RecordProof:
        with database.read() as session:
            return check_proof(session, read_decision(session, ids[1]), tmp_path)

    early = state()
    assert (early.state, early.seq, early.block) == ("waiting", 2, None)
    assert "not sealed yet" in str(early.reason)
    seal_some(database)
    sealed = state()
    assert (sealed.state, sealed.block, sealed.first, sealed.last, sealed.key) == ("waiting", 1, 1, 3, None)
    assert "no checkpoint covers" in str(sealed.reason)
    with database.write(CLOCK) as transaction:
        sign_checkpoint(transaction, tmp_path)
    proved = state()
    assert (proved.state, proved.reason, proved.block) == ("proved", None, 1)
    assert proved.checkpoint is not None
    assert proved.key is not None
    tamper(database, "DELETE FROM decision WHERE seq = 3")
    broken = state()
    assert (broken.state, broken.block, broken.checkpoint) == ("broken", 1, None)
    assert "are not those that were sealed as block 1" in str(broken.reason)


def test_a_proof_is_the_same_as_one_made_from_the_lines_of_all_records(database: Database, decider: Decider) -> None:
    record(database, decider, 5)
    seal_some(database)
    with database.read() as session:
        rows = session.exec(select(DecisionRow).order_by(col(DecisionRow.seq))).all()
        result = block_with(session, 1)
        assert result is not None
        block = block_of(result)
        assert digests_of(session, block) == leaves_of(rows)
        for index, row in enumerate(rows):
            proof = record_proof(block, digests_of(session, block), row.seq, row.line)
            assert (proof["line"], proof["index"], proof["size"]) == (row.line.decode(), index, 5)
            assert root_from_path(digest(row.line), index, 5, proof["path"]) == block.root
