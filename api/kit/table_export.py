"""Routes of tables; exports of all filtered rows as CSV and as a workbook, written by a worker.

A cell that a spreadsheet would run as a formula begins with an apostrophe in CSV; in a workbook cells are typed as
text. Each export is logged before the file is sent, since it discloses its content.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from sqlmodel import Session
from starlette.background import BackgroundTask
from starlette.responses import Response, StreamingResponse

from api.kit.context import PageContext
from api.kit.languages import translations
from api.kit.page_route import PageRoute
from api.kit.table import EXPORT_FORMATS, ExportedList, ExportFormat, Table, bind_query, table_page
from api.web.problems import INVALID_PARAMETER, ProblemError, invalid_parameters_detail
from api.web.transactions import run_write
from policy_service.audit.events import ListExported
from policy_service.audit.log import append
from policy_service.labels import enum_label
from policy_service.language.policy import Bilingual, Language
from policy_service.messages import Message, translate
from policy_service.paging import Page, fetch_all
from policy_service.private_file import create_private_file
from policy_service.spreadsheet import WRITERS, Cell
from policy_service.workers.kinds import EXPORTING

MAX_ROWS = 50_000
"""Maximum number of rows of an export; a truncated file says so in its last row."""
READ_ROWS = 500
"""Rows per query."""
CHUNK_BYTES = 1 << 18
"""Bytes of a file sent at a time."""
MEDIA_TYPES: dict[ExportFormat, str] = {
    "csv": "text/csv; charset=utf-8",
    "xlsx": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
}


@dataclass(frozen=True, slots=True)
class ExportSummary:
    """The content of a file."""

    rows: int
    is_complete: bool
    filters: dict[str, str]


def table_routes(table: Table[Any]) -> Sequence[PageRoute]:
    """Routes of a table and its exports."""
    return PageRoute(table.path, partial(table_page, table)), *export_routes(table)


def export_routes(table: ExportedList[Any]) -> Sequence[PageRoute]:
    """Routes of the exports of a list."""
    return [PageRoute(f"{table.path}.{each}", partial(_export, table, each)) for each in EXPORT_FORMATS]


async def _export(table: ExportedList[Any], export_format: ExportFormat, context: PageContext) -> Response:
    """Return the rows that an address asks for, as a file. Raises ProblemError, InvalidSubject, DatabaseUnavailable."""
    file = create_private_file("policy-service-table-")
    try:
        summary = await context.run_in_worker(EXPORTING, write_export, table.path, export_format, str(file))
        actor = context.actor
        event = ListExported(table.path, export_format, summary.rows, summary.is_complete, summary.filters)
        await run_write(context.service, lambda transaction: append(transaction, actor, event))
        content = file.open("rb")  # the response closes it
        size = file.stat().st_size
    finally:
        file.unlink()
    name = table.path[1:].replace("/", "-")
    headers = {"content-disposition": f'attachment; filename="{name}.{export_format}"', "content-length": str(size)}
    return StreamingResponse(
        _chunks(content),
        headers=headers,
        media_type=MEDIA_TYPES[export_format],
        background=BackgroundTask(content.close),
    )


def write_export(
    session: Session, context: PageContext, path: str, export_format: ExportFormat, file: str
) -> ExportSummary:
    """Write the rows selected by an address to a file. Raises ProblemError, InvalidCursor, InvalidSubject."""
    return _write(session, context.pages.tables[path], context, export_format, Path(file))


def _write(
    session: Session, table: ExportedList[Any], context: PageContext, export_format: ExportFormat, file: Path
) -> ExportSummary:
    _, query, errors = bind_query(session, table, context)
    unknown = context.params.keys() - {"sort", *query.filters}  # a filter with a wrong name would disclose all rows
    if invalid := [*errors, *sorted(unknown)]:
        raise ProblemError(INVALID_PARAMETER, invalid_parameters_detail(invalid))
    frame, zone = context.frame, context.service.zone
    count = 0

    def read_page(cursor: str | None) -> Page[Any]:
        return table.read(session, context, replace(query, cursor=cursor, limit=READ_ROWS))

    with WRITERS[export_format](file, translations(frame.lang).gettext(table.title)) as write_row:
        write_row([cell_of(each.title, frame.lang, zone) for each in table.columns])
        for item in fetch_all(read_page, MAX_ROWS + 1):
            if count == MAX_ROWS:
                notice = Message("Only the first {count} rows are in this file: narrow the filters.", count=MAX_ROWS)
                write_row([cell_of(notice, frame.lang, zone)])
                return ExportSummary(count, is_complete=False, filters=_set_filters(query.filters))
            write_row([cell_of(each.value(item, frame), frame.lang, zone) for each in table.columns])
            count += 1
    return ExportSummary(count, is_complete=True, filters=_set_filters(query.filters))


def _set_filters(filters: Any) -> dict[str, str]:  # noqa: ANN401  # a mapping
    return {name: value for name, value in filters.items() if value}


def cell_of(value: object, lang: Language, zone: ZoneInfo) -> Cell:
    """Return the value of a cell: words in the reader's language, instants in the service's zone, without naming it."""
    match value:
        case None | bool():
            return None if value is None else cell_of(Message("yes") if value else Message("no"), lang, zone)
        case int() | Decimal():
            return value
        case datetime():
            return value.astimezone(zone).replace(tzinfo=None, microsecond=0)
        case date():
            return value
        case Bilingual():
            return value.in_language(lang)
        case Enum():
            return cell_of(enum_label(value), lang, zone)
        case str():
            return translate(value, translations(lang).gettext)
        case list() | tuple() | set() | frozenset():
            return "; ".join(str(cell_of(each, lang, zone)) for each in value if each is not None)
        case _:
            raise TypeError(f"no cell for {type(value).__name__}")


def _chunks(content: BinaryIO) -> Iterator[bytes]:
    while chunk := content.read(CHUNK_BYTES):
        yield chunk
