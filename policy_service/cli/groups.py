"""`policy-service groups …`: the group lists, which follow from the decision records."""

from __future__ import annotations

import os

from policy_service.cli.output import print_line
from policy_service.cli.status import EXIT_OK
from policy_service.cli.storage import open_current_database
from policy_service.clock import SystemClock
from policy_service.decisions.groups.service import rebuild
from policy_service.paths import database_url


def run_rebuild() -> int:
    """Make all group lists again from the records; return the exit status. Raises UsageError."""
    with open_current_database(database_url(os.environ)) as database:
        count = rebuild(database, SystemClock())
    print_line(f"group lists: {count} subject{'s' if count != 1 else ''}, made again from their decisions")
    return EXIT_OK
