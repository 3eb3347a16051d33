"""The path of an entry up to the signed root of a checkpoint, without reading the whole log.

A step of the path is the root over a range of entries. Each checkpoint is stored with its peaks (the roots of its full
subtrees). The root of a range that begins at an even multiple of its length is a peak of every checkpoint from the
range's end to one length beyond. Other ranges are computed from their halves, and the shortest from the entries.
"""

from __future__ import annotations

from sqlmodel import Session, col, select

from policy_service.audit.checkpoints import Extent
from policy_service.audit.merkle import InvalidPath, Tree, digest_bytes, root_from_path, sibling_ranges, tree_from
from policy_service.audit.tables import AuditEntry, Checkpoint
from policy_service.messages import Message

MAX_READ = 1_024
"""Maximum length of a range whose entries are read; a power of two."""


def find_inclusion_path(session: Session, leaf: str, seq: int, extent: Extent) -> list[str]:
    """Return the path of an entry whose digest is `leaf`.

    Raises InvalidPath if the log is not the signed one.
    """
    steps = [_range_root(session, start, stop) for start, stop in sibling_ranges(seq - 1, extent.size)]
    if root_from_path(leaf, seq - 1, extent.size, steps) != extent.root:
        raise InvalidPath(Message("the entries are not those that the checkpoint was signed for"))
    return steps


def _range_root(session: Session, start: int, stop: int) -> str:
    """Return the root over the entries after `start` up to `stop`, from its full subtrees, longest first."""
    size, peaks = stop - start, []
    for level in reversed(range(size.bit_length())):
        if size >> level & 1:
            peaks.append(_subtree_root(session, start, 1 << level))
            start += 1 << level
    return Tree(size, peaks).root()


def _subtree_root(session: Session, start: int, width: int) -> bytes:
    """Return the root over `width` entries, a power of two, after a multiple of it."""
    tree = Tree()
    if width <= MAX_READ:
        query = select(AuditEntry.digest).where(AuditEntry.seq > start, AuditEntry.seq <= start + width)
        for digest in session.exec(query.order_by(col(AuditEntry.seq))):
            tree.add(digest_bytes(digest))
        return digest_bytes(tree.root())
    if (stored := _stored_root(session, start, width)) is not None:
        return stored
    half = width // 2
    for each in (start, start + half):
        tree.add_root(_subtree_root(session, each, half))
    return digest_bytes(tree.root())


def _stored_root(session: Session, start: int, width: int) -> bytes | None:
    """Return the same root from the peaks of a stored checkpoint; None if there is none."""
    stop = start + width
    query = select(Checkpoint).where(Checkpoint.size >= stop, Checkpoint.size < stop + width)
    row = None if start & width else session.exec(query.order_by(col(Checkpoint.size)).limit(1)).first()
    if row is None:
        return None
    longer = row.size // (2 * width)
    return tree_from(row.size, row.peaks).peaks[longer.bit_count()]
