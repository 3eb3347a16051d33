"""All kinds of long work: number of processes, time limits, and messages when these are exceeded."""

from __future__ import annotations

from policy_service.messages import Message
from policy_service.workers.kind import WorkKind, WorkRefused

PRINT_IN_BROWSER = Message("The PDF exceeds the limit of time or memory: use the print view of the browser.")
READING = WorkKind(
    processes=2,
    max_waiting=64,
    busy_message=lambda count: Message("{count} requests that read are waiting already", count=count),
    too_long_message=lambda seconds: Message("reading it takes more than {seconds:g} s", seconds=seconds),
    too_large_message=lambda _: Message("reading it exceeds the memory limit"),
    limit_error=WorkRefused,
    min_idle=1,
    niceness=5,
    seconds=60.0,
)
"""Pages and other reads."""
FILE_CHECKING = WorkKind(
    max_waiting=8,
    busy_message=lambda count: Message("{count} policy files are waiting already", count=count),
    too_long_message=lambda seconds: Message("reading it takes more than {seconds:g} s", seconds=seconds),
    too_large_message=lambda _: Message("reading it exceeds the memory limit"),
)
"""Uploaded policy files, parsed and tested by the reference evaluator."""
DRAFT_CHECKING = WorkKind(
    processes=2,
    max_waiting=8,
    busy_message=lambda count: Message("{count} drafts are waiting already", count=count),
    too_long_message=lambda seconds: Message("checking it takes more than {seconds:g} s", seconds=seconds),
    too_large_message=lambda _: Message("checking it exceeds the memory limit"),
)
"""Drafts, built and tested by every evaluator; reports."""
PRINTING = WorkKind(
    max_waiting=4,
    busy_message=lambda count: Message("{count} PDF files are waiting already", count=count),
    too_long_message=lambda _: PRINT_IN_BROWSER,
    too_large_message=lambda _: PRINT_IN_BROWSER,
    seconds=60.0,
)
"""Dossiers, laid out as PDF."""
EXPORTING = WorkKind(
    max_waiting=4,
    busy_message=lambda count: Message("{count} exports are waiting already", count=count),
    too_long_message=lambda _: Message("The export exceeds the time limit: narrow the filters."),
    too_large_message=lambda _: Message("The export exceeds the memory limit: narrow the filters."),
    seconds=120.0,
)
"""Lists, exported whole as CSV or as a workbook."""
AUDITING = WorkKind(
    max_waiting=0,
    busy_message=lambda _: Message("the log is being read whole already"),
    seconds=600.0,
)
"""The whole log, verified or exported; the whole file of the database."""
DATA_CHECKING = WorkKind(
    max_waiting=0,
    busy_message=lambda _: Message("the data are being checked already"),
    seconds=900.0,
)
"""The latest facts of all subjects, checked."""
REGISTERING = WorkKind(
    max_waiting=1,
    busy_message=lambda count: Message("{count} files wait to be registered already", count=count),
    seconds=300.0,
)
"""Files of populations, read."""
DECIDING = WorkKind(
    max_waiting=4,
    busy_message=lambda count: Message("{count} runs wait already", count=count),
    seconds=900.0,
)
"""Policies evaluated over the records, and the figures of benchmark sets."""
ANALYSING = WorkKind(
    max_waiting=4,
    busy_message=lambda count: Message("{count} changes wait to be analysed already", count=count),
    too_long_message=lambda seconds: Message("analysing it takes more than {seconds:g} s", seconds=seconds),
    too_large_message=lambda _: Message("analysing it exceeds the memory limit"),
    seconds=900.0,
)
"""Submitted changes when there are many decision records: report and simulation."""
PACKING = WorkKind(
    max_waiting=0,
    busy_message=lambda _: Message("another audit pack is being made: ask again when it is there"),
    seconds=900.0,
)
"""Audit packs."""
BUILDING = WorkKind(
    max_waiting=2,
    busy_message=lambda count: Message("{count} policies wait to be built already", count=count),
    too_long_message=lambda seconds: Message("building them takes more than {seconds:g} s", seconds=seconds),
    too_large_message=lambda _: Message("building them exceeds the memory limit, or ends the process"),
    limit_error=WorkRefused,
    seconds=120.0,
)
"""Versions that come into force, built ahead."""
SEALING = WorkKind(
    max_waiting=0,
    busy_message=lambda _: Message("decision records are being sealed already"),
    niceness=5,
    seconds=60.0,
)
"""Blocks of decision records, computed for the sealer thread; no request waits for it."""


def time_limit(kind: WorkKind, check_seconds: float) -> float:
    """Return the time limit in seconds; `check_seconds` is the limit of checks, a setting."""
    return check_seconds if kind.seconds is None else kind.seconds
