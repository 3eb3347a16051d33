"""Code stays readable: short files that say their job, and a project that speaks of itself alone."""

import ast
import re
from pathlib import Path

import pytest

from tests.architecture.project import name_of, python_files, text_files
from tests.for_each import for_each

LINES = 400

# Written apart, so that this file does not hold what it looks for.
ELSEWHERE = {
    "a path of one machine": r"(?<![\w.~}\])-])/(?:" + "|".join(("wo" + "rk", "ro" + "ot", "ho" + "me")) + r")/",
    "a package registry's host": "|".join(
        re.escape(host)
        for host in (
            "py" + "pi.org/simple",
            "python" + "hosted.org",
            "registry.npm" + "js",
            "deb.deb" + "ian.org",
        )
    ),
    "the number of an issue": r"(?i)\bissue" + r"s? #?\d",
    "who was at work on it": r"(?i)\b(?:this|a|my) (?:working|coding) " + r"session\b",
}


@for_each(zip(python_files()))
def test_a_file_is_short_and_says_its_job(file: Path) -> None:
    text = file.read_text("utf-8")
    assert len(text.splitlines()) <= LINES, f"split it: files have at most {LINES} lines"
    assert ast.get_docstring(ast.parse(text)), "its first line should say its job in one sentence"


@pytest.mark.parametrize("what", ELSEWHERE)
def test_the_project_speaks_of_itself_alone(what: str) -> None:
    pattern = re.compile(ELSEWHERE[what])
    results = [
        f"{name_of(file)}:{number}: {line.strip()[:100]}"
        for file in text_files()
        for number, line in enumerate(file.read_text("utf-8", errors="replace").splitlines(), 1)
        if pattern.search(line)
    ]
    assert not results, f"{what}:\n" + "\n".join(results)


def test_the_search_for_foreign_words_finds_them() -> None:
    assert re.search(ELSEWHERE["a path of one machine"], "open('/" + "root/x.yaml')")
    assert not re.search(ELSEWHERE["a path of one machine"], "docs/how-to/" + "work/")
    assert re.search(ELSEWHERE["the number of an issue"], "see Issue" + " #12")
