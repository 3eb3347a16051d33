"""Documents in Chinese and in English are one: headings, blocks, tables, code and links of a pair agree."""

import re
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.project import ROOT, markdown_files, name_of
from tests.for_each import for_each

BLOCK = re.compile(r"^( *)```(\w*)\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
CODE = re.compile(r"`([^`\n]+)`")
HEADING = re.compile(r"^(#+) ", re.MULTILINE)
LINK = re.compile(r"\]\(([^)#\s]*)(?:#[^)\s]+)?\)")
STEP = re.compile(r"^ *(?:\d+\. |- |\| )", re.MULTILINE)
ENGLISH_ONLY = {
    "CHANGELOG.md": "for those who upgrade: programmers",
    "benchmarks/README.md": "for programmers",
    "docs/adr/": "for those who work on the service",
    "docs/reference/asvs.md": "for who assesses the service's security",
    "docs/reference/cli.md": "for programmers; commands tell it in English",
    "docs/reference/database.md": "for programmers; written with each migration",
    "docs/reference/events.md": "for programmers",
    "docs/reference/http.md": "for programmers",
    "docs/reference/settings.md": "for programmers",
}
"""Pages or folders without a Chinese page, and why."""
WRITTEN_BY_PROGRAM = {"docs/reference/regulations.md"}
"""Pages in both languages that a command writes, for the regulation of any company: they do not link each other."""
DRAWN = {"README.md", "docs/explanation/decision-records.md", "docs/explanation/in-force.md"}
"""Pages with drawings, blocks without a language, that have words of each language."""


def pages() -> list[Path]:
    """List the English pages of the documentation."""
    files = [file for file in markdown_files() if not name_of(file).startswith(("policy_service/", "tests/"))]
    return [file for file in files if not file.name.endswith(".zh.md")]


PAIRS = [page for page in pages() if page.with_suffix(".zh.md").exists()]
"""The English pages that have a Chinese one."""


def sections(text: str) -> list[str]:
    """Split a page at its headings; a heading belongs to what follows it."""
    return re.split(r"^(?=#+ )", BLOCK.sub("", text), flags=re.MULTILINE)


def links(page: Path, text: str) -> Iterator[str]:
    """Read where links lead, in the words of the English page; a page in Chinese leads to pages in Chinese."""
    for target in filter(None, LINK.findall(BLOCK.sub("", text))):
        aim = (page.parent / target).resolve()
        if "://" in target:
            yield target
        elif aim.is_relative_to(ROOT):
            yield re.sub(r"^docs/images/(?:en|zh)/", "docs/images/", name_of(aim)).replace(".zh.md", ".md")


@for_each(zip(PAIRS))
def test_both_languages_have_one_structure(page: Path) -> None:
    chinese_page = page.with_suffix(".zh.md")
    english, chinese = page.read_text("utf-8"), chinese_page.read_text("utf-8")
    ours, theirs = ([block for _, *block in BLOCK.findall(text)] for text in (english, chinese))
    if name_of(page) in DRAWN:
        assert len(ours) == len(theirs)
        ours, theirs = ([block for block in blocks if block[0]] for blocks in (ours, theirs))
    assert ours == theirs
    assert HEADING.findall(BLOCK.sub("", english)) == HEADING.findall(BLOCK.sub("", chinese))
    for one, other in zip(sections(english), sections(chinese), strict=True):
        heading = one.partition("\n")[0]
        assert len(STEP.findall(one)) == len(STEP.findall(other)), heading
        assert set(CODE.findall(one)) == set(CODE.findall(other)), heading
        if name_of(page) not in WRITTEN_BY_PROGRAM:
            assert sorted({*links(page, one)} - {name_of(page)}) == sorted({*links(page, other)} - {name_of(page)}), (
                heading
            )


@for_each(zip([page for page in PAIRS if name_of(page) not in WRITTEN_BY_PROGRAM]))
def test_each_page_of_a_pair_leads_to_the_other_at_its_top_and_on_in_its_language(page: Path) -> None:
    chinese = page.with_suffix(".zh.md")
    assert page.read_text("utf-8").splitlines()[2].startswith(f"[中文]({chinese.name})")
    assert chinese.read_text("utf-8").splitlines()[2].startswith(f"[English]({page.name})")
    for target in LINK.findall(BLOCK.sub("", chinese.read_text("utf-8"))):
        aim = (chinese.parent / target).resolve()
        assert aim == page or aim not in PAIRS, f"{target} is there in Chinese"
    for target in LINK.findall(BLOCK.sub("", page.read_text("utf-8"))):
        aim = (page.parent / target).resolve()
        assert aim == chinese or not aim.name.endswith(".zh.md"), f"{target} is there in English"


def test_every_page_is_there_in_chinese_or_says_why_not() -> None:
    missing = [name_of(page) for page in pages() if not page.with_suffix(".zh.md").exists()]
    assert [name for name in missing if not name.startswith(tuple(ENGLISH_ONLY))] == []
    assert [reason for reason in ENGLISH_ONLY if not any(name.startswith(reason) for name in missing)] == []
