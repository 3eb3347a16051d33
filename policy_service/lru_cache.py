"""A thread-safe cache of recently used values, limited by their total weight.

    policies: LruCache[str, Policy] = LruCache(8 * 2**20)
    policies.put(digest, policy, len(policy.text))

The newest value is cached whatever its weight.
"""

from __future__ import annotations

import threading
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Generic, TypeVar

Key = TypeVar("Key", bound=Hashable)
Value = TypeVar("Value")


class LruCache(Generic[Key, Value]):
    """Values by key. None is not a value."""

    def __init__(self, limit: int) -> None:
        """`limit` is the maximum total weight, in any unit."""
        self._limit, self._total = limit, 0
        self._values: OrderedDict[Key, tuple[Value, int]] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: Key) -> Value | None:
        """Return the value of a key; None if it is not cached."""
        with self._lock:
            if key not in self._values:
                return None
            self._values.move_to_end(key)
            return self._values[key][0]

    def put(self, key: Key, value: Value, weight: int = 1) -> None:
        """Set the value of a key, and drop those not used for longest."""
        with self._lock:
            if key in self._values:
                self._total -= self._values.pop(key)[1]
            self._values[key] = value, weight
            self._total += weight
            while self._total > self._limit and len(self._values) > 1:
                self._total -= self._values.popitem(last=False)[1][1]

    def get_or_make(self, key: Key, make: Callable[[], Value], weight: int = 1) -> Value:
        """Return the value of a key; create it if it is not cached.

        Two threads may create the same value at a time, which does no harm.
        """
        value = self.get(key)
        if value is None:
            value = make()
            self.put(key, value, weight)
        return value
