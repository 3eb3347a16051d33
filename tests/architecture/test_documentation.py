"""What the pages promise is there: their links, and the commands they tell the reader to type."""

import re
from pathlib import Path

import pytest

from tests.architecture.project import ROOT, markdown_files, name_of

LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]+)?\)")
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"(?:^|`)make ([a-z][a-z-]*)", re.MULTILINE)
TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)


def anchors(page: Path) -> set[str]:
    """The places of a page a link may name, made from its headings the way code hosts do."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {"#" + re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", markdown_files(), ids=name_of)
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(FENCED.sub("", page.read_text("utf-8"))):
        aim = page.parent / target
        assert aim.exists(), f"{target} is not there"
        if anchor and aim.suffix == ".md":
            assert anchor in anchors(aim), f"{target} has no heading for {anchor}"


@pytest.mark.parametrize("page", markdown_files(), ids=name_of)
def test_every_make_command_exists(page: Path) -> None:
    targets = set(TARGET.findall((ROOT / "Makefile").read_text("utf-8")))
    assert set(COMMAND.findall(page.read_text("utf-8"))) <= targets


def test_the_index_lists_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    listed = {(index.parent / target).resolve() for target, _ in LINK.findall(index.read_text("utf-8"))}
    kinds = ("tutorial", "how-to", "reference", "explanation")
    pages = {page for kind in kinds for page in (index.parent / kind).glob("*.md")}
    assert sorted(map(name_of, pages - listed)) == []


def test_the_page_of_the_project_tells_how_to_run_and_test_it() -> None:
    assert {"run", "test", "check"} <= set(COMMAND.findall((ROOT / "README.md").read_text("utf-8")))


def test_make_explains_every_command_a_person_types() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    steps = re.search(r"^check: ([a-z -]+)", makefile, re.MULTILINE)
    assert steps is not None
    explained = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    assert set(TARGET.findall(makefile)) - set(steps[1].split()) == explained
