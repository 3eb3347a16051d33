"""A cache of policies by digest: each is parsed once, since a digest always names the same text.

Parsing a policy of a thousand rules takes almost a second, too long for a write transaction, which holds a lock that
every decision waits for. So transactions use *heads*, the declarations of a version without its rules: they are cached
once parsed, and `cache_heads` adds those parsed beforehand in another process.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sqlmodel import Session

from policy_service.language.policy import Policy
from policy_service.lru_cache import LruCache
from policy_service.registry.service import load_version

MAX_POLICY_CHARACTERS = 8 * 2**20
"""Capacity of the cache of whole policies, characters of policy files; they use about twenty times as much memory."""
MAX_HEAD_CHARACTERS = 64 * 2**20
"""Capacity of the cache of heads, characters of policy files; a head uses some kilobytes beyond its text."""
_POLICIES: LruCache[str, Policy] = LruCache(MAX_POLICY_CHARACTERS)
_HEADS: LruCache[str, Policy] = LruCache(MAX_HEAD_CHARACTERS)


def cached_policy(digest: str) -> Policy | None:
    """Return the cached policy with a digest; None if it is not cached."""
    return _POLICIES.get(digest)


def cache_policy(policy: Policy) -> None:
    """Cache a parsed policy."""
    _POLICIES.put(policy.digest, policy, len(policy.text))


def load(session: Session, digest: str) -> Policy:
    """Return a version. Slow if it is not cached. Raises UnknownVersion."""
    policy = cached_policy(digest)
    if policy is None:
        policy = load_version(session, digest)
        _POLICIES.put(digest, policy, len(policy.text))
    return policy


def head_of(policy: Policy) -> Policy:
    """Return a policy's title, subject, facts, outcomes and text, without rules, bands, examples and invariants."""
    return replace(policy, rules=(), cross=None, scorecard=None, examples=(), invariants=())


def cached_head(digest: str) -> Policy | None:
    """Return the cached head with a digest; None if it is not cached."""
    return _HEADS.get(digest)


def cache_heads(heads: Iterable[Policy]) -> None:
    """Cache heads that were parsed elsewhere."""
    for head in heads:
        _HEADS.put(head.digest, head, len(head.text))


def load_head(session: Session, digest: str) -> Policy:
    """Return the head of a version. Slow if it is not cached. Raises UnknownVersion."""
    head = cached_head(digest)
    if head is None:
        head = head_of(load(session, digest))
        cache_heads([head])
    return head
