"""The Merkle tree of RFC 9162 (section 2.1) over digests: one root says what all the leaves are.

    root([])     = SHA-256("")
    root([d])    = SHA-256(0x00 ‖ d)
    root(leaves) = SHA-256(0x01 ‖ root(left) ‖ root(right))     left: the greatest power of two below their number

A leaf `d` is the 32 bytes of a digest; digests are written `sha256:` and hexadecimal, here as everywhere. The path of a
leaf is the roots of the trees beside it on its way up; leaf and path give the root again.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator, Sequence

from policy_service.messages import Message

PREFIX = "sha256:"
_SIZE = 32
_LEAF, _NODE = b"\0", b"\1"


class InvalidPath(ValueError):
    """The path is not one of a tree of that size, or a digest in it is none."""


class Tree:
    """The root of a list that grows: it holds one root for each full tree, at most one a binary digit of the size."""

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
        """Return another tree of the same leaves."""
        return Tree(self.size, self.peaks)

    def to_bytes(self) -> bytes:
        """Return the roots of the full trees, one behind the other."""
        return b"".join(self.peaks)


def tree_from(size: int, peaks: bytes) -> Tree:
    """Return the tree that was written with `to_bytes`. Raises InvalidPath when a tree of that size has other parts."""
    if len(peaks) != _SIZE * size.bit_count():
        raise InvalidPath(Message("these are not the nodes of a tree of that size"))
    return Tree(size, (peaks[start : start + _SIZE] for start in range(0, len(peaks), _SIZE)))


def root_of(leaves: Iterable[str]) -> str:
    """Return the root over digests. Raises InvalidPath when one is no digest."""
    tree = Tree()
    for leaf in leaves:
        tree.add(digest_bytes(leaf))
    return tree.root()


def path(leaves: Sequence[str], index: int) -> list[str]:
    """Return the path of the leaf at `index`, from the leaf upwards. Raises InvalidPath, IndexError."""
    return [root_of(leaves[start:stop]) for start, stop in sibling_ranges(index, len(leaves))]


def sibling_ranges(index: int, size: int) -> Iterator[tuple[int, int]]:
    """Return the range of leaves that each step of a path is the root of. Raises IndexError."""
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
    """Return the 32 bytes that a digest writes. Raises InvalidPath when it is none."""
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
    """Return the root over what two roots are over."""
    return hashlib.sha256(_NODE + left + right).digest()


def _text(root: bytes) -> str:
    return PREFIX + root.hex()
