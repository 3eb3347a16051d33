"""Rows of all tables, written many at a time, with the log's entries chained as the service chains them."""

from __future__ import annotations

from collections import defaultdict
from datetime import datetime
from pathlib import Path
from typing import Any

import sqlalchemy
from sqlmodel import Session, SQLModel

from policy_service.actor import Actor
from policy_service.audit.chain import entry_line
from policy_service.audit.checkpoints import Extent, checkpoint_line
from policy_service.audit.coverage import column_values
from policy_service.audit.events import Event
from policy_service.audit.log import last_entry
from policy_service.audit.log_key import read_log_keys
from policy_service.audit.merkle import Tree, digest_bytes
from policy_service.audit.service import current_signer
from policy_service.audit.tables import AuditAbout, AuditEntry, Checkpoint
from policy_service.canonical import digest
from policy_service.database import Database, Lane, LaneName
from policy_service.database.declared import table_of
from policy_service.decisions.macs import mac_of_record
from policy_service.decisions.tables import DecisionRow

BATCH_SIZE = 20_000
"""Rows that are kept back until they are written."""
CHECKPOINT_INTERVAL = 1_000
"""Entries between two checkpoints; the service makes one every few seconds, of whatever there is by then."""


class Ledger:
    """Takes rows and events in the order of time."""

    def __init__(self, database: Database, session: Session, keys: Path) -> None:
        last = last_entry(session)
        if last is None:
            raise ValueError("the log has not been begun")
        self._database, self._signer = database, current_signer(session, keys)
        self._key = next(reversed(read_log_keys(keys).values()))
        self._rows: dict[type[SQLModel], list[dict[str, Any]]] = defaultdict(list)
        self._pending_count = 0
        self._tree = Tree()
        for entry in session.exec(sqlalchemy.select(AuditEntry.digest).order_by(AuditEntry.seq)):  # type: ignore[call-overload]  # SQLAlchemy's own select
            self._tree.add(digest_bytes(entry[0]))
        self._seq, self._head, self._at = last.seq, last.digest, last.at

    @property
    def entries(self) -> int:
        """Count the entries of the log."""
        return self._seq

    def add(self, row: SQLModel) -> None:
        """One row."""
        self.put(type(row), column_values(row))

    def put(self, model: type[SQLModel], values: dict[str, Any]) -> None:
        """The same, by its values."""
        if model is DecisionRow:
            values = {**values, "mac": mac_of_record(self._key, values["digest"])}
        self._rows[model].append(values)
        self._pending_count += 1

    def append(self, at: datetime, actor: Actor, event: Event) -> int:
        """One more entry of the log; gives its number."""
        self._seq += 1
        about = event.about()
        line = entry_line(self._seq, at, actor, event.name, about, event.body(), self._head)
        self._head, self._at = digest(line), at
        columns = {"seq": self._seq, "at": at, "event": event.name, "actor": actor.id}
        self.put(AuditEntry, {**columns, "line": line, "digest": self._head, "mac": self._key.mac("entry", line)})
        for each in dict.fromkeys(about):
            self.put(AuditAbout, {"about": each, "seq": self._seq})
        self._tree.add(digest_bytes(self._head))
        if self._seq % CHECKPOINT_INTERVAL == 0:
            self._sign()
        if self._pending_count > BATCH_SIZE:
            self.write()
        return self._seq

    def finish(self) -> None:
        """Signs the end of the log, writes what waits, and tells the lanes when it was."""
        self._sign()
        self.write()
        with self._database.alter() as connection:
            connection.execute(sqlalchemy.update(Lane).values(at=self._at))
            governance = sqlalchemy.update(Lane).where(sqlalchemy.column("name") == LaneName.GOVERNANCE)
            connection.execute(governance.values(count=Lane.count + self._seq))

    def write(self) -> None:
        """Writes what waits, those tables first that others refer to."""
        with self._database.alter() as connection:
            for table in SQLModel.metadata.sorted_tables:
                for model, rows in self._rows.items():
                    if rows and table_of(model) is table:
                        connection.execute(sqlalchemy.insert(model), rows)
        self._rows.clear()
        self._pending_count = 0

    def _sign(self) -> None:
        line = checkpoint_line(Extent(self._seq, self._tree.root(), self._head), self._at, self._signer)
        self.put(Checkpoint, {"size": self._seq, "at": self._at, "line": line, "peaks": self._tree.to_bytes()})
