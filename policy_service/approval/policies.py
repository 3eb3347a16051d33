"""Policies by digest, of the registry and of drafts; and which of them nobody has read yet."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import datetime

from sqlmodel import Session, col, select

from policy_service.approval.forecast import Load
from policy_service.approval.store import read_change, read_text
from policy_service.approval.tables import MeaningRow, TextRow
from policy_service.database import Transaction
from policy_service.language.diagnostics import PolicyError
from policy_service.language.load import load_bytes
from policy_service.language.policy import Policy
from policy_service.registry.loaded import head_of, known_head, load, load_head, remember, remember_heads
from policy_service.registry.service import UnknownVersion, activations
from policy_service.registry.tables import VersionRow

SMALL = 16 * 1_024
"""Bytes of a text that is read in a moment, in a transaction too."""


def loader(session: Session) -> Load:
    """Gives the policy under a digest, from the registry or from a draft.

    What it gives raises PolicyError for a drafted text that is not valid, UnknownChange for a digest nobody kept.
    """

    def find(digest: str) -> Policy:
        try:
            return load(session, digest)
        except UnknownVersion:
            found = load_bytes(read_text(session, digest), "draft.yaml")
            remember(found)
            return found

    return find


def heads(session: Session) -> Load:
    """Gives the head of a policy under a digest, from the registry or from a draft. It raises what `loader` does."""

    def find(digest: str) -> Policy:
        try:
            return load_head(session, digest)
        except UnknownVersion:
            found = head_of(loader(session)(digest))
            remember_heads([found])
            return found

    return find


def unknown_heads(session: Session, change: str | None, now: datetime) -> frozenset[str]:
    """The digests of texts whose heads a transaction may ask for and nobody has read.

    They are those of the versions that may be in force from now on, of a change's, and of texts whose meaning is not
    noted yet.

    Raises UnknownChange.
    """
    ahead = {
        each.digest
        for each in activations(session)
        if each.known(now) and (each.effective.until is None or each.effective.until > now)
    }
    if change is not None:
        found = read_change(session, change)
        ahead |= {*found.draft.texts, *(each.digest for each in found.draft.versions)}
        ahead |= {each.digest for each in found.submission.versions} if found.submission else set()
    ahead |= unread_texts(session)
    return frozenset(digest for digest in ahead if known_head(digest) is None)


def unread_texts(session: Session) -> frozenset[str]:
    """The digests of drafted and registered texts whose meaning is not noted yet."""
    noted = select(MeaningRow.digest)
    return frozenset(
        digest
        for table in (TextRow, VersionRow)
        for digest in session.exec(select(table.digest).where(col(table.digest).not_in(noted)))
    )


def note_meanings(transaction: Transaction, *, only: Iterable[str] | None = None) -> None:
    """Notes what the texts mean that were drafted since this was last done, or `only` those with these digests.

    Every transaction does that whose answer depends on who wrote what. The texts are read before it begins
    (`unknown_heads`), or are small (`SMALL`).
    """
    session = transaction.session
    load, unread = heads(session), unread_texts(session)
    for digest in sorted(unread if only is None else unread.intersection(only)):
        try:
            meaning = load(digest).meaning
        except PolicyError:
            meaning = ""
        session.add(MeaningRow(digest=digest, meaning=meaning))
    session.flush()
