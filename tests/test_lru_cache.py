"""What was used last is kept, as much of it as weighs no more than the limit."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from policy_service.lru_cache import LruCache


def test_what_was_used_last_is_kept() -> None:
    cache: LruCache[str, str] = LruCache(2)
    cache.put("a", "first")
    cache.put("b", "second")
    assert cache.get("a") == "first"
    cache.put("c", "third")
    assert [cache.get(key) for key in "abc"] == ["first", None, "third"]


def test_a_value_is_made_once_and_again_when_it_was_dropped() -> None:
    cache: LruCache[str, int] = LruCache(1)
    made = iter(range(10))
    assert [cache.get_or_make(key, lambda: next(made)) for key in "aabba"] == [0, 0, 1, 1, 2]


def test_the_newest_is_kept_whatever_it_weighs() -> None:
    cache: LruCache[str, str] = LruCache(10)
    cache.put("small", "s", 3)
    cache.put("large", "l", 1_000)
    assert (cache.get("small"), cache.get("large")) == (None, "l")
    cache.put("small", "s", 3)
    assert (cache.get("small"), cache.get("large")) == ("s", None)


@given(st.lists(st.sampled_from([2, 3, 5, 7, 11, 13]), max_size=40))
def test_the_newest_that_fit_together_are_kept_and_nothing_else(puts: list[int]) -> None:
    """Each value weighs as much as it says."""
    cache: LruCache[int, int] = LruCache(12)
    for weight in puts:
        cache.put(weight, weight, weight)
    results: list[int] = []
    for weight in dict.fromkeys(reversed(puts)):
        if results and sum(results) + weight > 12:
            break
        results.append(weight)
    assert {weight for weight in puts if cache.get(weight) is not None} == set(results)
