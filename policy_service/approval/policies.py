"""Policies by digest, of the registry and of drafts; and which of them nobody has read yet."""

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
"""Bytes of a text that is read in a moment, in a transaction too."""


def policy_loader(session: Session) -> PolicyLoader:
    """Return the policy under a digest, from the registry or from a draft.

    What it gives raises PolicyError for a drafted text that is not valid, UnknownChange for a digest nobody kept.
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
    """Return the loader of the head of a policy under a digest, from the registry or from a draft.

    It raises what `policy_loader` does.
    """

    def find(digest: str) -> Policy:
        try:
            return load_head(session, digest)
        except UnknownVersion:
            head = head_of(policy_loader(session)(digest))
            cache_heads([head])
            return head

    return find


def uncached_heads(session: Session, change: str | None, now: datetime) -> frozenset[str]:
    """Return the digests of texts whose heads a transaction may ask for and nobody has read.

    They are those of the versions that may be in force from now on, of those before them, which suspensions fall back
    to, of a change's, and of texts whose meaning is not noted yet.

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
    """Return the digests of drafted and registered texts whose meaning is not noted yet."""
    recorded_digests = select(MeaningRow.digest)
    return frozenset(
        digest
        for table in (TextRow, VersionRow)
        for digest in session.exec(select(table.digest).where(col(table.digest).not_in(recorded_digests)))
    )


def record_meanings(transaction: Transaction, *, only: Iterable[str] | None = None) -> None:
    """Note what the texts mean that were drafted since this was last done, or `only` those with these digests.

    Every transaction does that whose answer depends on who wrote what. The texts are read before it begins
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
