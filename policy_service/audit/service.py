"""The log's keys, checkpoints and export."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from contextlib import closing, suppress
from datetime import datetime
from pathlib import Path
from typing import Any

from sqlmodel import Session, col, select

from policy_service.actor import SERVICE, Actor
from policy_service.audit.chain import GENESIS
from policy_service.audit.checkpoints import Extent, SignedExtent, checkpoint_line, read_checkpoint
from policy_service.audit.events import LogKeyAdded, RowsRecorded, RowsTaken, SigningKeyAdded
from policy_service.audit.export import header_line, key_line
from policy_service.audit.identity import log_id
from policy_service.audit.keys import (
    InvalidSignedLine,
    KeyUnavailable,
    NoSigningKey,
    PublicKey,
    Signer,
    make_key,
    public_key,
    public_keys,
    read_key,
)
from policy_service.audit.log import END_SEQ, append, last_entry, log_length
from policy_service.audit.log_key import NO_KEY, LogKey, lost_key_error, make_log_key, read_log_keys
from policy_service.audit.merkle import InvalidPath, Tree, digest_bytes, tree_from
from policy_service.audit.rows import RowDigest, current_key, pending_count, queue_rows, rebuild_states, use_key
from policy_service.audit.tables import AuditEntry, Checkpoint
from policy_service.audit.verify import endorsement
from policy_service.database import LATEST, NEVER, Transaction, database_of
from policy_service.integrity import reading_row
from policy_service.messages import Message

_FETCH_SIZE = 5_000
"""Rows per query."""


def ensure_signing_key(transaction: Transaction, folder: Path, *, by: Actor = SERVICE) -> PublicKey:
    """Return the key in use; create and record the first one if there is none."""
    keys = signing_keys(transaction.session)
    if keys:
        return public_key(keys[-1]["public_key"])
    key = make_key(folder).public
    append(transaction, by, SigningKeyAdded(key.id, key.text, None, None))
    return key


def rotate_key(transaction: Transaction, actor: Actor, folder: Path) -> PublicKey:
    """Take a new key into use, endorsed by the previous one; each signs a checkpoint.

    Raises KeyUnavailable if the previous key is not in the folder.
    """
    previous = current_signer(transaction.session, folder)
    sign_checkpoint(transaction, folder)
    key = make_key(folder).public
    signature = previous.sign(endorsement(key, previous.public))
    append(transaction, actor, SigningKeyAdded(key.id, key.text, previous.public.id, signature))
    sign_checkpoint(transaction, folder)
    return key


def ensure_log_key(transaction: Transaction, folder: Path, *, decisions: int = 0) -> LogKey:
    """Return the key of the log's MACs; create the first one if there is none, and cover all existing rows.

    `decisions` is the number of the last decision record, which has no MAC yet. Raises KeyUnavailable if the log has a
    key and the folder has not.
    """
    session = transaction.session
    database = database_of(session)
    if database is not None:
        database.keys = folder
    key = current_key(session)
    if key is not NO_KEY:
        return key
    keys = list(read_log_keys(folder).values())
    key = keys[-1] if keys else make_log_key(folder)
    return _activate_key(transaction, SERVICE, key, LogKeyAdded(key.id, None, lost=False, decisions=decisions))


def rotate_log_key(transaction: Transaction, actor: Actor, folder: Path, *, decisions: int, is_lost: bool) -> LogKey:
    """Use a new key for MACs from now on; return it.

    If the previous key is lost, the rows whose digests it made are covered as found: first verify what can be verified.
    Raises KeyUnavailable if the log has no key yet, if its key is missing, and if it is present but declared lost.
    """
    session = transaction.session
    previous = last_log_key_id(session)
    if previous is None:
        raise KeyUnavailable(Message("the log has no key yet: run `policy-service init`"))
    if (previous in read_log_keys(folder)) == is_lost:
        raise (
            KeyUnavailable(Message("the key {key} is not lost: rotate it without --lost", key=previous))
            if is_lost
            else lost_key_error(previous)
        )
    key = make_log_key(folder)
    return _activate_key(transaction, actor, key, LogKeyAdded(key.id, previous, lost=is_lost, decisions=decisions))


def last_log_key_id(session: Session) -> str | None:
    """Return the identifier of the key that the log named last; None if it has none."""
    query = select(AuditEntry.line).where(AuditEntry.event == LogKeyAdded.name).order_by(col(AuditEntry.seq).desc())
    line = session.exec(query.limit(1)).first()
    return None if line is None else str(json.loads(line)["body"]["log_key"])


def _activate_key(transaction: Transaction, actor: Actor, key: LogKey, event: LogKeyAdded) -> LogKey:
    """Take a key into use: recompute the states, and record the rows whose digests change."""
    session = transaction.session
    session.flush()
    if not event.lost and (rows := pending_count(session)):
        append(transaction, SERVICE, RowsRecorded(rows))
    use_key(session, key)
    batches = rebuild_states(session, key, every_row=event.before is None)
    append(transaction, actor, event)
    _cover_batches(transaction, actor, batches)
    return key


def cover_rows(transaction: Transaction, key: LogKey) -> None:
    """Cover all rows as found, under a key; for rows written without this service."""
    use_key(transaction.session, key)
    _cover_batches(transaction, SERVICE, rebuild_states(transaction.session, key, every_row=True))


def _cover_batches(transaction: Transaction, actor: Actor, batches: Iterable[list[RowDigest]]) -> None:
    for batch in batches:
        queue_rows(transaction.session, batch)
        append(transaction, actor, RowsTaken(batch[0].table, len(batch)))


def sign_checkpoint(transaction: Transaction, folder: Path) -> Checkpoint:
    """Sign the log's size, root and head; idempotent for the same size.

    Call `comparison.copy_checkpoints` after the transaction. Raises KeyUnavailable.
    """
    session = transaction.session
    signer = current_signer(session, folder)
    tree, head = _tree_at(session)
    existing = session.get(Checkpoint, tree.size)
    if existing is not None:
        return existing
    line = checkpoint_line(Extent(tree.size, tree.root(), head), transaction.now, signer, log_id(session))
    row = Checkpoint(size=tree.size, at=transaction.now, line=line, peaks=tree.to_bytes())
    session.add(row)
    session.flush()
    return row


def last_checkpoint(session: Session) -> SignedExtent | None:
    """Return the newest checkpoint; None when there is none."""
    row = _last_checkpoint(session)
    return None if row is None else _checkpoint(row.size, row.line)


def _last_signed_at(session: Session) -> datetime | None:
    """Return when the newest checkpoint was signed, by a key of the folder."""
    database, row = database_of(session), _last_checkpoint_line(session)
    if row is None:
        return None
    with suppress(InvalidSignedLine):
        signed = read_checkpoint(row)
        keys = public_keys(database.keys).values() if database is not None and database.keys is not None else ()
        if any(signed.is_signed_by(key) for key in keys):
            return datetime.fromisoformat(signed.at)
    return NEVER


LATEST.append(_last_signed_at)


def _last_checkpoint_line(session: Session) -> bytes | None:
    return session.exec(select(Checkpoint.line).order_by(col(Checkpoint.size).desc()).limit(1)).first()


def unsigned_count(session: Session) -> int:
    """Count the entries that no checkpoint covers yet."""
    checkpoint = _last_checkpoint(session)
    return log_length(session) - (checkpoint.size if checkpoint else 0)


def checkpoints(  # noqa: PLR0913  # which, in which order, how many
    session: Session,
    cursor: int | None = None,
    limit: int = 50,
    *,
    since: datetime | None = None,
    until: datetime | None = None,
    oldest_first: bool = False,
) -> list[SignedExtent]:
    """Return a page of the checkpoints, newest first by default, after the one whose size is the cursor.

    Filters those signed from `since` on and before `until`. Raises InvalidSignedLine.
    """
    size = col(Checkpoint.size)
    first = 1 if since is None else _first_size_signed(session, since)
    end = END_SEQ if until is None else _first_size_signed(session, until)
    if cursor is not None:
        cursor = min(cursor, END_SEQ - 1)
        first, end = (max(first, cursor + 1), end) if oldest_first else (first, min(end, cursor))
    query = select(Checkpoint.size, Checkpoint.line).where(size >= first, size < end)
    query = query.order_by(size.asc() if oldest_first else size.desc()).limit(limit)
    return [_checkpoint(*row) for row in session.exec(query)]


def _checkpoint(size: int, line: bytes) -> SignedExtent:
    """Return the checkpoint in a row. Raises DamagedRecord."""
    with reading_row("checkpoint", size):
        return read_checkpoint(line)


def _first_size_signed(session: Session, instant: datetime) -> int:
    """Return the smallest size signed at or after an instant: a longer log is never signed earlier."""
    last, size = _last_checkpoint(session), col(Checkpoint.size)
    low, high = 1, last.size + 1 if last else 1
    while low < high:
        middle = (low + high) // 2
        query = select(Checkpoint.size, Checkpoint.at).where(size >= middle).order_by(size).limit(1)
        candidate, at = session.exec(query).one()
        low, high = (candidate + 1, high) if at < instant else (low, middle)
    return low


def current_signer(session: Session, folder: Path) -> Signer:
    """Return the private key in use. Raises KeyUnavailable."""
    keys = signing_keys(session)
    if not keys:
        raise NoSigningKey
    return read_key(folder, keys[-1]["signing_key"])


def read_public_keys(session: Session) -> tuple[PublicKey, ...]:
    """Return the public keys in the order in which they were taken into use. Raises DamagedRecord, KeyUnavailable."""
    return tuple(public_key(body["public_key"]) for body in signing_keys(session))


def public_key_in_use(session: Session) -> PublicKey:
    """Return the public key in use. Raises NoSigningKey, DamagedRecord, KeyUnavailable."""
    keys = read_public_keys(session)
    if not keys:
        raise NoSigningKey
    return keys[-1]


def signing_keys(session: Session) -> list[dict[str, Any]]:
    """Return the bodies of `signing_key_added`, in the order of the log."""
    query = select(AuditEntry.seq, AuditEntry.line).where(AuditEntry.event == SigningKeyAdded.name)
    return [_key_body(*row) for row in session.exec(query.order_by(col(AuditEntry.seq)))]


def _key_body(seq: int, line: bytes) -> dict[str, Any]:
    """Return the body of an entry that names a key. Raises DamagedRecord."""
    with reading_row("audit_entry", seq):
        body: dict[str, Any] = json.loads(line)["body"]
        return {name: body[name] for name in ("signing_key", "public_key", "endorsed_by", "signature")}


def export(session: Session, signer: Signer, now: datetime) -> Iterator[bytes]:
    """Yield the lines of an export, without their line feeds."""
    tree, head = _tree_at(session)
    keys = signing_keys(session)
    checkpoints = {row.size: row.line for row in session.exec(select(Checkpoint).order_by(col(Checkpoint.size)))}
    latest = max((now, *(row.at for row in (last_entry(session), _last_checkpoint(session)) if row is not None)))
    extent = Extent(tree.size, tree.root(), head)
    yield header_line(extent, len(keys), checkpoints.values(), latest, signer, log_id(session))
    yield from map(key_line, keys)
    rows = session.exec(
        select(AuditEntry.seq, AuditEntry.line).order_by(col(AuditEntry.seq)),
        execution_options={"yield_per": _FETCH_SIZE},
    )
    with closing(rows):
        for seq, line in rows:
            yield line
            if seq in checkpoints:
                yield checkpoints[seq]


def extent_at(session: Session, size: int) -> Extent | None:
    """Return the extent of the log's first `size` entries; None if it is shorter."""
    tree, head = _tree_at(session, size)
    return Extent(tree.size, tree.root(), head) if tree.size == size else None


def _tree_at(session: Session, size: int = END_SEQ) -> tuple[Tree, str]:
    """Return the tree over the log's first `size` entries, and the last entry's digest.

    Entries are read from the previous checkpoint on.
    """
    tree, head = _last_tree(session, size), GENESIS
    query = select(AuditEntry.digest).where(AuditEntry.seq >= tree.size, AuditEntry.seq <= size)
    digests = iter(session.exec(query.order_by(col(AuditEntry.seq)), execution_options={"yield_per": _FETCH_SIZE}))
    if tree.size:
        head = next(digests, GENESIS)
    for head in digests:
        tree.add(digest_bytes(head))
    return tree, head


def _last_tree(session: Session, size: int) -> Tree:
    row = _last_checkpoint(session, size)
    if row is None:
        return Tree()
    with suppress(InvalidPath):
        tree = tree_from(row.size, row.peaks)
        if tree.root() == read_checkpoint(row.line).extent.root:
            return tree
    return Tree()


def _last_checkpoint(session: Session, size: int = END_SEQ) -> Checkpoint | None:
    query = select(Checkpoint).where(Checkpoint.size <= size).order_by(col(Checkpoint.size).desc())
    return session.exec(query.limit(1)).first()
