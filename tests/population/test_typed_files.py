"""Parquet files and workbooks are read by the types that they declare, exactly or not at all."""

from __future__ import annotations

import datetime
import re
import zipfile
from decimal import Decimal
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
import xlsxwriter

from policy_service.population.mapping import Mapping
from tests.population.files import HEADINGS, RFM, ROW, problems, read_result, rejects, run_file, with_cells, write_csv

# Parquet


def parquet(path: Path, **columns: Any) -> Path:  # noqa: ANN401  # arrays
    arrays = {heading: pa.array([cell]) for heading, cell in zip(HEADINGS, ROW, strict=True)}
    pq.write_table(pa.table({**arrays, **columns}), path)
    return path


def test_typed_columns_are_read_exactly(tmp_path: Path) -> None:
    amount = pa.array([Decimal("800000.00")], pa.decimal128(38, 2))
    path = parquet(tmp_path / "p.parquet", amount_12m=amount, orders_12m=pa.array([3], pa.int16()))
    run_file(path, tmp_path / "o.parquet")
    result = pq.read_table(tmp_path / "o.parquet")
    assert result[f"{RFM}.tier"].to_pylist() == ["A"]
    assert result["amount_12m"].type == pa.decimal128(38, 2)
    assert not any(pa.types.is_floating(kind) for kind in result.schema.types)


def test_floats_and_timestamps_are_refused_as_columns(tmp_path: Path) -> None:
    path = parquet(tmp_path / "p.parquet", amount_12m=pa.array([0.5]), recency_days=pa.array([1.0]))
    assert [each.split(": ")[1] for each in problems(path)] == [
        "`amount_12m` is binary floating point, which is not exact",
        "`recency_days` is binary floating point, which is not exact",
    ]
    pq.write_table(pa.table({"subject": [1.0], "amount_12m": [0.5]}), path)
    lacking, *others = problems(path)
    assert lacking.startswith(f"{RFM} needs the columns `orders_12m`")
    assert [each.split("`")[1] for each in others] == ["subject", "amount_12m"], "told with what is lacking"
    path.write_bytes(b"PAR1")
    assert "no Parquet file" in problems(path)[0]


def test_columns_without_single_values_are_refused(tmp_path: Path) -> None:
    struct, lists = pa.array([{"a": 1}]), pa.array([[["it"]]])
    path = parquet(tmp_path / "p.parquet", subject=pa.array([1e16]), orders_12m=struct, industry=lists)
    assert [each.split(": ", 1)[1] for each in problems(path)] == [
        "`subject` is double: name subjects by texts or whole numbers",
        "`orders_12m` is struct<a: int64>: store one value in a cell, or a list of texts",
        "`industry` is list<element: list<element: string>>: store one value in a cell, or a list of texts",
    ]
    for subjects in (pa.array(["C1"]).dictionary_encode(), pa.array(["C1"], pa.large_string()), pa.array([1])):
        assert run_file(parquet(path, subject=subjects)).manifest["subjects"] == 1


# workbooks


def workbook(path: Path, rows: list[list[Any]], **options: Any) -> Path:  # noqa: ANN401  # cells
    with xlsxwriter.Workbook(path, options) as book:
        sheet = book.add_worksheet("客户")
        day = book.add_format({"num_format": "yyyy-mm-dd"})
        for number, row in enumerate([list(HEADINGS), *rows]):
            for column, cell in enumerate(row):
                if isinstance(cell, datetime.date):
                    sheet.write_datetime(number, column, datetime.datetime.combine(cell, datetime.time()), day)
                elif isinstance(cell, str) and cell.startswith("="):
                    sheet.write_formula(number, column, cell)
                else:
                    sheet.write(number, column, cell)
    return path


def test_numbers_of_a_workbook_are_read_by_their_shortest_form(tmp_path: Path) -> None:
    path = workbook(tmp_path / "p.xlsx", [["C1", 800000.1, 3, 45, "it", 500000, 0.3]])
    report = run_file(path)
    assert rejects(report) == []
    [row] = read_result(report.paths[0])
    assert (row["amount_12m"], row["orders_12m"], row["industry_mean_orders"]) == ("800000.1", "3", "0.3")


def test_the_format_of_a_number_is_no_part_of_it(tmp_path: Path) -> None:
    path = tmp_path / "p.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for number, cells in enumerate([HEADINGS, ROW, with_cells(subject="C2", industry_mean_orders="30%")]):
            sheet.write_row(number, 0, cells)
        sheet.write_number(1, 1, 1234.5, book.add_format({"num_format": "¥#,##0.00"}))
        sheet.write_number(1, 6, 0.3, book.add_format({"num_format": "0%"}))
    report = run_file(path)
    [row] = read_result(report.paths[0])
    assert (row["amount_12m"], row["industry_mean_orders"]) == ("1234.5", "0.3")
    [reason] = rejects(report)
    assert reason.startswith("industry_mean_orders: mistyped")


def test_inexact_numbers_and_formulas_are_refused(tmp_path: Path) -> None:
    rows: list[list[Any]] = [[440301199001011234, *ROW[1:]], ["C2", "=1+1", *ROW[2:]], list(with_cells(subject="C3"))]
    report = run_file(workbook(tmp_path / "p.xlsx", rows))
    assert [reason.split(":")[0] for reason in rejects(report)] == ["column 1", "a formula"]
    assert "more than 15 digits" in rejects(report)[0]
    stored = run_file(tmp_path / "p.xlsx", mapping=Mapping(formulas="stored"))
    assert stored.manifest["refused"] == 1


@pytest.mark.parametrize("date_1904", [False, True])
def test_days_are_those_of_the_workbooks_own_date_system(date_1904: bool, tmp_path: Path) -> None:
    path = workbook(tmp_path / "p.xlsx", [[*ROW[:6], datetime.date(2026, 11, 18)]], date_1904=date_1904)
    [reason] = rejects(run_file(path))
    assert '"2026-11-18"' in reason


def test_merged_cells_a_missing_sheet_and_a_broken_file_are_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / "p.xlsx", [list(ROW)])
    assert problems(path, Mapping(sheet="x")) == (f"{path}: no sheet `x`, there are 客户",)
    with xlsxwriter.Workbook(path) as book:
        book.add_worksheet().merge_range(0, 0, 0, 1, "subject")
    assert "cells are merged (rows 1 to 1, columns 1 to 2)" in problems(path)[0]
    path.write_bytes(b"PK")
    assert "no workbook" in problems(path)[0]


def test_a_workbook_that_unpacks_to_far_more_is_not_unpacked(tmp_path: Path) -> None:
    path = tmp_path / "p.xlsx"
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive, archive.open("xl/a.xml", "w") as entry:
        for _ in range(65):
            entry.write(bytes(1 << 20))
    assert "unpacks to 68,157,440 bytes" in problems(path)[0]


def rewritten(path: Path, *changes: tuple[bytes, bytes]) -> Path:
    """The workbook with other bytes in its first sheet."""
    with zipfile.ZipFile(path) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    for before, after in changes:
        sheet = parts["xl/worksheets/sheet1.xml"]
        parts["xl/worksheets/sheet1.xml"] = re.sub(before, after, sheet)
        assert parts["xl/worksheets/sheet1.xml"] != sheet
    with zipfile.ZipFile(path, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)
    return path


@pytest.mark.parametrize(
    "changes",
    [
        (),
        ((rb' r="([A-Z]*[0-9]+)"', rb" r='\1'"),),
        ((rb' r="[A-Z]*[0-9]+"', b""),),
        ((rb"<(/?)(c|f|v|row|sheetData|worksheet)\b", rb"<\1x:\2"), (b"xmlns=", b"xmlns:x=")),
    ],
    ids=["Excel", "single quotes", "no references", "a prefix"],
)
def test_a_formula_is_found_however_the_sheet_is_written(
    changes: tuple[tuple[bytes, bytes], ...], tmp_path: Path
) -> None:
    path = workbook(tmp_path / "p.xlsx", [["C1", "=1+1", *ROW[2:]], list(with_cells(subject="C2"))])
    report = run_file(rewritten(path, *changes))
    assert ([row["row"] for row in read_result(report.paths[1])], report.manifest["subjects"]) == (["1"], 1)


def test_an_error_is_no_empty_cell_and_another_sheet_does_not_matter(tmp_path: Path) -> None:
    path = tmp_path / "p.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet, other = book.add_worksheet("客户 & 组"), book.add_worksheet("2")
        for number, row in enumerate([HEADINGS, ROW, with_cells(subject="C2")]):
            sheet.write_row(number, 0, row)
        sheet.write_formula(1, HEADINGS.index("recency_days"), "=NA()", None, "#N/A")
        other.write_formula(2, 0, "=1+1")
    report = run_file(path, mapping=Mapping(sheet="客户 & 组", formulas="stored"))
    assert rejects(report) == ["an error such as #N/A: correct it, or empty the cell"]
    report = run_file(path, mapping=Mapping(sheet="客户 & 组"))
    assert [row["row"] for row in read_result(report.paths[1])] == ["1"]


def test_a_refused_row_is_told_by_its_subject_in_whichever_column_it_is(tmp_path: Path) -> None:
    path = tmp_path / "p.xlsx"
    with xlsxwriter.Workbook(path) as book:
        sheet = book.add_worksheet()
        for number, row in enumerate([HEADINGS, with_cells(subject="C7")]):
            sheet.write_row(number, 0, row[::-1])
        sheet.write_formula(1, 0, "=1+1")
    assert [row["subject"] for row in read_result(run_file(path).paths[1])] == ["C7"]


def test_numbers_that_are_none_and_cells_far_away_are_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / "p.xlsx", [["C1", 800000, *ROW[2:]]])
    [reason] = rejects(run_file(rewritten(path, (b"<v>800000</v>", b"<v>NaN</v>"))))
    assert reason.startswith("column 2: a number")
    [problem] = problems(rewritten(path, (b'"G2"', b'"XFD1048576"')))
    assert "a cell stands far away (row 1,048,576, column 16,384)" in problem


def test_a_workbook_that_declares_less_than_it_holds_is_refused(tmp_path: Path) -> None:
    path = workbook(tmp_path / "p.xlsx", [list(ROW)])
    with zipfile.ZipFile(path, "a") as archive:
        archive.writestr("xl/more.xml", b" " * 1_000)
        archive.filelist[-1].file_size = 10
    assert "no workbook: Bad CRC-32" in problems(path)[0]


def test_all_rows_are_read_whatever_dimension_the_sheet_says(tmp_path: Path) -> None:
    """Generators write A1, and a sheet of more rows than its dimension says."""
    whole = workbook(tmp_path / "whole.xlsx", [list(with_cells(subject=f"C{number}")) for number in range(50)])
    path = tmp_path / "p.xlsx"
    with zipfile.ZipFile(whole) as source_file, zipfile.ZipFile(path, "w") as target:
        for entry in source_file.infolist():
            content = source_file.read(entry)
            if entry.filename == "xl/worksheets/sheet1.xml":
                assert b'<dimension ref="A1:G51"/>' in content
                content = content.replace(b'<dimension ref="A1:G51"/>', b'<dimension ref="A1"/>')
            target.writestr(entry, content)
    assert run_file(path).manifest["subjects"] == 50


def test_a_control_character_in_a_text_makes_no_broken_workbook(tmp_path: Path) -> None:
    path = write_csv(tmp_path / "p.csv", [(*ROW, "a\x01b")], (*HEADINGS, "note"))
    run_file(path, tmp_path / "o.xlsx")
    again = run_file(tmp_path / "o.xlsx", tmp_path / "again.csv", requested=["tiering/absolute_value"])
    assert read_result(again.paths[0])[0][f"{RFM}.tier"] == "A"
