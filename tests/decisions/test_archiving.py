"""Archives: old records leave the database and still verify; what goes wrong on the way loses nothing."""

from __future__ import annotations

import errno
import gzip
from collections.abc import Callable, Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlmodel import col, select

import policy_service.tables  # noqa: F401  # declares all of them
from policy_service import Decider
from policy_service.actor import Role
from policy_service.append_only import schema_faults
from policy_service.audit.events import DecisionsArchived
from policy_service.audit.tables import AuditEntry
from policy_service.database import Database
from policy_service.decisions import archiving
from policy_service.decisions.archive_file import InvalidArchive, read_blocks, read_head
from policy_service.decisions.archiving import ArchiveRejected, archive, archive_faults
from policy_service.decisions.block_store import BLOCK_SIZE, prove_decision, seal, verify_blocks
from policy_service.decisions.groups.service import rebuild
from policy_service.decisions.groups.verification import group_faults
from policy_service.decisions.master_keys import open_or_create
from policy_service.decisions.record import is_archived, read_record
from policy_service.decisions.record_queries import RecordArchived, find_records, read_decision
from policy_service.decisions.replay import replay
from policy_service.decisions.subjects import ERASED, FactCipher, erase_subject
from policy_service.decisions.tables import DecisionRow
from policy_service.language.load import load_bytes
from policy_service.subject import Subject
from tests.databases import BACKENDS, TestClock, fresh_database
from tests.decisions.policies import TIER
from tests.decisions.setting import decide_and_record, person, put_in_force, tamper

FACTS = {"amount": 200, "days": 10, "mean": 100}
OPERATOR = person("operator", Role.COMPLIANCE)
YEAR = timedelta(days=365)


class Archived:
    """A database with some old blocks and some new ones, and short ways to archive."""

    def __init__(self, database: Database, folder: Path) -> None:
        self.database, self.clock, self.file = database, TestClock(), folder / "2026.archive"
        put_in_force(database, self.clock, TIER)
        with Decider([TIER], engine="definition") as decider:
            self.old = [decide_and_record(database, self.clock, decider, f"C{each % 4}", FACTS) for each in range(7)]
            self.seal(3)
            self.clock.move(days=400)
            self.middle = self.clock.at
            self.clock.move(days=1)
            self.new = [decide_and_record(database, self.clock, decider, f"C{each}", FACTS) for each in range(2)]
            self.seal(3)
            self.clock.move(days=400)

    def seal(self, size: int) -> None:
        with self.database.write(self.clock) as transaction:
            while seal(transaction, max_records=size) is not None:
                continue

    def archive(
        self,
        file: Path | None = None,
        *,
        before: datetime | None = None,
        retention: timedelta = YEAR,
        on_progress: Callable[[int, int], object] = lambda _done, _of: None,
    ) -> DecisionsArchived:
        return archive(
            self.database,
            self.clock,
            OPERATOR,
            before=before or self.middle,
            retention=retention,
            file=file or self.file,
            on_progress=on_progress,
        )

    def faults(self, *files: Path) -> list[str]:
        with self.database.read() as session:
            return [
                *verify_blocks(session).faults,
                *archive_faults(session, files),
                *group_faults(session),
                *schema_faults(session.connection()),
            ]

    def lines(self) -> list[bytes]:
        with self.database.read() as session:
            return list(session.exec(select(DecisionRow.line).order_by(col(DecisionRow.seq))))

    def archived_count(self) -> int:
        return sum(map(is_archived, self.lines()))


@pytest.fixture(params=BACKENDS)
def made(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Archived]:
    with fresh_database(request.param) as database:
        yield Archived(database, tmp_path)


def test_old_records_leave_and_verify_with_the_file_and_without_it(made: Archived) -> None:
    before = made.lines()
    moved = made.archive()
    assert (moved.archive, moved.first, moved.last, moved.file_name) == (1, 1, 7, "2026.archive")
    assert made.archived_count() == 7
    assert made.faults() == made.faults(made.file) == []
    assert [line for block in read_blocks(made.file) for line in block.lines] == before[:7]
    assert read_head(made.file).last == 7
    assert len(b"".join(made.lines())) < len(b"".join(before))
    with made.database.read() as session:
        entry = session.exec(select(AuditEntry.line).where(AuditEntry.event == "decisions_archived")).one()
    assert moved.digest.encode() in entry
    rebuild(made.database, made.clock)
    assert made.faults(made.file) == []


def test_whoever_looks_a_record_up_is_told_where_it_is(made: Archived, tmp_path: Path) -> None:
    made.archive()
    cipher = FactCipher(open_or_create(tmp_path))
    with made.database.read() as session:
        for look in (
            lambda: read_decision(session, made.old[0]),
            lambda: replay(session, cipher, made.old[0]),
            lambda: prove_decision(session, made.old[0]),
        ):
            with pytest.raises(RecordArchived, match=r"record 1 is in archive 1, the file 2026\.archive"):
                look()
        assert [each.decision_id for each in find_records(session).records] == made.new[::-1]
        assert read_decision(session, made.new[0]).facts


def test_a_record_in_an_archive_is_replayed_from_its_file(made: Archived, tmp_path: Path) -> None:
    made.archive()
    made.archive(second := made.file.with_name("second.archive"), before=made.clock.at - YEAR)
    cipher = FactCipher(open_or_create(tmp_path))
    with made.database.read() as session:
        for decision, file in ((made.old[6], made.file), (made.new[0], second)):
            assert replay(session, cipher, decision, archive=file).verdict == "same"
        with pytest.raises(InvalidArchive, match="decision record 7 is not in this archive"):
            replay(session, cipher, made.old[6], archive=second)


def test_a_second_archive_follows_the_first(made: Archived) -> None:
    made.archive()
    with pytest.raises(ArchiveRejected, match="No sealed block"):
        made.archive(made.file.with_name("again.archive"))
    second = made.archive(made.file.with_name("second.archive"), before=made.clock.at - YEAR)
    assert (second.archive, second.first, second.last) == (2, 8, 9)
    assert made.faults(made.file, made.file.with_name("second.archive")) == []


def test_open_years_an_existing_file_and_altered_records_are_refused(made: Archived) -> None:
    with pytest.raises(ArchiveRejected, match=r"Records from \d{4}-\d\d-\d\d on stay in the database"):
        made.archive(retention=3 * YEAR)
    made.file.write_bytes(b"mine")
    with pytest.raises(ArchiveRejected, match="is there already"):
        made.archive()
    assert made.file.read_bytes() == b"mine"
    tamper(made.database, "UPDATE decision SET subject = 'C9' WHERE seq = 2")
    with pytest.raises(ArchiveRejected, match="Nothing is archived: decision record 2 was altered"):
        made.archive(made.file.with_name("other.archive"))
    assert made.archived_count() == 0
    assert [each.name for each in made.file.parent.iterdir() if "archive" in each.name] == ["2026.archive"]


def test_a_full_disk_loses_nothing(made: Archived, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(errno.ENOSPC, "No space left on device", "2026.archive")

    monkeypatch.setattr(archiving, "write_block", full)
    with pytest.raises(OSError, match="No space left"):
        made.archive()
    assert (made.archived_count(), made.faults()) == (0, [])
    assert not [each for each in made.file.parent.iterdir() if "archive" in each.name]


def test_what_was_interrupted_goes_on_with_the_same_file_alone(made: Archived, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupt(done: int, of: int) -> None:
        if done > of // 2 + 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(archiving, "PART_SIZE", 2)
    with pytest.raises(KeyboardInterrupt):
        made.archive(on_progress=interrupt)
    assert 0 < made.archived_count() < 7
    assert made.faults() == made.faults(made.file) == []
    content = made.file.read_bytes()
    made.file.write_bytes(content[:-1])
    with pytest.raises(ArchiveRejected, match=r"The move to 2026\.archive was interrupted"):
        made.archive()
    with pytest.raises(ArchiveRejected, match="name that file again"):
        made.archive(made.file.with_name("other.archive"))
    made.file.write_bytes(content)
    assert made.archive().last == 7
    assert (made.archived_count(), made.faults(made.file)) == (7, [])


def test_what_stays_cannot_be_altered_unseen(made: Archived) -> None:
    made.archive()
    content = made.file.read_bytes()
    [line] = [each for each in made.lines() if b'"seq":2,' in each]
    tamper(
        made.database,
        "UPDATE decision SET line = :line WHERE seq = 2",
        line=line.replace(b'"subject":"C1"', b'"subject":"C2"'),
    )
    assert any("archive 1 was altered" in each for each in made.faults())
    assert "decision record 2 is not what 2026.archive says" in made.faults(made.file)
    made.file.write_bytes(content[:-9])
    assert any("no entry has its digest" in each or "no archive" in each for each in made.faults(made.file))
    for spoilt in (b"{}", gzip.compress(b'{"kind":"\xff"}'), gzip.compress(b"[" * 9_999)):
        made.file.write_bytes(spoilt)
        assert any("the file is no archive" in each for each in made.faults(made.file))
        with pytest.raises(InvalidArchive):
            list(read_blocks(made.file))


def test_a_record_that_only_looks_archived_is_found(made: Archived) -> None:
    line = b'{"archived":1,' + made.lines()[7][1:]
    tamper(made.database, "UPDATE decision SET line = :line WHERE seq = 8", line=line)
    assert "decision record 8 was altered: it does not have the digest it was written with" in made.faults()


def test_erasure_reaches_what_is_archived(tmp_path: Path) -> None:
    with fresh_database("sqlite") as database:
        clock, cipher = TestClock(), FactCipher(open_or_create(tmp_path))
        secret = TIER.text.replace("amount: {", "amount: {sensitive: true, ", 1)
        policy = load_bytes(secret.encode())
        put_in_force(database, clock, policy)
        with Decider([policy], engine="definition") as decider:
            decision = decide_and_record(database, clock, decider, "C1", FACTS, secrets=cipher)
        with database.write(clock) as transaction:
            seal(transaction, max_records=BLOCK_SIZE)
        clock.move(days=800)
        file = tmp_path / "old.archive"
        archive(database, clock, OPERATOR, before=clock.at - YEAR, retention=YEAR, file=file)
        [line] = [each for block in read_blocks(file) for each in block.lines]
        record = read_record(line)
        with database.read() as session:
            assert cipher.decrypt_facts(session, record.subject, decision, record.facts)["amount"] == 200
        actor = person("compliance", Role.COMPLIANCE, confirmed_at=clock.at)
        with database.write(clock) as transaction:
            erase_subject(transaction, actor, Subject("C1"), "asked for it")
        cipher.clear_cache()
        with database.read() as session:
            assert cipher.readable_facts(session, record.subject, decision, record.facts)["amount"] == ERASED
            assert verify_blocks(session).faults == []
            assert list(archive_faults(session, [file])) == []
