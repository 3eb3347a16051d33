"""`policy-service cross-groups` writes a policy file that `check` and `test` find fine."""

import shutil
from pathlib import Path

import pytest

from policy_service import shipped_policies
from policy_service.language.load import load
from tests.cli.command import call

Capture = pytest.CaptureFixture[str]
SCALE = "tiering/enterprise_scale"
STATEMENT = "industry(manufacturing | others=rest) × scale"


def test_a_file_is_written_checked_and_tried(tmp_path: Path, capsys: Capture) -> None:
    path = tmp_path / "tiering/mine/1.0.0.yaml"
    path.parent.mkdir(parents=True)
    shutil.copytree(shipped_policies() / SCALE, tmp_path / SCALE)
    ended = call(
        capsys, "cross-groups", STATEMENT, "--policy", "tiering/mine", "--source", "R-CROSS-1", "--output", path
    )
    assert (ended.status, ended.out, ended.err) == (0, "", "")
    assert load(path).source == ("R-CROSS-1",)
    assert call(capsys, "test", path).status == 0
    again = call(capsys, "cross-groups", STATEMENT, "--policy", "tiering/mine", "--output", path)
    assert (again.status, again.err) == (2, f"policy-service: {path} is there already\n")


def test_without_a_file_it_is_printed(capsys: Capture) -> None:
    ended = call(capsys, "cross-groups", STATEMENT, "--policy", "tiering/mine", "--version", "2.1.0")
    assert ended.status == 0
    assert ended.out.startswith("policy: tiering/mine\nversion: 2.1.0\n")


def test_every_fault_of_a_statement_is_told(capsys: Capture) -> None:
    ended = call(capsys, "cross-groups", "regoin × amount_12m", "--policy", "tiering/mine")
    assert (ended.status, ended.out) == (1, "")
    assert "did you mean `region`?" in ended.err
    assert "a dimension is a choice or a boolean" in ended.err


def test_other_policies_are_looked_into(tmp_path: Path, capsys: Capture) -> None:
    assert "no policy has" in call(capsys, "cross-groups", "scale", "--policy", "a/b", "--policies", tmp_path).err
    missing = call(capsys, "cross-groups", "scale", "--policy", "a/b", "--output", tmp_path / "no/where.yaml")
    assert (missing.status, missing.err.strip()[-25:]) == (2, "No such file or directory")
