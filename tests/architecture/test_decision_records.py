"""A decision record is one page of one shape: status, context, decision, consequences, alternatives."""

import re
from pathlib import Path

from tests.architecture.project import ROOT
from tests.for_each import for_each

FOLDER = ROOT / "docs" / "adr"
RECORDS = sorted(FOLDER.glob("[0-9]*.md"))
PAGE = 75
HEADINGS = ["Context", "Decision", "Consequences", "Alternatives"]
STATUS = re.compile(r"Status: (?:proposed|accepted|superseded by \[\d{4}\]\(.+\)), \d{4}-\d\d-\d\d")


def test_every_number_is_of_one_record() -> None:
    """A gap is a record that was given up: numbers are given out before a record is written."""
    numbers = [record.name[:4] for record in RECORDS]
    assert len(set(numbers)) == len(numbers)


@for_each(zip(RECORDS))
def test_a_record_is_one_page_of_the_same_shape(record: Path) -> None:
    lines = record.read_text("utf-8").splitlines()
    assert len(lines) <= PAGE
    assert lines[0].startswith(f"# {record.name[:4]}: ")
    assert STATUS.fullmatch(lines[2]), lines[2]
    assert [line[3:] for line in lines if line.startswith("## ")] == HEADINGS


@for_each(zip(RECORDS))
def test_the_index_lists_a_record(record: Path) -> None:
    assert f"]({record.name})" in (FOLDER / "README.md").read_text("utf-8")
