"""Names say the thing: none is a word that the glossary rules out, and no name is defined all over the place."""

import ast
import re
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path

from tests.architecture.project import ROOT, python_files

ENTRY_POINTS = {"run"}
"""One in each module of the command line: the shape of a command."""
MOST = 2
"""Modules that may define a name."""
FRAGMENT = re.compile(r"(What|Whether|That|Who|How|Where|When|Which|Why)\b")
UNNAMED_ACTOR = re.compile(r"\b(whoever|somebody|someone|anybody|everybody|who asks)\b", re.IGNORECASE)


def unused_words() -> set[str]:
    """Read the words of the glossary that are not used, without those that are limited to one meaning."""
    page = (ROOT / "docs" / "reference" / "glossary.md").read_text("utf-8")
    table = page.partition("## Words that are not used")[2]
    left = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("| ")][1:]
    return {word.strip().lower() for cell in left if "(" not in cell for word in cell.split(",")}


def docstrings(file: Path) -> Iterator[str]:
    """List the docstrings of a module, its functions and its classes."""
    for node in ast.walk(ast.parse(file.read_text("utf-8"))):
        if isinstance(node, ast.Module | ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield ast.get_docstring(node) or ""


def public_names(file: Path) -> Iterator[str]:
    """List the functions and classes that a module defines at its top, without a leading underscore."""
    for node in ast.parse(file.read_text("utf-8")).body:
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef) and not node.name.startswith("_"):
            yield node.name


def test_no_module_function_or_class_has_a_word_that_is_not_used() -> None:
    words = unused_words()
    assert len(words) > 100
    modules = [str(file.relative_to(ROOT)) for file in python_files() if file.stem in words]
    names = [f"{file.relative_to(ROOT)}: {name}" for file in python_files() for name in public_names(file)]
    assert modules + [name for name in names if name.rpartition(" ")[2].lower() in words] == []


def test_no_name_is_defined_in_more_than_two_modules() -> None:
    defined = defaultdict(list)
    for file in python_files():
        if "versions" not in file.parts:  # each migration defines `upgrade`
            for name in set(public_names(file)):
                defined[name].append(str(file.relative_to(ROOT)))
    often = {name: files for name, files in defined.items() if len(files) > MOST}
    assert {name: files for name, files in often.items() if name not in ENTRY_POINTS} == {}
    assert set(often) >= ENTRY_POINTS, "an allowance that is no longer needed"


def test_a_docstring_says_what_is_done_or_returned_and_names_the_actor() -> None:
    found = [
        f"{file.relative_to(ROOT)}: {text.splitlines()[0]}"
        for file in python_files()
        if file.relative_to(ROOT).parts[0] in {"api", "policy_service"} and "versions" not in file.parts
        for text in docstrings(file)
        if FRAGMENT.match(text) or UNNAMED_ACTOR.search(text)
    ]
    assert found == []
