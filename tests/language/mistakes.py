"""A broken file for every mistake: `invalid/<mistake>.yaml`, with what is said of it in `invalid/<mistake>.txt`.

A valid file for every warning stands beside them.

A folder holds the files of a mistake that several policies make together. Files too long to be read are made here.
`python -m tests.language.mistakes` writes the `.txt` files and the examples of the pages of errors anew.
"""

import re
import tempfile
from collections.abc import Callable, Mapping
from pathlib import Path

from policy_service.analysis.lint import lint
from policy_service.language.diagnostics import Diagnostic, PolicyError, WarningCode
from policy_service.language.load import load, load_bytes
from policy_service.language.requirements import topological_order
from policy_service.language.source import MAX_BYTES

FOLDER = Path(__file__).parent / "invalid"
SEVERAL = "several_faults"
"""The file that has faults of many kinds, to show that all are told at once, in source order."""
WARNINGS = frozenset(code.replace("-", "_") for code in WarningCode)
"""The files that are valid and warned of."""
PAGE = Path(__file__).parents[2] / "docs" / "reference" / "errors.md"
SECTION = re.compile(r"^### ([a-z0-9-]+)\n(.*?)(?=^##|\Z)", re.DOTALL | re.MULTILINE)
EXAMPLE = re.compile(r"(?<=^```text\n).*?(?=^```$)", re.DOTALL | re.MULTILINE)
VALID = """\
policy: tiering/tier
version: 1.0.0
title: {zh: 客户等级, en: customer tier}
subject: customer
facts:
  orders: {type: integer, min: 0}
outcome:
  tier: {type: choice, of: [gold, plain]}
rules:
  hit: FIRST
  rows:
"""
ROW = "    - {id: r%d, when: orders > %d, then: [gold], because: {zh: 订单多, en: many orders}}\n"


def _too_large() -> None:
    load_bytes(b"#" * (MAX_BYTES + 1), "file_too_large.yaml")


def _too_many_rules() -> None:
    rows = "".join(ROW % (number, number) for number in range(1_001))
    load_bytes((VALID + rows).encode(), "too_many_rules.yaml")


def _misplaced() -> None:
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder, "tier.yaml")
        path.write_text(VALID + ROW % (1, 1), "utf-8")
        try:
            load(path)
        except PolicyError as error:
            raise PolicyError("misplaced_file.yaml", error.diagnostics, error.text) from None


MADE: Mapping[str, Callable[[], None]] = {
    "file_too_large": _too_large,
    "misplaced_file": _misplaced,
    "too_many_rules": _too_many_rules,
}


def mistakes() -> list[str]:
    """The name of every mistake shown."""
    return sorted({*MADE, *(path.stem for path in FOLDER.iterdir() if path.suffix != ".txt")} - WARNINGS)


def refused(mistake: str) -> PolicyError:
    """What is said of a mistake."""
    try:
        if mistake in MADE:
            MADE[mistake]()
        elif (folder := FOLDER / mistake).is_dir():
            topological_order([load_bytes(path.read_bytes(), path.name) for path in sorted(folder.iterdir())])
        else:
            path = FOLDER / f"{mistake}.yaml"
            load_bytes(path.read_bytes(), path.name)
    except PolicyError as error:
        return error
    raise AssertionError(f"{mistake} is no mistake")


def warned(name: str) -> list[Diagnostic]:
    """The warnings about a file that is valid."""
    path = FOLDER / f"{name}.yaml"
    return list(lint(load_bytes(path.read_bytes(), path.name)))


def render_errors(name: str) -> str:
    """All that is said of a file."""
    if name not in WARNINGS:
        return str(refused(name))
    lines = (FOLDER / f"{name}.yaml").read_text("utf-8").splitlines()
    return "\n".join(warning.render(f"{name}.yaml", lines) for warning in warned(name))


def sections(page: Path = PAGE) -> dict[str, str]:
    """The text under the heading of each code of the page of errors."""
    return dict(SECTION.findall(page.read_text("utf-8")))


def _write() -> None:
    for name in (*mistakes(), *WARNINGS):
        (FOLDER / f"{name}.txt").write_text(f"{render_errors(name)}\n", "utf-8")
    for page in (PAGE, PAGE.with_suffix(".zh.md")):
        text = page.read_text("utf-8")
        for code, section in sections(page).items():
            today = (FOLDER / f"{code.replace('-', '_')}.txt").read_text("utf-8")
            [example] = EXAMPLE.findall(section)
            text = text.replace(section, section.replace(f"```text\n{example}", f"```text\n{today}"))
        page.write_text(text, "utf-8")


if __name__ == "__main__":
    _write()
