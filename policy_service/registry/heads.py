"""What a version declares, without its rules: all that is needed to see whether policies fit together.

To read a policy of a thousand rules takes the better part of a second. Whoever writes holds a lock that every decision
waits for before it is recorded, and must not do that. So what transactions ask of a version is kept once it was read,
and `remember_heads` takes what was read beforehand, in another process.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sqlmodel import Session

from policy_service.language.policy import Policy
from policy_service.lru_cache import LruCache
from policy_service.registry.service import load_version

KEPT = 64 * 2**20
"""Characters of policy files whose heads are kept: beside its text a head takes some kilobytes."""
_HEADS: LruCache[str, Policy] = LruCache(KEPT)


def head_of(policy: Policy) -> Policy:
    """A policy's title, subject, facts, outcomes and text, without rules, bands, examples and invariants."""
    return replace(policy, rules=(), scorecard=None, examples=(), invariants=())


def known_head(digest: str) -> Policy | None:
    """The head under a digest, if it was read before."""
    return _HEADS.get(digest)


def remember_heads(heads: Iterable[Policy]) -> None:
    """Keeps heads that were read elsewhere."""
    for head in heads:
        _HEADS.put(head.digest, head, len(head.text))


def load_head(session: Session, digest: str) -> Policy:
    """The head of a version. Slow when nobody has read it before. Raises UnknownVersion."""
    found = known_head(digest)
    if found is None:
        found = head_of(load_version(session, digest))
        remember_heads([found])
    return found
