"""A table page: filters, columns, order, paging, and exports as CSV and as a workbook.

    SUSPENSIONS = Table(path="/suspensions", title=Message("Suspensions"), columns=(…), filters=(…), read=…)
    table_routes(SUSPENSIONS)    # GET /suspensions, /suspensions.csv and /suspensions.xlsx (api/kit/table_export.py)

`cells` names a template of macros: one a column, each given a row; `above`, what stands before the filters, if any; and
`summary`, what stands after them, where `read_summary` reads one. Each exported path has its row in
`api/auth/permissions.py`.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import date
from http import HTTPStatus
from typing import Any, ClassVar, Generic, Literal, TypeVar

from sqlmodel import Session

from api.auth.permissions import PERMISSIONS
from api.kit.common_fields import invalid_subject_errors
from api.kit.context import PageContext
from api.kit.forms import FieldErrors, FormState, is_plausible_day
from api.kit.frame import Breadcrumbs, Frame
from api.kit.listing import Column, Listing
from policy_service.access import check_permission
from policy_service.actor import Actor, Role
from policy_service.language.types import parse_date
from policy_service.messages import Message
from policy_service.paging import Page
from policy_service.subject import InvalidSubject

Item = TypeVar("Item")
Options = Sequence[tuple[str, str]]
"""Options of a choice: values and labels."""
ExportFormat = Literal["csv", "xlsx"]
EXPORT_FORMATS: tuple[ExportFormat, ...] = ("csv", "xlsx")
ANY = Message("any")
PAGE_SIZE = 50
"""Rows per page."""
MAX_FILTER_LENGTH = 300
"""Maximum length of a filter, characters."""


@dataclass(frozen=True, slots=True)
class TableColumn(Generic[Item]):
    """A column: its macro in `cells` has its name; `value` is the exported value."""

    name: str
    title: Message
    value: Callable[[Item, Frame], object]
    is_sortable: bool = False
    is_export_only: bool = False


@dataclass(frozen=True, slots=True)
class TableFilter:
    """A field of the filter bar: a text, one of some options, a day, a box to tick, or what a link sets."""

    name: str
    title: Message
    kind: Literal["text", "link", "choice", "day", "check"] = "text"
    """A `link` is set by links, is offered where it is set, and is a text in which blanks around it count.

    A `choice` without options is offered where it is set, too.
    """
    options: Options | Callable[[Session, PageContext], Options] = ()
    unset: Message = ANY
    """The label of the empty option."""
    placeholder: str = ""
    roles: frozenset[Role] | None = None
    """The roles that see the filter; None for all."""


@dataclass(frozen=True, slots=True)
class TableQuery:
    """The rows of a table selected by an address."""

    filters: Mapping[str, str]
    """By name; empty when not set."""
    sort: str
    cursor: str | None
    limit: int

    @property
    def paging(self) -> dict[str, Any]:
        """The order, the beginning and the length of a page, as what reads a list takes them."""
        return {"sort": self.sort, "cursor": self.cursor, "limit": self.limit}

    def day(self, name: str) -> date | None:
        """Return the day of a filter; None when it is not set."""
        return parse_date(self.filters[name])


@dataclass(frozen=True, slots=True)
class ExportedList(Generic[Item]):
    """The data of the exports of a list."""

    path: str
    title: Message
    columns: Sequence[TableColumn[Item]]
    filters: Sequence[TableFilter]
    sort: str
    """The order that is not asked for: a column, with `-` the reverse."""
    read: Callable[[Session, PageContext, TableQuery], Page[Item]]
    """Raises InvalidCursor, InvalidSubject."""
    row_id: Callable[[Item], str]


@dataclass(frozen=True, slots=True)
class Table(ExportedList[Item]):
    """The data of a list page and its exports."""

    about: Message
    cells: str
    empty: tuple[Message, Message]
    """The text of an empty list, with what to do."""
    no_match: Message
    read_extra: Callable[[Session, PageContext], Any] | None = None
    """Reads further data for `above` and the cells."""
    read_summary: Callable[[Session, PageContext, TableQuery], Any] | None = None
    """Reads the summary of the filtered rows; returns None if there is none."""
    breadcrumbs: Breadcrumbs = ()
    css_class: str = ""
    notices: Mapping[str, Message] = field(default_factory=dict)
    """What was just done, by the value of `done` in the address."""


@dataclass(frozen=True, slots=True)
class BoundFilter:
    """A filter with its current options."""

    field: TableFilter
    options: Options

    def is_offered(self, actor: Actor, query: TableQuery, errors: FieldErrors) -> bool:
        """Return True if the filter bar shows the field."""
        field = self.field
        is_set = query.filters[field.name] or field.name in errors
        has_purpose = field.kind != "link" and (field.kind != "choice" or self.options)
        return bool((is_set or has_purpose) and (field.roles is None or field.roles & actor.roles))


@dataclass(frozen=True, slots=True)
class TablePage:
    """One page of a table."""

    template: ClassVar[str] = "kit/table.html"
    table: Table[Any]
    listing: Listing
    form: FormState
    filters: tuple[BoundFilter, ...]
    """Those that are offered to the reader."""
    rows: tuple[Any, ...]
    summary: Any
    extra: Any

    @property
    def notices(self) -> Mapping[str, Message]:
        """The page's confirmations, by the value of `done` in the address."""
        return self.table.notices

    @property
    def columns(self) -> tuple[TableColumn[Any], ...]:
        """The columns of the page."""
        return tuple(each for each in self.table.columns if not each.is_export_only)


def table_page(table: Table[Any], session: Session, context: PageContext) -> TablePage:
    """Return one page of a table, or its form with errors. Raises InvalidCursor."""
    filters, query, errors = bind_query(session, table, context)
    page: Page[Any] = Page(())
    summary = None
    if not errors:
        try:
            page = table.read(session, context, query)
            summary = table.read_summary(session, context, query) if table.read_summary else None
        except InvalidSubject as error:
            errors = invalid_subject_errors(error)
    if errors:
        context.status = HTTPStatus.UNPROCESSABLE_ENTITY
    columns = [Column(each.name, each.title, each.is_sortable) for each in table.columns if not each.is_export_only]
    return TablePage(
        table=table,
        listing=Listing(table.path, query.filters, columns, query.sort, query.cursor, page.next_cursor),
        form=FormState("", {name: (value,) for name, value in query.filters.items()}, errors),
        filters=tuple(each for each in filters if each.is_offered(context.actor, query, errors)),
        rows=page.items,
        summary=summary,
        extra=table.read_extra(session, context) if table.read_extra else None,
    )


def bind_query(
    session: Session, table: ExportedList[Any], context: PageContext
) -> tuple[tuple[BoundFilter, ...], TableQuery, FieldErrors]:
    """Return the filters, the query in an address, and its errors; the default replaces an unknown order."""
    params = context.params
    fields = tuple(
        BoundFilter(each, each.options(session, context) if callable(each.options) else each.options)
        for each in table.filters
    )
    texts = [(each.name, each.kind, params.get(each.name, "")) for each in table.filters]
    values = {name: text if kind == "link" else text.strip() for name, kind, text in texts}
    errors = {each.field.name: error for each in fields if (error := _filter_error(each, values[each.field.name]))}
    sort = params.get("sort", "")
    is_known = sort.removeprefix("-") in {each.name for each in table.columns if each.is_sortable}
    query = TableQuery(values, sort if is_known else table.sort, params.get("cursor") or None, PAGE_SIZE)
    return fields, query, errors


def _filter_error(bound: BoundFilter, value: str) -> Message | None:
    if not value:
        return None
    match bound.field.kind:
        case "choice":
            return None if value in dict(bound.options) else Message("Choose one of the options.")
        case "check":
            return None if value == "yes" else Message("Choose one of the options.")
        case "day":
            day = parse_date(value)
            return None if day and is_plausible_day(day) else Message("Not a valid date or time.")
        case "text" | "link" if len(value) > MAX_FILTER_LENGTH:
            return Message("At most {limit} characters.", limit=MAX_FILTER_LENGTH)
        case "text" | "link":
            return None


def denied_reason(path: str) -> Callable[[Session, PageContext], str | None]:
    """Return a `read_extra` that says why the reader may not post to an address; None for anyone who may."""

    def read(_: Session, context: PageContext) -> str | None:
        permission = check_permission(context.actor, PERMISSIONS["POST", path])
        return None if permission is True else permission

    return read
