"""`policy-service archive`: moves old decision records to a file."""

from __future__ import annotations

import os
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

from policy_service.cli.command_line_actor import command_line
from policy_service.cli.decide import read_day
from policy_service.cli.output import print_line
from policy_service.cli.status import EXIT_OK, UsageError
from policy_service.cli.storage import open_current_database, refuse_difference
from policy_service.clock import DEFAULT_ZONE, SystemClock, midnight
from policy_service.decisions.archive_file import InvalidArchive
from policy_service.decisions.archiving import ArchiveRejected, archive
from policy_service.paths import retention_days


def run(before: str, file: Path) -> int:
    """Move old records to the archive; return the exit status. Raises UsageError."""
    instant = midnight(read_day(before, "--before"), ZoneInfo(DEFAULT_ZONE))
    try:
        retention = timedelta(days=retention_days(os.environ))
        with open_current_database() as database:
            refuse_difference(database)
            moved = archive(database, SystemClock(), command_line(), before=instant, retention=retention, file=file)
    except (ArchiveRejected, InvalidArchive, ValueError) as error:
        raise UsageError(str(error)) from None
    except OSError as error:
        raise UsageError(f"{error.filename or file}: {error.strerror}: nothing was archived") from None
    print_line(f"archive {moved.archive}: decision records {moved.first} to {moved.last} are in {file}")
    print_line(f"its digest is in the log: {moved.digest}")
    return EXIT_OK
