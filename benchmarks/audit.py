"""Time to verify the log: an export of a million entries, and the same log in a database with its rows.

    python -m benchmarks.audit --entries 1000000 [--database]

It makes the log first, which takes longer than to verify it, and prints one JSON list. The bytes are those the service
writes; only the way of writing them, many in one transaction, is the benchmark's own.
"""

from __future__ import annotations

import argparse
import json
import resource
import tempfile
import time
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path

import sqlalchemy
from sqlmodel import SQLModel

import policy_service.tables  # noqa: F401  # declares all of them
from policy_service.actor import SERVICE
from policy_service.audit.chain import GENESIS, entry_line
from policy_service.audit.checkpoints import Extent, checkpoint_line
from policy_service.audit.coverage import row_digest, row_key
from policy_service.audit.database_verification import verify_database
from policy_service.audit.events import ChangeSignedOff, DecisionsSealed, Event, SigningKeyAdded
from policy_service.audit.export import header_line, key_line, verify_export
from policy_service.audit.keys import Signer, make_key
from policy_service.audit.log_key import LogKey
from policy_service.audit.merkle import Tree, digest_bytes
from policy_service.audit.rows import TableState, digest_of_states
from policy_service.audit.tables import AuditAbout, AuditEntry, Checkpoint, LogStateRow
from policy_service.audit.verdict import LogVerdict
from policy_service.canonical import digest
from policy_service.database import Database

START = datetime(2026, 11, 21, tzinfo=UTC)
CHECKPOINT_INTERVAL = 10_000
"""Entries between two checkpoints."""
TEXTS = SQLModel.metadata.tables["change_text"]
"""The table whose rows the entries name."""
KEY = LogKey("0123456789abcdef", bytes(32))
INSERT_SIZE = 10_000
"""Rows written at a time."""


@dataclass(frozen=True, slots=True)
class VerificationResult:
    """A verification, and the seconds it took."""

    name: str
    entries: int
    checkpoints: int
    mebibytes: float
    seconds: float
    processor_seconds: float
    """Without what others took of the processor meanwhile."""
    peak_mebibytes: float
    """The most memory that the process has had so far."""


@dataclass(frozen=True, slots=True)
class Line:
    """An entry or, when `peaks` is there, a checkpoint."""

    number: int
    at: datetime
    event: Event | None
    line: bytes
    state: TableState
    """Of the table whose rows the entries name, one each."""
    peaks: bytes = b""


def measure_audit(entries: int, *, database: bool = True) -> list[VerificationResult]:
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
    head, tree, state = GENESIS, Tree(), TableState()
    for seq in range(1, entries + 1):
        at, event = START + timedelta(seconds=seq), _event(seq, signer)
        row = row_of(seq)
        row_entry = (TEXTS.name[:], row_key(TEXTS, row), row_digest(TEXTS, row))
        state = state.with_row(KEY, row_entry[2])
        row_members = [row_entry], digest_of_states({row_entry[0]: state})
        line = entry_line(seq, at, SERVICE, event.name, event.about(), event.body(), head, *row_members)
        head = digest(line)
        tree.add(digest_bytes(head))
        yield Line(seq, at, event, line, state)
        if seq % CHECKPOINT_INTERVAL == 0 or seq == entries:
            checkpoint = checkpoint_line(Extent(seq, tree.root(), head), at, signer)
            yield Line(seq, at, None, checkpoint, state, tree.to_bytes())


def row_of(seq: int) -> dict[str, object]:
    """The row that an entry names."""
    return {"digest": f"sha256:{seq:064x}", "content": b"text %d" % seq}


def _event(seq: int, signer: Signer) -> Event:
    if seq == 1:
        return SigningKeyAdded(signer.public.id, signer.public.text, None, None)
    root = f"sha256:{seq:064x}"
    if seq % 2:
        return DecisionsSealed(seq, seq * 250, seq * 250 + 249, root)
    return ChangeSignedOff(f"0197-{seq:012x}", root, "sales_director", "示例人名", "approval", "符合制度，同意执行")


def _measure_export(file: Path, signer: Signer, entries: int) -> VerificationResult:
    tree, head, checkpoints = Tree(), GENESIS, []
    body = file.with_suffix(".body")
    with body.open("wb") as lines:
        for line in make_log(signer, entries):
            lines.write(line.line + b"\n")
            if line.event is None:
                checkpoints.append(line.line)
            else:
                head = digest(line.line)
                tree.add(digest_bytes(head))
    header = header_line(Extent(entries, tree.root(), head), 1, checkpoints, START + timedelta(seconds=entries), signer)
    key = key_line(_event(1, signer).body())
    with file.open("wb") as export, body.open("rb") as lines:
        export.write(header + b"\n" + key + b"\n")
        for chunk in iter(partial(lines.read, 1 << 20), b""):
            export.write(chunk)
    started = time.perf_counter(), time.process_time()
    with file.open("rb") as export:
        verdict = verify_export(export, [signer.public])
    return _result("export", verdict, file, started)


def _measure_database(file: Path, signer: Signer, entries: int) -> VerificationResult:
    database = Database(f"sqlite:///{file}")
    with database.alter() as connection:
        SQLModel.metadata.create_all(connection)
        rows: list[Line] = []
        state = TableState()
        for line in make_log(signer, entries):
            rows.append(line)
            state = line.state
            if line.event is None and len(rows) > INSERT_SIZE:
                _insert(connection, rows)
                rows = []
        _insert(connection, rows)
        values = {"name": TEXTS.name, "rows": state.rows, "total": f"{state.total:064x}"}
        connection.execute(sqlalchemy.insert(LogStateRow), [values])
    started = time.perf_counter(), time.process_time()
    with database.read() as session:
        verdict = verify_database(session, [signer.public], keys={KEY.id: KEY})
    if (verdict.rows, verdict.macs) != (entries + verdict.checkpoints, entries):
        raise AssertionError("not all was compared")
    result = _result("SQLite database", verdict, file, started)
    database.close()
    return result


def _insert(connection: sqlalchemy.Connection, lines: list[Line]) -> None:
    events = [(line, line.event) for line in lines if line.event is not None]
    if not lines:
        return
    connection.execute(
        sqlalchemy.insert(AuditEntry),
        [
            {"seq": row.number, "at": row.at, "event": event.name, "actor": SERVICE.id, "line": row.line}
            | {"digest": digest(row.line), "mac": KEY.mac("entry", row.line)}
            for row, event in events
        ],
    )
    connection.execute(sqlalchemy.insert(TEXTS), [row_of(row.number) for row, _ in events])
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


def _result(name: str, verdict: LogVerdict, file: Path, started: tuple[float, float]) -> VerificationResult:
    seconds, processor_seconds = time.perf_counter() - started[0], time.process_time() - started[1]
    if verdict.fault is not None:
        raise AssertionError(verdict.fault.message)
    size, peak = file.stat().st_size / 2**20, resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
    return VerificationResult(name, verdict.entries, verdict.checkpoints, size, seconds, processor_seconds, peak)


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
