"""Reads the whole log, to verify or to export it, in a worker: a long log keeps a processor busy for long."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from sqlmodel import Session

from api.service import Service
from api.workers.private_file import create_private_file
from api.workers.progress import ProgressFile
from api.workers.work_kinds import AUDITING, time_limit
from policy_service.audit.comparison import verify_log
from policy_service.audit.copies import Copy
from policy_service.audit.keys import KeyUnavailable, public_keys
from policy_service.audit.log import last_entry
from policy_service.audit.log_key import read_log_keys
from policy_service.audit.service import current_signer, export
from policy_service.audit.verdict import LogVerdict
from policy_service.audit.verify import PROGRESS_INTERVAL
from policy_service.clock import Clock
from policy_service.database import Database
from policy_service.decisions.verification import parts_of, verify_rest


class Auditor:
    """Reads the log whole for a program that waits for it, for one after another."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._seconds = time_limit(AUDITING, service.settings)

    async def verify(self) -> LogVerdict:
        """Verify the database against copies of its checkpoints. Raises as `verify`, and ProblemError."""
        service, settings = self._service, self._service.settings
        url, clock, silent = service.database.url, service.clock, ProgressFile(None)
        pool = service.workers.pool(AUDITING)
        return await pool.run(self._seconds, verify, url, settings.keys, settings.copies, silent, clock)

    async def export(self) -> BinaryIO:
        """The log in a file that is gone when it is closed.

        Raises ProblemError, KeyUnavailable, DatabaseUnavailable.
        """
        service = self._service
        url, keys, now = service.database.url, service.settings.keys, service.clock.now()
        file = create_private_file("policy-service-export-")
        try:
            await service.workers.pool(AUDITING).run(
                self._seconds, write_export, url, keys, now, file, ProgressFile(None)
            )
            return _open(file)
        finally:
            file.unlink()


def verify(url: str, keys: Path, copies: Sequence[Copy], progress: ProgressFile, clock: Clock) -> LogVerdict:
    """Verify the database. Raises KeyUnavailable, DatabaseUnavailable.

    The clock is read after the database was: what is written until then is not later than the present.
    """
    trusted = list(public_keys(keys).values())
    if not trusted:
        raise KeyUnavailable("there is no key to verify with")
    with closing(Database(url)) as database, database.read() as session:
        parts, read = parts_of(session), {}
        size = sum(parts.values())

        def tick(part: str, done: int) -> None:
            read[part] = done
            progress.write(sum(read.values()), size)

        progress.write(0, size)
        log_keys = read_log_keys(keys)
        verdict = verify_log(session, trusted, copies, tick, log_keys)
        verdict = verify_rest(session, verdict, log_keys, tick, clock.now())
        progress.write(size, size)
        return verdict


def write_export(url: str, keys: Path, now: datetime, file: Path, progress: ProgressFile) -> int:
    """Write an export, and return its bytes. Raises KeyUnavailable, DatabaseUnavailable."""
    with closing(Database(url)) as database, database.read() as session, file.open("wb") as lines:
        size, written = _log_size(session), 0
        for number, line in enumerate(export(session, current_signer(session, keys), now)):
            written += lines.write(line + b"\n")
            if not number % PROGRESS_INTERVAL:
                progress.write(number, size)
        return written


def _log_size(session: Session) -> int:
    last = last_entry(session)
    return last.seq if last else 0


def _open(file: Path) -> BinaryIO:
    return file.open("rb")
