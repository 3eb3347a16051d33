"""`policy-service check` and `explain` tell every fault, with its place, and end with the right status."""

import json
from pathlib import Path

import pytest

from policy_service import shipped_policies
from tests.cli.command import call
from tests.shipped import SHIPPED

RFM = "tiering/rfm_value"
CADENCE = "followup/contact_cadence"
Capture = pytest.CaptureFixture[str]


def copy(folder: Path, name: str, *changes: tuple[str, str]) -> Path:
    """A shipped policy's file, copied into a tree of its own, with changes."""
    policy = next(policy for policy in SHIPPED if policy.id == name)
    text = policy.text
    for before, after in changes:
        assert before in text
        text = text.replace(before, after)
    path = folder / name / f"{policy.version}.yaml"
    path.parent.mkdir(parents=True)
    path.write_text(text, "utf-8")
    return path


def test_the_shipped_policies_are_fine(capsys: Capture) -> None:
    ended = call(capsys, "check")
    assert (ended.status, ended.err) == (0, "")
    assert ended.out.endswith(" files: fine\n")


def test_one_file_is_checked_among_its_neighbours(capsys: Capture) -> None:
    assert call(capsys, "check", shipped_policies() / CADENCE / "1.0.0.yaml").out == "1 file: fine\n"


def test_every_fault_of_every_file_is_told(tmp_path: Path, capsys: Capture) -> None:
    copy(tmp_path, RFM, ("hit: FIRST", "hit: LAST"), ("version: 1.0.0", "version: one"))
    (tmp_path / "notes.yml").write_text("- 1\n", "utf-8")
    ended = call(capsys, "check", tmp_path)
    assert ended.status == 1
    assert "hit-policy" in ended.out
    assert "`one` is no version" in ended.out
    assert "notes.yml:1:1: wrong-shape" in ended.out
    assert ended.out.splitlines()[-1] == "2 files: 3 faults"


def test_policies_that_do_not_fit_together_are_told(tmp_path: Path, capsys: Capture) -> None:
    path = copy(tmp_path, CADENCE)
    for request in (tmp_path, path):
        ended = call(capsys, "check", request)
        assert ended.status == 1
        assert f"{path}:" in ended.out
        assert "unknown-policy" in ended.out


def test_for_a_program_there_is_json(tmp_path: Path, capsys: Capture) -> None:
    path = copy(tmp_path, RFM, ("hit: FIRST", "hit: LAST"))
    ended = call(capsys, "check", tmp_path, "--json")
    assert ended.status == 1
    body = json.loads(ended.out)
    [file] = body["files"]
    assert (body["valid"], file["file"], file["valid"]) == (False, str(path), False)
    assert [fault["code"] for fault in file["diagnostics"]] == ["hit-policy"]
    fine = json.loads(call(capsys, "check", "--json").out)
    assert fine["valid"]
    assert all(file["digest"].startswith("sha256:") for file in fine["files"])


@pytest.mark.parametrize("arguments", [["nowhere"], ["--nothing"], [Path(__file__).parent]])
def test_a_wrong_call_ends_with_2(arguments: list[object], capsys: Capture) -> None:
    ended = call(capsys, "check", *arguments)
    assert ended.status == 2
    assert ended.err
    assert "Traceback" not in ended.err


@pytest.mark.parametrize(("lang", "words"), [("zh", "客户价值等级"), ("en", "customer value tier")])
def test_a_policy_is_explained(lang: str, words: str, capsys: Capture) -> None:
    ended = call(capsys, "explain", shipped_policies() / RFM / "1.0.0.yaml", "--lang", lang)
    assert (ended.status, ended.err) == (0, "")
    assert words in ended.out


def test_a_faulty_policy_is_not_explained(tmp_path: Path, capsys: Capture) -> None:
    ended = call(capsys, "explain", copy(tmp_path, RFM, ("hit: FIRST", "hit: LAST")))
    assert ended.status == 1
    assert "hit-policy" in ended.out


def test_a_policy_is_explained_in_two_languages_only(capsys: Capture) -> None:
    assert call(capsys, "explain", shipped_policies() / RFM / "1.0.0.yaml", "--lang", "fr").status == 2


def test_a_file_at_the_wrong_path_has_its_warnings_all_the_same(tmp_path: Path, capsys: Capture) -> None:
    file = tmp_path / "draft.yaml"
    file.write_text(next(policy for policy in SHIPPED if policy.id == RFM).text.replace('"< 30"', '"< -5"'), "utf-8")
    ended = call(capsys, "check", file)
    assert ended.status == 1
    assert f"{file}:1:1: misplaced-file: " in ended.out
    assert "warning: never-true: " in ended.out
    assert ended.out.endswith("1 file: 1 fault, 2 warnings\n")
    [found] = json.loads(call(capsys, "check", file, "--json").out)["files"]
    assert ([each["code"] for each in found["warnings"]], found["policy"]) == (["unreachable-rule", "never-true"], None)
