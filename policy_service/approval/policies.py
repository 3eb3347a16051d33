"""Policies of the registry and of drafts, by digest, and which of them are not cached."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session, col, select

from policy_service.approval.forecast import PolicyLoader
from policy_service.approval.store import read_change, read_text
from policy_service.approval.tables import MeaningRow, TextRow
from policy_service.database import Transaction
from policy_service.language.diagnostics import PolicyError
from policy_service.language.load import load_bytes
from policy_service.language.policy import Policy
from policy_service.registry.model import relevant_from
from policy_service.registry.policy_cache import cache_heads, cache_policy, cached_head, head_of, load, load_head
from policy_service.registry.service import UnknownVersion, activations
from policy_service.registry.tables import VersionRow

MAX_INLINE_BYTES = 16 * 1_024
"""Maximum size of a text parsed inside a transaction, bytes."""


def policy_loader(session: Session) -> PolicyLoader:
    """Return a loader of policies by digest, from the registry or from drafts.

    It raises PolicyError for an invalid draft text, UnknownChange for an unknown digest.
    """

    def find(digest: str) -> Policy:
        try:
            return load(session, digest)
        except UnknownVersion:
            policy = load_bytes(read_text(session, digest), "draft.yaml")
            cache_policy(policy)
            return policy

    return find


def head_loader(session: Session) -> PolicyLoader:
    """Return a loader of policy heads by digest, from the registry or from drafts."""

    def find(digest: str) -> Policy:
        try:
            return load_head(session, digest)
        except UnknownVersion:
            head = head_of(policy_loader(session)(digest))
            cache_heads([head])
            return head

    return find


def uncached_heads(session: Session, change: str | None, now: datetime) -> frozenset[str]:
    """Return the digests of uncached texts whose heads a transaction may need.

    These are the versions that may be in force from now on, their predecessors, to which suspensions fall back, a
    change's versions, and texts whose meaning is not recorded yet.

    Raises UnknownChange.
    """
    recorded = activations(session)
    relevant = {each.id: each for each in relevant_from(recorded, now, now)}
    before = {each.policy: each for each in recorded if each.is_known_at(now) and each.id not in relevant}
    digests = {each.digest for each in (*relevant.values(), *before.values())}
    if change is not None:
        current = read_change(session, change)
        digests |= {*current.draft.texts, *(each.digest for each in current.draft.versions)}
        digests |= {each.digest for each in current.submission.versions} if current.submission else set()
    digests |= texts_without_meaning(session)
    return frozenset(digest for digest in digests if cached_head(digest) is None)


def texts_without_meaning(session: Session) -> frozenset[str]:
    """Return the digests of drafted and registered texts whose meaning is not recorded yet."""
    recorded_digests = select(MeaningRow.digest)
    return frozenset(
        digest
        for table in (TextRow, VersionRow)
        for digest in session.exec(select(table.digest).where(col(table.digest).not_in(recorded_digests)))
    )


def record_meanings(transaction: Transaction, *, only: Iterable[str] | None = None) -> None:
    """Record the meanings of texts drafted since the last call, or only those with some digests.

    Every transaction that depends on who wrote what calls this. The texts are parsed before it begins
    (`uncached_heads`), or are small (`MAX_INLINE_BYTES`).
    """
    session = transaction.session
    load, unread_digests = head_loader(session), texts_without_meaning(session)
    for digest in sorted(unread_digests if only is None else unread_digests.intersection(only)):
        try:
            meaning = load(digest).meaning
        except PolicyError:
            meaning = ""
        session.add(MeaningRow(digest=digest, meaning=meaning))
    session.flush()
