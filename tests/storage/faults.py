"""Kills a process that governs and decides, at any instant, again and again, and looks whether anything is lost.

python -m tests.storage.faults --kills 200 [--backend sqlite] [--backend postgresql]

parent ──fork──► child: lives as `life.py` says, and writes down what it was told is kept ──pipe──► parent
   └──SIGKILL──► child
   └── looks: all that was written down is there, nothing is there by half, and the next child starts
"""

from __future__ import annotations

import argparse
import os
import select as system_select
import signal
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import datetime
from pathlib import Path
from time import monotonic

from sqlmodel import Session, col, func, select

from policy_service.approval.change import Action
from policy_service.approval.tables import ActionRow, ChangeRow, CommentRow
from policy_service.audit.database_verification import verify_database, verify_tail
from policy_service.audit.events import (
    ChangeCommented,
    ChangeDrafted,
    ChangeSignedOff,
    ChangeSubmitted,
    DecisionsSealed,
    OverrideRecorded,
)
from policy_service.audit.keys import public_keys
from policy_service.audit.tables import AuditEntry
from policy_service.database import Database, Lane, LaneName
from policy_service.decisions.block_store import verify_blocks
from policy_service.decisions.state_tables import BlockRow, OverrideRow
from policy_service.decisions.tables import DecisionRow
from policy_service.idempotency import IdempotencyRow
from policy_service.migrations.self_check import self_check
from tests.databases import BACKENDS, empty_url
from tests.storage.life import Acknowledged, live, set_up

LIFE = 1.2
"""Seconds after which a child is killed at the latest."""
AFTER = (b"", b"submission", b"\n", b"\n", b"\n", b"\n")
"""What a child tells before it is killed, one kill after the other: nothing, so that it may be at its start; that it
submitted a change, so that signatures are due; anything.
"""
EVERY = 25
"""After so many kills, and at the end, everything is verified; in between, the tail."""


class Lost(AssertionError):
    """Something that was acknowledged is not there, or something is there by half."""


# ----------------------------------------------------------------------------------------------- the parent


def kill_once(url: str, folder: Path, seconds: float, after: bytes) -> list[Acknowledged]:
    """Lets a child live for some seconds after it told `after`; gives what it said was kept."""
    reading, writing = os.pipe()
    child = os.fork()
    if child == 0:  # pragma: no cover  # it is killed before it could say what it covered
        os.close(reading)
        try:
            live(url, folder, lambda stored: _write(writing, stored))
        except BaseException as fault:  # noqa: BLE001  # told to the parent, which fails
            _write(writing, Acknowledged("fault", repr(fault)))
        finally:
            os._exit(1)
    os.close(writing)
    content = b""
    while after not in content and (some := os.read(reading, 65_536)):
        content += some
    content += _read(reading, monotonic() + seconds)
    os.kill(child, signal.SIGKILL)
    content += _read(reading, None)
    os.close(reading)
    _, status = os.waitpid(child, 0)
    if os.waitstatus_to_exitcode(status) != -signal.SIGKILL:
        raise Lost(f"the child ended by itself: {content.decode()[-1_000:]}")
    return [Acknowledged(*line.split(" ", 1)) for line in content.decode().splitlines()]


def _write(pipe: int, stored: Acknowledged) -> None:
    os.write(pipe, f"{stored.kind} {stored.id}\n".encode())  # at once: the pipe takes a short line whole


def _read(pipe: int, until: float | None) -> bytes:
    """What comes until then, or until there is no more."""
    read = b""
    while True:
        left = None if until is None else until - monotonic()
        if left is not None and (left <= 0 or not system_select.select([pipe], [], [], left)[0]):
            return read
        some = os.read(pipe, 65_536)
        if not some:
            return read
        read += some


ROWS: dict[str, Callable[[Session], list[str]]] = {
    "decision": lambda session: list(session.exec(select(DecisionRow.id))),
    "override": lambda session: list(session.exec(select(OverrideRow.id))),
    "block": lambda session: [str(number) for number in session.exec(select(BlockRow.number))],
    "change": lambda session: list(session.exec(select(ChangeRow.id))),
    "comment": lambda session: list(session.exec(select(CommentRow.id))),
    "submission": lambda session: [row.change for row in _actions(session, Action.SUBMIT)],
    "signature": lambda session: [f"{row.change}/{row.role}" for row in _actions(session, Action.SIGN_OFF)],
}
"""What is found of each kind."""
EVENTS = {
    "override": OverrideRecorded.name,
    "block": DecisionsSealed.name,
    "change": ChangeDrafted.name,
    "comment": ChangeCommented.name,
    "submission": ChangeSubmitted.name,
    "signature": ChangeSignedOff.name,
}
"""The event that records each; decisions are told by blocks."""


def _actions(session: Session, action: Action) -> list[ActionRow]:
    return list(session.exec(select(ActionRow).where(ActionRow.action == action)))


def look(url: str, folder: Path, stored: list[Acknowledged], *, thoroughly: bool) -> None:
    """Looks at the database as the next start of the service does, and at what was acknowledged. Raises Lost."""
    database = Database(url)
    try:
        faults = [f"{each.id}" for each in stored if each.kind == "fault"]
        faults += self_check(database, thorough=thoroughly)
        with database.read() as session:
            faults += [*_lost(session, stored), *_halves(session)]
            faults += _unsound(session, folder, thoroughly=thoroughly)
    finally:
        database.close()
    if faults:
        raise Lost("\n".join(faults))


def _lost(session: Session, stored: list[Acknowledged]) -> Iterator[str]:
    for kind, find in ROWS.items():
        lost = sorted({each.id for each in stored if each.kind == kind} - set(find(session)))
        if lost:
            yield f"acknowledged and not there: {kind} {', '.join(lost)}"


def _halves(session: Session) -> Iterator[str]:
    """Where one part of a transaction is there without the other."""
    entries = Counter(session.exec(select(AuditEntry.event)))
    for kind, event in EVENTS.items():
        rows = len(ROWS[kind](session))
        if entries[event] != rows:
            yield f"{rows} rows of {kind}, and {entries[event]} entries of {event}"
    decisions, last = session.exec(select(func.count(), func.max(DecisionRow.seq)).select_from(DecisionRow)).one()
    deciding = col(IdempotencyRow.principal).in_(select(DecisionRow.actor))
    keys = session.exec(select(func.count()).select_from(IdempotencyRow).where(deciding)).one()
    if not decisions == keys == (last or 0):
        yield f"{decisions} decisions up to number {last}, and {keys} idempotency keys"
    at = {lane.name: lane.at for lane in session.exec(select(Lane))}
    newest: dict[LaneName, datetime | None] = {
        LaneName.GOVERNANCE: session.exec(select(func.max(AuditEntry.at))).one(),
        LaneName.DECISIONS: session.exec(select(func.max(DecisionRow.decided_at))).one(),
    }
    for lane, instant in newest.items():
        if instant is not None and at[lane] < instant:
            yield f"the lane {lane} is at {at[lane]}, and its newest row at {instant}"


def _unsound(session: Session, folder: Path, *, thoroughly: bool) -> Iterator[str]:
    trusted = list(public_keys(folder).values())
    fault = verify_database(session, trusted).fault if thoroughly else verify_tail(session, trusted, entries=200)
    if fault is not None:
        yield fault.message
    yield from verify_blocks(session, None if thoroughly else 3).faults


def run(backend: str, kills: int, write: Callable[[str], object] = print) -> Counter[str]:
    """Kills so many children on a database of its own; gives how many of each kind were acknowledged. Raises Lost."""
    results: list[Acknowledged] = []
    with empty_url(backend) as url, tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        set_up(url, folder)
        for number in range(1, kills + 1):
            seconds = LIFE * int.from_bytes(os.urandom(4)) / 2**32
            results += kill_once(url, folder, seconds, AFTER[number % len(AFTER)])
            look(url, folder, results, thoroughly=number % EVERY == 0 or number == kills)
            if number % EVERY == 0:
                write(f"{backend}: {number} kills, {len(results):,} acknowledged, none lost")
    return Counter(each.kind for each in results)


def main() -> None:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kills", type=int, default=200)
    parser.add_argument("--backend", action="append", choices=BACKENDS)
    options = parser.parse_args()
    for backend in options.backend or BACKENDS:
        result = run(backend, options.kills)
        print(  # noqa: T201  # a command
            f"{backend}: {options.kills} kills; kept: {', '.join(f'{many:,} {kind}' for kind, many in result.items())}"
        )


if __name__ == "__main__":
    main()
