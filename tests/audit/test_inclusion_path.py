"""A path that is made from what checkpoints were kept with is the path over all entries, and never a wrong one."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from sqlmodel import col, select

from policy_service.audit import inclusion_path
from policy_service.audit.inclusion_path import find_inclusion_path
from policy_service.audit.merkle import InvalidPath, path
from policy_service.audit.proofs import ProofUnavailable, prove_entry
from policy_service.audit.service import last_checkpoint
from policy_service.audit.tables import AuditEntry
from tests.audit.logs import Log
from tests.audit.test_database_verification import tamper
from tests.databases import BACKENDS, TestClock, fresh_database

SIZE = 29
SIGNED = {"often": range(2, SIZE + 1, 3), "at times": (5, 9, 16), "once": ()}


@pytest.fixture(params=BACKENDS)
def empty(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Log]:
    with fresh_database(request.param) as database:
        log = Log(database, TestClock(), tmp_path)
        log.start()
        yield log


def write(log: Log, signed: str) -> None:
    for size in range(2, SIZE + 1):
        log.write(1)
        if size in SIGNED[signed]:
            log.seal()
    log.seal()


@pytest.mark.parametrize("signed", SIGNED)
def test_every_path_is_the_one_over_all_entries(empty: Log, signed: str, monkeypatch: pytest.MonkeyPatch) -> None:
    write(empty, signed)
    with empty.database.read() as session:
        digests = session.exec(select(AuditEntry.digest).order_by(col(AuditEntry.seq))).all()
        checkpoint = last_checkpoint(session)
        assert checkpoint is not None
        for read in (1, 4, 1_024):
            monkeypatch.setattr(inclusion_path, "MAX_READ", read)
            for seq in range(1, SIZE + 1, 4):
                assert find_inclusion_path(session, digests[seq - 1], seq, checkpoint.extent) == path(digests, seq - 1)


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE checkpoint SET peaks = (SELECT peaks FROM checkpoint WHERE size = 29) WHERE size = 9",
        "UPDATE checkpoint SET peaks = (SELECT peaks FROM checkpoint WHERE size = 20) WHERE size = 9",
        "DELETE FROM audit_entry WHERE seq = 12",
        "UPDATE audit_entry SET digest = 'sha256:0' WHERE seq = 12",
    ],
)
def test_a_log_that_is_not_what_was_signed_proves_nothing(
    empty: Log, statement: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(inclusion_path, "MAX_READ", 1)
    for count in (8, 11, 9):
        empty.write(count)
        empty.seal()
    tamper(empty, statement)
    with empty.database.read() as session:
        with pytest.raises(ProofUnavailable, match="the log is not what was signed"):
            prove_entry(session, 10)
        checkpoint = last_checkpoint(session)
        assert checkpoint is not None
        with pytest.raises(InvalidPath):
            find_inclusion_path(session, "sha256:0", 10, checkpoint.extent)
