"""A cache of results computed from policy versions, by their digests: a version never changes."""

from __future__ import annotations

from collections.abc import Callable
from functools import wraps
from typing import ParamSpec, TypeVar

from policy_service.language.policy import Policy
from policy_service.lru_cache import LruCache

CACHED_CHARACTERS = 4 * 2**20
"""Capacity of the cache of one function, characters of policy files."""
Parameters = ParamSpec("Parameters")
Result = TypeVar("Result")


def cached_by_digest(make: Callable[Parameters, Result]) -> Callable[Parameters, Result]:
    """Cache the results of a function of policies and texts such as a language; it must not return None."""
    kept: LruCache[tuple[object, ...], Result] = LruCache(CACHED_CHARACTERS)

    @wraps(make)
    def get(*arguments: Parameters.args, **named: Parameters.kwargs) -> Result:
        values = (*arguments, *named.values())
        policies = [each for each in values if isinstance(each, Policy)]
        key = (*(each.digest if isinstance(each, Policy) else each for each in values), *named)
        return kept.get_or_make(key, lambda: make(*arguments, **named), sum(len(each.text) for each in policies))

    return get
