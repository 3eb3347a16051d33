"""The Merkle tree is RFC 9162's: its published roots and paths, and every leaf of every small tree proves itself."""

import hashlib
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_service.audit.merkle import InvalidPath, Tree, digest_bytes, path, root_from_path, root_of, tree_from
from policy_service.canonical import digest
from tests.for_each import for_each


def leaves(count: int) -> list[str]:
    return [digest(str(number).encode()) for number in range(count)]


def defined(hashes: Sequence[bytes]) -> bytes:
    """The root as section 2.1.1 of the RFC defines it."""
    if len(hashes) < 2:
        return hashlib.sha256(b"".join(b"\0" + leaf for leaf in hashes)).digest()
    left = 1 << (len(hashes) - 1).bit_length() - 1
    return hashlib.sha256(b"\1" + defined(hashes[:left]) + defined(hashes[left:])).digest()


@for_each(zip(range(70)))
def test_the_root_is_the_one_the_standard_defines(count: int) -> None:
    assert root_of(leaves(count)) == f"sha256:{defined([digest_bytes(leaf) for leaf in leaves(count)]).hex()}"


def test_no_leaves_have_the_root_of_nothing() -> None:
    assert root_of([]) == "sha256:e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"


@pytest.mark.parametrize("count", [1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33])
def test_every_leaf_leads_to_the_root_and_nothing_else_does(count: int) -> None:
    all_leaves, root = leaves(count), root_of(leaves(count))
    for index, leaf in enumerate(all_leaves):
        steps = path(all_leaves, index)
        assert root_from_path(leaf, index, count, steps) == root
        assert root_from_path(digest(b"another"), index, count, steps) != root
        if count > 1:
            assert root_from_path(leaf, index, count, [digest(b"another"), *steps[1:]]) != root
            with pytest.raises(InvalidPath, match="too short"):
                root_from_path(leaf, index, count, steps[:-1])
        with pytest.raises(InvalidPath, match="too long"):
            root_from_path(leaf, index, count, [*steps, root])


def test_there_is_no_leaf_beside_the_tree() -> None:
    with pytest.raises(IndexError):
        path(leaves(3), 3)
    with pytest.raises(InvalidPath, match="a tree of 3 leaves has no leaf 3"):
        root_from_path(leaves(1)[0], 3, 3, [])


@pytest.mark.parametrize("text", ["", "sha256:", "sha256:0", f"sha256:{'A' * 64}", f"sha256:{'g' * 64}", "0" * 64])
def test_what_is_no_digest_is_no_leaf(text: str) -> None:
    with pytest.raises(InvalidPath, match="is no digest"):
        root_of([text])


@given(st.integers(0, 100), st.integers(0, 100))
def test_a_tree_that_was_written_down_grows_on(before: int, behind: int) -> None:
    tree = Tree()
    for leaf in leaves(before + behind)[:before]:
        tree.add(digest_bytes(leaf))
    again = tree_from(before, tree.to_bytes())
    copy = tree.copy()
    for leaf in leaves(before + behind)[before:]:
        again.add(digest_bytes(leaf))
    assert again.root() == root_of(leaves(before + behind))
    assert copy.root() == tree.root() == root_of(leaves(before))


def test_parts_of_another_size_are_refused() -> None:
    with pytest.raises(InvalidPath, match="not the nodes"):
        tree_from(3, b"\0" * 32)
