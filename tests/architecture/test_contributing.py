"""The two languages of the guide for contributors agree, and its hooks are those of the project."""

import re

import yaml

from tests.architecture.project import ROOT

PAIR = ("CONTRIBUTING.md", "CONTRIBUTING.zh.md")
BLOCK = re.compile(r"^```.*?^```$", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`([^`\n]+)`")
STEP = re.compile(r"^(?:\d\.|- |\| )", re.MULTILINE)


def texts() -> list[str]:
    """Read the guide in both languages."""
    return [(ROOT / name).read_text("utf-8") for name in PAIR]


def test_both_languages_have_the_same_headings_blocks_and_steps() -> None:
    english, chinese = texts()
    assert re.findall(r"^#+(?= )", english, re.MULTILINE) == re.findall(r"^#+(?= )", chinese, re.MULTILINE)
    assert BLOCK.findall(english) == BLOCK.findall(chinese) != []
    sections = ([*re.split(r"^## ", text, flags=re.MULTILINE)] for text in (english, chinese))
    for one, other in zip(*sections, strict=True):
        assert len(STEP.findall(one)) == len(STEP.findall(other)), one.partition("\n")[0]
        assert sorted(CODE.findall(BLOCK.sub("", one))) == sorted(CODE.findall(BLOCK.sub("", other)))


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
