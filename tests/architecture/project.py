"""The project's own files, as the architecture tests see them."""

import tomllib
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[2]
CODE = ("policy_service", "api")
"""The packages that are shipped."""
FOLDERS = (*CODE, "tests", "benchmarks", "docs", "policies", "stubs", "tools", ".ci")
TEXT = {
    ".cfg",
    ".css",
    ".html",
    ".json",
    ".md",
    ".po",
    ".py",
    ".sh",
    ".sql",
    ".toml",
    ".txt",
    ".yaml",
    ".yml",
    "",
}


@cache
def python_files() -> list[Path]:
    """Every Python file that is shipped."""
    return sorted(file for package in CODE for file in (ROOT / package).rglob("*.py"))


@cache
def text_files() -> list[Path]:
    """Every file somebody wrote: code, tests, docs, policies, settings."""
    return sorted(_text_files())


def markdown_files() -> list[Path]:
    """Every page written for people."""
    return [file for file in text_files() if file.suffix == ".md"]


def name_of(file: Path) -> str:
    """The file's path inside the project, which is how a test names it."""
    return file.relative_to(ROOT).as_posix()


def settings() -> dict[str, Any]:
    """What pyproject.toml says."""
    return tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))


def _text_files() -> Iterator[Path]:
    for file in ROOT.iterdir():
        if file.is_file() and file.suffix in TEXT and not file.name.startswith(".coverage") and file.name != ".git":
            yield file  # a second working tree has a file .git
    for folder in FOLDERS:
        for file in (ROOT / folder).rglob("*"):
            if file.is_file() and file.suffix in TEXT and "__pycache__" not in file.parts:
                yield file
