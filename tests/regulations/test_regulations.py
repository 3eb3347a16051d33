"""A regulation is a dated document of rows, and each row says what decides it."""

# ruff: noqa: E501  # a case is one line

from __future__ import annotations

import re
from datetime import date
from pathlib import Path

import pytest

from policy_service.language.diagnostics import PolicyError
from policy_service.language.load import load_bytes, newest
from policy_service.regulations.coverage import Status, coverage_of, rows_cited_by
from policy_service.regulations.page import regulation_page
from policy_service.regulations.regulation import load_regulation, load_regulations, unknown_rows
from policy_service.shipped import shipped_policies
from tests.architecture.project import ROOT
from tests.cli.command import call
from tests.shipped import SHIPPED

SMALL = """\
regulation: visits
dated: 2026-03-01
title: {zh: 拜访制度, en: visits}
sections:
  - title: {zh: 拜访, en: visits}
    rows:
      - {id: R-VIS-1, says: {zh: 每月一次, en: once a month}}
      - {id: R-VIS-2, says: {zh: 留有记录, en: a record}, feature: {zh: 日志, en: the log}, see: how-to/verify-the-log.md, page: /audit}
      - {id: R-VIS-3, says: {zh: 路线, en: the way}, not_yet: {zh: 无地图, en: there is no map}}
      - {id: R-VIS-4, says: {zh: 其他, en: something else}}
"""
POLICY = load_bytes(
    """\
policy: followup/visits
version: 1.0.0
title: {zh: 拜访频率, en: how often}
source: [R-VIS-1, R-GONE-1]
subject: customer
facts:
  large: {type: boolean}
outcome:
  visits: {type: integer, min: 0, max: 9}
rules:
  hit: FIRST
  rows:
    - {id: large, title: {zh: 大客户, en: Large customers}, when: large, then: ["1"], because: {zh: 每月一次（R-VIS-1）, en: once a month (R-VIS-1)}}
    - {id: rest, when: "true", then: ["0"], because: {zh: 其余, en: the rest}}
examples:
  - {name: a | b, title: {zh: 大 | 小, en: A | B}, source: [R-VIS-1], facts: {large: "true"}, outcome: {visits: "1"}, rule: large}
""".encode()
)


def written(folder: Path, text: str, name: str = "visits") -> Path:
    path = folder / "regulations" / f"{name}.yaml"
    path.parent.mkdir(exist_ok=True)
    path.write_text(text, "utf-8")
    return path


def test_each_row_says_what_decides_it(tmp_path: Path) -> None:
    regulation = load_regulation(written(tmp_path, SMALL))
    assert (regulation.name, regulation.dated, regulation.title.zh) == ("visits", date(2026, 3, 1), "拜访制度")
    rows = coverage_of(regulation, [POLICY]).rows
    assert [(each.row.id, each.status) for each in rows] == [
        ("R-VIS-1", Status.POLICY),
        ("R-VIS-2", Status.FEATURE),
        ("R-VIS-3", Status.NOT_YET),
        ("R-VIS-4", Status.NOTHING),
    ]
    [by] = rows[0].citations
    assert (by.policy, by.rules, by.examples) == (POLICY, POLICY.rules[:1], POLICY.examples)
    assert unknown_rows([regulation], rows_cited_by(POLICY)) == ("R-GONE-1",)


def test_the_page_tells_it_in_both_languages(tmp_path: Path) -> None:
    coverage = coverage_of(load_regulation(written(tmp_path, SMALL)), [POLICY])
    english, chinese = (regulation_page(coverage, lang) for lang in ("en", "zh"))
    policy = "../../policies/followup/visits/1.0.0.yaml"
    assert "4 rows: policies decide 1, features do 1, 1 are not done yet." in english
    assert (
        f"| R-VIS-1 | once a month | [how often]({policy}) `followup/visits`; rules Large customers `large`; examples “A \\| B” |"
        in english
    )
    assert "| R-VIS-2 | a record | [feature: the log](../how-to/verify-the-log.md) |" in english
    assert "；规则：大客户 `large`；示例：“大 \\| 小” |" in chinese
    assert "| R-VIS-3 | 路线 | 尚未：无地图 |\n| R-VIS-4 | 其他 | **无** |" in chinese


FAULTS = {
    "a date that is none": ("dated: 2026-03-01", "dated: 2026-02-30", "dated", "write `2026-11-21`"),
    "a row twice": ("R-VIS-2", "R-VIS-1", "used twice", None),
    "an id that cites nothing": ("R-VIS-2", "vis2", "is no row", "write `R-RFM-1`"),
    "a key that is unknown": (
        "says: {zh: 留有记录, en: a record}",
        "says: {zh: 留有记录, en: a record}, why: x",
        "why",
        None,
    ),
    "no words": ("says: {zh: 路线, en: the way}, ", "", "`says` is missing", None),
    "both": (
        "says: {zh: 路线, en: the way}",
        "says: {zh: 路线, en: the way}, feature: {zh: 图, en: map}",
        "not yet",
        None,
    ),
    "a page of nothing": ("not_yet: {zh: 无地图, en: there is no map}", "page: /map", "`page`", None),
    "a name that is none": ("regulation: visits", "regulation: My visits", "names no regulation", None),
}


@pytest.mark.parametrize("what", FAULTS)
def test_what_is_wrong_is_told_at_its_place(tmp_path: Path, what: str) -> None:
    before, after, text, hint = FAULTS[what]
    assert before in SMALL
    with pytest.raises(PolicyError) as refused:
        load_regulation(written(tmp_path, SMALL.replace(before, after)))
    message = str(refused.value)
    assert text in message
    assert hint is None or hint in message
    assert re.search(r"visits\.yaml:\d+:\d+: ", message)


def test_a_file_is_called_like_its_regulation(tmp_path: Path) -> None:
    with pytest.raises(PolicyError, match="misplaced-file"):
        load_regulation(written(tmp_path, SMALL, "other"))


def test_a_folder_without_regulations_has_none(tmp_path: Path) -> None:
    assert load_regulations(tmp_path) == ()


def test_check_reads_the_regulations_beside_the_policies(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "followup/visits/1.0.0.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(POLICY.text, "utf-8")
    written(tmp_path, SMALL)
    assert call(capsys, "check", tmp_path).out == "1 file: fine\n"
    written(tmp_path, SMALL.replace("R-VIS-2", "R-VIS-1"))
    result = call(capsys, "check", tmp_path)
    assert (result.status, "visits.yaml:8:14: duplicate-id" in result.out) == (1, True), result.out


# ---------------------------------------------------------------------------------------------- what is shipped

[REGULATION] = load_regulations(shipped_policies())
COVERAGE = coverage_of(REGULATION, newest(SHIPPED))
MOST = 15
"""Rows that nothing does yet: systems, dates, figures of whole populations."""


def test_every_row_is_decided_or_says_why_not() -> None:
    assert [each.row.id for each in COVERAGE.rows if each.status is Status.NOTHING] == []
    assert COVERAGE.count(Status.NOT_YET) <= MOST


def test_no_policy_decides_a_row_that_says_nothing_does() -> None:
    excused = [each.row.id for each in COVERAGE.rows if each.citations and each.row.not_yet]
    assert excused == []


@pytest.mark.parametrize("policy", SHIPPED, ids=lambda policy: f"{policy.id} {policy.version}")
def test_a_policy_cites_rows_that_are_there(policy: object) -> None:
    assert unknown_rows([REGULATION], rows_cited_by(policy)) == ()  # type: ignore[arg-type]


@pytest.mark.parametrize("policy", SHIPPED, ids=lambda policy: f"{policy.id} {policy.version}")
def test_a_row_that_a_rule_or_an_example_cites_is_a_source_of_its_policy(policy: object) -> None:
    assert set(rows_cited_by(policy)) - set(policy.source) == set()  # type: ignore[attr-defined, arg-type]


@pytest.mark.parametrize(("lang", "page"), [("en", "regulations.md"), ("zh", "regulations.zh.md")])
def test_the_page_of_the_documentation_is_as_it_is_made(lang: str, page: str) -> None:
    made = regulation_page(COVERAGE, lang)  # type: ignore[arg-type]
    assert (ROOT / "docs/reference" / page).read_text("utf-8") == made, "run `make regulations`"


def test_what_explains_a_feature_is_there() -> None:
    for each in COVERAGE.rows:
        assert each.row.see is None or (ROOT / "docs" / each.row.see).is_file(), each.row.id
