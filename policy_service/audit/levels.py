"""A whole Merkle tree in memory, to compute the paths of many leaves after reading the log once.

Level 0 holds the roots of the leaves, each further level the roots of pairs below; a root without a sibling moves up
unchanged, which gives the tree of RFC 9162 (section 2.1). A million leaves take 64 MB.
"""

from __future__ import annotations

from collections.abc import Iterable

from policy_service.audit.merkle import PREFIX, Tree, digest_bytes, leaf_root, node

_SIZE = 32


class Levels:
    """The tree over digests."""

    def __init__(self, leaves: Iterable[str]) -> None:
        """Raises InvalidPath if one is no digest."""
        below = bytearray()
        for leaf in leaves:
            below += leaf_root(digest_bytes(leaf))
        self._levels = [below]
        while len(below) > _SIZE:
            below = _parent_level(below)
            self._levels.append(below)

    @property
    def size(self) -> int:
        """The number of leaves."""
        return len(self._levels[0]) // _SIZE

    def root(self) -> str:
        """Return the root of all the leaves."""
        return _text(self._levels[-1]) if self.size else Tree().root()

    def path(self, index: int) -> list[str]:
        """Return the path of the leaf at `index`, from the leaf upwards. Raises IndexError."""
        if not 0 <= index < self.size:
            raise IndexError(index)
        steps = []
        for level in self._levels[:-1]:
            start = (index ^ 1) * _SIZE
            if start < len(level):
                steps.append(_text(level[start : start + _SIZE]))
            index >>= 1
        return steps


def _parent_level(below: bytearray) -> bytearray:
    above = bytearray()
    pair = 2 * _SIZE
    for start in range(0, len(below), pair):
        left, right = bytes(below[start : start + _SIZE]), bytes(below[start + _SIZE : start + pair])
        above += node(left, right) if right else left
    return above


def _text(root: bytes | bytearray) -> str:
    return PREFIX + root.hex()
