"""The log's part of a pack: the entries that concern it, each with its path, the checkpoints, the keys."""

from __future__ import annotations

from zoneinfo import ZoneInfo

from sqlmodel import Session

from policy_service.audit.chain import Entry, encode_entry, read_entry
from policy_service.audit.events import describe_event
from policy_service.audit.keys import public_key
from policy_service.audit.service import checkpoints, signing_keys
from policy_service.canonical import digest, to_canonical_json
from policy_service.packs.archive import Archive
from policy_service.packs.contents import PackContents
from policy_service.packs.entries import Proofs
from policy_service.packs.texts import StepCallback
from policy_service.packs.times import both_times

ENTRIES, TABLE, CHECKPOINT, CHECKPOINTS, KEYS = (
    "audit/entries.ndjson",
    "audit/entries.csv",
    "audit/checkpoint.json",
    "audit/checkpoints.ndjson",
    "audit/keys.ndjson",
)
HEADINGS = ("entry", "time", "who", "event", "中文", "English", "digest")
OLD_HEADINGS = (HEADINGS[0], "time (UTC)", *HEADINGS[2:])
"""Of packs that show UTC alone."""
MAX_CHECKPOINTS = 1_000
"""Checkpoints of a pack."""


def write_log(  # noqa: PLR0913, PLR0917  # what the entries are told from
    archive: Archive, session: Session, contents: PackContents, proofs: Proofs, zone: ZoneInfo, step: StepCallback
) -> int:
    """Write the entries, the checkpoints and the keys; return the number of entries that no checkpoint covers yet."""
    lines, rows, unsigned_count = [], [], 0
    for row in contents.entries:
        path = proofs.path(row.seq) if proofs.covers(row.seq) else None
        unsigned_count += path is None
        lines.append(to_canonical_json({"seq": row.seq, "entry": row.line.decode(), "path": path}))
        rows.append(cells(read_entry(row.line), zone))
        step()
    archive.add_lines(ENTRIES, lines)
    archive.add_table(TABLE, HEADINGS, rows)
    archive.add(CHECKPOINT, proofs.checkpoint.line)
    archive.add_lines(CHECKPOINTS, [each.line for each in checkpoints(session, limit=MAX_CHECKPOINTS)])
    archive.add_lines(KEYS, proofs.keys)
    for number, body in enumerate(signing_keys(session), 1):
        archive.add_text(f"audit/public-key-{number}.pem", public_key(body["public_key"]).to_pem())
    if unsigned_count:
        contents.add_omission(
            f"{unsigned_count} 条日志条目尚未被检查点签名覆盖，没有证明。",
            f"{unsigned_count} entries are not covered by a signed checkpoint yet: they have no proof.",
        )
    return unsigned_count


def cells(entry: Entry, zone: ZoneInfo | None) -> tuple[object, ...]:
    """Return an entry as a row of the table."""
    name = entry.by.name
    return (
        entry.seq,
        both_times(entry.at, zone),
        name,
        entry.event,
        describe_event(entry.event, name, entry.body, "zh"),
        describe_event(entry.event, name, entry.body, "en"),
        digest(encode_entry(entry)),
    )
