"""Policies by digest, each read once: a digest names one text for ever.

To read a policy of a thousand rules takes the better part of a second. Whoever writes holds a lock that every decision
waits for before it is recorded, and must not do that. So transactions ask for *heads*, what versions declare without
their rules: they are kept once they were read, and `cache_heads` takes what was read beforehand, in another process.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from sqlmodel import Session

from policy_service.language.policy import Policy
from policy_service.lru_cache import LruCache
from policy_service.registry.service import load_version

MAX_POLICY_CHARACTERS = 8 * 2**20
"""Characters of policy files that are kept as whole policies, which take about twenty times as much memory."""
MAX_HEAD_CHARACTERS = 64 * 2**20
"""Characters of policy files whose heads are kept: beside its text a head takes some kilobytes."""
_POLICIES: LruCache[str, Policy] = LruCache(MAX_POLICY_CHARACTERS)
_HEADS: LruCache[str, Policy] = LruCache(MAX_HEAD_CHARACTERS)


def cached_policy(digest: str) -> Policy | None:
    """Return the policy under a digest, if it was read before and is still kept."""
    return _POLICIES.get(digest)


def cache_policy(policy: Policy) -> None:
    """Keep a policy that was read."""
    _POLICIES.put(policy.digest, policy, len(policy.text))


def load(session: Session, digest: str) -> Policy:
    """Return a version. Slow when nobody has read it before. Raises UnknownVersion."""
    policy = cached_policy(digest)
    if policy is None:
        policy = load_version(session, digest)
        _POLICIES.put(digest, policy, len(policy.text))
    return policy


def head_of(policy: Policy) -> Policy:
    """Return a policy's title, subject, facts, outcomes and text, without rules, bands, examples and invariants."""
    return replace(policy, rules=(), cross=None, scorecard=None, examples=(), invariants=())


def cached_head(digest: str) -> Policy | None:
    """Return the head under a digest, if it was read before."""
    return _HEADS.get(digest)


def cache_heads(heads: Iterable[Policy]) -> None:
    """Keep heads that were read elsewhere."""
    for head in heads:
        _HEADS.put(head.digest, head, len(head.text))


def load_head(session: Session, digest: str) -> Policy:
    """Return the head of a version. Slow when nobody has read it before. Raises UnknownVersion."""
    head = cached_head(digest)
    if head is None:
        head = head_of(load(session, digest))
        cache_heads([head])
    return head
