"""Verification or export of the whole log in another process, since a long log takes long."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import closing
from datetime import datetime
from pathlib import Path

import policy_service.tables  # noqa: F401  # declares all of them: a row of a table that is not is taken for removed
from policy_service.audit.comparison import read_copies, verify_log
from policy_service.audit.copies import Copy
from policy_service.audit.keys import KeyUnavailable, public_keys
from policy_service.audit.log import log_length
from policy_service.audit.log_key import read_log_keys
from policy_service.audit.service import current_signer, export
from policy_service.audit.verdict import LogVerdict
from policy_service.audit.verify import PROGRESS_INTERVAL
from policy_service.clock import Clock
from policy_service.database import Database
from policy_service.decisions.verification import parts_of, verify_rest
from policy_service.workers.progress import ProgressFile


def verify(url: str, keys: Path, copies: Sequence[Copy], progress: ProgressFile, clock: Clock) -> LogVerdict:
    """Verify the database. Raises KeyUnavailable, DatabaseUnavailable.

    The clock is read after the database, so that nothing read is later than now.
    """
    trusted = list(public_keys(keys).values())
    if not trusted:
        raise KeyUnavailable("there is no key to verify with")
    with closing(Database(url)) as database:
        external = read_copies(database, copies)
        with database.read() as session:
            parts, read = parts_of(session), {}
            size = sum(parts.values())

            def tick(part: str, done: int) -> None:
                read[part] = done
                progress.write(sum(read.values()), size)

            progress.write(0, size)
            log_keys = read_log_keys(keys)
            verdict = verify_log(session, trusted, external, tick, log_keys)
            verdict = verify_rest(session, verdict, log_keys, tick, clock.now())
        progress.write(size, size)
        return verdict


def write_export(url: str, keys: Path, now: datetime, file: Path, progress: ProgressFile) -> int:
    """Write an export, and return its bytes. Raises KeyUnavailable, DatabaseUnavailable."""
    with closing(Database(url)) as database, database.read() as session, file.open("wb") as lines:
        size, written = log_length(session), 0
        for number, line in enumerate(export(session, current_signer(session, keys), now)):
            written += lines.write(line + b"\n")
            if not number % PROGRESS_INTERVAL:
                progress.write(number, size)
        return written
