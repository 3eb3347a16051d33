"""A policy file that was published is never edited; the next text has a higher version."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from policy_service.language.diagnostics import PolicyError
from policy_service.shipped import shipped_policies
from tests.policies.published import LIST, Edited, edited, publish, published, shipped

PATH = "tiering/importance/1.0.0.yaml"


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """The shipped policies, to be spoilt."""
    return Path(shutil.copytree(shipped_policies(), tmp_path / "policies"))


def test_no_published_file_was_edited() -> None:
    assert edited(shipped_policies()) == []


def test_every_shipped_file_is_published() -> None:
    missing = shipped(shipped_policies()).keys() - published(shipped_policies()).keys()
    assert not missing, "run `python -m tests.policies.published`"


def test_the_list_is_sorted_so_that_two_branches_can_be_merged() -> None:
    paths = list(published(shipped_policies()))
    assert paths == sorted(paths)


def test_an_edited_file_is_named_and_nothing_is_published(folder: Path) -> None:
    publish(folder)
    before = (folder / LIST).read_bytes()
    text = (folder / PATH).read_text("utf-8")
    (folder / PATH).write_text(text + "# harmless\n", "utf-8")
    (folder / "tiering/importance/1.9.0.yaml").write_text(text.replace("version: 1.0.0", "version: 1.9.0"), "utf-8")
    with pytest.raises(Edited, match=rf"{PATH} was published as .* give the text a higher version"):
        publish(folder)
    assert (folder / LIST).read_bytes() == before


def test_a_published_file_may_not_go(folder: Path) -> None:
    publish(folder)
    (folder / PATH).unlink()
    [sentence] = edited(folder)
    assert "is gone" in sentence


def test_a_new_file_is_added_and_the_other_lines_stay(folder: Path) -> None:
    publish(folder)
    before = (folder / LIST).read_text("ascii").splitlines()
    text = (folder / PATH).read_text("utf-8")
    new = "tiering/importance/1.9.0.yaml"
    (folder / new).write_text(text.replace("version: 1.0.0", "version: 1.9.0"), "utf-8")
    assert publish(folder) == [new]
    after = (folder / LIST).read_text("ascii").splitlines()
    assert [line for line in after if not line.endswith(new)] == before
    assert len(after) == len(before) + 1


def test_a_file_with_faults_is_not_published(folder: Path) -> None:
    publish(folder)
    (folder / "tiering/importance/1.9.0.yaml").write_text("policy: tiering/importance\n", "utf-8")
    with pytest.raises(PolicyError):
        publish(folder)
