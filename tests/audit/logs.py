"""Logs to verify: a database with entries, two keys and checkpoints, and its export."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from policy_service.actor import SERVICE, Actor, Role
from policy_service.audit.checkpoints import SignedExtent, read_checkpoints
from policy_service.audit.comparison import copy_checkpoints
from policy_service.audit.copies import FileCopy
from policy_service.audit.database_verification import verify_database
from policy_service.audit.events import ChangeCommented, VersionImported
from policy_service.audit.keys import PublicKey
from policy_service.audit.log import append
from policy_service.audit.service import current_signer, ensure_signing_key, export, rotate_key, sign_checkpoint
from policy_service.audit.verdict import LogVerdict
from policy_service.database import Database
from tests.databases import TestClock, fresh_database

AUTHOR = Actor("0197a000-0000-7000-8000-000000000001", "author-1", "作者甲", frozenset({Role.AUTHOR}))
ADMINISTRATOR = Actor("0197a000-0000-7000-8000-000000000002", "admin-1", "管理员乙", frozenset({Role.ADMINISTRATOR}))


@dataclass(frozen=True)
class Log:
    """A log in a database, with the folder of its keys and the file of checkpoints kept elsewhere."""

    database: Database
    clock: TestClock
    folder: Path

    @property
    def kept(self) -> Path:
        return self.folder / "elsewhere" / "checkpoints.ndjson"

    @property
    def copied(self) -> list[SignedExtent]:
        return read_checkpoints(self.kept)

    def start(self) -> PublicKey:
        with self.database.write(self.clock) as transaction:
            return ensure_signing_key(transaction, self.folder)

    def write(self, count: int) -> None:
        """Adds entries, two a second, each about two things."""
        for _ in range(count):
            self.clock.move(milliseconds=500)
            with self.database.write(self.clock) as transaction:
                number = transaction.number
                if number % 3:
                    append(transaction, AUTHOR, ChangeCommented("0197-change", f"第 {number} 条意见 “x” \\ {number}"))
                else:
                    digest = f"sha256:{number:064x}"
                    append(transaction, SERVICE, VersionImported("tiering/rfm_value", f"1.{number}.0", digest))

    def seal(self) -> None:
        with self.database.write(self.clock) as transaction:
            sign_checkpoint(transaction, self.folder)
        copy_checkpoints(self.database, self.clock, FileCopy(self.kept))

    def rotate(self) -> PublicKey:
        with self.database.write(self.clock) as transaction:
            return rotate_key(transaction, ADMINISTRATOR, self.folder)

    def export(self) -> list[bytes]:
        """The lines, with their line feeds."""
        with self.database.read() as session:
            lines = export(session, current_signer(session, self.folder), self.clock.now())
            return [line + b"\n" for line in lines]

    def verify(self, *trusted: PublicKey, elsewhere: bool = False) -> LogVerdict:
        copies = read_checkpoints(self.kept) if elsewhere else []
        with self.database.read() as session:
            return verify_database(session, trusted, copies)


@dataclass(frozen=True)
class Exported:
    """An export of 60 entries, six checkpoints and two keys; and one made of its first half."""

    lines: tuple[bytes, ...]
    older: tuple[bytes, ...]
    first: PublicKey
    last: PublicKey
    kept: Path


def exported(folder: Path) -> Exported:
    """Entry 1 is the first key, entry 32 the second; checkpoints at 10, 20, 30, 31, 32, 50."""
    with fresh_database("sqlite") as database:
        log = Log(database, TestClock(), folder / "keys")
        first = log.start()
        for count in (9, 10, 10):
            log.write(count)
            log.seal()
        older = log.export()
        log.write(1)
        last = log.rotate()
        log.write(18)
        log.seal()
        log.write(10)
        log.clock.move(seconds=1)
        return Exported(tuple(log.export()), tuple(older), first, last, log.kept)
