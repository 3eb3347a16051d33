"""The titles of columns, written beside each cell of a table: a narrow screen shows a row as a card (`style.css`).

    <thead><tr><th>Rule</th><th>Tier</th></tr></thead> … <tr><th scope="row">big</th><td data-label="Tier">A</td></tr>

What people wrote is escaped in a page, so each `<td` in it is a cell of a template.
"""

from __future__ import annotations

import re

TABLE = re.compile(r"<table.*?</table>", re.DOTALL)
HEADER = re.compile(r"<th\b[^>]*>(.*?)</th>", re.DOTALL)
TAG = re.compile(r"<[^>]*>")
CELL = re.compile(r"<(tr|th|td)\b([^>]*)>(?:\s*(</td>))?")


def label_cells(html: str) -> str:
    """Write its column's title into each cell of each table of a page, but for joined ones; empty cells get empty."""
    return TABLE.sub(lambda table: _label_table(table[0]), html)


def _label_table(table: str) -> str:
    head, end, body = table.partition("</thead>")
    titles = [" ".join(TAG.sub(" ", each).split()).replace('"', "&#34;") for each in HEADER.findall(head)]
    column = 0

    def label(cell: re.Match[str]) -> str:
        nonlocal column
        name, attributes, end_tag = cell.groups("")
        if name == "tr":
            column = 0
            return cell[0]
        column += 1
        if name == "th" or "colspan" in attributes or not titles[column - 1 : column]:
            return cell[0]
        return f'<td data-label="{titles[column - 1]}"{attributes}>{end_tag}'

    return head + end + CELL.sub(label, body)
