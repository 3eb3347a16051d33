"""Reads the whole log, to verify or to export it, in a process of its own: a long log keeps a processor busy for long.

One at a time; whoever comes meanwhile is told to come back.
"""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, TypeVar

from anyio import BrokenWorkerProcess, CapacityLimiter, fail_after, to_process

from api.checking import confine
from api.problems import BUSY, CONFLICT, ProblemError
from api.service import Service
from policy_service.audit.checkpoints import read_kept
from policy_service.audit.keys import Damaged, NoKey, public_keys
from policy_service.audit.service import export, signer
from policy_service.audit.stored import verify_database
from policy_service.audit.verdict import Verdict
from policy_service.database import Database, DatabaseUnavailable, Unavailable

SECONDS = 600
"""What is longer is for the command line."""
Result = TypeVar("Result", Verdict, int)


class Auditor:
    """Reads the log whole, for one after another."""

    def __init__(self, service: Service) -> None:
        self._service = service
        self._limiter = CapacityLimiter(1)

    async def verify(self) -> Verdict:
        """What is found in the database, against the file of checkpoints. Raises ProblemError, DatabaseUnavailable."""
        service = self._service
        keys, checkpoints = service.settings.keys, service.settings.checkpoints
        return await self._apart(verify_apart, service.database.url, keys, checkpoints)

    async def export(self) -> BinaryIO:
        """The log in a file that is gone when it is closed. Raises ProblemError, DatabaseUnavailable."""
        service = self._service
        file = _new_file()
        try:
            await self._apart(export_apart, service.database.url, service.settings.keys, service.clock.now(), file)
            return _opened(file)
        finally:
            _remove(file)

    async def _apart(self, read: Callable[..., Result | Unavailable], *given: object) -> Result:
        if self._limiter.borrowed_tokens:
            raise ProblemError(BUSY, "the log is being read whole already", headers={"Retry-After": "10"})
        async with self._limiter:
            try:
                with fail_after(SECONDS):
                    found = await to_process.run_sync(read, *given, cancellable=True)
            except (TimeoutError, BrokenWorkerProcess, MemoryError):
                detail = f"it takes more than {SECONDS} s, or more memory than is given: use the command line"
                raise ProblemError(BUSY, detail, headers={"Retry-After": f"{SECONDS}"}) from None
            except NoKey:
                raise ProblemError(CONFLICT, "the log's keys are not here: run `policy-service init`") from None
            except Damaged:
                raise ProblemError(CONFLICT, "the file of checkpoints kept elsewhere was altered") from None
        if isinstance(found, str):
            raise DatabaseUnavailable(found)
        return found


def verify_apart(url: str, keys: Path, checkpoints: Path) -> Verdict | Unavailable:
    """What is found, or why the database is not available. Raises NoKey, Damaged."""
    confine()
    return _told(lambda: verify(url, keys, checkpoints))


def verify(url: str, keys: Path, checkpoints: Path) -> Verdict:
    """The same, in this very process. Raises NoKey, Damaged, DatabaseUnavailable."""
    trusted = list(public_keys(keys).values())
    if not trusted:
        raise NoKey("there is no key to verify with")
    kept = []
    with suppress(FileNotFoundError):
        kept = read_kept(checkpoints)
    with closing(Database(url)) as database, database.read() as session:
        return verify_database(session, trusted, kept)


def export_apart(url: str, keys: Path, now: datetime, file: Path) -> int | Unavailable:
    """Writes an export, and gives its bytes, or why the database is not available. Raises NoKey."""
    confine()
    return _told(lambda: write_export(url, keys, now, file))


def write_export(url: str, keys: Path, now: datetime, file: Path) -> int:
    """The same, in this very process. Raises NoKey, DatabaseUnavailable."""
    with closing(Database(url)) as database, database.read() as session, file.open("wb") as lines:
        return sum(lines.write(line + b"\n") for line in export(session, signer(session, keys), now))


def _told(read: Callable[[], Result]) -> Result | Unavailable:
    try:
        return read()
    except DatabaseUnavailable as error:
        return error.reason


def _new_file() -> Path:
    """A file that only its owner can read."""
    number, name = tempfile.mkstemp(prefix="policy-service-export-")
    os.close(number)
    return Path(name)


def _opened(file: Path) -> BinaryIO:
    return file.open("rb")


def _remove(file: Path) -> None:
    file.unlink()
