"""Policies by digest, of the registry and of drafts; and which of them nobody has read yet."""

from __future__ import annotations

from datetime import datetime

from sqlmodel import Session

from policy_service.approval.forecast import Load
from policy_service.approval.store import read_change, read_text
from policy_service.language.load import load_bytes
from policy_service.language.policy import Policy
from policy_service.registry.loaded import head_of, known_head, load, load_head, remember, remember_heads
from policy_service.registry.service import UnknownVersion, activations


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
    """The digests of the versions that may be in force from now on, and of a change's, whose heads nobody has read.

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
    return frozenset(digest for digest in ahead if known_head(digest) is None)
