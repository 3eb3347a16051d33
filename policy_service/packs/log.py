"""The log's part of a pack: the entries that concern it, each with its path, the checkpoints, the keys."""

from __future__ import annotations

from sqlmodel import Session

from policy_service.audit.chain import Entry, line_of, read_entry
from policy_service.audit.events import sentence
from policy_service.audit.keys import public_key
from policy_service.audit.service import checkpoints, signing_keys
from policy_service.canonical import canonical, digest
from policy_service.packs.archive import Archive
from policy_service.packs.collecting import Collected
from policy_service.packs.entries import Proofs
from policy_service.packs.texts import Step

ENTRIES, TABLE, CHECKPOINT, CHECKPOINTS, KEYS = (
    "audit/entries.ndjson",
    "audit/entries.csv",
    "audit/checkpoint.json",
    "audit/checkpoints.ndjson",
    "audit/keys.ndjson",
)
HEADINGS = ("entry", "time (UTC)", "who", "event", "中文", "English", "digest")
NEWEST = 1_000
"""Checkpoints of a pack."""


def write_log(archive: Archive, session: Session, found: Collected, proofs: Proofs, step: Step) -> int:
    """Writes the entries, the checkpoints and the keys; gives the number of entries that no checkpoint covers yet."""
    lines, rows, unsigned = [], [], 0
    for row in found.entries:
        path = proofs.path(row.seq) if proofs.covers(row.seq) else None
        unsigned += path is None
        lines.append(canonical({"seq": row.seq, "entry": row.line.decode(), "path": path}))
        rows.append(cells(read_entry(row.line)))
        step()
    archive.add_lines(ENTRIES, lines)
    archive.add_table(TABLE, HEADINGS, rows)
    archive.add(CHECKPOINT, proofs.checkpoint.line)
    archive.add_lines(CHECKPOINTS, [each.line for each in checkpoints(session, limit=NEWEST)])
    archive.add_lines(KEYS, proofs.keys)
    for number, body in enumerate(signing_keys(session), 1):
        archive.add_text(f"audit/public-key-{number}.pem", public_key(body["public_key"]).to_pem())
    if unsigned:
        found.leave_out(
            f"{unsigned} 条日志条目尚未被检查点签名覆盖，没有证明。",
            f"{unsigned} entries are not covered by a signed checkpoint yet: they have no proof.",
        )
    return unsigned


def cells(entry: Entry) -> tuple[object, ...]:
    """An entry as a row of the table."""
    name = entry.by.name
    return (
        entry.seq,
        entry.at,
        name,
        entry.event,
        sentence(entry.event, name, entry.body, "zh"),
        sentence(entry.event, name, entry.body, "en"),
        digest(line_of(entry)),
    )
