"""Keyset pagination: one page of a query in a total order, and an opaque cursor for the page after it.

    NEWEST = Order("-begun", (col(SuspensionRow.at), col(SuspensionRow.id)), descending=True)
    page = fetch(session, query, NEWEST, _suspension, after=cursor, limit=50)
    page.items, page.next_cursor

A cursor encodes the values of the last row's sort columns and the name of the order. So it stays valid while rows are
added, and a cursor of another order is rejected. `read` drops rows that SQL cannot exclude.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime
from typing import Any, Generic, TypeVar

from sqlalchemy import ColumnElement, TypeDecorator, tuple_
from sqlmodel import Session

from policy_service.clock import timestamp
from policy_service.database import Instant
from policy_service.errors import PolicyServiceError

Item = TypeVar("Item")


class InvalidCursor(PolicyServiceError):
    """The cursor was not issued by this list in this order."""

    kind = "invalid-parameter"


@dataclass(frozen=True, slots=True)
class Page(Generic[Item]):
    """One page of a list, and the cursor of the next page; None for the last page."""

    items: tuple[Item, ...]
    next_cursor: str | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """A total order of a query: the last column is unique, so that no two rows are equal.

    Cursors contain its `name`. No column may be null.
    """

    name: str
    columns: tuple[Any, ...]
    """Columns of mapped tables, or expressions over them."""
    descending: bool = False

    def clauses(self) -> list[ColumnElement[Any]]:
        """Return the ORDER BY clauses."""
        return [each.desc() if self.descending else each.asc() for each in self.columns]

    def after(self, cursor: str) -> ColumnElement[bool]:
        """Return the WHERE clause for the rows after a cursor. Raises InvalidCursor."""
        row = tuple_(*self.columns)
        values = _decode(cursor, self.name, [_kind(each) for each in self.columns])
        last = tuple_(*values, types=[each.type for each in self.columns])
        return row < last if self.descending else row > last

    def number(self, cursor: str | None) -> int | None:
        """Return the number in a cursor of an order by one number. Raises InvalidCursor."""
        return None if cursor is None else int(_decode(cursor, self.name, [int])[0])

    def cursor(self, row: Sequence[Any]) -> str:
        """Return the cursor after a row, given the values of its sort columns."""
        return _encode(self.name, row)


def both_ways(name: str, *columns: Any) -> Mapping[str, Order]:  # noqa: ANN401  # columns, as of an Order
    """Return an order and, with `-` before its name, its reverse."""
    return {name: Order(name, columns), f"-{name}": Order(f"-{name}", columns, descending=True)}


def fetch(  # noqa: PLR0913  # what is read, from where on, and how much of it
    session: Session,
    query: Any,  # noqa: ANN401  # SQLAlchemy's and SQLModel's selects have no type in common
    order: Order,
    read: Callable[..., Item | None],
    *,
    after: str | None = None,
    limit: int = 50,
    scan: int | None = None,
) -> Page[Item]:
    """Return at most `limit` items after a cursor. Raises InvalidCursor.

    Args:
        session: A session that reads.
        query: Selects the rows, without an order.
        order: The order of the rows.
        read: Makes an item of the columns of a row, or returns None to drop it.
        after: The cursor of the page before; None for the first page.
        limit: Items on a page.
        scan: Rows that are read at most, for a `read` that drops rows: a page may then be short, even empty, and have
            a next cursor.
    """
    if after is not None:
        query = query.where(order.after(after))
    most = limit + 1 if scan is None else max(scan, limit + 1)
    width = len(order.columns)
    rows = session.execute(query.add_columns(*order.columns).order_by(*order.clauses()).limit(most))  # type: ignore[deprecated]
    items: list[Item] = []
    count, last = 0, ()
    for row in rows:
        if len(items) == limit:
            return Page(tuple(items), order.cursor(last))
        count, last = count + 1, row[-width:]
        if (item := read(*row[:-width])) is not None:
            items.append(item)
    return Page(tuple(items), order.cursor(last) if count == most else None)


def numbered_page(
    order: Order, cursor: str | None, limit: int, read: Callable[[int | None, int], Sequence[tuple[int, Item]]]
) -> Page[Item]:
    """Return at most `limit` items after a cursor, of a list that is numbered in order. Raises InvalidCursor.

    `read` gets the number to read after and the number of items; it returns items with their numbers.
    """
    rows = read(order.number(cursor), limit + 1)
    next_cursor = order.cursor(rows[limit - 1][:1]) if len(rows) > limit else None
    return Page(tuple(item for _, item in rows[:limit]), next_cursor)


def fetch_all(read_page: Callable[[str | None], Page[Item]], most: int) -> Iterator[Item]:
    """Yield the items of all pages, at most `most`; `read_page` gets the cursor of each page."""
    cursor: str | None = None
    while most > 0:
        page = read_page(cursor)
        yield from page.items[:most]
        most -= len(page.items)
        cursor = page.next_cursor
        if cursor is None:
            return


def page_of(  # noqa: PLR0913  # what is listed, from where on, and how much of it
    items: Iterable[Item],
    name: str,
    key: Callable[[Item], tuple[Any, ...]],
    *,
    descending: bool = False,
    cursor: str | None = None,
    limit: int = 50,
) -> Page[Item]:
    """Return at most `limit` of the given items, in the order of `key`, after a cursor.

    Keys are unique; their values are texts, numbers, booleans and instants. Raises InvalidCursor.
    """
    ordered = sorted(items, key=key, reverse=descending)
    if cursor is not None:
        last = _decode(cursor, name, list(map(type, key(ordered[0])))) if ordered else []
        ordered = [each for each in ordered if (key(each) < tuple(last)) == descending and key(each) != tuple(last)]
    cursor = _encode(name, key(ordered[limit - 1])) if len(ordered) > limit else None
    return Page(tuple(ordered[:limit]), cursor)


def _encode(order: str, row: Iterable[Any]) -> str:
    values = [{"at": timestamp(each)} if isinstance(each, datetime) else each for each in row]
    values = [each.isoformat() if isinstance(each, date) else each for each in values]
    text = json.dumps([order, *values], separators=(",", ":"), ensure_ascii=False)
    return base64.urlsafe_b64encode(text.encode()).decode()


def _decode(cursor: str, order: str, kinds: Sequence[type]) -> list[Any]:
    """Return the values of a cursor of an order. Raises InvalidCursor."""
    try:
        return [_value(*each) for each in zip(_parts(cursor, order), kinds, strict=True)]
    except (KeyError, OverflowError, RecursionError, TypeError, ValueError) as error:
        raise InvalidCursor(cursor) from error


def _parts(cursor: str, order: str) -> list[Any]:
    values: list[Any]
    name, *values = json.loads(base64.b64decode(cursor, altchars=b"-_", validate=True))
    if name != order:
        raise ValueError(name)
    return values


def _kind(column: ColumnElement[Any]) -> type:
    declared = column.type
    if isinstance(declared, Instant):
        return datetime
    return (declared.impl_instance if isinstance(declared, TypeDecorator) else declared).python_type


def _value(value: object, kind: type) -> object:
    """Decode one value of a cursor by its column's type; a value of another type was not encoded here."""
    match value:
        case {"at": str(text), **rest} if kind is datetime and not rest:
            instant = datetime.fromisoformat(text)
            if timestamp(instant) == text:
                return instant
        case str() if kind is str and "\0" not in value:
            value.encode()  # raises UnicodeEncodeError for half a character
            return value
        case str() if kind is date:
            day = date.fromisoformat(value)
            if day.isoformat() == value:
                return day
        case bool() | int() if type(value) is kind and abs(value) < 2**63:
            return value
    raise ValueError(value)
