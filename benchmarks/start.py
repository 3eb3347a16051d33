"""Time of a start: from the command to the first answer of `/readyz` that all is well, on a new and a large database.

The service starts as it does for its users, with one worker and what it verifies at a start. The first start of each
database is not counted: whatever of its files the machine keeps in memory is there for all others.
"""

from __future__ import annotations

import http.client
import resource
import statistics
import time
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

from sqlmodel import Session, func, select

from benchmarks.company.build import Size, build_once
from benchmarks.serving import NotServingError, Server, running
from policy_service.audit.tables import AuditEntry
from policy_service.cli.init import set_up
from policy_service.clock import SystemClock
from policy_service.database import Database
from policy_service.decisions.tables import DecisionRow
from policy_service.migrations import upgrade
from policy_service.shipped import shipped_policies

READY_SECONDS = 60.0
"""Seconds a service may take from its first answer until it is ready."""


@dataclass(frozen=True, slots=True)
class StartResult:
    """The starts on one database."""

    database: str
    decisions: int
    entries: int
    seconds: tuple[float, ...]
    """From the command to ready, start by start."""
    processor_seconds: tuple[float, ...]
    """Of the whole process, its end too; without what others took of the processor meanwhile."""

    @property
    def median(self) -> float:
        """Seconds of the start in the middle."""
        return statistics.median(self.seconds)


def measure_starts(size: Size, starts: int, folder: Path) -> tuple[StartResult, ...]:
    """Start the service so many times on a new database, and on the company's in a folder, built unless it is there."""
    new = folder / "new"
    _make_new(new)
    build_once(folder, size)
    return tuple(_measure(name, place, starts) for name, place in (("new", new), ("company", folder)))


def _make_new(folder: Path) -> None:
    """A database with nothing but the shipped policies in force."""
    if (folder / "service.db").exists():
        return
    folder.mkdir(parents=True)
    database = Database(f"sqlite:///{folder}/service.db")
    upgrade(database)
    set_up(database, SystemClock(), folder / "keys", shipped_policies(), (), demo=False)
    database.close()


def _measure(name: str, folder: Path, starts: int) -> StartResult:
    database = Database(f"sqlite:///{folder}/service.db")
    with database.read() as session:
        decisions, entries = _count(session, DecisionRow), _count(session, AuditEntry)
    database.close()
    timings = [_start(Server.of_folder(folder), folder) for _ in range(starts + 1)][1:]
    seconds, processor_seconds = zip(*timings, strict=True)
    return StartResult(name, decisions, entries, seconds, processor_seconds)


def _count(session: Session, rows: type[DecisionRow | AuditEntry]) -> int:
    return session.exec(select(func.count()).select_from(rows)).one()


def _start(server: Server, folder: Path) -> tuple[float, float]:
    """Start a service and stop it; the seconds until it was ready, and those of the processor until its end."""
    begin, used = time.perf_counter(), _processor_seconds()
    with running(server, folder) as port:
        while not _is_ready(port):
            if time.perf_counter() - begin > READY_SECONDS:
                raise NotServingError(f"{server.name} is not ready after {READY_SECONDS:.0f} s")
            time.sleep(0.01)
        seconds = time.perf_counter() - begin
    return seconds, _processor_seconds() - used


def _is_ready(port: int) -> bool:
    connection = http.client.HTTPConnection("127.0.0.1", port, timeout=READY_SECONDS)
    connection.request("GET", "/readyz")
    is_ready = connection.getresponse().status == HTTPStatus.OK
    connection.close()
    return is_ready


def _processor_seconds() -> float:
    """Of all processes that this one started and that have ended."""
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime
