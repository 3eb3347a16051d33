"""A test of many cases tries them all and names those that fail."""

import pytest

from tests.for_each import for_each


def test_each_case_that_fails_is_named_and_the_others_are_tried() -> None:
    tried = []

    @for_each([(1, "one"), (2, "two"), (3, "three")])
    def test(number: int, name: str) -> None:
        tried.append(name)
        assert number == 2

    with pytest.raises(ExceptionGroup, match="2 of 3 cases") as failed:
        test()
    assert [fault.__notes__ for fault in failed.value.exceptions] == [["case: (1, 'one')"], ["case: (3, 'three')"]]
    assert tried == ["one", "two", "three"]


def test_no_case_at_all_is_a_fault() -> None:
    with pytest.raises(ValueError, match="no case"):
        for_each(zip([]))
