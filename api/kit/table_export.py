"""Routes of tables; all rows that the filters leave as CSV and as a workbook, in a file that a worker writes.

A cell that a spreadsheet would run as a formula begins with an apostrophe in CSV; in a workbook texts are typed as
texts. Each export is an entry of the log, written before the file is sent: it discloses what it holds.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterator
from dataclasses import dataclass, replace
from datetime import date, datetime
from decimal import Decimal
from enum import Enum
from pathlib import Path
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from fastapi import APIRouter
from sqlmodel import Session
from starlette.background import BackgroundTask
from starlette.requests import Request
from starlette.responses import Response, StreamingResponse

from api.auth.authentication import principal_of
from api.kit.languages import translations
from api.kit.rendering import NO_STORE, Pages
from api.kit.table import (
    EXPORT_FORMATS,
    ExportedList,
    ExportFormat,
    Table,
    TableContext,
    bind_query,
    render_table,
    table_context,
)
from api.web.problems import INVALID_PARAMETER, ProblemError, invalid_parameters_detail
from api.web.transactions import run_read, run_write
from policy_service.audit.events import ListExported
from policy_service.audit.log import append
from policy_service.labels import enum_label
from policy_service.language.policy import Bilingual, Language
from policy_service.messages import Message, translate
from policy_service.paging import Page, fetch_all
from policy_service.spreadsheet import WRITERS, Cell
from policy_service.workers.kinds import EXPORTING
from policy_service.workers.private_file import create_private_file

MAX_ROWS = 50_000
"""Rows of an export; a file that holds fewer than the filters leave says so in its last row."""
READ_ROWS = 500
"""Rows that are read at a time."""
CHUNK_BYTES = 1 << 18
"""Bytes of a file that are sent at a time."""
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


def table_routes(pages: Pages, table: Table[Any]) -> APIRouter:
    """Routes of a table and its exports."""
    router = export_routes(pages, table)

    @router.get(table.path)
    async def show(request: Request) -> Response:
        """One page."""
        return await render_table(pages, request, table)

    return router


def export_routes(pages: Pages, table: ExportedList[Any]) -> APIRouter:
    """Routes of the exports of a list."""
    router = APIRouter(include_in_schema=False)
    pages.tables[table.path] = table
    for export_format in EXPORT_FORMATS:
        router.get(f"{table.path}.{export_format}")(_export_endpoint(pages, table, export_format))
    return router


def _export_endpoint(
    pages: Pages, table: ExportedList[Any], export_format: ExportFormat
) -> Callable[[Request], Awaitable[Response]]:
    async def export(request: Request) -> Response:
        """All rows that the filters leave."""
        return await _export(pages, request, table, export_format)

    return export


async def _export(pages: Pages, request: Request, table: ExportedList[Any], export_format: ExportFormat) -> Response:
    """The rows that an address asks for, as a file. Raises ProblemError, InvalidSubject, DatabaseUnavailable."""
    file = create_private_file("policy-service-table-")
    try:
        arguments = (table.path, export_format, str(file))
        summary = await pages.run_in_worker(EXPORTING, request, write_export, *arguments)
        actor = principal_of(request).actor
        event = ListExported(table.path, export_format, summary.rows, summary.is_complete, summary.filters)
        await run_write(pages.service, lambda transaction: append(transaction, actor, event))
        content = file.open("rb")  # the response closes it
        size = file.stat().st_size
    finally:
        file.unlink()
    name = table.path[1:].replace("/", "-")
    headers = {"content-disposition": f'attachment; filename="{name}.{export_format}"', "content-length": str(size)}
    return StreamingResponse(
        _chunks(content),
        headers=headers | NO_STORE,
        media_type=MEDIA_TYPES[export_format],
        background=BackgroundTask(content.close),
    )


async def write_export(
    pages: Pages, request: Request, path: str, export_format: ExportFormat, file: str
) -> ExportSummary:
    """Write the rows that an address asks for to a file. Raises ProblemError, InvalidCursor, InvalidSubject."""
    table, context = pages.tables[path], table_context(pages, request)
    return await run_read(pages.service, lambda s: _write(s, table, context, export_format, Path(file)))


def _write(
    session: Session, table: ExportedList[Any], context: TableContext, export_format: ExportFormat, file: Path
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
    """The value of a cell: words in the reader's language, instants in the service's zone, without naming it."""
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
