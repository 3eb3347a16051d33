"""The guide for contributors names paths that are there, and its hooks are those of the project."""

import re

import yaml

from tests.architecture.project import ROOT

PAIR = ("CONTRIBUTING.md", "CONTRIBUTING.zh.md")
CODE = re.compile(r"`([^`\n]+)`")


def texts() -> list[str]:
    """Read the guide in both languages."""
    return [(ROOT / name).read_text("utf-8") for name in PAIR]


def test_every_path_that_the_guide_names_is_there() -> None:
    paths = [code for text in texts() for code in CODE.findall(text) if "/" in code and "<" not in code]
    assert [path for path in paths if not (ROOT / path).exists()] == []
    assert len(paths) > 10


def test_the_hooks_run_the_pinned_ruff_and_the_commands_of_the_makefile() -> None:
    config = yaml.safe_load((ROOT / ".pre-commit-config.yaml").read_text("utf-8"))
    ruff, local = config["repos"]
    assert f"\nruff=={ruff['rev'].removeprefix('v')}\n" in (ROOT / "constraints.txt").read_text("utf-8")
    makefile = (ROOT / "Makefile").read_text("utf-8")
    for hook in local["hooks"]:
        assert re.search(rf"^{hook['entry'].removeprefix('make ')}:", makefile, re.MULTILINE)
