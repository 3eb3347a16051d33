"""The benchmarks run from the first section to the last, and print and write what they measured."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from benchmarks.__main__ import SECTIONS, main
from tests.effort import effort


@pytest.mark.parametrize("section", effort(("memory",), SECTIONS))
def test_a_section_prints_a_table_and_writes_its_figures(
    section: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "figures.json"
    amounts = effort(("--decisions", "200", "--replacements", "2"), ())
    assert main(["--quick", "--only", section, *amounts, "--json", str(file)]) == 0
    printed = capsys.readouterr().out
    assert f"## {section}\n" in printed
    assert "| ---" in printed
    assert json.loads(file.read_text())[section]
