"""The Merkle tree of RFC 9162 (section 2.1) over digests: one root commits to all leaves.

    root([])     = SHA-256("")
    root([d])    = SHA-256(0x00 ‖ d)
    root(leaves) = SHA-256(0x01 ‖ root(left) ‖ root(right))     left: the greatest power of two below their number

A leaf `d` is the 32 bytes of a digest; digests are written as `sha256:` and hexadecimal. The path of a leaf consists of
the sibling roots on the way up; leaf and path give the root.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from policy_service.messages import Message

PREFIX = "sha256:"
_SIZE = 32
_LEAF, _NODE = b"\0", b"\1"


class InvalidPath(ValueError):
    """The path does not fit a tree of that size, or contains an invalid digest."""


class Tree:
    """The tree of a growing list, as the roots of its full subtrees: at most one per binary digit of the size."""

    __slots__ = ("peaks", "size")

    def __init__(self, size: int = 0, peaks: Iterable[bytes] = ()) -> None:
        self.size = size
        self.peaks = list(peaks)

    def add(self, leaf: bytes) -> None:
        """Add the 32 bytes of a digest as the last leaf."""
        self.add_root(leaf_root(leaf))

    def add_root(self, root: bytes) -> None:
        """Add the last leaf by its own root."""
        size, peaks = self.size, self.peaks
        while size & 1:
            root = node(peaks.pop(), root)
            size >>= 1
        peaks.append(root)
        self.size += 1

    def root(self) -> str:
        """Return the root of all the leaves."""
        if not self.peaks:
            return _text(hashlib.sha256(b"").digest())
        *others, root = self.peaks
        for peak in reversed(others):
            root = node(peak, root)
        return _text(root)

    def copy(self) -> Tree:
        """Return a copy of the tree."""
        return Tree(self.size, self.peaks)

    def to_bytes(self) -> bytes:
        """Return the concatenated roots of the full subtrees."""
        return b"".join(self.peaks)


def tree_from(size: int, peaks: bytes) -> Tree:
    """Return the tree written by `to_bytes`. Raises InvalidPath if the bytes do not fit a tree of that size."""
    if len(peaks) != _SIZE * size.bit_count():
        raise InvalidPath(Message("these are not the nodes of a tree of that size"))
    return Tree(size, (peaks[start : start + _SIZE] for start in range(0, len(peaks), _SIZE)))


def root_of(leaves: Iterable[str]) -> str:
    """Return the root over digests. Raises InvalidPath if one is invalid."""
    tree = Tree()
    for leaf in leaves:
        tree.add(digest_bytes(leaf))
    return tree.root()


def path(leaves: Sequence[str], index: int) -> list[str]:
    """Return the path of the leaf at `index`, from the leaf upwards. Raises InvalidPath, IndexError."""
    return [root_of(leaves[start:stop]) for start, stop in sibling_ranges(index, len(leaves))]


def sibling_ranges(index: int, size: int) -> Iterator[tuple[int, int]]:
    """Yield the range of leaves under the root of each step of a path. Raises IndexError."""
    if not 0 <= index < size:
        raise IndexError(index)
    width, last = 1, size - 1
    while last:
        sibling = index ^ 1
        if sibling <= last:  # a tree without a sibling moves up as it is
            yield sibling * width, min((sibling + 1) * width, size)
        index >>= 1
        last >>= 1
        width <<= 1


def root_from_path(leaf: str, index: int, size: int, path: Iterable[str]) -> str:
    """Return the root that a leaf and its path give (RFC 9162 section 2.1.3.2). Raises InvalidPath."""
    if not 0 <= index < size:
        raise InvalidPath(Message("a tree of {size} leaves has no leaf {index}", size=size, index=index))
    root, last = leaf_root(digest_bytes(leaf)), size - 1
    steps = iter(path)
    while last:
        if index & 1 or index < last:
            step = next(steps, None)
            if step is None:
                raise InvalidPath(Message("the path is too short"))
            root = node(digest_bytes(step), root) if index & 1 else node(root, digest_bytes(step))
        index >>= 1
        last >>= 1
    if next(steps, None) is not None:
        raise InvalidPath(Message("the path is too long"))
    return _text(root)


def digest_bytes(digest: str) -> bytes:
    """Return the 32 bytes of a digest. Raises InvalidPath if it is invalid."""
    try:
        value = bytes.fromhex(digest.removeprefix(PREFIX))
    except ValueError:
        value = b""
    if len(value) != _SIZE or _text(value) != digest:
        raise InvalidPath(Message("`{digest}` is no digest", digest=digest))
    return value


def leaf_root(leaf: bytes) -> bytes:
    """Return the root over one leaf."""
    return hashlib.sha256(_LEAF + leaf).digest()


def node(left: bytes, right: bytes) -> bytes:
    """Return the root of two subtrees."""
    return hashlib.sha256(_NODE + left + right).digest()


def _text(root: bytes) -> str:
    return PREFIX + root.hex()
