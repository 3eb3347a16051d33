"""What the pages promise is there: their links, and the commands they tell the reader to type."""

import ast
import importlib
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

import typer

from policy_service.cli.app import app
from tests.architecture.project import ROOT, markdown_files, name_of, python_files
from tests.for_each import for_each

LINK = re.compile(r"\]\((?!https?:|mailto:|#)([^)#\s]+)(#[^)\s]+)?\)")
FENCED = re.compile(r"^```.*?^```", re.DOTALL | re.MULTILINE)
COMMAND = re.compile(r"(?:^|`)make ([a-z][a-z-]*)", re.MULTILINE)
TARGET = re.compile(r"^([a-z][a-z-]*):", re.MULTILINE)
BARE = re.compile(r"^( *)```\n(.*?)^\1```", re.DOTALL | re.MULTILINE)
TYPED = re.compile(
    r"^ *(?:\$ |(?:make|curl|policy-service|python3?|pip|export|apt-get|cp|echo|cat|\.venv/\S+|createuser) )",
    re.MULTILINE,
)
"""The beginning of a command."""
PROGRAM = re.compile(r"^```python\n(.*?)^```", re.DOTALL | re.MULTILINE)
SPOKEN = re.compile(r"(?:`|bin/|^ *|\| )policy-service (?!(?:pack|checkpoint) 1`)((?:[^`\n\\]|\\\n)+)", re.MULTILINE)
"""A command line of the service's, in words or in a block; not the first words of what is signed."""


def anchors(page: Path) -> set[str]:
    """The places of a page a link may name, made from its headings the way code hosts do."""
    headings = re.findall(r"^#+ (.+)$", FENCED.sub("", page.read_text("utf-8")), re.MULTILINE)
    return {"#" + re.sub(r"[^\w\- ]", "", heading.lower()).strip().replace(" ", "-") for heading in headings}


@for_each(zip(markdown_files()))
def test_every_relative_link_leads_somewhere(page: Path) -> None:
    for target, anchor in LINK.findall(FENCED.sub("", page.read_text("utf-8"))):
        aim = page.parent / target
        assert aim.exists(), f"{target} is not there"
        if anchor and aim.suffix == ".md":
            assert anchor in anchors(aim), f"{target} has no heading for {anchor}"


@for_each(zip(markdown_files()))
def test_every_make_command_exists(page: Path) -> None:
    targets = set(TARGET.findall((ROOT / "Makefile").read_text("utf-8")))
    assert set(COMMAND.findall(page.read_text("utf-8"))) <= targets


@for_each(zip(markdown_files()))
def test_a_block_of_commands_says_that_it_is_one(page: Path) -> None:
    for _, text in BARE.findall(page.read_text("utf-8")):
        assert not TYPED.search(text), f"write ```bash for what a test types, ```sh for what it cannot:\n{text}"


@for_each(zip([*markdown_files(), *python_files()]))
def test_every_command_of_the_service_exists(page: Path) -> None:
    for line in SPOKEN.findall(page.read_text("utf-8")):
        assert not list(wrong_words(line)), f"policy-service {line}"


@for_each(zip(markdown_files()))
def test_what_a_program_of_a_page_imports_is_there(page: Path) -> None:
    for text in PROGRAM.findall(page.read_text("utf-8")):
        for statement in ast.parse(text).body:
            if isinstance(statement, ast.ImportFrom):
                module = importlib.import_module(str(statement.module))
                assert not [each.name for each in statement.names if not hasattr(module, each.name)]


def test_a_command_that_does_not_exist_is_found() -> None:
    assert list(wrong_words("audit verfy log.ndjson")) == ["verfy"]
    assert list(wrong_words("decide --fact - --policy tiering/x")) == ["--fact"]
    assert not list(wrong_words("audit verify log.ndjson --public-key k.pem"))


@cache
def _service() -> Any:  # noqa: ANN401  # Typer's
    return typer.main.get_command(app)


def wrong_words(line: str) -> Iterator[str]:
    """What a command line asks for and the service does not have: a command, or an option of it."""
    command = _service()
    for word in re.split(r"[ ,.|;>]", re.split(r"  | \| ", line)[0]):
        if (commands := getattr(command, "commands", None)) and re.fullmatch(r"[a-z][a-z-]+", word):
            if word not in commands:
                yield word
                return
            command = commands[word]
        elif re.fullmatch(r"--[a-z-]+", word):
            options = {name for each in command.params for name in each.opts} | {"--help"}
            if word not in options:
                yield word


def test_the_index_lists_every_page() -> None:
    index = ROOT / "docs" / "README.md"
    listed = {(index.parent / target).resolve() for target, _ in LINK.findall(index.read_text("utf-8"))}
    kinds = ("tutorial", "how-to", "reference", "explanation")
    pages = {page for kind in kinds for page in (index.parent / kind).glob("*.md") if ".zh." not in page.name}
    assert sorted(map(name_of, pages - listed)) == []


def test_the_page_of_the_project_tells_how_to_run_and_test_it() -> None:
    assert {"run", "test", "check"} <= set(COMMAND.findall((ROOT / "README.md").read_text("utf-8")))


def test_make_explains_every_command_a_person_types() -> None:
    makefile = (ROOT / "Makefile").read_text("utf-8")
    steps = re.search(r"^check: ([a-z -]+)", makefile, re.MULTILINE)
    assert steps is not None
    explained = set(re.findall(r"^([a-z-]+):.*## ", makefile, re.MULTILINE))
    assert set(TARGET.findall(makefile)) - set(steps[1].split()) == explained
