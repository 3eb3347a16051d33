"""The kinds of long work there are: how many processes do each, for how long, and what is said when it is too much."""

from __future__ import annotations

from api.problems import CHECK_ABANDONED
from api.settings import Settings
from api.workers import Kind
from policy_service.sentences import Sentence


def for_the_command_line(seconds: float) -> Sentence:
    """Where to do what takes more than is given."""
    return Sentence(
        "it takes more than {seconds} s, or more memory than is given: use the command line", seconds=f"{seconds:g}"
    )


def for_the_browser(_: float) -> Sentence:
    """The same of a PDF."""
    return Sentence("The PDF takes more time or memory than is given: use the print view of the browser.")


READING = Kind(
    processes=2,
    waiting=64,
    busy=lambda count: Sentence("{count} requests that read are waiting already", count=count),
    too_long=lambda seconds: Sentence("reading it takes more than {seconds:g} s", seconds=seconds),
    too_large=lambda _: Sentence("reading it takes more memory than is given"),
    staying=1,
    niceness=5,
)
"""Pages, and whatever else is only read."""
CHECKING = Kind(
    processes=1,
    waiting=8,
    busy=lambda count: Sentence("{count} policy files are waiting already", count=count),
    too_long=lambda seconds: Sentence("reading it takes more than {seconds:g} s", seconds=seconds),
    too_large=lambda _: Sentence("reading it takes more memory than is given"),
    problem=CHECK_ABANDONED,
)
"""Policy files that come from outside, read and tried by the definition."""
EXAMINING = Kind(
    processes=2,
    waiting=8,
    busy=lambda count: Sentence("{count} drafts are waiting already", count=count),
    too_long=lambda seconds: Sentence("checking it takes more than {seconds:g} s", seconds=seconds),
    too_large=lambda _: Sentence("checking it takes more memory than is given"),
    problem=CHECK_ABANDONED,
)
"""Drafts, built and tried by every evaluator; reports."""
PRINTING = Kind(
    processes=1,
    waiting=4,
    busy=lambda count: Sentence("{count} PDF files are waiting already", count=count),
    too_long=for_the_browser,
    too_large=for_the_browser,
)
"""Dossiers, laid out as PDF."""
AUDITING = Kind(
    processes=1,
    waiting=0,
    busy=lambda _: Sentence("the log is being read whole already"),
    too_long=for_the_command_line,
    too_large=for_the_command_line,
)
"""The whole log, verified or exported."""
PACKING = Kind(
    processes=1,
    waiting=0,
    busy=lambda _: Sentence("another audit pack is being made: ask again when it is there"),
    too_long=for_the_command_line,
    too_large=for_the_command_line,
)
"""Audit packs."""

BUILDING = Kind(
    processes=1,
    waiting=2,
    busy=lambda count: Sentence("{count} policies wait to be built already", count=count),
    too_long=lambda seconds: Sentence("to build them takes more than {seconds:g} s", seconds=seconds),
    too_large=lambda _: Sentence("to build them takes more memory than is given, or ends the process"),
)
"""Versions that come into force, made ready to decide."""

_SECONDS = {BUILDING: 120.0, READING: 60.0, PRINTING: 60.0, AUDITING: 600.0, PACKING: 900.0}


def seconds_of(kind: Kind, settings: Settings) -> float:
    """Seconds that one piece of work may take."""
    return _SECONDS.get(kind, settings.policy_check_seconds)
