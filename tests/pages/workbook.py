"""Reads a workbook as the service writes it: the rows of its one sheet, as texts."""

from __future__ import annotations

import io
import zipfile
from datetime import datetime, timedelta
from xml.etree import ElementTree

EPOCH = datetime(1899, 12, 30)  # noqa: DTZ001  # instants of a workbook have no zone
NAMES = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
DAY, INSTANT = "yyyy-mm-dd", "yyyy-mm-dd hh:mm:ss"
"""How days and instants are formatted."""


def workbook_rows(content: bytes) -> list[list[str]]:
    """The rows of the first sheet; a cell without a value is an empty text."""
    with zipfile.ZipFile(io.BytesIO(content)) as parts:
        sheet = ElementTree.fromstring(parts.read("xl/worksheets/sheet1.xml"))  # noqa: S314  # this service wrote it
        formats = _formats(ElementTree.fromstring(parts.read("xl/styles.xml")))  # noqa: S314  # the same
    assert not sheet.findall(".//m:f", NAMES), "a cell is a formula"
    assert not sheet.findall(".//m:hyperlink", NAMES), "a cell is a link"
    rows = []
    for row in sheet.findall(".//m:row", NAMES):
        cells = {_column(cell.get("r", "")): _text(cell, formats) for cell in row.findall("m:c", NAMES)}
        rows.append([cells.get(position, "") for position in range(max(cells, default=-1) + 1)])
    return rows


def _column(reference: str) -> int:
    number = 0
    for letter in reference.rstrip("0123456789"):
        number = number * 26 + ord(letter) - ord("A") + 1
    return number - 1


def _formats(styles: ElementTree.Element) -> list[str]:
    """The number format of each style."""
    codes = {each.get("numFmtId"): each.get("formatCode", "") for each in styles.findall(".//m:numFmt", NAMES)}
    return [codes.get(each.get("numFmtId"), "") for each in styles.findall("m:cellXfs/m:xf", NAMES)]


def _text(cell: ElementTree.Element, formats: list[str]) -> str:
    if cell.get("t") == "inlineStr":
        return "".join(each.text or "" for each in cell.findall(".//m:t", NAMES))
    value, style = cell.findtext("m:v", "", NAMES), formats[int(cell.get("s", "0"))]
    if style in {INSTANT, DAY} and value:
        at = EPOCH + timedelta(seconds=round(float(value) * 86_400))
        return str(at if style == INSTANT else at.date())
    return value
