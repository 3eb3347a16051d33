"""Files of populations are read as they are written: nothing is guessed, and all that is wrong is told at once."""

from __future__ import annotations

import hashlib
from pathlib import Path

import pytest

from policy_service.language.types import DateType
from policy_service.population import source
from policy_service.population.cells import ColumnJudge
from policy_service.population.errors import PopulationRejected
from policy_service.population.mapping import Mapping, read_mapping
from tests.population.files import HEADINGS, RFM, ROW, problems, read_result, rejects, run_file, with_cells, write_csv

# CSV


def test_a_number_of_a_customer_stays_the_text_it_is_however_long_the_file_is(tmp_path: Path) -> None:
    rows = [with_cells(subject=f"{number:05}") for number in range(123, 200)]
    run_file(write_csv(tmp_path / "p.csv", [*rows, with_cells(subject="C202405001")]))
    result = read_result(tmp_path / "output.csv")
    assert [result[0]["subject"], result[-1]["subject"]] == ["00123", "C202405001"]
    assert {row[f"{RFM}.tier"] for row in result} == {"A"}


@pytest.mark.parametrize("place", [0, 30_001])
def test_a_number_with_a_letter_is_one_row_more_wherever_it_stands(place: int, tmp_path: Path) -> None:
    names = [str(number) for number in range(30_001)]
    names.insert(place, "C202405001")
    path = write_csv(tmp_path / "p.csv", [(name,) for name in names], ("subject",))
    [part] = source.open_source(path, Mapping()).parts()
    assert [str(each) for each in part.columns[0]] == names


@pytest.mark.parametrize("cell", ["03/04/2026", "2026/4/3", "2026-4-3", "20260403", "46115"])
def test_a_day_is_written_in_one_way_and_never_guessed(cell: str) -> None:
    _, refused = ColumnJudge("day", DateType(), {}, []).read([cell, "2026-04-03"])
    assert list(refused) == [0]


@pytest.mark.parametrize(
    ("column", "cell", "reason"),
    [
        ("orders_12m", "1,000", "leave out the thousands separators: 1000"),
        ("amount_12m", "¥80万", '"¥80万"'),
        ("orders_12m", "1_000", "mistyped"),
        ("orders_12m", "1e3", "mistyped"),
        ("orders_12m", "0x1F", "mistyped"),
        ("orders_12m", " 7 ", "leave out the spaces around it"),
        ("orders_12m", "１２", "mistyped"),
        ("orders_12m", "12.5", "expected a whole number"),
        ("amount_12m", "0.105", "at most 2 decimals"),
        ("amount_12m", "-1", "at least 0.00"),
        ("amount_12m", "NULL", "mistyped"),
        ("industry", "IT", "one of it"),
        ("recency_days", "-", "mistyped"),
        ("subject", "", "subject: write at least one character"),
        ("subject", "C\u200b1", "subject: leave out the hidden character"),
    ],
)
def test_a_cell_that_is_no_value_of_its_fact_is_refused_with_its_row(
    column: str, cell: str, reason: str, tmp_path: Path
) -> None:
    report = run_file(write_csv(tmp_path / "p.csv", [ROW, with_cells(**{"subject": "C2", column: cell})]))
    [result] = read_result(report.paths[1])
    assert (result["row"], result["line"]) == ("2", "3")
    assert reason in result["reason"]
    assert [row["subject"] for row in read_result(report.paths[0])] == ["C1"]


def test_zeros_at_the_end_of_a_whole_number_say_nothing(tmp_path: Path) -> None:
    report = run_file(write_csv(tmp_path / "p.csv", [with_cells(orders_12m="3.0")]))
    assert rejects(report) == []


def test_every_fault_of_a_row_is_told(tmp_path: Path) -> None:
    report = run_file(write_csv(tmp_path / "p.csv", [ROW, with_cells(subject="C2", amount_12m="x", orders_12m="y")]))
    [reason] = rejects(report)
    assert "amount_12m" in reason
    assert "orders_12m" in reason


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "gb18030"])
def test_the_encodings_of_excel_are_read_and_recorded(encoding: str, tmp_path: Path) -> None:
    headings = ("客户编号", *HEADINGS[1:])
    path = write_csv(tmp_path / "p.csv", [with_cells(subject="上海一号")], headings, encoding)
    report = run_file(path, mapping=Mapping(subject="客户编号"))
    assert report.manifest["encoding"] == encoding
    as_it_came = hashlib.sha256(path.read_bytes()).hexdigest()
    assert report.manifest["population"]["digest"] == f"sha256:{as_it_came}"
    [row] = read_result(report.paths[0])
    assert row["客户编号"] == "上海一号"


def test_a_file_of_no_encoding_is_refused_at_its_first_bad_byte(tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_bytes(b"subject\nC1\n\xff\xff\n")
    assert problems(path) == (f"{path}: line 3: neither UTF-8 nor GB18030 (byte 0xff)",)
    path.write_bytes("subject\nC1\n".encode("utf-16"))
    assert problems(path) == (f"{path}: the file is UTF-16 or UTF-32: save it as UTF-8",)


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        ("subject\n客户".encode()[:-1], "the file ends within a character: it was cut off"),
        ("subject\n客户\n".encode("gb18030") + b"\xbf", "line 3: neither UTF-8 nor GB18030 (byte 0xbf)"),
        (b"\xef\xbb\xbfsubject\n\xbf\xcd\n", "not UTF-8, although its byte order mark says so"),
    ],
)
def test_a_file_that_is_cut_off_or_mixed_is_not_read_as_other_characters(
    content: bytes, problem: str, tmp_path: Path
) -> None:
    path = tmp_path / "p.csv"
    path.write_bytes(content)
    assert problems(path) == (f"{path}: {problem}",)


def test_two_columns_with_one_heading_are_refused(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "p.csv", [], ("subject", "Tier", " ｔier"))
    assert problems(path) == (f"{path}: columns 2 and 3 have the same heading `ｔier`",)


def test_a_line_end_inside_quotes_makes_no_row_and_lines_are_told(tmp_path: Path) -> None:
    headings = (*HEADINGS, "note")
    rows = [(*ROW, "two\nlines"), (*with_cells(subject="C2", orders_12m="x"), ""), (*with_cells(subject="C3"), "")]
    report = run_file(write_csv(tmp_path / "p.csv", rows, headings))
    [result] = read_result(report.paths[1])
    assert (result["row"], result["line"], result["subject"]) == ("2", "4", "C2")
    assert read_result(report.paths[0])[0]["note"] == "two\nlines"


def test_a_row_with_fewer_or_more_cells_is_refused_and_not_shifted(tmp_path: Path) -> None:
    report = run_file(write_csv(tmp_path / "p.csv", [ROW, ROW[:3], (*with_cells(subject="C3"), "more")]))
    assert rejects(report) == ["the row has 3 cells, the heading 7", "the row has 8 cells, the heading 7"]


def test_an_empty_cell_is_missing_and_other_words_only_where_the_mapping_says_so(tmp_path: Path) -> None:
    rows = [with_cells(amount_12m=""), with_cells(subject="C2", amount_12m="NA")]
    report = run_file(write_csv(tmp_path / "p.csv", rows), mapping=Mapping(missing=["NA"]))
    assert [row[f"{RFM}.status"] for row in read_result(report.paths[0])] == ["missing_facts", "missing_facts"]
    assert [row[f"{RFM}.missing"] for row in read_result(report.paths[0])] == ["amount_12m", "amount_12m"]
    assert rejects(report) == [f"{RFM}: missing amount_12m"] * 2
    assert report.manifest["statuses"] == {RFM: {"missing_facts": 2}}


def test_a_subject_with_two_rows_is_refused_with_both(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "p.csv", [ROW, with_cells(subject="C2"), ROW])
    assert problems(path) == ("p.csv: subject `C1` has the rows 1, 3",)
    bad = with_cells(orders_12m="x")
    assert problems(write_csv(path, [bad, ROW])) == ("p.csv: subject `C1` has the rows 1, 2",)
    assert run_file(write_csv(path, [bad, bad])).manifest["refused"] == 2


@pytest.mark.parametrize(("content", "problem"), [("", "has no heading row"), ("subject\n", "needs the columns")])
def test_a_file_without_rows_or_columns_is_refused(content: str, problem: str, tmp_path: Path) -> None:
    path = tmp_path / "p.csv"
    path.write_text(content)
    assert problem in problems(path)[0]
    assert "there are no rows" in problems(write_csv(path, []))[0]


def test_every_column_that_is_lacking_is_told_at_once(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "p.csv", [("C1", "1")], ("subjekt", "amount_12m"))
    assert problems(path, Mapping(constants={"nothing_like_it": "1"}, columns={"orders_12m": "orders"})) == (
        "mapping, constants: no policy has a fact `nothing_like_it`",
        "mapping, columns, orders_12m: no column `orders`",
        "no column `subject`, which names the subjects; did you mean `subjekt`?",
        f"{RFM} needs the columns `orders`, `industry`, `industry_mean_amount`, `industry_mean_orders`",
    )


def test_a_file_that_changes_while_it_is_read_is_refused(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = write_csv(tmp_path / "p.csv", [ROW])
    stats = iter([(1, 1, 1), (1, 2, 1)])
    monkeypatch.setattr(source, "_stat_of", lambda _: next(stats))
    assert problems(path) == (f"{path}: the file was changed while it was read",)
    assert not list(tmp_path.glob("*.parts/input-*"))  # the next run would take them for those of the digest


# the mapping


def test_a_mapping_names_columns_constants_and_words(tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(
        "subject: 编号\ncolumns: {amount_12m: 采购额, industry: 行业}\n"
        "constants: {industry_mean_amount: '500000', industry_mean_orders: 2}\n"
        "words: {industry: {信息技术: it}}\ndelimiter: ';'\n",
        encoding="utf-8",
    )
    path = tmp_path / "p.csv"
    path.write_text("编号;采购额;orders_12m;recency_days;行业\nC1;800000;3;45;信息技术\n", encoding="utf-8")
    report = run_file(path, mapping=read_mapping(tmp_path / "m.yaml"))
    assert [row[f"{RFM}.tier"] for row in read_result(report.paths[0])] == ["A"]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("unknown: 1", "unknown: Extra inputs"),
        ("a: [", "while parsing"),
        ("formulas: any", "formulas: Input should be"),
        ("words: {industry: {x: it, x: retail}}", "`x` stands twice"),
        ("[" * 5_000, "nested too deeply"),
    ],
)
def test_a_mapping_that_says_something_else_is_refused(text: str, problem: str, tmp_path: Path) -> None:
    (tmp_path / "m.yaml").write_text(text)
    with pytest.raises(PopulationRejected, match=problem):
        read_mapping(tmp_path / "m.yaml")


def test_other_files_are_refused(tmp_path: Path) -> None:
    (tmp_path / "p.json").write_text("{}")
    assert "expected a file .csv, .parquet or .xlsx" in problems(tmp_path / "p.json")[0]


def test_a_result_that_is_run_over_again_by_the_same_policy_is_refused(tmp_path: Path) -> None:
    result = run_file(write_csv(tmp_path / "p.csv", [ROW])).paths[0]
    with pytest.raises(PopulationRejected, match=r"columns that are there already, leave them out: `.*\.missing`"):
        run_file(result, tmp_path / "again.csv")
