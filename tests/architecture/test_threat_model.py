"""What the pages on security claim is held by tests and files that are there."""

import re
from collections import Counter

from tests.architecture.project import ROOT
from tests.for_each import for_each

MODEL = (ROOT / "docs" / "explanation" / "threat-model.md").read_text("utf-8")
STANDARD = (ROOT / "docs" / "reference" / "asvs.md").read_text("utf-8")
TEST = re.compile(r"`(tests/[\w/]+\.py)::(test_\w+)`")
ATTEMPT = re.compile(r"^\| (?!attempt|---|secret)(.+) \| .+ \| (.*) \|$", re.MULTILINE)
ROW = re.compile(r"^\| ([\d.]+) \| ([12]) \| (met|not met|not ours) \| (.+) \|$", re.MULTILINE)
FILE = re.compile(r"`((?:api|docs|policy_service|tests)/[\w./-]+)`")
CHAPTERS = {
    1: 27,
    2: 11,
    3: 19,
    4: 10,
    5: 9,
    6: 35,
    7: 18,
    8: 7,
    9: 7,
    10: 29,
    11: 14,
    12: 9,
    13: 13,
    14: 9,
    15: 13,
    16: 16,
    17: 7,
}
"""How many requirements of levels 1 and 2 ASVS 5.0.0 has in each chapter."""


@for_each(sorted(set(TEST.findall(MODEL))))
def test_the_test_that_holds_a_line_is_there(file: str, name: str) -> None:
    assert f"\ndef {name}(" in (ROOT / file).read_text("utf-8")


def test_every_line_has_a_test() -> None:
    attempts = ATTEMPT.findall(MODEL.partition("## Keys and algorithms")[0])
    assert len(attempts) > 30
    assert [attempt for attempt, tests in attempts if not TEST.search(tests)] == []


def test_every_requirement_of_the_standard_is_answered_once() -> None:
    numbers = [number for number, *_ in ROW.findall(STANDARD)]
    assert len(set(numbers)) == len(numbers)
    assert Counter(int(number.partition(".")[0]) for number in numbers) == CHAPTERS
    assert len(numbers) == len(re.findall(r"^\| \d", STANDARD, re.MULTILINE))


def test_the_sums_are_those_of_the_rows() -> None:
    counted = Counter(answer for _, _, answer, _ in ROW.findall(STANDARD))
    match = re.search(r"(\d+) of (\d+) requirements are met, (\d+) are not, and\s+(\d+) are not ours", STANDARD)
    assert match is not None
    assert [int(each) for each in match.groups()] == [
        counted["met"],
        counted.total(),
        counted["not met"],
        counted["not ours"],
    ]


@for_each(zip(sorted(set(FILE.findall(STANDARD)))))
def test_what_the_answers_name_is_there(file: str) -> None:
    assert (ROOT / file).exists()
