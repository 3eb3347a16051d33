"""Verification of the whole database: the log, every row that it covers, every decision record and its block.

    verdict = verify_everything(session, trusted, external_checkpoints, keys)

Each part has its own module; this one combines them, so that the command, the page and the endpoint agree.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any, TypeVar

import msgspec
import sqlalchemy
from sqlalchemy import String, type_coerce
from sqlalchemy.exc import DBAPIError
from sqlmodel import Session, col, func, select

from policy_service.append_only import schema_faults
from policy_service.audit.checkpoints import SignedExtent
from policy_service.audit.coverage import read_rows
from policy_service.audit.database_verification import verify_database
from policy_service.audit.expected_rows import MAX_FAULTS
from policy_service.audit.keys import PublicKey
from policy_service.audit.log import log_length
from policy_service.audit.log_key import LogKey
from policy_service.audit.rows import read_states
from policy_service.audit.tables import AuditEntry, Checkpoint
from policy_service.audit.verdict import LogFault, LogVerdict
from policy_service.audit.verify import EntryProgress, PartTick, say_nothing
from policy_service.clock import timestamp
from policy_service.database import Lane, LaneName
from policy_service.database.declared import row_count, table_of
from policy_service.database.file_check import file_faults
from policy_service.database.outages import is_outage
from policy_service.decisions.answer_counts.service import count_faults
from policy_service.decisions.archiving import archive_faults
from policy_service.decisions.block_store import verify_blocks
from policy_service.decisions.blocks import BlockReport
from policy_service.decisions.encryption import is_encrypted, key_id_of
from policy_service.decisions.groups.rows import PERIODS
from policy_service.decisions.groups.verification import group_faults
from policy_service.decisions.macs import MacKeys, last_decision_seq, last_erasures, read_mac_keys, subject_key_faults
from policy_service.decisions.record_queries import last_archived_seq
from policy_service.decisions.state_tables import BlockRow, SubjectKeyRow
from policy_service.decisions.tables import DecisionRow
from policy_service.integrity import DamagedRecord
from policy_service.messages import Message
from policy_service.subject import CUSTOMER

FETCH_SIZE = 500
"""Records per query."""
Item = TypeVar("Item")


class _EncryptedRecord(msgspec.Struct):
    """The members of a record that name the keys of its encrypted facts."""

    decision_id: str
    subject: str
    decided_at: str
    facts: dict[str, Any]
    kind: str = CUSTOMER


_LANES = table_of(Lane)
_DECODER = msgspec.json.Decoder(_EncryptedRecord)


def verify_everything(
    session: Session,
    trusted: Sequence[PublicKey],
    external_checkpoints: Iterable[SignedExtent] = (),
    keys: Mapping[str, LogKey] | None = None,
    on_progress: PartTick = say_nothing,
) -> LogVerdict:
    """Return the verdict about the whole database and everything that does not match the log.

    `keys` are those of the MACs.
    """
    return verify_rest(
        session, verify_database(session, trusted, external_checkpoints, on_progress, keys), keys, on_progress
    )


def parts_of(session: Session) -> dict[str, int]:
    """Return the number of items of each part that `verify_everything` reports progress on, in order."""
    records = last_decision_seq(session)
    rows = sum(state.rows for state in read_states(session.connection()).values()) + row_count(session, Checkpoint)
    parts = {"entries": log_length(session), "rows": rows, "records": records}
    if archived := last_archived_seq(session):
        parts["records in archives"] = archived
    parts["MACs of records"] = records
    return parts | {"periods of group lists": row_count(session, PERIODS)}


def verify_rest(  # noqa: PLR0913, PLR0917  # a verdict, and what else is compared
    session: Session,
    verdict: LogVerdict,
    keys: Mapping[str, LogKey] | None = None,
    tick: PartTick = say_nothing,
    now: datetime | None = None,
    archives: Sequence[Path] = (),
) -> LogVerdict:
    """Return a verdict about the log extended by the faults of the schema, records, blocks, subjects' keys, and lanes.

    `archives` are archive files. A lane's clock must not be later than everything written and `now`.
    """
    report = BlockReport()
    checks: tuple[tuple[str, Callable[[], Iterable[str]]], ...] = (
        ("decision", lambda: verify_blocks(session, report=report, tick=partial(tick, "records")).faults),
        ("decision", lambda: archive_faults(session, archives, partial(tick, "records in archives"))),
        ("block", lambda: _block_times(session)),
        (
            "decision",
            lambda: _record_faults(session, read_mac_keys(session, keys or {}), partial(tick, "MACs of records")),
        ),
        ("subject_key", lambda: subject_key_faults(session, keys or {})),
        ("lane", lambda: _lane_faults(session, now)),
        ("outcome_period", lambda: islice(group_faults(session, partial(tick, "periods of group lists")), MAX_FAULTS)),
        ("answer_count", lambda: islice(count_faults(session), MAX_FAULTS)),
        ("sqlite_master", lambda: schema_faults(session.connection())),
        ("sqlite_master", lambda: file_faults(session.connection(), "integrity_check")),
    )
    messages: dict[str, None] = {}
    for table, check in checks:
        if table in {"outcome_period", "answer_count"} and messages:
            continue  # they follow from records, which are not what was written
        try:
            messages |= dict.fromkeys(check())
        except (DBAPIError, DamagedRecord, ValueError, TypeError, KeyError) as error:
            if is_outage(error):  # a connection that broke says nothing about the row
                raise
            messages[Message("a row of `{table}` was altered: it cannot be read", table=table)] = None
    faults = [LogFault(message) for message in messages][:MAX_FAULTS]
    return verdict.with_rows(report.records, len(messages) + report.untold, faults)


def _block_times(session: Session) -> Iterator[str]:
    query = select(BlockRow.number).join(AuditEntry, col(BlockRow.entry) == col(AuditEntry.seq))
    for number in session.exec(query.where(col(BlockRow.sealed_at) != col(AuditEntry.at))):
        yield Message("block {block} is not what the audit log says was sealed", block=number)


def _lane_faults(session: Session, now: datetime | None) -> Iterator[str]:
    """Yield the faults of lane clocks.

    A clock must not be earlier than what was written in its lane, nor later than all writes and `now`.
    """
    columns = {LaneName.GOVERNANCE: col(AuditEntry.at), LaneName.DECISIONS: col(DecisionRow.decided_at)}
    seqs = {LaneName.GOVERNANCE: col(AuditEntry.seq), LaneName.DECISIONS: col(DecisionRow.seq)}
    there = {row["name"]: str(row["at"]) for row in read_rows(session.connection(), _LANES)}
    written = {}
    for lane, column in columns.items():
        query = sqlalchemy.select(type_coerce(column, String)).order_by(seqs[lane].desc()).limit(1)
        written[lane] = str(session.connection().execute(query).scalar() or "")
    signed = session.connection().execute(sqlalchemy.select(type_coerce(func.max(Checkpoint.at), String))).scalar()
    latest = max(*written.values(), str(signed or ""))
    for lane in LaneName:
        if lane not in there:
            yield Message("the lane `{lane}` was removed", lane=lane.value)
        elif there[lane] < written[lane]:
            yield Message(
                "the lane `{lane}` was altered: what was written in it is later than it says", lane=lane.value
            )
        elif now is not None and there[lane] > max(latest, timestamp(now)):
            yield Message(
                "the lane `{lane}` was altered, or the clock of the machine was set back: it states {at}, and nothing "
                "was written that late",
                lane=lane.value,
                at=there[lane],
            )
    for name in sorted(there.keys() - set(LaneName)):
        yield Message("the lane `{lane}` was added", lane=name)


def _record_faults(session: Session, macs: MacKeys, tick: EntryProgress) -> Iterator[str]:
    """Yield the records with a wrong MAC, and those whose subject's key is missing without an erasure."""
    erased_at = last_erasures(session)
    query = select(DecisionRow).order_by(col(DecisionRow.seq))
    rows = iter(session.exec(query, execution_options={"yield_per": FETCH_SIZE}))
    done = 0
    while page := list(islice(rows, FETCH_SIZE)):
        tick(done := done + len(page))
        yield from filter(None, map(macs.mac_fault, page))
        encrypted_records = [_DECODER.decode(row.line) for row in page if b'"$sealed"' in row.line]
        names = {
            key_id_of(value).hex() for each in encrypted_records for value in each.facts.values() if is_encrypted(value)
        }
        existing_keys = (
            set(session.exec(select(SubjectKeyRow.key).where(col(SubjectKeyRow.key).in_(names)))) if names else set()
        )
        for each in encrypted_records:
            keys_used = {key_id_of(value).hex() for value in each.facts.values() if is_encrypted(value)}
            if not keys_used <= existing_keys and erased_at.get((each.subject, each.kind), "") < each.decided_at:
                yield Message(
                    "the key of the subject {subject} was removed: decision {decision} needs it, and no entry records "
                    "an erasure",
                    subject=each.subject,
                    decision=each.decision_id,
                )
