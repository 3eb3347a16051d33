"""How long it takes to verify the log: an export of a million entries, and the same log in a database.

    python -m benchmarks.audit --entries 1000000 [--database]

It makes the log first, which takes longer than to verify it, and prints one JSON list. The bytes are those the service
writes; only the way of writing them, many in one transaction, is the benchmark's own.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import sqlalchemy
from sqlmodel import SQLModel

from policy_service.actor import SERVICE
from policy_service.audit.chain import GENESIS, entry_line
from policy_service.audit.checkpoints import Extent, checkpoint_line
from policy_service.audit.events import ChangeSignedOff, DecisionsSealed, Event, SigningKeyAdded
from policy_service.audit.export import header_line, key_line, verify_export
from policy_service.audit.keys import Signer, make_key
from policy_service.audit.merkle import Tree, raw
from policy_service.audit.stored import verify_database
from policy_service.audit.tables import AuditAbout, AuditEntry, Checkpoint
from policy_service.audit.verdict import Verdict
from policy_service.canonical import digest
from policy_service.database import Database

START = datetime(2026, 11, 21, tzinfo=UTC)
BETWEEN = 10_000
"""Entries between two checkpoints."""
TABLES = ("audit_entry", "audit_about", "checkpoint")
AT_ONCE = 10_000
"""Rows written at a time."""


@dataclass(frozen=True, slots=True)
class Verified:
    """What was verified, and how long it took."""

    what: str
    entries: int
    checkpoints: int
    mebibytes: float
    seconds: float
    processor_seconds: float
    """Without what others took of the processor meanwhile."""


@dataclass(frozen=True, slots=True)
class Line:
    """An entry or, when `peaks` is there, a checkpoint."""

    number: int
    at: datetime
    event: Event | None
    line: bytes
    peaks: bytes = b""


def measure_audit(entries: int, *, database: bool = True) -> list[Verified]:
    """Makes a log of so many entries, and verifies it."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        signer = make_key(folder)
        measured = [_measure_export(folder / "export.ndjson", signer, entries)]
        if database:
            measured.append(_measure_database(folder / "log.db", signer, entries))
        return measured


def make_log(signer: Signer, entries: int) -> Iterator[Line]:
    """The lines of a log: mostly signatures and seals, with a checkpoint every so often."""
    head, tree = GENESIS, Tree()
    for seq in range(1, entries + 1):
        at, event = START + timedelta(seconds=seq), _event(seq, signer)
        line = entry_line(seq, at, SERVICE, event.name, event.about(), event.body(), head)
        head = digest(line)
        tree.add(raw(head))
        yield Line(seq, at, event, line)
        if seq % BETWEEN == 0 or seq == entries:
            signed = checkpoint_line(Extent(seq, tree.root(), head), at, signer)
            yield Line(seq, at, None, signed, tree.to_bytes())


def _event(seq: int, signer: Signer) -> Event:
    if seq == 1:
        return SigningKeyAdded(signer.public.id, signer.public.text, None, None)
    root = f"sha256:{seq:064x}"
    if seq % 2:
        return DecisionsSealed(seq, seq * 250, seq * 250 + 249, root)
    return ChangeSignedOff(f"0197-{seq:012x}", root, "sales_director", "示例人名", "approval", "符合制度，同意执行")


def _measure_export(file: Path, signer: Signer, entries: int) -> Verified:
    tree, head, sealed = Tree(), GENESIS, []
    body = file.with_suffix(".body")
    with body.open("wb") as lines:
        for line in make_log(signer, entries):
            lines.write(line.line + b"\n")
            if line.event is None:
                sealed.append(line.line)
            else:
                head = digest(line.line)
                tree.add(raw(head))
    header = header_line(Extent(entries, tree.root(), head), 1, sealed, START + timedelta(seconds=entries), signer)
    key = key_line(_event(1, signer).body())
    with file.open("wb") as export, body.open("rb") as lines:
        export.write(header + b"\n" + key + b"\n")
        for portion in iter(partial(lines.read, 1 << 20), b""):
            export.write(portion)
    started = time.perf_counter(), time.process_time()
    with file.open("rb") as export:
        verdict = verify_export(export, [signer.public])
    return _told("export", verdict, file, started)


def _measure_database(file: Path, signer: Signer, entries: int) -> Verified:
    database = Database(f"sqlite:///{file}")
    with database.alter() as connection:
        SQLModel.metadata.create_all(connection, tables=[SQLModel.metadata.tables[name] for name in TABLES])
        rows: list[Line] = []
        for line in make_log(signer, entries):
            rows.append(line)
            if line.event is None and len(rows) > AT_ONCE:
                _insert(connection, rows)
                rows = []
        _insert(connection, rows)
    started = time.perf_counter(), time.process_time()
    with database.read() as session:
        verdict = verify_database(session, [signer.public])
    told = _told("SQLite database", verdict, file, started)
    database.close()
    return told


def _insert(connection: sqlalchemy.Connection, lines: list[Line]) -> None:
    events = [(line, line.event) for line in lines if line.event is not None]
    if not lines:
        return
    connection.execute(
        sqlalchemy.insert(AuditEntry),
        [
            {"seq": row.number, "at": row.at, "event": event.name, "actor": SERVICE.id, "line": row.line}
            | {"digest": digest(row.line)}
            for row, event in events
        ],
    )
    connection.execute(
        sqlalchemy.insert(AuditAbout),
        [{"about": about, "seq": row.number} for row, event in events for about in event.about()],
    )
    connection.execute(
        sqlalchemy.insert(Checkpoint),
        [
            {"size": row.number, "at": row.at, "line": row.line, "peaks": row.peaks}
            for row in lines
            if row.event is None
        ],
    )


def _told(what: str, verdict: Verdict, file: Path, started: tuple[float, float]) -> Verified:
    seconds, processor_seconds = time.perf_counter() - started[0], time.process_time() - started[1]
    if verdict.fault is not None:
        raise AssertionError(verdict.fault.sentence)
    return Verified(what, verdict.entries, verdict.checkpoints, file.stat().st_size / 2**20, seconds, processor_seconds)


def main() -> None:
    """Read the command line, make and verify, print."""
    parser = argparse.ArgumentParser(description="Verify a long log.")
    parser.add_argument("--entries", type=int, default=1_000_000)
    parser.add_argument("--database", action="store_true", help="also the same log in a SQLite database")
    arguments = parser.parse_args()
    measured = measure_audit(arguments.entries, database=arguments.database)
    print(json.dumps([asdict(one) for one in measured], indent=2))


if __name__ == "__main__":
    main()
