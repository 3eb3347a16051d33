"""Lists: their filters, their order and their pages stand in the address, so that a link keeps them."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar
from urllib.parse import quote, urlencode

from policy_service.messages import Message

Item = TypeVar("Item")


@dataclass(frozen=True, slots=True)
class Column:
    """A column of a list: its name in the address, its heading, and whether the list can be sorted by it."""

    name: str
    title: Message
    is_sortable: bool = False


@dataclass(frozen=True, slots=True)
class Listing:
    """The state of a list: its address, filters and order; `sort` is a column, `-column` the reverse."""

    path: str
    filters: Mapping[str, str]
    """The filters by name; those that are not set are empty."""
    columns: Sequence[Column] = ()
    sort: str = ""
    cursor: str | None = None
    """Where this page begins; None for the first."""
    next_cursor: str | None = None
    """Where the next page begins; None at the end."""

    @property
    def is_filtered(self) -> bool:
        """True if something is left out."""
        return any(self.filters.values())

    @property
    def unfiltered_address(self) -> str:
        """The address of the whole list."""
        return self.path

    @property
    def first_page(self) -> str:
        """The address of the first page."""
        return self._address(self.sort, None)

    @property
    def next_page(self) -> str | None:
        """The address of the next page."""
        return self._address(self.sort, self.next_cursor) if self.next_cursor else None

    def export_address(self, export_format: str) -> str:
        """Return the address of the rows that the filters leave, as a file."""
        return link(f"{self.path}.{export_format}", **self.filters, sort=self.sort)

    def sort_address(self, column: Column) -> str:
        """Return the address of the list sorted by a column; by the same again, the other way round."""
        return self._address(f"-{column.name}" if self.sort == column.name else column.name, None)

    def direction(self, column: Column) -> str:
        """Return the direction of sorting by a column, as for `aria-sort`."""
        return {column.name: "ascending", f"-{column.name}": "descending"}.get(self.sort, "none")

    def _address(self, sort: str, cursor: str | None) -> str:
        query = {**self.filters, "sort": sort, "cursor": cursor or ""}
        return link(self.path, **query)


def page_behind(
    items: Sequence[Item], name_of: Callable[[Item], str], cursor: str | None, size: int
) -> tuple[Sequence[Item], tuple[str | None, str | None]]:
    """Return the items after a cursor, and the cursors of this page and the next; by default the first items."""
    first = next((place + 1 for place, each in enumerate(items[:-1]) if name_of(each) == cursor), 0)
    page = items[first : first + size]
    return page, (cursor if first else None, name_of(page[-1]) if len(items) > first + size else None)


def link(path: str, **query: object) -> str:
    """Return an address with these names in its query, without empty ones. `path` is quoted already, or needs none."""
    params = {name.rstrip("_"): str(value) for name, value in query.items() if value not in {None, ""}}
    return f"{path}?{urlencode(params)}" if params else path


def quote_segment(part: str) -> str:
    """Return a part of a path."""
    return quote(part, safe="")


def version_address(policy: str, version: str) -> str:
    """Return the page of a version; the name of a policy is an address already."""
    return f"/policies/{policy}/versions/{quote_segment(version)}"


def rule_address(policy: str, rule: str) -> str:
    """Return the page of a rule."""
    return f"/policies/{policy}/rules/{quote_segment(rule)}"
