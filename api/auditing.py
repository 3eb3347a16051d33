"""Reads the whole log, to verify or to export it, in a worker: a long log keeps a processor busy for long."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path
from typing import BinaryIO

from sqlmodel import Session

from api.gauge import Gauge, Moved, watched
from api.service import Service
from api.work import AUDITING, seconds_of
from policy_service.audit.comparison import verify_log
from policy_service.audit.copies import Copy
from policy_service.audit.keys import NoKey, public_keys
from policy_service.audit.log import last_entry
from policy_service.audit.log_key import read_log_keys
from policy_service.audit.service import export, signer
from policy_service.audit.verdict import Verdict
from policy_service.audit.verify import EVERY
from policy_service.database import Database
from policy_service.decisions.verification import parts_of, verify_rest


class Auditor:
    """Reads the log whole, for one after another; `moved` is told how much of how much it has read."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._seconds = seconds_of(AUDITING, service.settings)

    async def verify(self, moved: Moved | None = None) -> Verdict:
        """What is found in the database, against copies of its checkpoints. Raises as `verify`, and ProblemError."""
        service = self._service
        keys, copies = service.settings.keys, service.settings.copies
        async with watched(moved) as gauge:
            return await service.workers.of(AUDITING).run(
                self._seconds, verify, service.database.url, keys, copies, Gauge(gauge), service.clock.now()
            )

    async def export(self) -> BinaryIO:
        """The log in a file that is gone when it is closed. Raises ProblemError, NoKey, DatabaseUnavailable."""
        file = await self.export_file()
        try:
            return _opened(file)
        finally:
            _remove(file)

    async def export_file(self, moved: Moved | None = None) -> Path:
        """The log in a new file, which whoever asked removes. Raises ProblemError, NoKey, DatabaseUnavailable."""
        service = self._service
        url, keys, now = service.database.url, service.settings.keys, service.clock.now()
        file = new_file("policy-service-export-")
        try:
            async with watched(moved) as gauge:
                await service.workers.of(AUDITING).run(self._seconds, write_export, url, keys, now, file, Gauge(gauge))
        except BaseException:  # whoever breaks it off, too, leaves nothing behind
            _remove(file)
            raise
        return file


def verify(url: str, keys: Path, copies: Sequence[Copy], gauge: Gauge, now: datetime | None = None) -> Verdict:
    """What is found in the database. Raises NoKey, DatabaseUnavailable."""
    trusted = list(public_keys(keys).values())
    if not trusted:
        raise NoKey("there is no key to verify with")
    with closing(Database(url)) as database, database.read() as session:
        parts, read = parts_of(session), {}
        size = sum(parts.values())

        def tick(part: str, done: int) -> None:
            read[part] = done
            gauge.tell(sum(read.values()), size)

        gauge.tell(0, size)
        log_keys = read_log_keys(keys)
        verdict = verify_log(session, trusted, copies, tick, log_keys)
        verdict = verify_rest(session, verdict, log_keys, tick, now)
        gauge.tell(size, size)
        return verdict


def write_export(url: str, keys: Path, now: datetime, file: Path, gauge: Gauge) -> int:
    """Writes an export, and gives its bytes. Raises NoKey, DatabaseUnavailable."""
    with closing(Database(url)) as database, database.read() as session, file.open("wb") as lines:
        size, written = _size(session), 0
        for number, line in enumerate(export(session, signer(session, keys), now)):
            written += lines.write(line + b"\n")
            if not number % EVERY:
                gauge.tell(number, size)
        return written


def new_file(prefix: str) -> Path:
    """A file that only its owner can read."""
    number, name = tempfile.mkstemp(prefix=prefix)
    os.close(number)
    return Path(name)


def _size(session: Session) -> int:
    last = last_entry(session)
    return last.seq if last else 0


def _opened(file: Path) -> BinaryIO:
    return file.open("rb")


def _remove(file: Path) -> None:
    file.unlink()
