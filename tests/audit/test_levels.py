"""A tree in memory gives the paths and the root that the definition gives."""

import pytest

from policy_service.audit.levels import Levels
from policy_service.audit.merkle import path, root_of

DIGESTS = [f"sha256:{number:064x}" for number in range(40)]


@pytest.mark.parametrize("size", range(40))
def test_its_root_and_its_paths_are_those_of_the_tree(size: int) -> None:
    leaves = DIGESTS[:size]
    levels = Levels(leaves)
    assert (levels.size, levels.root()) == (size, root_of(leaves))
    assert [levels.path(index) for index in range(size)] == [path(leaves, index) for index in range(size)]


@pytest.mark.parametrize("index", [-1, 3])
def test_there_is_no_path_of_a_leaf_that_is_not_there(index: int) -> None:
    with pytest.raises(IndexError):
        Levels(DIGESTS[:3]).path(index)
