"""Every list: pages of any size give each row once, in order; page, REST, CSV and workbook have the same rows."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Iterator
from datetime import date
from decimal import Decimal
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from api.auth.permissions import EXPORT_PATHS, PERMISSIONS
from api.kit.table import EXPORT_FORMATS, ExportedList
from api.kit.table_export import cell_of
from api.page_routes import TABLES
from policy_service.messages import Message
from policy_service.spreadsheet import MAX_CELL_LENGTH, WRITERS, guard_formula
from tests.api.company import Company, company
from tests.approval.world import tier
from tests.architecture.project import ROOT
from tests.databases import BACKENDS
from tests.effort import effort
from tests.pages.table_cases import CASES, DEFAULT_MAX, OLD, Case
from tests.pages.visitor import Visitor
from tests.pages.workbook import workbook_rows

pytestmark = pytest.mark.one_in(3)

TURNED = re.compile(r"parts\.(pager|column_headers)\(")
NOT_TABLES = {
    "policies/list.html": "a register: several tables, one a domain, of what is in force at this moment",
    "policies/policy.html": "the history of one policy, in a page of other things",
    "policies/rule.html": "the history of one rule, worked out of all texts of its policy, not read row by row",
    "policies/examples.html": "the examples of one policy file, in its order, each run now",
    "in_force/page.html": "what was in force at an instant, as known at another: two dates, and differences",
}
"""The lists that are no tables of the kit, and why; packs, verifications and exports are lists of the kit of jobs."""


@pytest.fixture(scope="module", params=BACKENDS)
def here(request: pytest.FixtureRequest) -> Iterator[Company]:
    """A company with some rows in every list."""
    with company(request.param) as made:
        made.in_force(tier("1.1.0", 150))
        for case in CASES.values():
            for _ in range(3):
                case.add(made)
        yield made


@pytest.fixture(params=TABLES, ids=lambda table: str(table.path))
def table(request: pytest.FixtureRequest) -> ExportedList[Any]:
    found: ExportedList[Any] = request.param
    return found


def query_of(*parts: str) -> str:
    return f"?{'&'.join(filter(None, parts))}" if any(parts) else ""


def rest_ids(here: Company, case: Case, query: str = "", limit: int = DEFAULT_MAX) -> Iterator[str]:
    """The identifiers of all pages of the REST list."""
    cursor = ""
    while True:
        page = here.did("GET", case.rest + query_of(case.base, query, f"limit={limit}", cursor), case.by)
        assert len(page["items"]) <= limit
        yield from (str(each[case.key]) for each in page["items"])
        if page["next_cursor"] is None:
            return
        before, cursor = cursor, f"cursor={page['next_cursor']}"
        assert cursor != before, "the page after a page is itself"


def step(whole: list[str]) -> int:
    """Rows of a page, so that there are several pages, and not too many for a test."""
    return 1 + len(whole) // effort(4, 8)


def page_ids(here: Company, table: ExportedList[Any], case: Case, query: str = "") -> list[str]:
    """The identifiers of all pages of the page."""
    visitor, found = Visitor(here, case.by), list[str]()
    page = visitor.get(table.path + query_of(case.base, query))
    while True:
        assert page.status == 200, page.text()
        found += [(each.attributes["id"] or "").removeprefix("row-") for each in page.all("tbody tr[id]")]
        if not page.has("a[rel=next]"):
            return found
        before, page = page.address, visitor.get(page.link("Next page"))
        assert page.address != before, "the page after a page is itself"


def exported(
    here: Company, table: ExportedList[Any], case: Case, query: str = "", lang: str = "en"
) -> list[list[list[str]]]:
    """The rows of both files."""
    visitor = Visitor(here, case.by, lang)
    files = [visitor.get(f"{table.path}.{each}{query_of(case.base, query)}") for each in EXPORT_FORMATS]
    assert [each.status for each in files] == [200, 200], files[0].text()
    text = files[0].body.decode("utf-8-sig")
    assert files[0].body.startswith("\ufeff".encode())
    return [list(csv.reader(io.StringIO(text, newline=""))), workbook_rows(files[1].body)]


def test_every_list_has_a_case_and_its_exports_are_for_those_who_may_read_it() -> None:
    assert set(CASES) == {table.path for table in TABLES}
    assert {f"{table.path}.{each}" for table in TABLES for each in EXPORT_FORMATS} == EXPORT_PATHS
    for path in EXPORT_PATHS:
        assert PERMISSIONS["GET", path] == PERMISSIONS["GET", path.rpartition(".")[0]]


def test_no_other_page_turns_pages_by_hand_without_a_reason() -> None:
    folder = ROOT / "api" / "templates"
    turned = {str(each.relative_to(folder)) for each in folder.rglob("*.html") if TURNED.search(each.read_text())}
    assert turned == NOT_TABLES.keys() | {"kit/table.html"}


def test_pages_of_any_size_give_every_row_once_and_in_order(here: Company, table: ExportedList[Any]) -> None:
    case = CASES[table.path]
    for sort in case.sorts:
        query = f"sort={sort}" if sort else ""
        whole = list(rest_ids(here, case, query))
        assert len(whole) == len(set(whole)) >= 3
        for limit in (step(whole), step(whole) + 1, len(whole)):
            assert list(rest_ids(here, case, query, limit)) == whole


def test_a_row_that_is_added_between_two_pages_moves_no_other(here: Company, table: ExportedList[Any]) -> None:
    case = CASES[table.path]
    for sort in case.sorts:
        query = f"sort={sort}" if sort else ""
        before = list(rest_ids(here, case, query))
        seen, pages = list[str](), rest_ids(here, case, query, step(before))
        seen.append(next(pages))
        case.add(here)
        seen += pages
        assert len(set(seen)) == len(seen)
        assert [each for each in seen if each in before] == before


def test_page_and_rest_give_the_same_rows_in_the_same_order(
    here: Company, table: ExportedList[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    case = CASES[table.path]
    monkeypatch.setattr("api.kit.table.PAGE_SIZE", step(list(rest_ids(here, case))) + 1)
    sorts = [f"sort={each}" for each in case.sorts if each]
    for query in ("", *sorts, *case.filters):
        assert page_ids(here, table, case, query) == list(rest_ids(here, case, query)), query


def test_both_files_hold_the_rows_of_the_page_and_no_formula(here: Company, table: ExportedList[Any]) -> None:
    case = CASES[table.path]
    for query in (*case.files, *case.filters):
        lines, sheet = exported(here, table, case, query)
        assert lines[0] == sheet[0] == [str(each.title) for each in table.columns]
        ids = [each[-1] for each in lines[1:]]
        assert ids == page_ids(here, table, case, query)
        width = len(table.columns)
        plain = [[cell[1:] if cell.startswith("'=") else cell for cell in line] for line in lines]
        assert [line + [""] * (width - len(line)) for line in sheet] == plain
        assert not [cell for line in lines for cell in line if guard_formula(cell) != cell]


def test_titles_are_in_the_language_of_the_reader(here: Company, table: ExportedList[Any]) -> None:
    lines, sheet = exported(here, table, CASES[table.path], lang="zh-CN")
    assert lines[0] == sheet[0]
    assert all(any(letter >= "\u4e00" for letter in title) or title == "ID" for title in lines[0]), lines[0]
    case = CASES[table.path]
    page = Visitor(here, case.by, "zh").get(table.path + query_of(case.base))
    the_list = 'table:has([id^="row-"])'  # above that of movements stands a cross table
    labels = [each.attributes["data-label"] for each in page.all(f"{the_list} tbody tr:first-child td")]
    titles = [each.text() for each in page.all(f"{the_list} thead th")]
    assert labels == titles[1:], "on a phone, where each row is a card"


def test_a_file_that_is_cut_says_so_and_every_export_is_logged(
    here: Company, table: ExportedList[Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("api.kit.table_export.MAX_ROWS", 2)
    case = CASES[table.path]
    lines, sheet = exported(here, table, case)
    assert len(lines) == len(sheet) == 4
    assert lines[-1][0] == sheet[-1][0] == "Only the first 2 rows are in this file: narrow the filters."
    entries = here.did("GET", "/v1/audit?event=list_exported&limit=2", "compliance")["items"]
    assert [(each["body"]["format"], each["body"]["rows"], each["body"]["is_complete"]) for each in entries] == [
        ("xlsx", 2, False),
        ("csv", 2, False),
    ]
    assert {each["body"]["path"] for each in entries} == {table.path}


def test_what_there_is_not_is_refused_in_place_and_in_files(here: Company, table: ExportedList[Any]) -> None:
    case = CASES[table.path]
    visitor = Visitor(here, case.by)
    for wrong in case.wrong:
        page = visitor.get(table.path + query_of(wrong))
        assert (page.status, page.has("tbody tr")) == (422, False)
        assert page.text(f"#fault-{wrong.partition('=')[0]}")
        assert visitor.get(f"{table.path}.csv?{wrong}").status == 422
        assert here.ask("GET", f"{case.rest}?{wrong}", case.by).status_code == 422
    assert visitor.get(f"{table.path}.csv?nonsense=1").status == 422
    for cursor in ("nonsense", "WyJvdGhlciIsMV0=", "%ff"):
        assert visitor.get(f"{table.path}?cursor={cursor}").status == 422
        assert here.ask("GET", f"{case.rest}?cursor={cursor}", case.by).status_code == 422
    for sort, other in pairwise(case.sorts):
        first_page = here.did("GET", case.rest + query_of(case.base, "limit=1", f"sort={sort}"), case.by)
        query = query_of(case.base, f"sort={other}", f"cursor={first_page['next_cursor']}")
        assert here.ask("GET", case.rest + query, case.by).status_code == 422


def test_whoever_may_not_read_a_list_may_not_export_it(here: Company, table: ExportedList[Any]) -> None:
    access = PERMISSIONS["GET", table.path]
    for name, account in here.people.items():
        allowed = access.roleless or bool(account.roles & access.roles)
        assert (Visitor(here, name).get(f"{table.path}.csv").status == 200) == allowed


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@SUM(A1)", "\t=1", "\r=1", "\n=1", "＝1", "＋1"])
def test_a_text_that_begins_like_a_formula_is_none(text: str) -> None:
    assert guard_formula(text) == f"'{text}"
    assert guard_formula(f"a{text}") == f"a{text}"


def test_what_a_workbook_cannot_hold_exactly_is_a_text_in_it(tmp_path: Path) -> None:
    cells = (10**15 - 1, 10**15, Decimal("0.1234567890123456"), date(1900, 3, 1), date(1, 2, 3), OLD)
    with WRITERS["xlsx"](tmp_path / "list.xlsx", "[a/b]") as write_row:
        write_row([*cells, "x" * 40_000])
    (row,) = workbook_rows((tmp_path / "list.xlsx").read_bytes())
    assert row[:3] == ["999999999999999", "1000000000000000", "0.1234567890123456"]
    assert row[4:6] == ["0001-02-03", "1800-01-02 00:00:00"]
    assert len(row[6]) == MAX_CELL_LENGTH
    assert row[6].endswith("x…")


def test_a_value_that_no_cell_can_hold_is_a_fault(here: Company) -> None:
    with pytest.raises(TypeError, match="no cell for object"):
        cell_of(object(), "en", here.app.service.zone)
    assert cell_of([Message("yes"), None, False], "zh", here.app.service.zone) == "是; 否"
